//! What stands after `CLIENT:`.

use super::{
    Wrong, message,
    words::{Word, Words},
};
use crate::session::{Action, CancelKind, Condition, Cuts, Who};

/// Reads a step.
pub(super) fn action(words: &mut Words, who: &Who) -> Result<Action, Wrong> {
    let beginning = words.place();
    let action = any(words)?;
    let of_all = matches!(
        action,
        Action::Barrier
            | Action::Beside(_)
            | Action::Wait(
                Condition::Quiet
                    | Condition::Running(_)
                    | Condition::Locked(_)
                    | Condition::Gone(_)
            )
    );
    match (who, of_all) {
        (Who::All, true) | (Who::One(_), false) => Ok(action),
        (Who::All, false) => Err(Wrong::new(
            beginning,
            "expected barrier, beside, or wait quiet, running, locked or gone after `all:`",
        )),
        (Who::One(_), true) => Err(Wrong::new(
            beginning,
            "this concerns every client: expected it after `all:`",
        )),
    }
}

fn any(words: &mut Words) -> Result<Action, Wrong> {
    let Some(Word::Plain(first)) = words.peek().cloned() else {
        return Err(words.wrong("a step"));
    };
    let simple = match first.as_str() {
        "open" => Action::Open,
        "rest" => Action::Rest,
        "barrier" => Action::Barrier,
        "disconnect" => Action::Disconnect,
        "reset" => Action::Reset,
        "connect" | "wait" | "cancel" | "stop" | "read" | "expect" | "beside" => {
            words.takes(&first);
            return longer(&first, words);
        }
        _ => return send(words),
    };
    words.takes(&first);
    Ok(simple)
}

fn longer(first: &str, words: &mut Words) -> Result<Action, Wrong> {
    Ok(match first {
        "connect" => Action::Connect(message::parameters(words)?),
        "wait" => Action::Wait(condition(words)?),
        "cancel" => Action::Cancel(cancel(words)?),
        "stop" if words.takes("reading") => Action::StopReading,
        "read" if words.takes("again") => Action::ReadAgain,
        "expect" => Action::Expect(expected(words)?),
        "beside" => Action::Beside(words.payload()?),
        _ => return Err(words.wrong("`stop reading` or `read again`")),
    })
}

fn condition(words: &mut Words) -> Result<Condition, Wrong> {
    let Some(Word::Plain(what)) = words.peek().cloned() else {
        return match words.peek() {
            None => Ok(Condition::Answered),
            Some(_) => Err(words.wrong("what to wait for")),
        };
    };
    let wrong = words.wrong(
        "ready, closed, quiet, running, locked, gone or a message of the server such as DataRow",
    );
    words.takes(&what);
    Ok(match what.as_str() {
        "ready" => Condition::Ready(count(words)?),
        "closed" => Condition::Closed,
        "quiet" => Condition::Quiet,
        "running" => Condition::Running(words.payload()?),
        "locked" => Condition::Locked(words.payload()?),
        "gone" => Condition::Gone(words.payload()?),
        kind if kind.starts_with(|first: char| first.is_ascii_uppercase()) => {
            Condition::Kind(what, count(words)?)
        }
        _ => return Err(wrong),
    })
}

/// How many; one where nothing stands.
fn count(words: &mut Words) -> Result<u32, Wrong> {
    if words.peek().is_none() {
        return Ok(1);
    }
    words.number("how many")
}

fn cancel(words: &mut Words) -> Result<CancelKind, Wrong> {
    if words.peek().is_none() {
        return Ok(CancelKind::Own);
    }
    let wrong = words.wrong("forged, late or finish");
    match words.plain("forged, late or finish")?.as_str() {
        "forged" => Ok(CancelKind::Forged),
        "late" => Ok(CancelKind::Late),
        "finish" => Ok(CancelKind::Finish),
        _ => Err(wrong),
    }
}

fn expected(words: &mut Words) -> Result<Vec<String>, Wrong> {
    let mut messages = Vec::new();
    while words.peek().is_some() {
        let place = words.place();
        let text = String::from_utf8(words.payload()?.bytes());
        messages.push(text.map_err(|_| Wrong::new(place, "expected text in UTF-8"))?);
    }
    Ok(messages)
}

fn send(words: &mut Words) -> Result<Action, Wrong> {
    let mut messages = vec![message::message(words)?];
    while words.takes_sign('|') {
        messages.push(message::message(words)?);
    }
    Ok(Action::Send {
        messages,
        cuts: cuts(words)?,
    })
}

fn cuts(words: &mut Words) -> Result<Cuts, Wrong> {
    if words.takes("only") {
        return Ok(Cuts::Only(words.number("how many bytes")?));
    }
    if !words.takes("cut") {
        return Ok(Cuts::None);
    }
    let place = words.place();
    if words.takes("every") {
        let bytes: u32 = words.number("how many bytes")?;
        return match bytes {
            0 => Err(Wrong::new(place, "expected at least 1 byte a write, got 0")),
            bytes => Ok(Cuts::Every(bytes)),
        };
    }
    let places: Vec<u32> = words.numbers("a number of bytes")?;
    if places.is_sorted_by(|one, next| one < next) {
        Ok(Cuts::At(places))
    } else {
        Err(Wrong::new(place, "expected places in rising order"))
    }
}
