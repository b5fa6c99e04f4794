//! Other names for the same session.
//!
//! A target that leaves something on a server still has it there when a session is performed again. With
//! names of its own, each performance finds only what it has left itself.

use poolproof_scenarios::{
    Session,
    session::{Action, Message, Payload},
};

use super::promise::KINDS;

/// The session with every name of the form `s_1` as `s_1_RUN`.
#[must_use]
pub fn renamed(session: &Session, run: u64) -> Session {
    let mut renamed = session.clone();
    for step in &mut renamed.steps {
        if let Action::Send { messages, .. } = &mut step.action {
            messages.iter_mut().for_each(|message| rename(message, run));
        }
    }
    renamed
}

fn rename(message: &mut Message, run: u64) {
    match message {
        Message::Query(text)
        | Message::DescribeStatement(text)
        | Message::DescribePortal(text)
        | Message::CloseStatement(text)
        | Message::ClosePortal(text)
        | Message::Execute { portal: text, .. } => rename_in(text, run),
        Message::Parse { statement, sql, .. } => {
            rename_in(statement, run);
            rename_in(sql, run);
        }
        Message::Bind {
            portal, statement, ..
        } => {
            rename_in(portal, run);
            rename_in(statement, run);
        }
        _ => {}
    }
}

fn rename_in(text: &mut Payload, run: u64) {
    for piece in &mut text.pieces {
        piece.bytes = with_run(&piece.bytes, run);
    }
}

fn with_run(text: &[u8], run: u64) -> Vec<u8> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let words = text.chunk_by(|one, next| is_part(one) == is_part(next));
    let mut renamed = Vec::with_capacity(text.len());
    for word in words {
        renamed.extend_from_slice(word);
        if let [kind, b'_', digits @ ..] = word
            && KINDS.contains(kind)
            && digits.iter().all(u8::is_ascii_digit)
        {
            renamed.extend_from_slice(format!("_{run}").as_bytes());
        }
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_by_their_run() {
        let script = "\
A: Parse s_1 \"SELECT v, 's_x' FROM x_2\" | Bind \"\" s_1 | Execute | Sync
A: Query \"SET app.v_3 = 'p_1'\"
";
        let session = Session::parse(script, "test").expect("a script");
        let expected = "\
A: Parse s_1_7 \"SELECT v, 's_x' FROM x_2_7\" | Bind \"\" s_1_7 | Execute | Sync
A: Query \"SET app.v_3_7 = 'p_1'\"
";
        assert_eq!(renamed(&session, 7).to_string(), expected);
    }
}
