//! The private Redis: started on a free loopback port with a password, keeping what it holds on disk.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::keeper::{end_leftover, keep};
use super::super::process::{Ending, Fleet, ProcessOutput, Spec};
use super::super::secrets::{SecretError, kept, random_word, write_private};
use super::{GRACE, Site, answers, free_port, log_end};

/// The file in which Redis leaves its process id.
const ID_FILE: &str = "redis.pid";

/// Why the private Redis does not run.
#[derive(Debug, Error)]
pub enum RedisError {
    /// A file or folder of it could not be made or read.
    #[error("prepare the private Redis in {path}")]
    Prepare {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Its password could not be kept.
    #[error("keep the private Redis's password")]
    Password(#[from] SecretError),
    /// It does not answer.
    #[error("the private Redis does not start; its log {log} ends with:\n{said}")]
    NotStarted {
        /// The log.
        log: PathBuf,
        /// The log's end.
        said: String,
    },
}

/// Ends a server left by an earlier run, and starts one in `fleet`. Returns its URL once it answers.
pub(in super::super) async fn start(
    site: Site<'_>,
    server: &Path,
    fleet: &mut Fleet,
) -> Result<String, RedisError> {
    let place = site.data.root().join("redis");
    let prepare = |source| RedisError::Prepare {
        path: place.clone(),
        source,
    };
    let folder = site
        .data
        .service_folder("redis", site.user)
        .map_err(prepare)?;
    let password = kept(&site.data.secret("redis.password"), random_word)?;
    end_leftover(&folder.join(ID_FILE), &folder, "TERM")
        .await
        .map_err(prepare)?;
    let port = free_port().map_err(prepare)?;
    let settings = folder.join("redis.conf");
    // Redis's own folder, for it takes relative paths from where it is started.
    write_private(
        &settings,
        configuration(port, &password).as_bytes(),
        site.user.map(|user| user.owner()),
    )
    .map_err(prepare)?;
    let log = site.data.log("redis");
    let mut command = keep(site.user, site.search_path, "TERM", server);
    command.arg("redis.conf").current_dir(&folder);
    let deaths = fleet.start(Spec {
        name: "redis".to_owned(),
        command,
        output: ProcessOutput::Log(log.clone()),
        ending: Ending::EndOfInput,
        grace: GRACE,
    });
    if !answers(&deaths, || accepts(port, &password)).await {
        return Err(RedisError::NotStarted {
            said: log_end(&log),
            log,
        });
    }
    Ok(format!("redis://:{password}@127.0.0.1:{port}"))
}

/// The append-only file alone keeps the data, a second behind at most; a full memory refuses rather than forgets.
fn configuration(port: u16, password: &str) -> String {
    format!(
        "bind 127.0.0.1\n\
         port {port}\n\
         protected-mode yes\n\
         requirepass {password}\n\
         daemonize no\n\
         pidfile {ID_FILE}\n\
         loglevel warning\n\
         save \"\"\n\
         appendonly yes\n\
         appendfsync everysec\n\
         maxmemory-policy noeviction\n"
    )
}

/// Whether the server takes our password and has read its data.
async fn accepts(port: u16, password: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream
        .write_all(format!("AUTH {password}\r\nPING\r\nQUIT\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    stream.take(1024).read_to_string(&mut answer).await?;
    Ok(answer.starts_with("+OK\r\n+PONG\r\n"))
}
