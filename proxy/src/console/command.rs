//! What can be typed at the console: from text to a [`Command`].

use crate::stop::Stop;

/// A command of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `SHOW …`.
    Show(Show),
    /// `SET key = value`.
    Set {
        /// Key of `[pgbouncer]`.
        key: String,
        /// Its new value, quotes removed.
        value: String,
    },
    /// `RELOAD`.
    Reload,
    /// `PAUSE [db]`.
    Pause(Option<String>),
    /// `RESUME [db]`.
    Resume(Option<String>),
    /// `DISABLE db`.
    Disable(Option<String>),
    /// `ENABLE db`.
    Enable(Option<String>),
    /// `RECONNECT [db]`.
    Reconnect(Option<String>),
    /// `KILL db`.
    Kill(Option<String>),
    /// `KILL_CLIENT id`: what stood for the id.
    KillClient(Option<String>),
    /// `WAIT_CLOSE [db]`.
    WaitClose(Option<String>),
    /// `SUSPEND`.
    Suspend,
    /// `SHUTDOWN …`.
    Shutdown(Stop),
    /// `HANDOVER`: what listens goes to a successor.
    Handover,
}

macro_rules! shows {
    ($( $(#[doc = $meaning:literal])+ $Show:ident = $word:literal, )*) => {
        /// What can be shown.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Show { $( $(#[doc = $meaning])+ $Show, )* }

        impl Show {
            /// All of them.
            pub const ALL: &'static [Self] = &[ $( Self::$Show, )* ];

            /// The word after SHOW.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $( Self::$Show => $word, )* }
            }
        }
    };
}

shows! {
    /// The commands.
    Help = "help",
    /// Every setting.
    Config = "config",
    /// The databases.
    Databases = "databases",
    /// The pools.
    Pools = "pools",
    /// The clients.
    Clients = "clients",
    /// The servers.
    Servers = "servers",
    /// The users.
    Users = "users",
    /// The version.
    Version = "version",
    /// The peers.
    Peers = "peers",
    /// The connections to peers.
    PeerPools = "peer_pools",
    /// File descriptors.
    Fds = "fds",
    /// All connections.
    Sockets = "sockets",
    /// The connections that are busy.
    ActiveSockets = "active_sockets",
    /// How many of each there are.
    Lists = "lists",
    /// Memory.
    Mem = "mem",
    /// Active, paused or suspended.
    State = "state",
    /// Resolved names.
    DnsHosts = "dns_hosts",
    /// Zones of names.
    DnsZones = "dns_zones",
    /// Totals and averages.
    Stats = "stats",
    /// Totals.
    StatsTotals = "stats_totals",
    /// Averages.
    StatsAverages = "stats_averages",
    /// Totals and averages over all databases.
    Totals = "totals",
    /// The circuit breakers.
    Circuits = "circuits",
}

impl Command {
    /// Whether only users of `admin_users` may give it.
    #[must_use]
    pub const fn needs_admin(&self) -> bool {
        !matches!(self, Self::Show(show) if !matches!(show, Show::Fds))
    }
}

/// A word of a command. Quotes keep blanks and capitals in it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A bare or quoted word.
    Word(String),
    /// `=`.
    Equals,
}

/// Understands `text`; `None` of what is no command.
#[must_use]
pub fn parse(text: &str) -> Option<Command> {
    let tokens = tokens(text)?;
    let (first, rest) = tokens.split_first()?;
    let Token::Word(verb) = first else {
        return None;
    };
    let verb = verb.to_ascii_lowercase();
    if verb == "set" {
        return set(rest);
    }
    let argument = match rest {
        [] => None,
        [Token::Word(argument)] => Some(argument.clone()),
        _ => return None,
    };
    match verb.as_str() {
        "show" => Some(Command::Show(show(&argument?)?)),
        "pause" => Some(Command::Pause(argument)),
        "resume" => Some(Command::Resume(argument)),
        "disable" => Some(Command::Disable(argument)),
        "enable" => Some(Command::Enable(argument)),
        "reconnect" => Some(Command::Reconnect(argument)),
        "kill" => Some(Command::Kill(argument)),
        "kill_client" => Some(Command::KillClient(argument)),
        "wait_close" => Some(Command::WaitClose(argument)),
        "reload" if argument.is_none() => Some(Command::Reload),
        "suspend" if argument.is_none() => Some(Command::Suspend),
        "handover" if argument.is_none() => Some(Command::Handover),
        "shutdown" => shutdown(argument.as_deref()),
        _ => None,
    }
}

fn show(word: &str) -> Option<Show> {
    let mut all = Show::ALL.iter().copied();
    all.find(|show| show.word().eq_ignore_ascii_case(word))
}

fn shutdown(how: Option<&str>) -> Option<Command> {
    Some(Command::Shutdown(match how {
        None => Stop::Immediate,
        Some(how) if how.eq_ignore_ascii_case("wait_for_servers") => Stop::WaitForServers,
        Some(how) if how.eq_ignore_ascii_case("wait_for_clients") => Stop::WaitForClients,
        Some(_) => return None,
    }))
}

/// `key = value` or `key TO value`. Several words of a value stay apart by one blank.
fn set(tokens: &[Token]) -> Option<Command> {
    let [Token::Word(key), middle, value @ ..] = tokens else {
        return None;
    };
    let follows = match middle {
        Token::Equals => true,
        Token::Word(word) => word.eq_ignore_ascii_case("to"),
    };
    let words = value.iter().map(|token| match token {
        Token::Word(word) => word.as_str(),
        Token::Equals => "=",
    });
    follows.then(|| Command::Set {
        key: key.to_ascii_lowercase(),
        value: words.collect::<Vec<_>>().join(" "),
    })
}

/// Cuts `text` into words, one semicolon at the end aside. `None` if a quote is not closed.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let text = text.trim();
    let mut rest = text.strip_suffix(';').unwrap_or(text).trim_end();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '=' => {
                tokens.push(Token::Equals);
                &rest[1..]
            }
            '\'' | '"' => {
                let (word, after) = quoted(&rest[1..], first)?;
                tokens.push(Token::Word(word));
                after
            }
            ';' => return None,
            _ => {
                let ends = |c: char| c.is_whitespace() || matches!(c, '=' | '\'' | '"' | ';');
                let end = rest.find(ends).unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                &rest[end..]
            }
        };
        rest = rest.trim_start();
    }
    Some(tokens)
}

/// The text up to the closing `quote`, in which one is written twice, and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once(quote)?;
        word.push_str(before);
        match after.strip_prefix(quote) {
            Some(more) => {
                word.push(quote);
                rest = more;
            }
            None => return Some((word, after)),
        }
    }
}

#[cfg(test)]
mod tests;
