//! Where a load goes and as whom.

use std::fmt;

use super::Tls;

/// A PostgreSQL server, or what stands in for one.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Role to log in as.
    pub user: String,
    /// Its password, when it has one.
    pub password: Option<String>,
    /// Database.
    pub dbname: String,
    /// How the clients of a load speak TLS; in the clear without it.
    pub tls: Option<Tls>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Endpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "********"))
            .field("dbname", &self.dbname)
            .field("tls", &self.tls.is_some())
            .finish()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            port,
            user,
            password: _,
            dbname,
            tls: _,
        } = self;
        write!(out, "{user}@{host}:{port}/{dbname}")
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn no_form_shows_the_password() {
        let endpoint = Endpoint {
            host: "localhost".into(),
            port: 5432,
            user: "app".into(),
            password: Some("sesame".into()),
            dbname: "bank".into(),
            tls: None,
        };
        assert!(!format!("{endpoint:?}").contains("sesame"));
        assert_eq!(endpoint.to_string(), "app@localhost:5432/bank");
    }
}
