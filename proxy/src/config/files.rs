//! Configuration files on disk, with the files that they include.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::error::{Note, Position};
use super::ini::{Line, Spanned, lex};

/// Longest file in bytes: room for a userlist of a hundred thousand users.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// How deep files may include each other, as in PgBouncer.
const INCLUDE_DEPTH_MAX: usize = 10;
/// How many files in all; ten levels of files that include each other twice are still bounded.
const INCLUDES_MAX: usize = 1_000;

/// One `key = value` and the section that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) section: Option<Arc<Spanned>>,
    pub(super) key: Spanned,
    pub(super) value: Spanned,
}

/// Reads a whole text file.
///
/// # Errors
/// Words that follow the file's name.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("is longer than {FILE_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("is not UTF-8 in line {line}")
    })
}

/// Flattens files into settings, in the order in which they take effect.
pub(super) struct Flattener<'a> {
    errors: &'a mut Vec<Note>,
    settings: Vec<Setting>,
    section: Option<Arc<Spanned>>,
    includes: usize,
}

impl<'a> Flattener<'a> {
    pub(super) fn new(errors: &'a mut Vec<Note>) -> Self {
        Self {
            errors,
            settings: Vec::new(),
            section: None,
            includes: 0,
        }
    }

    /// Takes the lines of `text`, which stands in `file`, and of all that it includes.
    pub(super) fn flatten(mut self, file: &Arc<Path>, text: &str) -> Vec<Setting> {
        self.text(file, text, 0);
        self.settings
    }

    fn text(&mut self, file: &Arc<Path>, text: &str, depth: usize) {
        for line in lex(file, text, self.errors) {
            match line {
                Line::Section(name) => self.section = Some(Arc::new(name)),
                Line::Setting { key, value } => {
                    let section = self.section.clone();
                    self.settings.push(Setting {
                        section,
                        key,
                        value,
                    });
                }
                Line::Include(path) => self.include(&path, depth + 1),
            }
        }
    }

    /// A relative name is relative to the working directory, as in PgBouncer.
    fn include(&mut self, path: &Spanned, depth: usize) {
        self.includes += 1;
        let text = if self.includes > INCLUDES_MAX {
            Err(format!("is one of more than {INCLUDES_MAX} included files"))
        } else if depth > INCLUDE_DEPTH_MAX {
            Err(format!(
                "is included more than {INCLUDE_DEPTH_MAX} levels deep"
            ))
        } else {
            read_text(Path::new(&path.text))
        };
        match text {
            Ok(text) => self.text(&Arc::from(Path::new(&path.text)), &text, depth),
            // Beyond the bound every further include would repeat the same complaint.
            Err(_) if self.includes > INCLUDES_MAX + 1 => {}
            Err(problem) => self.errors.push(Note {
                position: path.position.clone(),
                message: format!("{} {problem}", path.text),
            }),
        }
    }
}

/// The beginning of a file, for errors that concern all of it.
pub(super) fn start_of(file: &Arc<Path>) -> Position {
    Position {
        file: Arc::clone(file),
        line: 1,
        column: 1,
    }
}
