//! What a core sends is gathered while it works through what it has read, and leaves together.
//!
//! Most of what a transaction costs is sending: each system call wakes somebody, who may be given
//! the processor before the next one is begun. So short messages are laid out here until the core
//! has nothing left to do, and one call to the kernel takes all of them, those for servers first
//! (`docs/decisions/0003-sends-leave-together.md`). Where io_uring is not to be had they are sent
//! one after the other.
//!
//! What is laid out counts as sent. What a socket then does not take is kept here under its file
//! descriptor, and the sender's task is woken and takes it back. A socket has at most one letter
//! at a time and none while it has something unsent, so nothing overtakes; whoever writes past the
//! post has it settled first, and a [`super::socket::Socket`] sees to it that no letter outlives
//! its descriptor.

mod ring;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::task::Waker;

use nix::sys::socket::{MsgFlags, send};

use ring::{Broken, Ring};

/// Longest message that is copied to leave later; a longer one is worth a system call of its own.
/// PostgreSQL sends long results in pieces of 8 kB, which are not worth the copy.
const LETTER_LEN_MAX: usize = 4 * 1024;

/// Letters that leave together at the latest; one bit each in what the ring says.
const LETTERS_MAX: usize = u64::BITS as usize;

/// Bytes that leave together at the latest.
const BAG_LEN: usize = 128 * 1024;

/// Never wait, and no signal when the other side is gone.
const FLAGS: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_NOSIGNAL);

/// For whom a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// A server, which has work to do: it leaves first.
    Server,
    /// A client, who has waited for it.
    Client,
}

/// One message for one socket, as a part of the bag.
#[derive(Debug)]
struct Letter {
    whom: Whom,
    fd: RawFd,
    start: usize,
    len: usize,
    sender: Waker,
}

impl Letter {
    fn bytes<'a>(&self, bag: &'a [u8]) -> &'a [u8] {
        &bag[self.start..self.start + self.len]
    }
}

/// The letters as they leave, each with its place among `letters`.
fn leaving(letters: &[Letter]) -> impl Iterator<Item = (usize, &Letter)> {
    let those = |whom| {
        let letters = letters.iter().enumerate();
        letters.filter(move |(_, letter)| letter.whom == whom)
    };
    those(Whom::Server).chain(those(Whom::Client))
}

/// What a socket did not take, or why it takes nothing any more.
#[derive(Debug)]
struct Unsent {
    fd: RawFd,
    rest: io::Result<Vec<u8>>,
}

/// The post of one core.
#[derive(Debug)]
struct Post {
    bag: Vec<u8>,
    letters: Vec<Letter>,
    unsent: Vec<Unsent>,
    ring: Option<Ring>,
}

thread_local! {
    static POST: RefCell<Option<Post>> = const { RefCell::new(None) };
    static HAS_UNSENT: Cell<bool> = const { Cell::new(false) };
}

/// Whether some socket of this core did not take all that it was sent.
pub(super) fn has_unsent() -> bool {
    HAS_UNSENT.get()
}

/// Opens the post of the current thread, which is to call [`flush`] whenever it has nothing else
/// to do. On threads without a post everything is sent at once.
pub fn open() {
    POST.set(Some(Post::new(Ring::new(LETTERS_MAX))));
}

/// Sends what is laid out.
pub fn flush() {
    with_post((), Post::flush);
}

/// `future` as it is, but what is laid out leaves before each of its turns: for work that takes
/// longer than a message does, such as a login with its cryptography. Cancel safe if `future` is.
pub fn after_flush<F: Future>(mut future: Pin<Box<F>>) -> impl Future<Output = F::Output> {
    poll_fn(move |cx| {
        flush();
        future.as_mut().poll(cx)
    })
}

fn with_post<T>(without: T, work: impl FnOnce(&mut Post) -> T) -> T {
    POST.with_borrow_mut(|post| post.as_mut().map_or(without, work))
}

/// Lays `bytes` out to be sent to `fd`, of which everything before was taken back, and says whether
/// it did; otherwise the caller sends them. The task of `sender` is woken if the socket does not
/// take all of them.
#[must_use]
pub(super) fn lay_out(whom: Whom, fd: RawFd, bytes: &[u8], sender: &Waker) -> bool {
    bytes.len() <= LETTER_LEN_MAX
        && with_post(false, |post| {
            post.lay_out(whom, fd, bytes, sender);
            true
        })
}

/// Sends what is laid out for `fd`, so that its caller may write.
pub(super) fn settle(fd: RawFd) {
    with_post((), |post| post.settle(fd));
}

/// Sends what is laid out for `fd` and hands back what it does not take, so that its caller may
/// write.
///
/// # Errors
///
/// When it takes nothing any more.
pub(super) fn take_back(fd: RawFd) -> io::Result<Vec<u8>> {
    with_post(Ok(Vec::new()), |post| {
        post.settle(fd);
        post.reclaim(fd)
    })
}

/// Hands back, once, what `fd` did not take of letters that have left.
///
/// # Errors
///
/// When it takes nothing any more.
pub(super) fn reclaim(fd: RawFd) -> io::Result<Vec<u8>> {
    with_post(Ok(Vec::new()), |post| post.reclaim(fd))
}

/// Sends what is laid out for `fd` and forgets what it does not take: it is about to be closed.
pub(super) fn forget(fd: RawFd) {
    // At the end of its thread there is no post any more, and nothing laid out. While it sends,
    // all that is laid out is on its way.
    let _ = POST.try_with(|post| {
        if let Ok(mut post) = post.try_borrow_mut()
            && let Some(post) = post.as_mut()
        {
            post.settle(fd);
            post.unsent.retain(|unsent| unsent.fd != fd);
            HAS_UNSENT.set(!post.unsent.is_empty());
        }
    });
}

impl Post {
    fn new(ring: Option<Ring>) -> Self {
        Self {
            bag: Vec::with_capacity(BAG_LEN),
            letters: Vec::with_capacity(LETTERS_MAX),
            unsent: Vec::new(),
            ring,
        }
    }

    fn lay_out(&mut self, whom: Whom, fd: RawFd, bytes: &[u8], sender: &Waker) {
        debug_assert!(
            self.letters.iter().all(|letter| letter.fd != fd),
            "two letters"
        );
        debug_assert!(
            self.unsent.iter().all(|unsent| unsent.fd != fd),
            "one overtakes"
        );
        if self.letters.len() == LETTERS_MAX || self.bag.len() + bytes.len() > BAG_LEN {
            self.flush();
        }
        self.letters.push(Letter {
            whom,
            fd,
            start: self.bag.len(),
            len: bytes.len(),
            sender: sender.clone(),
        });
        self.bag.extend_from_slice(bytes);
    }

    fn settle(&mut self, fd: RawFd) {
        if self.letters.iter().any(|letter| letter.fd == fd) {
            self.flush();
        }
    }

    fn reclaim(&mut self, fd: RawFd) -> io::Result<Vec<u8>> {
        let at = self.unsent.iter().position(|unsent| unsent.fd == fd);
        let rest = at.map_or(Ok(Vec::new()), |at| self.unsent.swap_remove(at).rest);
        HAS_UNSENT.set(!self.unsent.is_empty());
        rest
    }

    fn flush(&mut self) {
        let Self {
            bag,
            letters,
            unsent,
            ring,
        } = self;
        let mut sent = |letter: &Letter, outcome| {
            if let Some(rest) = rest_of(letter.bytes(bag), outcome) {
                let fd = letter.fd;
                unsent.push(Unsent { fd, rest });
                HAS_UNSENT.set(true);
                letter.sender.wake_by_ref();
            }
        };
        // The ring's own work is worth it from the second on.
        let together = ring.as_mut().filter(|_| letters.len() > 1);
        let answered = match together.map(|ring| ring.send(bag, letters, &mut sent)) {
            None => 0,
            Some(Ok(())) => u64::MAX,
            Some(Err(Broken { answered, error })) => {
                tracing::warn!(%error, "io_uring is of no use any more: sends leave one by one");
                *ring = None;
                answered
            }
        };
        let one_by_one = leaving(letters).filter(|(at, _)| answered >> at & 1 == 0);
        for (_, letter) in one_by_one {
            let outcome = send(letter.fd, letter.bytes(bag), FLAGS);
            sent(letter, outcome.map_err(io::Error::from));
        }
        letters.clear();
        bag.clear();
    }
}

/// What is left of `bytes` after the attempt to send them; `None` if nothing is.
fn rest_of(bytes: &[u8], outcome: io::Result<usize>) -> Option<io::Result<Vec<u8>>> {
    match outcome {
        Ok(taken) if taken == bytes.len() => None,
        Ok(taken) => Some(Ok(bytes[taken..].to_vec())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(Ok(bytes.to_vec())),
        Err(error) => Some(Err(error)),
    }
}

#[cfg(test)]
mod tests;
