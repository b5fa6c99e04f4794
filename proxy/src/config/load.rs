//! From settings with positions to a [`Config`]; every error is found in one go.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::connect_string::pairs;
use super::database::{ConnectString, Database, Databases};
use super::error::{ConfigErrors, Note, Position};
use super::files::{Flattener, Setting, read_text, start_of};
use super::hba::Hba;
use super::ident::Maps;
use super::ini::Spanned;
use super::nearest::nearest;
use super::section::{Section, Support};
use super::{CONSOLE, Config, Peer, Settings, UserSettings, check, userlist};
use crate::auth::credential::{Credential, Credentials};
use crate::cancel::PEER_ID_MAX;

const SECTIONS: [&str; 4] = ["pgbouncer", "databases", "users", "peers"];

/// Reads the file at `path`.
pub(super) fn load(path: &Path) -> Result<Config, ConfigErrors> {
    match read_text(path) {
        Ok(text) => parse(path, &text),
        Err(problem) => {
            let position = start_of(&Arc::from(path));
            Err(ConfigErrors(vec![Note {
                position,
                message: format!("the file {problem}"),
            }]))
        }
    }
}

/// Reads `text` as if it stood in the file at `path`.
pub(super) fn parse(path: &Path, text: &str) -> Result<Config, ConfigErrors> {
    let file: Arc<Path> = Arc::from(path);
    let mut loader = Loader::default();
    for setting in Flattener::new(&mut loader.errors).flatten(&file, text) {
        loader.setting(setting);
    }
    loader.finish(&file)
}

/// The configuration of a pooler that runs, with one setting of `[pgbouncer]` changed.
pub(super) fn with(config: &Config, key: &str, value: &str) -> Result<Config, ConfigErrors> {
    let position = start_of(&Arc::from(Path::new("SET")));
    let spanned = |text: &str| Spanned {
        text: text.to_owned(),
        position: position.clone(),
    };
    let everywhere = |key: &super::section::Key<Settings>| (key.name, position.clone());
    let mut loader = Loader {
        settings: config.settings.clone(),
        set_at: Settings::KEYS.iter().map(everywhere).collect(),
        databases: config.databases.clone(),
        users: config.users.clone(),
        peers: config.peers.clone(),
        ..Loader::default()
    };
    loader.global(&spanned(key), &spanned(value));
    loader.finish(&Arc::from(config.path.as_path()))
}

/// What has been read so far.
#[derive(Default)]
pub(super) struct Loader {
    pub(super) settings: Settings,
    /// Where each key of `[pgbouncer]` was set last.
    pub(super) set_at: HashMap<&'static str, Position>,
    pub(super) errors: Vec<Note>,
    pub(super) warnings: Vec<Note>,
    databases: Databases,
    users: HashMap<String, UserSettings>,
    peers: BTreeMap<u32, Peer>,
}

impl Loader {
    fn setting(&mut self, setting: Setting) {
        let Setting {
            section,
            key,
            value,
        } = setting;
        let Some(section) = section else {
            self.error(
                &key.position,
                format!("expected [section] before {}", key.text),
            );
            return;
        };
        match section.text.as_str() {
            "pgbouncer" => self.global(&key, &value),
            "databases" => self.database(&key, &value),
            "users" => self.user(&key, &value),
            "peers" => self.peer(&key, &value),
            other => {
                let known = "section pgbouncer, databases, users or peers";
                let hint = did_you_mean(other, SECTIONS);
                let message = format!("expected {known}, got {other}{hint}");
                let note = Note {
                    position: section.position.clone(),
                    message,
                };
                // Once for each section, not for each of its lines.
                if self.errors.last() != Some(&note) {
                    self.errors.push(note);
                }
            }
        }
    }

    fn global(&mut self, key: &Spanned, value: &Spanned) {
        let mut settings = std::mem::take(&mut self.settings);
        if let Some(name) = self.set(&mut settings, key, value) {
            self.set_at.insert(name, value.position.clone());
        }
        self.settings = settings;
    }

    fn database(&mut self, name: &Spanned, value: &Spanned) {
        if name.text == CONSOLE {
            let message = format!("expected a database name, got {CONSOLE}, the admin console's");
            self.error(&name.position, message);
            return;
        }
        let connect: ConnectString = self.connect_string(value);
        let credential = connect.password.clone().map(|password| {
            let user = connect.user.clone().unwrap_or_default();
            Arc::new(Credential::new(user, &password))
        });
        let database = Arc::new(Database {
            name: name.text.clone(),
            connect,
            credential,
        });
        if name.text == "*" {
            self.databases.fallback = Some(database);
        } else {
            self.databases.named.insert(name.text.clone(), database);
        }
    }

    fn user(&mut self, name: &Spanned, value: &Spanned) {
        let settings = self.connect_string(value);
        self.users.insert(name.text.clone(), settings);
    }

    fn peer(&mut self, id: &Spanned, value: &Spanned) {
        let peer = self.connect_string(value);
        match id.text.parse::<u32>() {
            Ok(number) if (1..=PEER_ID_MAX).contains(&number) => {
                self.peers.insert(number, peer);
            }
            _ => {
                let message = format!(
                    "expected a peer_id, a number from 1 to {PEER_ID_MAX}, got {}",
                    id.text
                );
                self.error(&id.position, message);
            }
        }
    }

    /// Reads the pairs of a line into the settings of one database, user or peer.
    fn connect_string<S: Section>(&mut self, line: &Spanned) -> S {
        let mut section = S::default();
        match pairs(line) {
            Ok(pairs) => {
                for (key, value) in pairs {
                    self.set(&mut section, &key, &value);
                }
            }
            Err(note) => self.errors.push(note),
        }
        section
    }

    /// Sets one key, and says what is wrong or will not be acted on. Gives the key's own name.
    fn set<S: Section>(
        &mut self,
        section: &mut S,
        key: &Spanned,
        value: &Spanned,
    ) -> Option<&'static str> {
        let Some(known) = S::key(&key.text) else {
            let hint = did_you_mean(&key.text, S::KEYS.iter().map(|key| key.name));
            self.error(
                &key.position,
                format!("unknown parameter {}{hint}", key.text),
            );
            return None;
        };
        if let Err(expected) = (known.parse)(section, &value.text) {
            let message = format!(
                "{}: expected {}, got {:?}",
                key.text, expected.0, value.text
            );
            self.error(&value.position, message);
            return None;
        }
        let reason = match known.support {
            Support::Honoured => return Some(known.name),
            Support::NotYet => "this version does not act on it yet",
            Support::Moot(reason) => reason,
        };
        let message = format!("{} is ignored: {reason}", key.text);
        self.warnings.push(Note {
            position: key.position.clone(),
            message,
        });
        Some(known.name)
    }

    fn finish(mut self, file: &Arc<Path>) -> Result<Config, ConfigErrors> {
        let credentials = self.credentials();
        let hba = self.hba();
        check::check(&mut self, file);
        let (client_tls, server_tls) = check::tls(&mut self, file);
        if !self.errors.is_empty() {
            return Err(ConfigErrors(self.errors));
        }
        Ok(Config {
            path: file.to_path_buf(),
            settings: self.settings,
            databases: self.databases,
            users: self.users,
            peers: self.peers,
            credentials,
            hba,
            client_tls,
            server_tls,
            warnings: self.warnings,
        })
    }

    fn credentials(&mut self) -> Credentials {
        let path = self.settings.auth_file.clone();
        self.named_file("auth_file", path, |file, text, errors| {
            userlist::parse(file, text, errors)
                .into_iter()
                .map(|(user, stored)| Credential::new(user, &stored))
                .collect()
        })
    }

    /// The rules of `auth_hba_file` and the maps that they name.
    fn hba(&mut self) -> Hba {
        let ident = self.settings.auth_ident_file.clone();
        let maps = self.named_file("auth_ident_file", ident, Maps::parse);
        let rules = self.settings.auth_hba_file.clone();
        self.named_file("auth_hba_file", rules, |file, text, errors| {
            Hba::parse(file, text, &maps, errors)
        })
    }

    /// Reads the file that `key` names, if it does.
    fn named_file<T: Default>(
        &mut self,
        key: &str,
        path: Option<PathBuf>,
        parse: impl FnOnce(&Arc<Path>, &str, &mut Vec<Note>) -> T,
    ) -> T {
        let Some(path) = path else {
            return T::default();
        };
        match read_text(&path) {
            Ok(text) => parse(&Arc::from(path.as_path()), &text, &mut self.errors),
            Err(problem) => {
                let message = format!("{key} {} {problem}", path.display());
                if let Some(position) = self.set_at.get(key).cloned() {
                    self.error(&position, message);
                }
                T::default()
            }
        }
    }

    /// Where `key` was set, or the beginning of the file if it was not.
    pub(super) fn position_of(&self, key: &str, file: &Arc<Path>) -> Position {
        let set = self.set_at.get(key).cloned();
        set.unwrap_or_else(|| start_of(file))
    }

    pub(super) fn error(&mut self, position: &Position, message: String) {
        self.errors.push(Note {
            position: position.clone(),
            message,
        });
    }
}

fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean {near}?"))
}
