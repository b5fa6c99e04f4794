//! A target that the environment starts, as its file describes it.

use std::{cmp::Ordering, fmt, fs, path::Path, str::FromStr, sync::LazyLock};

use poolproof_scenarios::{TargetFile, catalog::targets, nearest};

use super::{TargetError, running::check_name};

/// Largest file of a target, in bytes, and of a template beside it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A target that the environment starts. Two of one name are the same one.
#[derive(Clone, Copy)]
pub struct CatalogTarget(&'static Known);

/// A file, and what its second instance is called. It lives as long as the program.
struct Known {
    file: TargetFile,
    twin: String,
}

static CATALOG: LazyLock<Vec<Known>> =
    LazyLock::new(|| targets::all().iter().cloned().map(Known::new).collect());

impl Known {
    fn new(file: TargetFile) -> Self {
        Self {
            twin: format!("{}-2", file.name),
            file,
        }
    }
}

impl CatalogTarget {
    /// PostgreSQL itself: what there is to lose.
    #[must_use]
    pub fn direct() -> Self {
        Self::own("direct")
    }

    /// Our own pooler.
    #[must_use]
    pub fn proxy() -> Self {
        Self::own("proxy")
    }

    /// Stock PgBouncer.
    #[must_use]
    pub fn pgbouncer() -> Self {
        Self::own("pgbouncer")
    }

    /// One that the catalog surely has, since its tests say so.
    fn own(name: &str) -> Self {
        let place = CATALOG.iter().position(|known| known.file.name == name);
        Self(&CATALOG[place.unwrap_or_default()])
    }

    /// Every target of the catalog, in the order of its list.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOG.iter().map(Self)
    }

    /// A target of the user's own.
    ///
    /// # Errors
    ///
    /// When the file, or a template that it names, cannot be read or is no target.
    pub fn read(path: &Path) -> Result<Self, TargetError> {
        let name = path.display().to_string();
        let text =
            text_of(path).map_err(|reason| TargetError::File(format!("{name}: {reason}")))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let beside = |template: &str| {
            text_of(&folder.join(template)).map_err(|reason| format!("{template}: {reason}"))
        };
        let file = TargetFile::parse(&text, &name, beside)
            .map_err(|error| TargetError::File(error.to_string()))?;
        check_name(&file.name)?;
        let is_its = |known: &&Known| [&known.file.name, &known.twin].contains(&&file.name);
        match CATALOG.iter().find(is_its) {
            Some(known) if known.file == file => return Ok(Self(known)),
            Some(_) => {
                return Err(TargetError::Taken {
                    name: file.name,
                    by: "the catalog",
                });
            }
            None => {}
        }
        // A command names a few files, once, and needs them until its end.
        Ok(Self(Box::leak(Box::new(Known::new(file)))))
    }

    /// What its file says.
    #[must_use]
    pub fn file(self) -> &'static TargetFile {
        &self.0.file
    }

    /// Name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        &self.0.file.name
    }

    /// Name of its second instance. The reports know by it that both are the same.
    #[must_use]
    pub fn twin_name(self) -> &'static str {
        &self.0.twin
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    use std::io::Read;
    let mut text = String::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("expected at most {FILE_BYTES_MAX} bytes, got more"));
    }
    Ok(text)
}

impl fmt::Debug for CatalogTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl fmt::Display for CatalogTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl PartialEq for CatalogTarget {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for CatalogTarget {}

impl PartialOrd for CatalogTarget {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CatalogTarget {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl FromStr for CatalogTarget {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::all()
            .find(|target| target.name() == text)
            .ok_or_else(|| TargetError::Unknown {
                got: text.to_owned(),
                known: Self::all().map(Self::name).collect::<Vec<_>>().join(", "),
                nearest: nearest(text, Self::all().map(Self::name)).map(str::to_owned),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_usual_ones_are_themselves() {
        let usual = [
            CatalogTarget::direct(),
            CatalogTarget::proxy(),
            CatalogTarget::pgbouncer(),
        ];
        assert_eq!(
            usual.map(CatalogTarget::name),
            ["direct", "proxy", "pgbouncer"]
        );
    }

    #[test]
    fn a_file_of_the_users_own_is_a_target() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mine.toml");
        let target = "name = \"mine\"\npurpose = \"Mine.\"\nprogram = \"/opt/mine\"\n\
                      version = [\"-V\"]\n[[file]]\nname = \"a.ini\"\ntemplate = \"a.ini\"\n";
        fs::write(&path, target).expect("a file");
        let error = CatalogTarget::read(&path).expect_err("no template");
        assert!(
            error
                .to_string()
                .contains("mine.toml:6:9: a.ini: No such file"),
            "{error}"
        );
        fs::write(folder.path().join("a.ini"), "port = ${port}\n").expect("a file");
        let mine = CatalogTarget::read(&path).expect("a target");
        assert_eq!((mine.name(), mine.twin_name()), ("mine", "mine-2"));
        assert_eq!(mine.file().pieces[0].text, "port = ${port}\n");
        fs::write(&path, target.replace("\"mine\"", "\"baseline\"")).expect("a file");
        let error = CatalogTarget::read(&path).expect_err("a reserved name");
        assert!(error.to_string().contains("earlier run"), "{error}");
        for taken in ["proxy", "direct", "pgbouncer-2"] {
            let text = target.replace("\"mine\"", &format!("\"{taken}\""));
            fs::write(&path, text).expect("a file");
            let error = CatalogTarget::read(&path).expect_err("a name of the catalog");
            assert!(error.to_string().contains(taken), "{error}");
        }
    }
}
