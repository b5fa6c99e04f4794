//! What a client's type byte means, as far as a pooler must know.

/// A message that a client may send once it is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frontend {
    /// `B`: binds values to a statement.
    Bind,
    /// `C`: closes a statement or a portal.
    Close,
    /// `d`: data of a COPY.
    CopyData,
    /// `c`: the data of a COPY is complete.
    CopyDone,
    /// `f`: the client gives a COPY up.
    CopyFail,
    /// `D`: asks what a statement or a portal is.
    Describe,
    /// `E`: runs a portal.
    Execute,
    /// `H`: asks for the answers so far.
    Flush,
    /// `F`: calls a function by its number.
    FunctionCall,
    /// `P`: prepares a statement.
    Parse,
    /// `Q`: runs SQL.
    Query,
    /// `S`: ends an extended batch.
    Sync,
    /// `X`: the client leaves.
    Terminate,
}

impl Frontend {
    /// The message with this type byte; `None` if no client may send it after its login.
    #[must_use]
    pub const fn from_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            b'B' => Self::Bind,
            b'C' => Self::Close,
            b'd' => Self::CopyData,
            b'c' => Self::CopyDone,
            b'f' => Self::CopyFail,
            b'D' => Self::Describe,
            b'E' => Self::Execute,
            b'H' => Self::Flush,
            b'F' => Self::FunctionCall,
            b'P' => Self::Parse,
            b'Q' => Self::Query,
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            _ => return None,
        })
    }

    /// Whether the server answers without waiting for more: the place where a batch is whole.
    #[must_use]
    pub const fn ends_batch(self) -> bool {
        matches!(
            self,
            Self::Query | Self::FunctionCall | Self::Sync | Self::Flush
        )
    }

    /// Whether PostgreSQL ignores it when nothing is under way: what is left of a COPY that the
    /// server has already given up, and a Flush with nothing to flush.
    #[must_use]
    pub const fn is_stray(self) -> bool {
        matches!(
            self,
            Self::CopyData | Self::CopyDone | Self::CopyFail | Self::Flush
        )
    }
}
