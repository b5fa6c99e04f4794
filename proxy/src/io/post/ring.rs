//! Many sends in one system call.

use std::io;

use io_uring::{IoUring, opcode, types};

use super::{FLAGS, Letter, leaving};

/// The kernel's queue of one core.
pub(super) struct Ring(IoUring);

/// A ring is of no use any more.
#[derive(Debug)]
pub(super) struct Broken {
    /// The letters that were answered, the first in the lowest bit.
    pub(super) answered: u64,
    /// Why the others were not.
    pub(super) error: io::Error,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Ring").finish_non_exhaustive()
    }
}

impl Ring {
    /// A queue for `letters_max` sends; `None` where the kernel has none, or forbids it, as the
    /// usual filter of a container does.
    pub(super) fn new(letters_max: usize) -> Option<Self> {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_submit_all()
            .build(u32::try_from(letters_max).ok()?)
            .inspect_err(|error| tracing::debug!(%error, "no io_uring: sends leave one by one"))
            .ok()?;
        Some(Self(ring))
    }

    /// A queue that takes nothing.
    #[cfg(test)]
    pub(super) fn disabled(letters_max: usize) -> Option<Self> {
        let mut builder = IoUring::builder();
        builder.setup_r_disabled();
        Some(Self(builder.build(u32::try_from(letters_max).ok()?).ok()?))
    }

    /// Sends `letters`, which lie in `bag`, and tells of each what came of it.
    ///
    /// # Errors
    ///
    /// When the kernel did not take them all. The ring must not be used again: what it holds of the
    /// others, which were not sent, would be sent then.
    ///
    /// A send that must not wait is done, or refused, while it is submitted: its answer is there
    /// when the call returns.
    pub(super) fn send(
        &mut self,
        bag: &[u8],
        letters: &[Letter],
        sent: &mut impl FnMut(&Letter, io::Result<usize>),
    ) -> Result<(), Broken> {
        self.queue(bag, letters);
        let mut answered = 0_u64;
        let mut left = letters.len();
        while left > 0 {
            let submitted = self.0.submit_and_wait(left);
            for answer in self.0.completion() {
                let at = usize::try_from(answer.user_data()).unwrap_or(usize::MAX);
                let outcome = usize::try_from(answer.result())
                    .map_err(|_| io::Error::from_raw_os_error(-answer.result()));
                sent(&letters[at], outcome);
                answered |= 1 << at;
                left -= 1;
            }
            match submitted {
                Err(error) if left > 0 && error.kind() != io::ErrorKind::Interrupted => {
                    return Err(Broken { answered, error });
                }
                _ => {}
            }
        }
        Ok(())
    }

    #[expect(unsafe_code, reason = "the kernel is given pointers")]
    fn queue(&mut self, bag: &[u8], letters: &[Letter]) {
        let mut queue = self.0.submission();
        for (at, letter) in leaving(letters) {
            let bytes = letter.bytes(bag);
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let entry = opcode::Send::new(types::Fd(letter.fd), bytes.as_ptr(), len)
                .flags(FLAGS.bits())
                .build()
                .user_data(at as u64);
            // SAFETY: the kernel is done with `bag` when the submission returns, as these sends do
            // not wait, and `Ring::send` borrows it until then. There is room: there are at most
            // as many letters as entries, and each submission empties the queue.
            let pushed = unsafe { queue.push(&entry) };
            debug_assert!(pushed.is_ok(), "more letters than entries");
        }
    }
}
