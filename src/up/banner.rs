//! What the operator is told once everything answers, on the console and in `connection.json`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::console::Console;
use super::options::{Keys, ServiceUrls};
use super::secrets::write_private;

/// The file that tells other programs how to reach this one.
const CONNECTION: &str = "connection.json";

/// How often `web` is asked whether it is ready.
const ASK: Duration = Duration::from_millis(50);

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(5);

/// After this long the operator is told what is being waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a local client reaches a server that listens on `bind`.
pub(super) fn reachable(bind: SocketAddr) -> SocketAddr {
    let address = match bind.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    SocketAddr::new(address, bind.port())
}

/// Asks `GET /ready` until the answer is 200.
pub(super) async fn web_is_ready(address: SocketAddr) {
    let mut told = tokio::time::Instant::now();
    loop {
        if matches!(
            tokio::time::timeout(ANSWER, is_ready(address)).await,
            Ok(Ok(true))
        ) {
            return;
        }
        if told.elapsed() > PATIENCE {
            told = tokio::time::Instant::now();
            tracing::warn!(%address, "web is not ready yet; its lines above say why");
        }
        tokio::time::sleep(ASK).await;
    }
}

async fn is_ready(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(
            format!("GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    Ok(status.starts_with(b"HTTP/1.") && status.ends_with(b" 200"))
}

/// Writes the lines that a newcomer copies from.
pub(super) async fn show(console: &Console, urls: &ServiceUrls, keys: &Keys) {
    let address = format!("http://{}", reachable(urls.bind));
    let (strong, plain) = if console.is_coloured() {
        ("\u{1b}[1m", "\u{1b}[0m")
    } else {
        ("", "")
    };
    console.line(b"").await;
    for (name, value) in [
        ("address", address.clone()),
        ("api key", keys.api_key.clone()),
        ("admin key", keys.admin_key.clone()),
        ("data", urls.data_dir.display().to_string()),
        ("docs", format!("{address}/docs")),
    ] {
        console
            .line(format!("  {name:<9}  {strong}{value}{plain}").as_bytes())
            .await;
    }
    console.line(b"").await;
}

/// Leaves the same in a file that only its owner may read.
pub(super) fn write_connection(folder: &Path, urls: &ServiceUrls, keys: &Keys) -> io::Result<()> {
    let connection = json!({
        "address": format!("http://{}", reachable(urls.bind)),
        "api_key": keys.api_key,
        "admin_key": keys.admin_key,
        "database_url": urls.database_url,
        "redis_url": urls.redis_url,
        "pid": std::process::id(),
    });
    write_private(
        &folder.join(CONNECTION),
        format!("{connection:#}\n").as_bytes(),
        None,
    )
}

/// What an earlier run left: its address, and its keys.
pub(super) fn read_connection(folder: &Path) -> Option<(String, Keys)> {
    let text = std::fs::read_to_string(folder.join(CONNECTION)).ok()?;
    let connection: Value = serde_json::from_str(&text).ok()?;
    let word = |name: &str| Some(connection.get(name)?.as_str()?.to_owned());
    Some((
        word("address")?,
        Keys {
            api_key: word("api_key")?,
            admin_key: word("admin_key")?,
        },
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_server_on_every_address_is_reached_on_this_machine() {
        for (bind, expected) in [
            ("0.0.0.0:7080", "127.0.0.1:7080"),
            ("[::]:7080", "[::1]:7080"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(reachable(bind.parse().unwrap()).to_string(), expected);
        }
    }
}
