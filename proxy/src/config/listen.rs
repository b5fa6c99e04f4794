//! Where the pooler can be reached.

use std::path::{Path, PathBuf};

use super::value::{Expected, Value};

/// One entry of `listen_addr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenHost {
    /// `*`: every address, IPv4 and IPv6.
    Any,
    /// A numeric address, or a name to resolve.
    Named(String),
}

impl Value for Vec<ListenHost> {
    fn parse(text: &str) -> Result<Self, Expected> {
        let hosts = text
            .split(',')
            .map(str::trim)
            .filter(|host| !host.is_empty());
        Ok(hosts
            .map(|host| match host {
                "*" => ListenHost::Any,
                name => ListenHost::Named(name.to_owned()),
            })
            .collect())
    }

    fn show(&self) -> String {
        let names = self.iter().map(|host| match host {
            ListenHost::Any => "*",
            ListenHost::Named(name) => name,
        });
        names.collect::<Vec<_>>().join(",")
    }
}

/// `unix_socket_dir`: where Unix sockets are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketDir {
    /// Empty: no Unix socket.
    None,
    /// In the file system.
    Directory(PathBuf),
    /// In Linux' abstract namespace, the leading `@` dropped.
    Abstract(String),
}

impl SocketDir {
    /// The directory in the file system, if it is there.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::None | Self::Abstract(_) => None,
        }
    }
}

impl Value for SocketDir {
    fn parse(text: &str) -> Result<Self, Expected> {
        Ok(match text.strip_prefix('@') {
            _ if text.is_empty() => Self::None,
            Some(name) => Self::Abstract(name.to_owned()),
            None => Self::Directory(PathBuf::from(text)),
        })
    }

    fn show(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Directory(path) => path.display().to_string(),
            Self::Abstract(name) => format!("@{name}"),
        }
    }
}
