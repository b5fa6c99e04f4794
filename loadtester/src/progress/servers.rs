//! How many servers of a PostgreSQL are at work, as the titles of its processes tell: looking at them
//! takes no connection and asks PostgreSQL for nothing.

use std::fs;

/// Servers that clients or poolers hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Servers {
    /// All of them.
    pub(super) open: u32,
    /// Those with a statement or a transaction.
    pub(super) busy: u32,
}

/// The servers of all `postmasters`; `None` where there is none to look at.
pub(super) fn servers(postmasters: &[u32]) -> Option<Servers> {
    let mut seen = None;
    for postmaster in postmasters {
        let children = format!("/proc/{postmaster}/task/{postmaster}/children");
        let Ok(children) = fs::read_to_string(children) else {
            continue;
        };
        // One that has ended since has no title any more.
        let titles = children
            .split_ascii_whitespace()
            .filter_map(|pid| fs::read(format!("/proc/{pid}/cmdline")).ok());
        let servers: &mut Servers = seen.get_or_insert_default();
        for title in titles {
            servers.add(&String::from_utf8_lossy(&title));
        }
    }
    seen
}

impl Servers {
    /// Counts a process by its title, such as `postgres: app db 127.0.0.1(54321) idle`. Those of
    /// PostgreSQL's own work name no client.
    fn add(&mut self, title: &str) {
        let words = || title.trim_matches(['\0', ' ']).split(' ');
        let is_client =
            |word: &str| word == "[local]" || (word.contains('(') && word.ends_with(')'));
        if !title.starts_with("postgres: ") || !words().any(is_client) {
            return;
        }
        self.open += 1;
        let mut activity = words().skip_while(|word| !is_client(word)).skip(1);
        match (activity.next(), activity.next()) {
            // Between transactions, or not yet let in.
            (None | Some("" | "startup" | "authentication"), _) | (Some("idle"), None) => {}
            _ => self.busy += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_tell_who_is_at_work() {
        let mut servers = Servers::default();
        for title in [
            "postgres: checkpointer \0\0",
            "postgres: parallel worker for PID 77 ",
            "postgres: app db 127.0.0.1(54321) idle\0\0\0",
            "postgres: app db [local] SELECT",
            "postgres: app db ::1(54321) idle in transaction",
            "postgres: main: app db 127.0.0.1(54321) COMMIT",
            "postgres: app db 127.0.0.1(54321) authentication",
            "vim postgres (1)",
        ] {
            servers.add(title);
        }
        assert_eq!(servers, Servers { open: 5, busy: 3 });
    }

    #[test]
    fn nobody_is_watched_nowhere() {
        assert_eq!(servers(&[]), None);
        assert_eq!(servers(&[u32::MAX]), None);
    }
}
