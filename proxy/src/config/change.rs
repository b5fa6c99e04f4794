//! Changing the configuration of a pooler that runs.

use super::load;
use super::section::{Change, Section};
use super::{Config, ConfigErrors, Settings};

/// Why a setting is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// There is no such setting.
    #[error("unknown parameter {0}")]
    Unknown(String),
    /// It is only looked at when the pooler starts.
    #[error("{0} can only be changed by a restart")]
    Restart(&'static str),
    /// Its value, or what follows from it, is wrong.
    #[error("{0}")]
    Wrong(ConfigErrors),
}

impl Config {
    /// This configuration with one setting of `[pgbouncer]` changed. The files that settings name
    /// are read again.
    ///
    /// # Errors
    /// Why that is no configuration to run with.
    pub fn with(&self, key: &str, value: &str) -> Result<Self, SetError> {
        let known = Settings::key(key).ok_or_else(|| SetError::Unknown(key.to_owned()))?;
        if known.change == Change::Restart {
            return Err(SetError::Restart(known.name));
        }
        load::with(self, known.name, value).map_err(SetError::Wrong)
    }

    /// Takes from `running` what only a restart changes, and names what differed.
    pub fn keep_until_restart(&mut self, running: &Self) -> Vec<&'static str> {
        let mut kept = Vec::new();
        for key in Settings::KEYS {
            if key.change == Change::Live {
                continue;
            }
            let value = (key.show)(&running.settings);
            // What a setting shows, it understands: a test holds all of them to that.
            if value != (key.show)(&self.settings)
                && (key.parse)(&mut self.settings, &value).is_ok()
            {
                kept.push(key.name);
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(settings: &str) -> Config {
        let text = format!("[pgbouncer]\nlisten_addr = *\nauth_type = any\n{settings}");
        Config::parse(Path::new("test.ini"), &text).unwrap()
    }

    #[test]
    fn one_setting_changes_and_the_rest_stays() {
        let before = config("default_pool_size = 7\nquery_wait_timeout = 3\n");
        let after = before.with("default_pool_size", "8").unwrap();
        assert_eq!(after.settings.default_pool_size, 8);
        let expected = config("default_pool_size = 8\nquery_wait_timeout = 3\n").settings;
        assert_eq!(after.settings, expected);
    }

    #[test]
    fn what_cannot_be_set() {
        let before = config("");
        let unknown = before.with("nope", "1").unwrap_err();
        assert_eq!(unknown.to_string(), "unknown parameter nope");
        let restart = before.with("listen_port", "1").unwrap_err();
        assert_eq!(restart, SetError::Restart("listen_port"));
        let wrong = before.with("pool_mode", "nope").unwrap_err();
        let words = "SET:1:1: pool_mode: expected session, transaction or statement, got \"nope\"";
        assert_eq!(wrong.to_string(), words);
        let file = before.with("auth_file", "/no/such/file").unwrap_err();
        assert!(file.to_string().contains("/no/such/file"), "{file}");
    }

    #[test]
    fn a_restart_is_not_made_by_a_reload() {
        let running = config("listen_port = 1234\n");
        let mut new = config("listen_port = 4321\ndefault_pool_size = 3\n");
        assert_eq!(new.keep_until_restart(&running), ["listen_port"]);
        assert_eq!(new.settings.listen_port, 1234);
        assert_eq!(new.settings.default_pool_size, 3);
    }
}
