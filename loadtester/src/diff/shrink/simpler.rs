//! The forms of a session that are one thing simpler. Pure.

use poolproof_scenarios::{
    Session,
    session::{Action, Cuts, Message, Payload},
};

/// The `index`-th of the sessions that are simpler than this one by one thing; `None` behind the last.
pub(super) fn candidate(session: &Session, index: usize) -> Option<Session> {
    candidates(session).nth(index)
}

fn candidates(session: &Session) -> impl Iterator<Item = Session> {
    session
        .steps
        .iter()
        .enumerate()
        .flat_map(move |(place, step)| {
            simpler_actions(&step.action)
                .into_iter()
                .map(move |action| {
                    let mut simpler = session.clone();
                    simpler.steps[place].action = action;
                    simpler
                })
        })
}

fn simpler_actions(action: &Action) -> Vec<Action> {
    let Action::Send { messages, cuts } = action else {
        return Vec::new();
    };
    let send = |messages: Vec<Message>, cuts: &Cuts| Action::Send {
        messages,
        cuts: cuts.clone(),
    };
    let mut simpler = Vec::new();
    if *cuts != Cuts::None {
        simpler.push(send(messages.clone(), &Cuts::None));
    }
    for left_out in (0..messages.len()).filter(|_| messages.len() > 1) {
        let mut fewer = messages.clone();
        fewer.remove(left_out);
        simpler.push(send(fewer, cuts));
    }
    for (place, message) in messages.iter().enumerate() {
        for message in simpler_messages(message) {
            let mut messages = messages.clone();
            messages[place] = message;
            simpler.push(send(messages, cuts));
        }
    }
    simpler
}

fn simpler_messages(message: &Message) -> Vec<Message> {
    match message {
        Message::Query(sql) => simpler_sql(sql).into_iter().map(Message::Query).collect(),
        Message::Parse {
            statement,
            sql,
            types,
        } => simpler_sql(sql)
            .into_iter()
            .map(|sql| Message::Parse {
                statement: statement.clone(),
                sql,
                types: types.clone(),
            })
            .collect(),
        Message::CopyData(data) => shorter(data).into_iter().map(Message::CopyData).collect(),
        _ => Vec::new(),
    }
}

/// A query of several statements with one less; a query of rows as the simplest one.
fn simpler_sql(sql: &Payload) -> Vec<Payload> {
    const SIMPLEST: &str = "SELECT 1";
    let text = String::from_utf8_lossy(&sql.bytes()).into_owned();
    let statements: Vec<&str> = text.split("; ").collect();
    let is_block = text.contains("$$");
    let mut simpler = Vec::new();
    if text.len() > SIMPLEST.len() {
        simpler.push(SIMPLEST.into());
    }
    for left_out in (0..statements.len()).filter(|_| statements.len() > 1 && !is_block) {
        let mut fewer = statements.clone();
        fewer.remove(left_out);
        simpler.push(fewer.join("; ").into());
    }
    simpler
}

/// Repetitions halved.
fn shorter(data: &Payload) -> Vec<Payload> {
    let long = (0..data.pieces.len()).filter(|piece| data.pieces[*piece].times > 1);
    long.map(|piece| {
        let mut shorter = data.clone();
        shorter.pieces[piece].times /= 2;
        shorter
    })
    .collect()
}
