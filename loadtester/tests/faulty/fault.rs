//! The faults that the wrong proxy can have, one at a time.

macro_rules! faults {
    ($($name:ident: $sentence:literal,)*) => {
        /// One thing that the proxy does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            $(#[doc = $sentence] $name,)*
        }

        impl Fault {
            /// Every fault there is.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// What it does wrong.
            pub(crate) fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)*
                }
            }
        }
    };
}

faults! {
    ForgetsReadyAfterError: "The ReadyForQuery after an error never reaches the client.",
    HandsBackAtFirstReady: "Of several batches in flight, only the first keeps its server.",
    HandsBackAtCommandComplete: "The server goes back when the first statement of a query is done.",
    HandsBackInTransaction: "The server goes back though the transaction is open.",
    HandsBackInFailedTransaction: "The server goes back though the transaction has failed.",
    MixesRows: "A client gets a row that was another client's.",
    DropsNotice: "Notices are thrown away.",
    DropsNotification: "Notifications are thrown away.",
    LeaksSet: "Settings stay on the server when it goes to the next client.",
    LeaksTemporaryTable: "Temporary tables stay on the server when it goes to the next client.",
    LeaksAdvisoryLock: "Advisory locks stay on the server when it goes to the next client.",
    LeaksPreparedStatement: "Prepared statements stay on the server for the next client.",
    LeaksListen: "The server goes on listening when it goes to the next client.",
    KeepsFailedParse: "A statement whose Parse failed is taken for prepared ever after.",
    CancelReachesAnotherClient: "A cancel request ends the query of another client.",
    CancelOutlivesItsQuery: "A cancel request that is late ends whatever its server does now.",
    TruncatesAtBufferEdge: "A row that is longer than the buffer of 8 kB is cut off there.",
    SwallowsDeallocate: "A query that begins with DEALLOCATE is answered without being run.",
    InventsParseComplete: "A Parse that the server skipped after an error is called complete.",
    DelaysErrorsToSync: "An error is told when the batch ends and not when it happens.",
    LosesFlush: "Flush is not passed on.",
    ReordersParameterStatus: "A parameter's new value comes after the ReadyForQuery it belongs to.",
    CopyFailBecomesCopyDone: "A COPY that the client breaks off is completed.",
    LosesLastCopyData: "The last CopyData before CopyDone is lost.",
    ForgetsCopyDone: "The end of a COPY to the client is not told.",
    RetriesQuery: "Every INSERT in a query of its own is run twice.",
    WrongCommandTag: "The count of an UPDATE's rows is always nought.",
    NullBecomesEmpty: "NULL arrives as an empty string.",
    LosesRowDescription: "An answer without rows has no RowDescription either.",
    LosesNoData: "A statement that returns nothing is not described.",
    WrongSqlstate: "A unique violation arrives as an internal error.",
    DuplicatesDataRow: "The last row of an answer of several comes twice.",
    MisreadsSplitHeader: "A message whose header comes in two reads is lost.",
    SuspendedBecomesComplete: "A portal that stopped at its row limit is called complete.",
    LosesEmptyQuery: "An empty query gets no EmptyQueryResponse.",
    ClosesStatementForPortal: "Close of a portal closes the statement of the same name.",
    DisconnectsOnUnknownStatement: "A statement that does not exist ends the connection.",
    LeavesTransactionOpen: "A client that leaves in mid-transaction leaves it to the next one.",
    LeavesAnswerOfLostClient: "The answer that a lost client did not read goes to the next one.",
}
