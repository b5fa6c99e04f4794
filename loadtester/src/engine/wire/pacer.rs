//! An alarm clock for the poll. A poll's own patience is counted in milliseconds, which an open load
//! of a few thousand transactions a second cannot be paced with; a timer of the kernel's is exact to
//! some microseconds.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
    time::Instant,
};

use mio::{Interest, Registry, Token, unix::SourceFd};
use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};

/// The token of the clock; no client has it.
pub(super) const CLOCK: Token = Token(usize::MAX);

/// A timer that the poll sees.
#[derive(Debug)]
pub(super) struct Pacer {
    timer: TimerFd,
    /// What the timer is set to.
    set: Option<Instant>,
}

impl Pacer {
    /// Makes a timer that is not set.
    pub(super) fn new(registry: &Registry) -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let descriptor = timer.as_fd().as_raw_fd();
        registry.register(&mut SourceFd(&descriptor), CLOCK, Interest::READABLE)?;
        Ok(Self { timer, set: None })
    }

    /// Lets the poll return at `moment`. Setting the timer also makes the poll forget that it rang.
    pub(super) fn wake_at(&mut self, moment: Instant) -> io::Result<()> {
        if self.set == Some(moment) {
            return Ok(());
        }
        self.set = Some(moment);
        // A timer that is set to zero is switched off.
        let left = moment
            .saturating_duration_since(Instant::now())
            .max(std::time::Duration::from_nanos(1));
        let once = Expiration::OneShot(TimeSpec::from_duration(left));
        self.timer.set(once, TimerSetTimeFlags::empty())?;
        Ok(())
    }
}
