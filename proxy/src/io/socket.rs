//! A socket that the post may send on.

use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd, RawFd};

use super::post;

/// A plain connection. What the post still has for it is sent before it is closed or given away,
/// so that no letter is ever sent on a descriptor that has become somebody else's.
#[derive(Debug)]
pub struct Socket<S> {
    // Dropped in this order: the letters go before the socket is closed.
    mail: Mail,
    inner: S,
}

/// The letters of one descriptor.
#[derive(Debug)]
struct Mail(RawFd);

impl Drop for Mail {
    fn drop(&mut self) {
        post::forget(self.0);
    }
}

impl<S: AsRawFd> Socket<S> {
    /// Takes a socket over.
    pub fn new(inner: S) -> Self {
        Self {
            mail: Mail(inner.as_raw_fd()),
            inner,
        }
    }

    /// Gives the socket away, with all that was to be sent on it sent.
    pub fn into_inner(self) -> S {
        let Self { mail, inner } = self;
        drop(mail);
        inner
    }

    pub(super) const fn fd(&self) -> RawFd {
        self.mail.0
    }
}

impl<S> Deref for Socket<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.inner
    }
}

impl<S> DerefMut for Socket<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.inner
    }
}
