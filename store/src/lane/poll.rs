//! When a lane is looked at: at once when its bell rings, and at the latest after the safety net's time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::ext::poll_strategy::{PollSnapshot, PollStrategy};
use futures::Stream;
use futures::channel::mpsc::Receiver;
use tokio::time::Sleep;

/// Polls on a ring or after a pause. Both wakers are registered each time it says "pending", so no ring is lost; a ring that came
/// during a fetch is followed by one more fetch.
pub struct RingOrTimer {
    rings: Receiver<()>,
    pause: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl RingOrTimer {
    pub(super) fn new(rings: Receiver<()>, pause: Duration) -> Self {
        Self {
            rings,
            pause,
            timer: None,
        }
    }
}

impl PollStrategy for RingOrTimer {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut due = false;
        while let Poll::Ready(Some(())) = Pin::new(&mut self.rings).poll_next(cx) {
            due = true;
        }
        loop {
            let pause = self.pause;
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
            if timer.as_mut().poll(cx).is_pending() {
                break;
            }
            // A new timer has to be polled as well, or nothing would wake us.
            self.timer = None;
            due = true;
        }
        if due {
            cx.waker().wake_by_ref();
            return Poll::Ready(Some(()));
        }
        Poll::Pending
    }
}
