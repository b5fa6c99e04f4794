//! What servers say when they let the pooler in, kept for the clients that it lets in.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::BytesMut;

use crate::parameters::{Interner, Position, Tracked};
use crate::protocol::message::backend::parameter_status;

/// What the last server said of itself when it let us in: what a client hears at its login.
#[derive(Debug)]
pub struct Welcome {
    usual: Tracked,
    parts: Vec<Part>,
    /// Those of the last client: most clients of a pool have the same.
    last: ArcSwapOption<Tracked>,
}

#[derive(Debug)]
enum Part {
    /// ParameterStatus messages as every client gets them.
    Same(BytesMut),
    /// A parameter of which each client has a value of its own.
    Own { name: String, at: Position },
}

impl Welcome {
    /// Of a server that has reported these parameters, names and values, in this order.
    #[must_use]
    pub fn new(reported: &[(String, String)], interner: &Interner) -> Self {
        let mut usual = interner.blank();
        let mut parts = Vec::new();
        for (name, value) in reported {
            if let Some(at) = interner.position(name) {
                usual.set(name, value);
                let name = name.clone();
                parts.push(Part::Own { name, at });
                continue;
            }
            if !matches!(parts.last(), Some(Part::Same(_))) {
                parts.push(Part::Same(BytesMut::new()));
            }
            if let Some(Part::Same(bytes)) = parts.last_mut() {
                parameter_status(bytes, name, value);
            }
        }
        Self {
            usual,
            parts,
            last: ArcSwapOption::empty(),
        }
    }

    /// The session parameters of a client that has said nothing of its own.
    #[must_use]
    pub const fn usual(&self) -> &Tracked {
        &self.usual
    }

    /// The one copy of the session parameters of a client. Equal to those of the client before, they
    /// cost neither a hash nor a lock.
    pub fn intern(&self, wishes: Tracked, interner: &Interner) -> Arc<Tracked> {
        if let Some(last) = &*self.last.load()
            && **last == wishes
        {
            return Arc::clone(last);
        }
        let wishes = interner.intern(wishes);
        self.last.store(Some(Arc::clone(&wishes)));
        wishes
    }

    /// Appends all ParameterStatus messages for a client with these session parameters.
    pub fn report(&self, wishes: &Tracked, out: &mut BytesMut) {
        for part in &self.parts {
            match part {
                Part::Same(bytes) => out.extend_from_slice(bytes),
                Part::Own { name, at } => {
                    let value = wishes.at(*at).or_else(|| self.usual.at(*at));
                    parameter_status(out, name, value.unwrap_or_default());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_parameters_are_one_copy() {
        let interner = Interner::default();
        let welcome = Welcome::new(&[("TimeZone".to_owned(), "UTC".to_owned())], &interner);
        let with_name = |name: &str| {
            let mut wishes = welcome.usual().clone();
            wishes.set("application_name", name);
            wishes
        };
        let first = welcome.intern(with_name("psql"), &interner);
        for name in ["psql", "pgbench", "psql"] {
            let wishes = welcome.intern(with_name(name), &interner);
            assert_eq!(wishes.get("application_name"), Some(name));
            assert!(Arc::ptr_eq(&wishes, &interner.intern(with_name(name))));
            assert_eq!(Arc::ptr_eq(&wishes, &first), name == "psql");
        }
    }

    /// All in the server's order and spelling, with the client's own values where it has some.
    #[test]
    fn a_client_hears_what_a_server_said_but_for_what_is_its_own() {
        let interner = Interner::default();
        let reported = [
            ("server_version", "17.2"),
            ("integer_datetimes", "on"),
            ("timezone", "UTC"),
            ("DateStyle", "ISO, MDY"),
            ("is_superuser", "off"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let welcome = Welcome::new(&reported, &interner);
        let mut wishes = welcome.usual().clone();
        assert_eq!(wishes.get("TimeZone"), Some("UTC"));
        wishes.set("datestyle", "German");
        wishes.set("application_name", "psql");
        let mut out = BytesMut::new();
        welcome.report(&wishes, &mut out);
        let mut expected = Vec::new();
        for body in [
            "server_version\x0017.2\0",
            "integer_datetimes\0on\0",
            "timezone\0UTC\0",
            "DateStyle\0German\0",
            "is_superuser\0off\0",
        ] {
            // ParameterStatus: 'S', the length with itself, two strings.
            expected.push(b'S');
            expected.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
            expected.extend(body.bytes());
        }
        assert_eq!(out, expected);
    }
}
