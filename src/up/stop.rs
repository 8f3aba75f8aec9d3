//! How far the wish to stop has gone, from the operator's signals to each process. Ends nothing itself.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How far the wish to stop has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    /// Nobody asked.
    No,
    /// End in good order.
    Gently,
    /// End at once.
    AtOnce,
}

/// The wish to stop as one process sees it.
#[derive(Debug, Clone)]
pub(super) struct StopSignal(watch::Receiver<Stop>);

impl StopSignal {
    pub(super) fn new() -> (watch::Sender<Stop>, Self) {
        let (sender, receiver) = watch::channel(Stop::No);
        (sender, Self(receiver))
    }

    /// Waits until the wish is at least `level`. A sender that is gone means the strongest wish.
    pub(super) async fn reached(&mut self, level: Stop) {
        let _ = self.0.wait_for(|now| *now >= level).await;
    }
}

/// Follows SIGINT, SIGTERM and SIGHUP: the first asks gently, the second at once.
pub(super) fn on_signals() -> io::Result<(StopSignal, JoinHandle<()>)> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (sender, receiver) = StopSignal::new();
    let listener = tokio::spawn(async move {
        for level in [Stop::Gently, Stop::AtOnce] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            if level == Stop::Gently {
                tracing::info!("stopping; a second signal kills at once");
            }
            let _ = sender.send(level);
        }
        // A dropped sender would be read as a third wish; there is none.
        sender.closed().await;
    });
    Ok((receiver, listener))
}
