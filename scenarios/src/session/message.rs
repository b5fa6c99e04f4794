//! What a client can say. Messages are called as in PostgreSQL's manual, chapter «Message Formats».

use super::Payload;

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// One or more statements in the simple protocol.
    Query(Payload),
    /// Prepares a statement.
    Parse {
        /// Its name; empty for the unnamed one.
        statement: Name,
        /// Its text.
        sql: Payload,
        /// Object identifiers of the parameters' types; missing ones are the server's choice.
        types: Vec<u32>,
    },
    /// Makes a portal of a statement.
    Bind {
        /// Name of the portal.
        portal: Name,
        /// Name of the statement.
        statement: Name,
        /// Values; `None` is NULL.
        values: Vec<Option<Payload>>,
        /// Format of each value: 0 text, 1 binary; one for all, or none for text.
        formats: Vec<i16>,
        /// Formats of the result's columns, likewise.
        results: Vec<i16>,
    },
    /// Asks what a statement takes and returns.
    DescribeStatement(Name),
    /// Asks what a portal returns.
    DescribePortal(Name),
    /// Runs a portal.
    Execute {
        /// Name of the portal.
        portal: Name,
        /// Most rows to return; 0 for all.
        rows: u32,
    },
    /// Forgets a statement.
    CloseStatement(Name),
    /// Forgets a portal.
    ClosePortal(Name),
    /// Asks for the answers so far.
    Flush,
    /// Ends a batch.
    Sync,
    /// Calls a function by its object identifier.
    FunctionCall {
        /// Object identifier of the function.
        function: u32,
        /// Arguments in text; `None` is NULL.
        values: Vec<Option<Payload>>,
    },
    /// Data of a COPY FROM STDIN.
    CopyData(Payload),
    /// End of the data.
    CopyDone,
    /// The client gives a COPY up, with a reason.
    CopyFail(Payload),
    /// Says goodbye.
    Terminate,
    /// Asks for TLS, before the startup packet.
    SslRequest,
    /// Asks for GSSAPI encryption, before the startup packet.
    GssEncRequest,
    /// The startup packet.
    Startup {
        /// Major version of the protocol.
        major: u16,
        /// Minor version.
        minor: u16,
        /// Parameters in order. Without `user`, user and database of the target are sent as well.
        parameters: Vec<StartupParameter>,
    },
    /// Any bytes.
    Bytes(Payload),
}

/// Name of a statement or portal; empty for the unnamed one.
pub type Name = Payload;

/// A parameter of the startup packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartupParameter {
    /// Lower-case letters, digits, `_` and `.`.
    pub name: String,
    /// Its value.
    pub value: Payload,
}
