//! What nobody waits for: closing idle servers, and ending waits that last too long.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Pool;
use super::registry::Pools;
use crate::clock;
use crate::cores::CoreId;

/// How often each core looks after its idle servers.
const PERIOD: Duration = Duration::from_secs(1);

/// Looks after the idle servers of the current core for as long as the core runs. Cancel safe.
pub async fn keep_house(pools: Arc<Pools>) {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        clock::tick();
        for pool in pools.all() {
            pool.close_expired(CoreId::current());
        }
    }
}

/// Ends waits that have lasted `query_wait_timeout`. Cancel safe.
///
/// It sleeps until the oldest wait is due and ends itself when it wakes to an empty queue, so that
/// a pool whose queue is empty now and then does not start one each time.
pub(super) async fn watch_waits(pool: Arc<Pool>) {
    while let Some(timeout) = pool.settings().query_wait_timeout.get() {
        let now = std::time::Instant::now();
        let (expired, oldest) = {
            let mut state = pool.state();
            let expired = state.expire(|waiter| waiter.since + timeout <= now);
            let oldest = state.heads().map(|waiter| waiter.since).min();
            (expired, oldest)
        };
        for waiter in expired {
            waiter.waker.wake();
        }
        // Whoever comes later is due later than one who comes now.
        let Some(oldest) = oldest.or_else(|| pool.unwatch().then_some(now)) else {
            return;
        };
        sleep_until(Instant::from_std(oldest + timeout)).await;
    }
    pool.watched.store(false, Ordering::Relaxed);
}

impl Pool {
    /// Ends the watch over an empty queue. Says whether somebody came in that moment, who did not
    /// start a new one because there still was this one.
    fn unwatch(&self) -> bool {
        self.watched.store(false, Ordering::SeqCst);
        let came = self.state().waiting() > 0;
        came && !self.watched.swap(true, Ordering::SeqCst)
    }

    fn close_expired(&self, core: CoreId) {
        let settings = self.settings();
        let expired = self.state().remove_idle(core, |server| {
            let idle = settings
                .server_idle_timeout
                .get()
                .is_some_and(|max| server.is_idle_for(max));
            let reason = if !server.is_alive(&self.commons.interner) {
                Some("server conn crashed?")
            } else if idle {
                Some("server idle timeout")
            } else {
                server.reason_to_close()
            };
            if let Some(reason) = reason {
                server.seat.blame(reason);
            }
            reason.is_some()
        });
        for server in expired {
            server.close();
        }
    }
}
