//! Hands the transactions of an open load to clients that are free, each at its moment.

use std::{
    cell::RefCell,
    io,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use tokio::{
    io::unix::AsyncFd,
    sync::{Notify, oneshot},
    task::yield_now,
};

use crate::engine::plan::Arrivals;

/// Where transactions and clients meet.
pub(super) struct Turnstile {
    began: Instant,
    arrivals: RefCell<Arrivals>,
    /// Clients that are free; the last one goes first, so that no more connections are made than the
    /// load needs.
    free: RefCell<Vec<oneshot::Sender<()>>>,
    one_is_free: Notify,
    clock: Clock,
}

/// A transaction that a client is to begin.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    /// When it was to begin.
    pub(super) intended: Instant,
    /// How long ago that is.
    pub(super) late: Duration,
    /// Whether no client was free until now.
    pub(super) waited: bool,
}

impl Turnstile {
    /// Must be called within a runtime.
    pub(super) fn new(began: Instant, arrivals: Arrivals) -> io::Result<Self> {
        Ok(Self {
            began,
            arrivals: RefCell::new(arrivals),
            free: RefCell::default(),
            one_is_free: Notify::new(),
            clock: Clock::new()?,
        })
    }

    /// Waits for a transaction; `None` when there are no more. Cancel safe: a transaction is taken
    /// only when it is returned.
    pub(super) async fn pass(&self) -> Option<Turn> {
        let mut called = false;
        loop {
            let now = Instant::now();
            if let Some(intended) = self.take(now) {
                return Some(Turn {
                    intended,
                    late: now.saturating_duration_since(intended),
                    waited: !called && self.free.borrow().is_empty(),
                });
            }
            self.next()?;
            let (call, called_up) = oneshot::channel();
            self.free.borrow_mut().push(call);
            self.one_is_free.notify_one();
            // The caller is gone when there is nothing left to call for.
            called_up.await.ok()?;
            called = true;
        }
    }

    /// Calls clients up until there are no more transactions. Cancel safe.
    pub(super) async fn attend(&self) -> io::Result<()> {
        while let Some(next) = self.next() {
            let now = Instant::now();
            if next > now {
                self.clock.wait(next - now).await?;
                continue;
            }
            let call = self.free.borrow_mut().pop();
            match call {
                // Whoever left without waiting for the call is passed over.
                Some(call) => drop(call.send(())),
                None => self.one_is_free.notified().await,
            }
            yield_now().await;
        }
        self.free.borrow_mut().clear();
        Ok(())
    }

    /// Transactions that are due and that nobody took.
    pub(super) fn missed(&self, now: Instant) -> u64 {
        std::iter::from_fn(|| self.take(now)).count() as u64
    }

    fn take(&self, now: Instant) -> Option<Instant> {
        let since = now.saturating_duration_since(self.began);
        let at = self.arrivals.borrow_mut().take(since)?;
        Some(self.began + at)
    }

    fn next(&self) -> Option<Instant> {
        let at = self.arrivals.borrow().next()?;
        Some(self.began + at)
    }
}

/// A timer of the kernel's. The runtime's own count milliseconds, which is too coarse for a few
/// thousand transactions a second.
struct Clock {
    timer: TimerFd,
    /// The same timer for the runtime to watch.
    rings: AsyncFd<OwnedFd>,
}

impl Clock {
    fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let descriptor = timer.as_fd().try_clone_to_owned()?;
        // SAFETY: an OwnedFd names one open descriptor for as long as it lives and closes it when it
        // is dropped, which AsyncFd does only after the descriptor has left the reactor.
        #[expect(unsafe_code, reason = "the safe constructor is deprecated")]
        let rings = unsafe { AsyncFd::register(descriptor) }?;
        Ok(Self { timer, rings })
    }

    /// Waits for a time that is not zero. Cancel safe.
    async fn wait(&self, time: Duration) -> io::Result<()> {
        let once = Expiration::OneShot(TimeSpec::from_duration(time));
        self.timer.set(once, TimerSetTimeFlags::empty())?;
        self.rings.readable().await?.clear_ready();
        Ok(())
    }
}
