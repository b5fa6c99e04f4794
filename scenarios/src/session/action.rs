//! What a step does.

use super::{Message, Payload, StartupParameter};

/// What a step does. A client whose first step is neither [`Action::Open`] nor [`Action::Connect`] is
/// logged in before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `connect`: opens a connection and logs in with these parameters; the greeting is part of the
    /// trace.
    Connect(Vec<StartupParameter>),
    /// `open`: opens a connection and says nothing.
    Open,
    /// Sends messages in one write, or in several.
    Send {
        /// The messages; at least one.
        messages: Vec<Message>,
        /// Where the bytes are cut.
        cuts: Cuts,
    },
    /// `rest`: sends what a half-sent message still lacks.
    Rest,
    /// `wait …`: does nothing until a condition holds.
    Wait(Condition),
    /// `barrier`: waits until every client has all its answers, and marks the place in every trace.
    Barrier,
    /// `cancel …`: a cancel request for this client's query, on a connection of its own.
    Cancel(CancelKind),
    /// `disconnect`: closes the connection without a word.
    Disconnect,
    /// `reset`: breaks the connection, so that the other side gets an error.
    Reset,
    /// `stop reading`: takes no more answers from the socket.
    StopReading,
    /// `read again`: takes them again.
    ReadAgain,
    /// `expect …`: since the last expectation exactly these messages came, each given by the begin of
    /// how a trace shows it.
    Expect(Vec<String>),
    /// `beside "SQL"`: runs a statement on a connection of its own, beside the target.
    Beside(Payload),
}

/// How the bytes of a step are cut into writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cuts {
    /// One write.
    #[default]
    None,
    /// `cut 5,9`: new writes begin after these many bytes, in rising order.
    At(Vec<u32>),
    /// `cut every 1`: writes of so many bytes each.
    Every(u32),
    /// `only 7`: so many bytes are sent, and the others by [`Action::Rest`].
    Only(u32),
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `wait`: every request of the client is answered, or the server has closed.
    Answered,
    /// `wait ready N`: so many more ReadyForQuery have come.
    Ready(u32),
    /// `wait MESSAGE N`: so many more messages of this kind have come.
    Kind(String, u32),
    /// `wait closed`: the server has closed the connection.
    Closed,
    /// `wait quiet`: the server has nothing to do and no answer is on its way.
    Quiet,
    /// `wait running "TEXT"`: the server runs a statement that holds the text.
    Running(Payload),
    /// `wait locked "TEXT"`: a statement that holds the text waits for a lock.
    Locked(Payload),
    /// `wait gone "TEXT"`: no server process runs a statement that holds the text.
    Gone(Payload),
}

/// Which cancel request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelKind {
    /// `cancel`: with the client's key, and waits until the server has taken it.
    Own,
    /// `cancel forged`: with the client's process id and a wrong secret.
    Forged,
    /// `cancel late`: opens the connection and sends half of it.
    Late,
    /// `cancel finish`: sends the other half, and waits until the server has taken it.
    Finish,
}
