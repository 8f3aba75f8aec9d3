//! Private servers: one Postgres for a run of this program, one Redis for each case.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sqlx::{Connection, PgConnection};

use crate::wait::{Checked, until};

/// Sends a signal by its name to a process and nothing else.
pub(crate) fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status();
}

pub(crate) fn free_port() -> u16 {
    loop {
        // Below what systems give to outgoing connections: nobody takes it by chance before its server has started.
        let port = 20_000 + uuid::Uuid::new_v4().as_fields().1 % 12_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A folder of this run that goes with it, and a shell that ends what was started in it should this program be killed.
pub(crate) struct Ground {
    pub(crate) folder: PathBuf,
    reaper: Child,
    _folder: tempfile::TempDir,
}

/// Only what still names the folder is killed: a number may belong to somebody else by then.
const REAPER: &str = r#"
pids=
while read -r word pid; do
  case $word in pid) pids="$pids $pid" ;; over) exit 0 ;; esac
done
for pid in $pids; do
  if cat "/proc/$pid/environ" "/proc/$pid/cmdline" 2>/dev/null | tr '\0' '\n' | grep -qF "$1"; then
    kill -KILL "$pid" $(cat "/proc/$pid/task/"*/children 2>/dev/null) 2>/dev/null
  fi
done
rm -rf "$1"
"#;

impl Ground {
    pub(crate) fn new() -> Self {
        let owner = tempfile::Builder::new()
            .prefix("computetower-chaos-")
            .tempdir()
            .unwrap();
        // Root's Postgres runs as another user, who has to be able to enter.
        std::fs::set_permissions(
            owner.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        let folder = owner.path().to_owned();
        let reaper = Command::new("/bin/sh")
            .args(["-c", REAPER, "reaper"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Not of the group that the test runner ends.
            .process_group(0)
            .spawn()
            .unwrap();
        Self {
            folder,
            reaper,
            _folder: owner,
        }
    }

    /// Has a process ended with this program, whatever ends it.
    pub(crate) fn watch(&mut self, child: &Child) {
        let stdin = self.reaper.stdin.as_mut().unwrap();
        writeln!(stdin, "pid {}", child.id()).unwrap();
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.reaper.stdin.take()
            && !std::thread::panicking()
        {
            let _ = writeln!(stdin, "over");
        }
        let _ = self.reaper.wait();
    }
}

/// A Postgres cluster of our own.
pub(crate) struct Postgres {
    bin: PathBuf,
    data: PathBuf,
    log: PathBuf,
    user: Option<(u32, u32)>,
    pub(crate) port: u16,
    child: Child,
}

impl Postgres {
    pub(crate) async fn start(ground: &mut Ground) -> Checked<Self> {
        let user = service_user();
        let folder = ground.folder.join("postgres");
        std::fs::create_dir(&folder).unwrap();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let bin = programs();
        let (data, log) = (folder.join("data"), folder.join("log"));
        let made = as_user(Command::new(bin.join("initdb")), user)
            .arg("-D")
            .arg(&data)
            .args(["-U", "computetower", "-A", "trust", "-E", "UTF8"])
            .args(["--locale=C", "--no-sync"])
            .current_dir("/")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed");
        let port = free_port();
        let child = spawn_postgres(&bin, &data, &log, user, port);
        ground.watch(&child);
        let postgres = Self {
            bin,
            data,
            log,
            user,
            port,
            child,
        };
        postgres.answers().await?;
        Ok(postgres)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// Ends the server and starts it again: `INT` is a fast shutdown, `QUIT` one that has to be recovered from.
    pub(crate) async fn restart(&mut self, ground: &mut Ground, how: &str) -> Checked<()> {
        signal(self.child.id(), how);
        self.child.wait().unwrap();
        self.child = spawn_postgres(&self.bin, &self.data, &self.log, self.user, self.port);
        ground.watch(&self.child);
        self.answers().await
    }

    /// Stops (`STOP`) or wakes (`CONT`) all of its processes.
    pub(crate) fn signal_all(&self, name: &str) {
        let children = children(self.child.id());
        signal(self.child.id(), name);
        for pid in children {
            signal(pid, name);
        }
    }

    async fn answers(&self) -> Checked<()> {
        until("Postgres answers", || async {
            PgConnection::connect(&self.url("postgres")).await.is_ok()
        })
        .await
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.signal_all("CONT");
        signal(self.child.id(), "QUIT");
        let _ = self.child.wait();
    }
}

pub(crate) fn url(port: u16, database: &str) -> String {
    format!("postgres://computetower@127.0.0.1:{port}/{database}")
}

/// The newest that is installed; Debian keeps it out of the `PATH`.
fn programs() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort();
    let in_path = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).find(|folder| folder.join("postgres").is_file())
    });
    found
        .pop()
        .map(|(_, bin)| bin)
        .or(in_path)
        .expect("PostgreSQL's server is installed: scripts/setup.sh test")
}

fn spawn_postgres(
    bin: &Path,
    data: &Path,
    log: &Path,
    user: Option<(u32, u32)>,
    port: u16,
) -> Child {
    let log = File::options().append(true).create(true).open(log).unwrap();
    let mut command = as_user(Command::new(bin.join("postgres")), user);
    command
        .arg("-D")
        .arg(data)
        .args(["-p", &port.to_string()])
        .current_dir("/");
    // A commit waits until the kernel has it: what is lost when only processes die is nothing, and no disk is waited for.
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "synchronous_commit=on",
        "max_connections=300",
    ] {
        command.args(["-c", setting]);
    }
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// PostgreSQL refuses to run as root.
fn service_user() -> Option<(u32, u32)> {
    let mine = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap());
    if mine != 0 {
        return None;
    }
    ["postgres", "nobody"].iter().find_map(|name| {
        let number = |option: &str| {
            let output = Command::new("id").args([option, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some((number("-u")?, number("-g")?))
    })
}

fn as_user(mut command: Command, user: Option<(u32, u32)>) -> Command {
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn children(pid: u32) -> Vec<u32> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    listed
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// A Redis server that keeps nothing on disk.
pub(crate) struct Redis {
    folder: PathBuf,
    pub(crate) port: u16,
    child: Child,
}

impl Redis {
    pub(crate) async fn start(ground: &mut Ground, folder: &Path) -> Checked<Self> {
        let port = free_port();
        let child = spawn_redis(folder, port);
        ground.watch(&child);
        let redis = Self {
            folder: folder.to_owned(),
            port,
            child,
        };
        redis.answers().await?;
        Ok(redis)
    }

    /// Killed outright, and started again with nothing in it.
    pub(crate) async fn restart(&mut self, ground: &mut Ground) -> Checked<()> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn_redis(&self.folder, self.port);
        ground.watch(&self.child);
        self.answers().await
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// A connection past all proxies.
    pub(crate) async fn connect(&self) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port))?;
        client.get_multiplexed_async_connection().await
    }

    pub(crate) async fn answers(&self) -> Checked<()> {
        until("Redis answers", || async {
            let Ok(mut connection) = self.connect().await else {
                return false;
            };
            let pong: redis::RedisResult<String> =
                redis::cmd("PING").query_async(&mut connection).await;
            pong.is_ok()
        })
        .await
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn_redis(folder: &Path, port: u16) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder)
        .arg("--logfile")
        .arg(folder.join("redis.log"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
