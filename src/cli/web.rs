//! `computetower web`: serves the API until it is told to end.

use std::time::Duration;

use computetower_store::Store;

use super::Failure;
use crate::api;
use crate::app::App;
use crate::config::Config;
use crate::stop;

/// How long open streams may go on after the order to end.
const LINGER: Duration = Duration::from_secs(3);

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let shutdown = stop::on_signals(config.until_stdin_closes)?;
    let store = Store::connect(&config.store).await?;
    let listener = tokio::net::TcpListener::bind(config.bind)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.bind))?;
    tracing::info!(address = %listener.local_addr()?, "web ready");
    let app = App::new(store.clone(), config);
    let ended = shutdown.clone();
    let live = app.live_sessions().clone();
    let told = shutdown.clone();
    let saying_goodbye = tokio::spawn(async move {
        told.cancelled().await;
        live.end().await;
    });
    let serving = axum::serve(tcp_nodelay(listener), api::router(app))
        .with_graceful_shutdown(async move { ended.cancelled().await });
    tokio::select! {
        served = serving => served?,
        // Streams have no end of their own: clients connect again, elsewhere or later, and go on where they were.
        () = async { shutdown.cancelled().await; tokio::time::sleep(LINGER).await } => {}
    }
    // A WebSocket is no request any more that the server would wait for.
    let _ = tokio::time::timeout(LINGER, saying_goodbye).await;
    store.flush().await;
    Ok(())
}

fn tcp_nodelay(
    listener: tokio::net::TcpListener,
) -> impl axum::serve::Listener<Addr = std::net::SocketAddr, Io = tokio::net::TcpStream> {
    use axum::serve::ListenerExt;
    listener.tap_io(|stream| {
        // An event is a few bytes that somebody waits for.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "small packets may be delayed");
        }
    })
}
