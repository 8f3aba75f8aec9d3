//! When a process has to end: SIGINT, SIGTERM, or the end of the process that started it.

use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled when the process has to end. With `until_stdin_closes` the end of standard input counts too: whoever started the process
/// holds the other end of that pipe, and its death closes it.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn on_signals(until_stdin_closes: bool) -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = token.clone();
    tokio::spawn(async move {
        let starter_gone = async {
            if until_stdin_closes {
                stdin_closed().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = starter_gone => {}
        }
        // Nothing is logged here: standard error may have gone with whoever started the process.
        stop.cancel();
    });
    Ok(token)
}

async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut nothing = [0_u8; 64];
    while !matches!(stdin.read(&mut nothing).await, Ok(0) | Err(_)) {}
}
