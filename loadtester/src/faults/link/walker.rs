//! Where messages end in a stream, however it is cut into reads. Pure.

/// Codes of the messages without a type that may come before a session begins («Message Formats»).
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
/// Bytes of a length, which counts itself.
const LENGTH: usize = 4;

/// What the stream is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Messages without a type: length, then a code.
    Opening,
    /// Messages with a type byte and a length.
    Session,
}

/// Follows one direction of a connection.
#[derive(Debug)]
pub(super) struct Walker {
    phase: Phase,
    /// Bytes of a header that is not whole.
    header: Vec<u8>,
    /// Bytes of the message that are still to come.
    body: usize,
    /// Type of the message that is on its way.
    tag: u8,
    /// Single bytes that are to come before the next message: answers to a request for encryption.
    bare: usize,
    /// Requests for encryption that were seen.
    pub(super) asked: usize,
}

impl Walker {
    /// For what the client's side sends.
    pub(super) fn of_client() -> Self {
        Self::new(Phase::Opening)
    }

    /// For what the server's side sends.
    pub(super) fn of_server() -> Self {
        Self::new(Phase::Session)
    }

    fn new(phase: Phase) -> Self {
        Self {
            phase,
            header: Vec::with_capacity(1 + 2 * LENGTH),
            body: 0,
            tag: 0,
            bare: 0,
            asked: 0,
        }
    }

    /// The other side asked for encryption so many times: as many single bytes answer.
    pub(super) fn expect_bare(&mut self, count: usize) {
        self.bare += count;
    }

    /// Walks through `bytes` and returns the place after the end of the first message of type `until`,
    /// where it stops; without one it walks to the end.
    pub(super) fn walk(&mut self, bytes: &[u8], until: Option<u8>) -> Option<usize> {
        let mut place = 0;
        while place < bytes.len() {
            if self.bare > 0 && self.header.is_empty() && self.body == 0 {
                self.bare -= 1;
                place += 1;
                continue;
            }
            if self.body == 0 {
                self.header.push(bytes[place]);
                place += 1;
                if !self.begin() {
                    continue;
                }
            }
            let taken = self.body.min(bytes.len() - place);
            self.body -= taken;
            place += taken;
            if self.body == 0 && Some(self.tag) == until {
                return Some(place);
            }
        }
        None
    }

    /// Whether the header is whole; then the body is known.
    fn begin(&mut self) -> bool {
        let at = match self.phase {
            // The code decides what comes next, so it counts as part of the header.
            Phase::Opening if self.header.len() == 2 * LENGTH => 0,
            Phase::Session if self.header.len() == 1 + LENGTH => 1,
            Phase::Opening | Phase::Session => return false,
        };
        let number = |at: usize| {
            let mut bytes = [0; LENGTH];
            bytes.copy_from_slice(&self.header[at..at + LENGTH]);
            u32::from_be_bytes(bytes)
        };
        let length = number(at) as usize;
        match self.phase {
            Phase::Opening => {
                self.tag = 0;
                self.body = length.saturating_sub(2 * LENGTH);
                match number(LENGTH) {
                    SSL_REQUEST | GSSENC_REQUEST => self.asked += 1,
                    _ => self.phase = Phase::Session,
                }
            }
            Phase::Session => {
                self.tag = self.header[0];
                self.body = length.saturating_sub(LENGTH);
            }
        }
        self.header.clear();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Walker;

    /// BindComplete, a DataRow with five bytes, BindComplete.
    const SERVER: &[u8] = b"2\0\0\0\x04D\0\0\0\x09abcde2\0\0\0\x04";

    #[test]
    fn a_message_is_found_however_the_stream_is_cut() {
        for cut in 0..=SERVER.len() {
            let (one, two) = SERVER.split_at(cut);
            let mut walker = Walker::of_server();
            let found = match walker.walk(one, Some(b'D')) {
                Some(place) => Some(place),
                None => walker.walk(two, Some(b'D')).map(|place| cut + place),
            };
            assert_eq!(found, Some(15), "cut at {cut}");
        }
    }

    #[test]
    fn a_session_begins_after_the_startup_message() {
        let mut walker = Walker::of_client();
        let ssl = [0, 0, 0, 8, 4, 210, 22, 47];
        assert_eq!(walker.walk(&ssl, Some(b'Q')), None);
        assert_eq!(walker.asked, 1);
        let startup = b"\0\0\0\x0b\0\x03\0\0Q\0\0Q\0\0\0\x05\0S\0\0\0\x04";
        assert_eq!(walker.walk(startup, Some(b'Q')), Some(17));
        assert_eq!(walker.walk(&startup[17..], Some(b'S')), Some(5));
    }

    #[test]
    fn the_answer_to_a_request_for_encryption_is_no_message() {
        let mut walker = Walker::of_server();
        walker.expect_bare(1);
        assert_eq!(walker.walk(b"N2\0\0\0\x04", Some(b'2')), Some(6));
    }
}
