//! The signals of a target's file as the system numbers them.

use nix::sys::signal::Signal as SystemSignal;
use poolproof_scenarios::target::Signal;

pub(super) fn system_signal(signal: Signal) -> SystemSignal {
    match signal {
        Signal::Hup => SystemSignal::SIGHUP,
        Signal::Int => SystemSignal::SIGINT,
        Signal::Term => SystemSignal::SIGTERM,
        Signal::Quit => SystemSignal::SIGQUIT,
        Signal::Usr1 => SystemSignal::SIGUSR1,
        Signal::Usr2 => SystemSignal::SIGUSR2,
    }
}
