//! `[[fault]]`: what is done to whom, and when.

use std::time::Duration;

use super::{
    Problems,
    section::Section,
    value::{count, one_of, time},
};
use crate::{
    fault::{Fault, FaultKind, KINDS, LinkPlace, Message, Party},
    load::{Load, span},
};

const FAULTS_MAX: usize = 20;
const CLIENTS_MAX: u32 = 1_000;
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads every fault, which must come while the load goes on; `None` only when a problem was added.
pub(super) fn read(
    top: &mut Section<'_>,
    load: Option<&Load>,
    problems: &mut Problems<'_>,
) -> Option<Vec<Fault>> {
    let Some(sections) = top.tables("fault", problems) else {
        // Absent without a problem, or no array of tables with one.
        return (!top.has("fault")).then(Vec::new);
    };
    if sections.len() > FAULTS_MAX {
        let message = format!(
            "fault: expected at most {FAULTS_MAX}, got {}",
            sections.len()
        );
        problems.add(&top.span_of("fault"), message);
        return None;
    }
    sections
        .into_iter()
        .map(|section| fault(section, load.and_then(Load::lasts), problems))
        .collect()
}

fn fault(
    mut section: Section<'_>,
    load_lasts: Option<Duration>,
    problems: &mut Problems<'_>,
) -> Option<Fault> {
    const PLACES: [(&str, LinkPlace); 2] =
        [("client", LinkPlace::Client), ("server", LinkPlace::Server)];
    let kind = section.required("kind", problems, one_of(&KINDS));
    let at = section.optional("at", problems, time(LONGEST));
    if let (Some(at), Some(lasts)) = (at, load_lasts)
        && at >= lasts
    {
        let message = format!(
            "at: expected a time before the load is over, which lasts {}, got {}",
            span::format(lasts),
            span::format(at)
        );
        problems.add(&section.span_of("at"), message);
    }
    let after = section.optional("after", problems, count(0..=u64::from(u32::MAX)));
    let lasts = section.optional("for", problems, time(LONGEST));
    let link = section.optional("link", problems, one_of(&PLACES));
    let by = section.optional("by", problems, time(LONGEST));
    let on = section.optional("on", problems, one_of(&Message::names()));
    let clients = section.optional("clients", problems, count(1..=CLIENTS_MAX));
    let kind = kind?;
    for (key, fits, needed) in keys(kind, on.is_some()) {
        let message = match (section.has(key), fits, needed) {
            (true, false, _) => format!("{key}: {kind} does not take it"),
            (false, _, true) => format!("{kind}: expected a key {key:?}, got none"),
            _ => continue,
        };
        problems.add(&section.span_of(key), message);
    }
    section.end(problems);
    Some(Fault {
        kind,
        at: at.unwrap_or_default(),
        after: after.unwrap_or_default(),
        lasts: lasts.unwrap_or_default(),
        link: link.unwrap_or_default(),
        by: by.unwrap_or_default(),
        on,
        clients: clients.unwrap_or_default(),
    })
}

/// Which keys a kind takes, and which it needs.
fn keys(kind: FaultKind, on: bool) -> [(&'static str, bool, bool); 5] {
    let link = kind.party() == Party::Link;
    let clients = kind.party() == Party::Clients;
    let delay = kind == FaultKind::LinkDelayed;
    // A link that is cut once needs no time, nor does one that waits for a message.
    let at_once = matches!(kind, FaultKind::LinkCut | FaultKind::LinkReset) || on;
    [
        ("for", kind.lasts(), kind.lasts() && !at_once),
        ("link", link, false),
        ("by", delay, delay),
        ("on", link && !delay, false),
        ("clients", clients, clients),
    ]
}
