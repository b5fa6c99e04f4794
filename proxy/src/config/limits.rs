//! What `[pgbouncer]` and `[users]` together allow one user, and other values made of several.

use super::{Config, Limit, Settings, Timeout, UserSettings};
use crate::server::names::Ttl;

/// How much one user may have, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserLimits {
    /// Servers, whatever the database.
    pub servers: Limit,
    /// Clients, whatever the database.
    pub clients: Limit,
    /// Longest run of a query.
    pub query: Timeout,
    /// Longest idle time inside a transaction.
    pub idle_transaction: Timeout,
    /// Longest transaction.
    pub transaction: Timeout,
    /// Idle time after which a client is closed.
    pub client_idle: Timeout,
}

impl UserLimits {
    fn new(settings: &Settings, own: Option<&UserSettings>) -> Self {
        let limit = |own: Option<Limit>, all: Limit| own.unwrap_or(all);
        let timeout = |own: Option<Timeout>, all: Timeout| own.unwrap_or(all);
        let of = own.cloned().unwrap_or_default();
        Self {
            servers: limit(of.max_user_connections, settings.max_user_connections),
            clients: limit(
                of.max_user_client_connections,
                settings.max_user_client_connections,
            ),
            query: timeout(of.query_timeout, settings.query_timeout),
            idle_transaction: timeout(
                of.idle_transaction_timeout,
                settings.idle_transaction_timeout,
            ),
            transaction: timeout(of.transaction_timeout, settings.transaction_timeout),
            client_idle: timeout(of.client_idle_timeout, settings.client_idle_timeout),
        }
    }

    fn limits_sessions(&self) -> bool {
        let times = [
            self.query,
            self.idle_transaction,
            self.transaction,
            self.client_idle,
        ];
        times.iter().any(|time| time.get().is_some())
    }
}

impl Config {
    /// What `user` is allowed.
    #[must_use]
    pub fn user_limits(&self, user: &str) -> UserLimits {
        UserLimits::new(&self.settings, self.users.get(user))
    }

    /// Whether anybody's session must be watched for how long something lasts.
    #[must_use]
    pub fn has_session_limits(&self) -> bool {
        UserLimits::new(&self.settings, None).limits_sessions()
            || self
                .users
                .values()
                .any(|own| UserLimits::new(&self.settings, Some(own)).limits_sessions())
    }
}

impl Settings {
    /// How long the answers of the resolver are kept.
    #[must_use]
    pub const fn name_ttl(&self) -> Ttl {
        Ttl {
            found: self.dns_max_ttl,
            missing: self.dns_nxdomain_ttl,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_a_user_is_allowed_comes_before_what_all_are() {
        let text = "[pgbouncer]\nlisten_addr = *\nauth_type = any\nquery_timeout = 3\n\
                    max_user_connections = 5\n[users]\n\
                    a = query_timeout=7 max_user_client_connections=2\nb = query_timeout=0\n";
        let config = Config::parse(Path::new("test.ini"), text).unwrap();
        let query = |user| config.user_limits(user).query;
        assert_eq!(query("a"), Timeout::from_secs(7));
        assert_eq!(query("b"), Timeout::from_secs(0));
        assert_eq!(query("c"), Timeout::from_secs(3));
        assert_eq!(config.user_limits("a").clients, Limit::new(2));
        assert_eq!(config.user_limits("a").servers, Limit::new(5));
        assert!(config.has_session_limits());
    }

    #[test]
    fn nobody_is_watched_without_need() {
        let quiet = "[pgbouncer]\nlisten_addr = *\nauth_type = any\n[users]\na = pool_size=2\n";
        let watches = |more: &str| {
            let text = format!("{quiet}{more}");
            let config = Config::parse(Path::new("test.ini"), &text).unwrap();
            config.has_session_limits()
        };
        assert!(!watches(""));
        assert!(watches("b = idle_transaction_timeout=1\n"));
        assert!(!watches("b = transaction_timeout=0\n"));
    }
}
