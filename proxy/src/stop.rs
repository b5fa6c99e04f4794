//! How the pooler ends: at once, or when its servers or its clients have come to an end.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::keeper::keep;
use crate::metrics;
use crate::shared::Shared;
use crate::worker::Course;

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// When every client has left of itself; SIGTERM.
    WaitForClients,
    /// When every transaction has ended; nobody gets a server any more. SIGINT.
    WaitForServers,
    /// At once; SIGQUIT, and whatever is asked for while the pooler is stopping already.
    Immediate,
}

/// What the log says of it.
impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::WaitForClients => "shutting down, waiting for all clients to leave",
            Self::WaitForServers => "shutting down, waiting for all transactions to end",
            Self::Immediate => "shutting down at once",
        })
    }
}

/// Stops the pooler when it is told to, and sees it to its end. Runs on a thread of its own, as it
/// must outlive those that it ends. `doors` ends when every core has stopped to accept.
///
/// # Errors
///
/// When the system gives no runtime.
pub fn supervise(
    shared: &Arc<Shared>,
    course: &watch::Sender<Course>,
    mut orders: mpsc::Receiver<Stop>,
    mut doors: mpsc::Receiver<Infallible>,
    metrics: Vec<TcpListener>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::spawn(keep(Arc::clone(shared)));
        for listener in metrics {
            tokio::spawn(metrics::serve(listener, Arc::clone(shared)));
        }
        let mut ended = course.subscribe();
        let over = async {
            ended
                .wait_for(|course| *course == Course::Ended)
                .await
                .map(drop)
        };
        tokio::select! {
            _ = over => {}
            () = obey(shared, course, &mut orders, &mut doors) => {}
        }
    });
    end(shared, course);
    Ok(())
}

/// Waits for an order and carries it out. Cancel safe: the next call begins anew.
async fn obey(
    shared: &Arc<Shared>,
    course: &watch::Sender<Course>,
    orders: &mut mpsc::Receiver<Stop>,
    doors: &mut mpsc::Receiver<Infallible>,
) {
    let Some(stop) = orders.recv().await else {
        return;
    };
    shared.stop(stop);
    course.send_if_modified(|course| {
        let running = *course == Course::Running;
        if running {
            *course = Course::Closing;
        }
        running
    });
    let waited = async {
        match stop {
            Stop::Immediate => {}
            Stop::WaitForClients => wait_for_clients(shared, doors).await,
            Stop::WaitForServers => wait_for_servers(shared).await,
        }
    };
    tokio::select! {
        () = waited => {}
        // Whoever asks a second time means now.
        _ = orders.recv() => {}
    }
}

/// Waits until no more can come, and then until everybody who has come is gone.
async fn wait_for_clients(shared: &Shared, doors: &mut mpsc::Receiver<Infallible>) {
    // Nothing is ever sent: the channel ends when the last core has closed its door.
    let _ = doors.recv().await;
    while shared.clients() > 0 {
        shared.left.notified().await;
    }
}

async fn wait_for_servers(shared: &Shared) {
    let pools = shared.pools.all();
    for pool in &pools {
        pool.pause("shutdown");
    }
    let released = || pools.iter().all(|pool| pool.is_released());
    shared.pools.commons().until(released).await;
}

/// Ends the threads; whatever is open is closed.
pub fn end(shared: &Shared, course: &watch::Sender<Course>) {
    shared.stop(Stop::Immediate);
    // Idle servers hold their pools and pools their servers: only this parts them.
    for pool in shared.pools.all() {
        pool.pause("shutdown");
    }
    course.send_replace(Course::Ended);
}
