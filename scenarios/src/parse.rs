//! Reads a scenario from TOML. All problems of a file are found in one go, each with its place.

use std::ops::Range;

use toml::de::DeTable;

use crate::{Scenario, ScenarioError, error::Problem};

mod fault;
mod load;
mod pool;
mod scenario;
mod section;
#[cfg(test)]
mod tests;
mod value;
mod workload;

/// Largest scenario file, in bytes. The largest sensible one is a hundredth of it.
pub const FILE_BYTES_MAX: usize = 1 << 20;

impl Scenario {
    /// Reads a scenario. `file` is what the errors call the file; nothing is opened.
    ///
    /// # Errors
    ///
    /// Every problem that was found, each with line, column, what was expected and what came.
    pub fn parse(text: &str, file: &str) -> Result<Self, ScenarioError> {
        let none = |_: &str| Err("there is no file to look beside".to_owned());
        Self::parse_with(text, file, &none)
    }

    /// Reads a scenario whose scripts may be files: `scripts` has the text of one, or says why not.
    ///
    /// # Errors
    ///
    /// As [`Scenario::parse`].
    pub fn parse_with(text: &str, file: &str, scripts: Scripts<'_>) -> Result<Self, ScenarioError> {
        let mut problems = Problems::new(text, file);
        if text.len() > FILE_BYTES_MAX {
            problems.add(
                &(0..0),
                format!(
                    "expected at most {FILE_BYTES_MAX} bytes, got {}",
                    text.len()
                ),
            );
            return Err(problems.into_error());
        }
        let (document, syntax) = DeTable::parse_recoverable(text);
        for error in &syntax {
            problems.add(&error.span().unwrap_or(0..0), error.message().to_owned());
        }
        // What recovery made of broken syntax would only give rise to problems that are not there.
        if !syntax.is_empty() {
            return Err(problems.into_error());
        }
        let read = scenario::read(document.get_ref(), scripts, &mut problems);
        match read {
            Some(scenario) if problems.found.is_empty() => Ok(scenario),
            _ => Err(problems.into_error()),
        }
    }

    /// Writes the scenario as the file that [`Scenario::parse`] reads.
    ///
    /// # Errors
    ///
    /// When a number is beyond TOML's 64 bits.
    pub fn format(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

/// Where the text of a script comes from, by the name that the scenario gives.
pub type Scripts<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// The problems found so far in one file.
pub(crate) struct Problems<'t> {
    text: &'t str,
    file: &'t str,
    found: Vec<(usize, Problem)>,
}

impl<'t> Problems<'t> {
    fn new(text: &'t str, file: &'t str) -> Self {
        Self {
            text,
            file,
            found: Vec::new(),
        }
    }

    /// Adds a problem at the begin of `span`, in bytes.
    fn add(&mut self, span: &Range<usize>, message: String) {
        let problem = Problem::at(self.file, self.text, span, message);
        self.found.push((span.start, problem));
    }

    /// Adds problems of another file, which was named at the begin of `span`.
    fn foreign(&mut self, span: &Range<usize>, found: Vec<Problem>) {
        let placed = found.into_iter().map(|problem| (span.start, problem));
        self.found.extend(placed);
    }

    fn into_error(mut self) -> ScenarioError {
        self.found.sort_by_key(|(start, _)| *start);
        ScenarioError {
            problems: self.found.into_iter().map(|(_, problem)| problem).collect(),
        }
    }
}
