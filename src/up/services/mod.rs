//! The private services: how each is set up, started, and known to answer. What runs elsewhere is no business of theirs.

pub(super) mod postgres;
pub(super) mod redis;
pub(super) mod s3;

use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

use super::data_dir::DataDir;
use super::keeper::ServiceUser;
use super::process::Deaths;

/// How long a server may take to answer; replaying a long log after a crash takes its time.
const LONGEST_START: Duration = Duration::from_secs(180);

/// A server that dies this often before it answers is given up.
const MOST_DEATHS: u32 = 4;

/// How often a server that starts is asked.
const ASK: Duration = Duration::from_millis(25);

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(2);

/// How many bytes of a log are shown when a server does not start.
const LOG_SHOWN: usize = 2_000;

/// How long a server may take to end in good order when everything stops.
const GRACE: Duration = Duration::from_secs(3);

/// Where services are set up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) data: &'a DataDir,
    pub(super) user: Option<&'a ServiceUser>,
    pub(super) search_path: &'a OsStr,
}

/// A loopback port that nobody listens on at this moment.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

/// Asks until the server answers. False when it died too often, or too much time has passed.
async fn answers<F, Fut>(deaths: &Deaths, mut question: F) -> bool
where
    F: FnMut() -> Fut,
    Fut: Future<Output = io::Result<bool>>,
{
    let asked = async {
        while deaths.count() < MOST_DEATHS {
            if matches!(tokio::time::timeout(ANSWER, question()).await, Ok(Ok(true))) {
                return true;
            }
            tokio::time::sleep(ASK).await;
        }
        false
    };
    tokio::time::timeout(LONGEST_START, asked)
        .await
        .unwrap_or(false)
}

/// The end of a log, for a message.
fn log_end(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(LOG_SHOWN)..])
        .trim()
        .to_owned()
}
