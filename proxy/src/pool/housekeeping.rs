//! What no client does itself: closing idle servers, opening those that a pool keeps, checking
//! those that were idle for long, and attending to those who wait.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant as StdInstant};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::registry::Pools;
use super::settings::PoolSettings;
use super::{Pool, Waiter};
use crate::clock;
use crate::cores::CoreId;
use crate::deadline::Deadline;
use crate::server::Server;
use crate::server::dialogue::Dialogue;

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
            if CoreId::current() == CoreId(0) {
                pool.keep_least();
            }
        }
    }
}

/// Shortest sleep of a watch, which bounds what many who wait cost.
const GLANCE: Duration = Duration::from_millis(50);
/// How often those are looked at who wait for a server of the reserve when there is none.
const RESERVE_PERIOD: Duration = Duration::from_secs(1);

/// Attends to those who wait. Cancel safe.
///
/// It sleeps until the next of them is due and ends itself when it wakes to an empty queue, so that
/// a pool whose queue is empty now and then does not start one each time.
pub(super) async fn watch_waits(mut pool: Arc<Pool>) {
    loop {
        let settings = pool.settings();
        let Some(times) = Times::of(&settings) else {
            pool.watched.store(false, Ordering::Relaxed);
            return;
        };
        let now = StdInstant::now();
        let next = pool.attend(&times, now);
        let Some(next) = next.or_else(|| pool.unwatch().then_some(now)) else {
            return;
        };
        // A pool that nobody uses may be forgotten meanwhile.
        let asleep = Arc::downgrade(&pool);
        drop(pool);
        sleep_until(Instant::from_std(next.max(now + GLANCE))).await;
        let Some(awake) = asleep.upgrade() else {
            return;
        };
        pool = awake;
    }
}

/// After how long something is due to a client that waits.
struct Times {
    /// It is sent away.
    end: Option<Duration>,
    /// It is told that it waits.
    notice: Option<Duration>,
    /// It gets a server of the reserve.
    reserve: Option<Duration>,
}

impl Times {
    /// What `settings` say, if there is anything to attend to.
    fn of(settings: &PoolSettings) -> Option<Self> {
        let reserve = settings.reserve_pool_timeout.get();
        let times = Self {
            end: settings.query_wait_timeout.get(),
            notice: settings.query_wait_notify.get(),
            reserve: reserve.filter(|_| settings.reserve_size > 0),
        };
        let any = times.end.or(times.notice).or(times.reserve);
        any.is_some().then_some(times)
    }

    /// When somebody who came at `now` would be due first.
    fn shortest(&self, now: StdInstant) -> Option<StdInstant> {
        let times = [self.end, self.notice, self.reserve];
        times.into_iter().flatten().min().map(|time| now + time)
    }

    /// When `waiter`, to whom everything was done that is due now, is due next.
    fn next(&self, waiter: &Waiter, now: StdInstant) -> Option<StdInstant> {
        let since = waiter.since;
        let reserve = self.reserve.map(|time| {
            let due = since + time;
            if due > now { due } else { now + RESERVE_PERIOD }
        });
        let notice = self.notice.filter(|_| !waiter.told);
        let times = [
            self.end.map(|time| since + time),
            notice.map(|time| since + time),
            reserve,
        ];
        times.into_iter().flatten().min()
    }
}

impl Pool {
    /// Does what is due to those who wait. Says when the next is due, if anybody is left.
    fn attend(self: &Arc<Self>, times: &Times, now: StdInstant) -> Option<StdInstant> {
        let due = |since: StdInstant, time: Option<Duration>| {
            time.is_some_and(|time| since + time <= now)
        };
        let mut woken = Vec::new();
        let mut state = self.state();
        let expired = state.expire(|waiter| due(waiter.since, times.end));
        let (mut overdue, mut next) = (0, None);
        for waiter in state.waiters() {
            if !waiter.told && due(waiter.since, times.notice) {
                waiter.told = true;
                woken.push(waiter.waker.clone());
            }
            overdue += usize::from(due(waiter.since, times.reserve));
            next = next.into_iter().chain(times.next(waiter, now)).min();
        }
        let open = state.open_reserve(overdue);
        if state.waiting() > 0 {
            // Who comes from now on is not due before the shortest of the times.
            next = next.into_iter().chain(times.shortest(now)).min();
        }
        drop(state);
        self.open(open);
        for waker in expired.into_iter().map(|waiter| waiter.waker).chain(woken) {
            waker.wake();
        }
        next
    }
}

impl Pool {
    /// Ends the watch over an empty queue. Says whether somebody came in that moment, who did not
    /// start a new one because there still was this one.
    fn unwatch(&self) -> bool {
        self.watched.store(false, Ordering::SeqCst);
        let came = self.state().waiting() > 0;
        came && !self.watched.swap(true, Ordering::SeqCst)
    }

    /// Opens what is missing of the least number of servers, if there is use for them.
    fn keep_least(self: &Arc<Self>) {
        let settings = self.settings();
        let wanted = settings.user_is_fixed || self.guests.clients() > 0;
        if settings.min_size > 0 && wanted {
            let open = self.state().open_up_to(settings.min_size);
            self.open_where_there_is_room(open);
        }
    }

    /// Asks an idle server, which nobody has, whether it still answers. One that does goes to who
    /// waits longest, any other is closed.
    pub(super) fn check(self: &Arc<Self>, mut server: Box<Server>) {
        let settings = self.settings();
        self.state().looked_after();
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let mut dialogue = Dialogue::new(&mut server, &settings.server_check_query);
            let interner = &pool.commons.interner;
            let answered = poll_fn(|cx| dialogue.poll(cx, &mut server, interner));
            // As long as it may take to open another one.
            let deadline = Deadline::after(settings.server_connect_timeout);
            let answered = deadline.bound(answered).await;
            if let Ok(Ok(())) = answered {
                server.rest();
                let (outcome, more) = pool.state().opened(server.core, server);
                pool.open(more);
                pool.finish(outcome);
            } else {
                pool.state().unfit();
                server.seat.blame("server check failed");
            }
        });
    }

    fn close_expired(&self, core: CoreId) {
        let settings = self.settings();
        let mut state = self.state();
        // Those beyond the least number of servers are not needed if they are idle for long.
        let mut spare = state.total().saturating_sub(settings.min_size);
        let expired = state.remove_idle(core, |server| {
            let timeout = settings.server_idle_timeout.get();
            let idle = spare > 0 && timeout.is_some_and(|max| server.is_idle_for(max));
            let reason = if !server.is_alive(&self.commons.interner) {
                Some("server conn crashed?")
            } else if idle {
                Some("server idle timeout")
            } else {
                server.reason_to_close()
            };
            if let Some(reason) = reason {
                server.seat.blame(reason);
                spare = spare.saturating_sub(1);
            }
            reason.is_some()
        });
        drop(state);
        for server in expired {
            server.close();
        }
    }
}
