//! The targets that come with the program.

use std::sync::LazyLock;

use crate::target::TargetFile;

macro_rules! targets {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every target's file, in the order in which lists show them.
        pub const FILES: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!("../../catalog/targets/", $name, ".toml")),
        )),*];
    };
}

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        /// Texts that the files share.
        const TEMPLATES: &[(&str, &str)] = &[$((
            $name,
            include_str!(concat!("../../catalog/targets/", $name)),
        )),*];
    };
}

targets![
    "direct",
    "proxy",
    "pgbouncer",
    "pgbouncer-fleet",
    "null",
    "odyssey",
    "pgcat",
    "pgdog",
    "pg_doorman",
    "pgagroal",
    "pgpool",
];

templates!["pgbouncer.ini"];

static ALL: LazyLock<Vec<TargetFile>> = LazyLock::new(|| {
    let beside = |name: &str| {
        let found = TEMPLATES.iter().find(|(template, _)| *template == name);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| format!("{name}: no such template"))
    };
    // A test reads every file, so that none is left out here.
    FILES
        .iter()
        .filter_map(|(name, text)| TargetFile::parse(text, name, beside).ok())
        .collect()
});

/// Every target of the catalog.
#[must_use]
pub fn all() -> &'static [TargetFile] {
    &ALL
}

/// The target called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static TargetFile> {
    ALL.iter().find(|target| target.name == name)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::{ALL, FILES, TEMPLATES, TargetFile};
    use crate::target::Role;

    #[test]
    fn the_lists_are_what_the_folder_holds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalog/targets");
        let found: BTreeSet<String> = fs::read_dir(root)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let targets = FILES.iter().map(|(name, _)| format!("{name}.toml"));
        let templates = TEMPLATES.iter().map(|(name, _)| (*name).to_owned());
        assert_eq!(targets.chain(templates).collect::<BTreeSet<_>>(), found);
    }

    #[test]
    fn every_file_is_a_target_of_its_own_name() {
        for (name, text) in FILES {
            let templates = |wanted: &str| {
                let found = TEMPLATES.iter().find(|(template, _)| *template == wanted);
                Ok(found.unwrap().1.to_owned())
            };
            let target = TargetFile::parse(text, name, templates).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(target.name, *name);
            assert!(target.purpose.ends_with('.'), "{name}");
            let gettable = target.role == Role::Postgres || !target.get.is_empty();
            assert!(gettable, "{name} says how to get it");
        }
        assert_eq!(ALL.len(), FILES.len());
    }
}
