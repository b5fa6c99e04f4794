//! `auth_hba_file`: which client may log in as whom, and how it proves who it is.
//!
//! The subset of `pg_hba.conf` that PgBouncer has: record types `local`, `host`, `hostssl` and
//! `hostnossl`; databases by name, `all`, `sameuser` or `replication`; users by name or `all`;
//! addresses as `all` or `ADDRESS/BITS`, or as an address and a mask; and the option `map=NAME`. The
//! first rule that fits decides. What PostgreSQL knows beyond it is an error that names it, and never a rule that
//! is passed over: that could let somebody in.

use std::path::Path;
use std::sync::Arc;

use super::error::Note;
use super::ident::UserMap;
use super::words::{Word, lines};
use crate::client::origin::Origin;
use crate::client::replication::Replication;

mod address;

use address::{Network, address};

/// How a client proves who it is, as a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not at all, but the user must be known.
    Trust,
    /// There is no way in.
    Reject,
    /// The password itself.
    Password,
    /// MD5, or SCRAM for users whose stored secret is one.
    Md5,
    /// SCRAM-SHA-256.
    ScramSha256,
    /// The user of the process at the other end of the Unix socket.
    Peer(UserMap),
    /// A client certificate.
    Cert(UserMap),
    /// A password that the system's PAM knows.
    Pam,
}

/// Over what a client comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Local,
    Host,
    HostSsl,
    HostNoSsl,
}

impl Transport {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "local" => Self::Local,
            "host" => Self::Host,
            "hostssl" => Self::HostSsl,
            "hostnossl" => Self::HostNoSsl,
            _ => return None,
        })
    }

    fn fits(self, origin: &Origin) -> bool {
        match (self, origin) {
            (Self::Local, Origin::Unix { .. }) | (Self::Host, Origin::Tcp { .. }) => true,
            (Self::HostSsl, Origin::Tcp { encrypted, .. }) => *encrypted,
            (Self::HostNoSsl, Origin::Tcp { encrypted, .. }) => !encrypted,
            _ => false,
        }
    }
}

/// One of the names in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    All,
    SameUser,
    /// Physical replication, which is of no database; no session of another kind.
    Replication,
    Exactly(String),
}

impl Name {
    fn fits(&self, asked: &str, user: &str) -> bool {
        match self {
            Self::All => true,
            Self::SameUser => asked == user,
            Self::Replication => false,
            Self::Exactly(name) => name == asked,
        }
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The database.
    pub database: &'a str,
    /// The user.
    pub user: &'a str,
    /// The kind of replication, if it is there for that.
    pub replication: Replication,
}

impl Request<'_> {
    /// Whether it is for one of `databases`. PostgreSQL's rule: physical replication is of the
    /// whole cluster, and only its own word stands for that; logical replication is of its database.
    fn is_for(&self, databases: &[Name]) -> bool {
        databases.iter().any(|name| match self.replication {
            Replication::Physical => *name == Name::Replication,
            Replication::None | Replication::Logical => name.fits(self.database, self.user),
        })
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    transport: Transport,
    databases: Vec<Name>,
    users: Vec<Name>,
    /// `None` is everywhere.
    network: Option<Network>,
    method: Method,
}

impl Rule {
    fn fits(&self, origin: &Origin, request: Request<'_>) -> bool {
        let user = request.user;
        let at_home = match (&self.network, origin) {
            (None, _) => true,
            (Some(network), Origin::Tcp { address, .. }) => network.contains(*address),
            (Some(_), Origin::Unix { .. }) => false,
        };
        at_home
            && self.transport.fits(origin)
            && request.is_for(&self.databases)
            && self.users.iter().any(|name| name.fits(user, user))
    }
}

/// The rules of a file in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hba {
    rules: Vec<Rule>,
}

impl Hba {
    /// Reads every line; what is wrong goes to `errors` and does not stop the reading. `maps` are
    /// those of `auth_ident_file`.
    pub(super) fn parse(
        file: &Arc<Path>,
        text: &str,
        maps: &super::ident::Maps,
        errors: &mut Vec<Note>,
    ) -> Self {
        let mut rules = Vec::new();
        for line in lines(file, text, errors) {
            match rule(&line, maps) {
                Ok(rule) => rules.push(rule),
                Err(note) => errors.push(note),
            }
        }
        Self { rules }
    }

    /// How a client from `origin` proves that it may have what it asks for; where no rule fits,
    /// there is no way in.
    #[must_use]
    pub fn method(&self, origin: &Origin, request: Request<'_>) -> &Method {
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| rule.fits(origin, request));
        rule.map_or(&Method::Reject, |rule| &rule.method)
    }
}

fn rule(line: &[Vec<Word>], maps: &super::ident::Maps) -> Result<Rule, Note> {
    let mut fields = Fields { line, at: 0 };
    let word = fields.single("local, host, hostssl or hostnossl")?;
    let transport = Transport::parse(&word.text)
        .ok_or_else(|| word.expected("local, host, hostssl or hostnossl"))?;
    let databases = names(fields.next("a database, or all")?, Field::Database)?;
    let users = names(fields.next("a user, or all")?, Field::User)?;
    let network = match transport {
        Transport::Local => None,
        Transport::Host | Transport::HostSsl | Transport::HostNoSsl => {
            let word = fields.single("an address, or all")?;
            address(word, || fields.single("a mask"))?
        }
    };
    let word = fields.single("a method")?;
    let method = method(word, transport, fields.rest(), maps)?;
    Ok(Rule {
        transport,
        databases,
        users,
        network,
        method,
    })
}

/// The fields of a line, each a list of words.
struct Fields<'a> {
    line: &'a [Vec<Word>],
    at: usize,
}

impl<'a> Fields<'a> {
    fn next(&mut self, expected: &str) -> Result<&'a [Word], Note> {
        let Some(field) = self.line.get(self.at) else {
            let last = self.line.last().and_then(|field| field.last());
            // A line has a word at least, or it would not be one.
            let after = last.map(|word| word.after(expected));
            return Err(after.unwrap_or_else(|| unreachable_line(expected)));
        };
        self.at += 1;
        Ok(field)
    }

    fn single(&mut self, expected: &str) -> Result<&'a Word, Note> {
        match self.next(expected)? {
            [word] => Ok(word),
            [_, second, ..] => Err(second.expected(&format!("{expected}, and one only"))),
            [] => Err(unreachable_line(expected)),
        }
    }

    fn rest(&self) -> &'a [Vec<Word>] {
        self.line.get(self.at..).unwrap_or_default()
    }
}

fn unreachable_line(expected: &str) -> Note {
    Note {
        position: super::files::start_of(&Arc::from(Path::new(""))),
        message: format!("expected {expected}, got an empty line"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Database,
    User,
}

fn names(field: &[Word], kind: Field) -> Result<Vec<Name>, Note> {
    field
        .iter()
        .map(|word| {
            let text = word.text.as_str();
            match text {
                _ if word.quoted => Ok(Name::Exactly(text.to_owned())),
                "all" => Ok(Name::All),
                "sameuser" if kind == Field::Database => Ok(Name::SameUser),
                "replication" if kind == Field::Database => Ok(Name::Replication),
                "samerole" | "samegroup" if kind == Field::Database => {
                    Err(word.expected("a database, all or sameuser"))
                }
                _ if text.starts_with('+') => {
                    Err(word.expected("a user and not a group, which only PostgreSQL knows"))
                }
                _ if text.starts_with(['@', '/']) => Err(word.expected("a name itself")),
                _ => Ok(Name::Exactly(text.to_owned())),
            }
        })
        .collect()
}

fn method(
    word: &Word,
    transport: Transport,
    options: &[Vec<Word>],
    maps: &super::ident::Maps,
) -> Result<Method, Note> {
    let mut map = UserMap::default();
    for option in options.iter().flatten() {
        match option.text.strip_prefix("map=") {
            Some(name) if matches!(word.text.as_str(), "peer" | "cert") => {
                map = maps
                    .get(name)
                    .ok_or_else(|| option.expected("map= and a map of auth_ident_file"))?;
            }
            _ => return Err(option.expected("no option but map=NAME of peer and cert")),
        }
    }
    match word.text.as_str() {
        "trust" => Ok(Method::Trust),
        "reject" => Ok(Method::Reject),
        "password" => Ok(Method::Password),
        "md5" => Ok(Method::Md5),
        "scram-sha-256" => Ok(Method::ScramSha256),
        "peer" if transport == Transport::Local => Ok(Method::Peer(map)),
        "peer" => Err(word.expected("peer on local lines only")),
        "cert" if transport == Transport::HostSsl => Ok(Method::Cert(map)),
        "cert" => Err(word.expected("cert on hostssl lines only")),
        "pam" if cfg!(feature = "pam") => Ok(Method::Pam),
        "pam" => Err(word.expected("a method that this build has (pam comes with --features pam)")),
        _ => Err(word.expected("trust, reject, password, md5, scram-sha-256, peer, cert or pam")),
    }
}

#[cfg(test)]
mod tests;
