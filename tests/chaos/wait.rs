//! Waiting for conditions.

use std::future::Future;
use std::time::Duration;

/// What a step gives, or what was waited for in vain.
pub(crate) type Checked<T> = Result<T, String>;

/// How long a condition may take. A worker that hangs is given up after 15 seconds, a message that is lost on a busy lane after 120.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds.
pub(crate) async fn until<F, Fut>(what: &str, condition: F) -> Checked<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    until_within(PATIENCE, what, condition).await
}

/// Waits until a condition holds, at most so long.
pub(crate) async fn until_within<F, Fut>(
    patience: Duration,
    what: &str,
    mut condition: F,
) -> Checked<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = tokio::time::Instant::now() + patience;
    while !condition().await {
        if tokio::time::Instant::now() > deadline {
            return Err(format!(
                "waited {} s in vain: {what}",
                patience.as_secs_f32()
            ));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
