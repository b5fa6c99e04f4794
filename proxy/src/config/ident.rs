//! `auth_ident_file`: which users of the system, or names in certificates, may be which users of
//! the database. Lines of `MAP SYSTEM-USER DATABASE-USER`, where the last may be `all`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::error::Note;
use super::words::lines;

/// One map: names outside, and the database users that each may be. The empty one lets everybody
/// be who is called the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserMap(Option<Arc<Vec<(String, Target)>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    All,
    User(String),
}

impl UserMap {
    /// Whether whoever is called `outside` may log in as `user`.
    #[must_use]
    pub fn lets(&self, outside: &str, user: &str) -> bool {
        let Some(lines) = &self.0 else {
            return outside == user;
        };
        let fits = |target: &Target| match target {
            Target::All => true,
            Target::User(name) => name == user,
        };
        lines
            .iter()
            .any(|(name, target)| name == outside && fits(target))
    }
}

/// All maps of a file by their names.
#[derive(Debug, Default)]
pub(super) struct Maps(HashMap<String, UserMap>);

impl Maps {
    pub(super) fn get(&self, name: &str) -> Option<UserMap> {
        self.0.get(name).cloned()
    }

    /// Reads every line; what is wrong goes to `errors` and does not stop the reading.
    pub(super) fn parse(file: &Arc<Path>, text: &str, errors: &mut Vec<Note>) -> Self {
        let mut found: HashMap<String, Vec<(String, Target)>> = HashMap::new();
        for line in lines(file, text, errors) {
            let words: Vec<_> = line.iter().flatten().collect();
            match words[..] {
                [map, outside, user] if !outside.text.starts_with('/') => {
                    let all = user.text == "all" && !user.quoted;
                    let target = if all {
                        Target::All
                    } else {
                        Target::User(user.text.clone())
                    };
                    let lines = found.entry(map.text.clone()).or_default();
                    lines.push((outside.text.clone(), target));
                }
                [_, outside, _] => errors.push(outside.expected("a name itself")),
                [.., last] => errors.push(last.expected(
                    "three words on this line: a map, a system user and a database user",
                )),
                [] => {}
            }
        }
        let named = |(name, lines)| (name, UserMap(Some(Arc::new(lines))));
        Self(found.into_iter().map(named).collect())
    }
}
