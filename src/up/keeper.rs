//! Keeps a private server from outliving `up`. A small shell is the server's parent and holds one end of a pipe; when the
//! other end is gone, however `up` died, the shell ends the server. What a dead shell left running is found by its
//! process id file and its working folder. Restarts nothing.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// How long a server may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// How often a server that was told to end is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Arguments: the signal that ends the server in good order, then the server's command line.
/// The reader is a shell function of built-in words, so that ending it leaves no process behind.
const SCRIPT: &str = r#"
signal=$1
shift
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
(
    trap '' INT TERM HUP
    while read -r _; do :; done
    kill -s "$signal" "$server"
    sleep 5
    kill -s KILL -- "-$$"
) <&3 >/dev/null 2>&1 &
watcher=$!
exec 3<&-
trap 'kill -s "$signal" "$server"' INT TERM HUP
while :; do
    wait "$server"
    status=$?
    kill -0 "$server" 2>/dev/null || break
done
kill -s KILL "$watcher" 2>/dev/null
exit "$status"
"#;

/// The unprivileged user whom private servers run as when `up` runs as root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceUser {
    pub(super) name: String,
    pub(super) user_id: u32,
    pub(super) group_id: u32,
    /// The program that changes the user.
    pub(super) setpriv: PathBuf,
}

impl ServiceUser {
    /// The user and group ids, as file owners.
    pub(super) fn owner(&self) -> (u32, u32) {
        (self.user_id, self.group_id)
    }
}

/// A command run as `user`, or as ourselves; with no environment but `PATH` and a language.
pub(super) fn command_as(
    user: Option<&ServiceUser>,
    program: &Path,
    search_path: &OsStr,
) -> Command {
    let mut command = match user {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new(&user.setpriv);
            command
                .arg(format!("--reuid={}", user.user_id))
                .arg(format!("--regid={}", user.group_id))
                .args(["--clear-groups", "--no-new-privs", "--"])
                .arg(program);
            command
        }
    };
    command
        .env_clear()
        .env("PATH", search_path)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

/// The keeper's command: it runs `server`, and ends it by `signal` once its standard input, a pipe, is closed.
pub(super) fn keep(
    user: Option<&ServiceUser>,
    search_path: &OsStr,
    signal: &str,
    server: &Path,
) -> Command {
    let mut command = command_as(user, Path::new("/bin/sh"), search_path);
    command.args(["-c", SCRIPT, "keeper", signal]).arg(server);
    command
}

/// Sends a signal to every process of a group. A group that is gone is no error.
pub(super) async fn signal_group(group: u32, signal: &str) {
    send(signal, &format!("-{group}")).await;
}

async fn send(signal: &str, target: &str) {
    let sent = Command::new("/bin/sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "kill", signal, target])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    if let Err(error) = sent {
        tracing::warn!(%error, signal, target, "a signal could not be sent");
    }
}

/// Ends the server that an earlier `up` left running in `folder`, if there is one: first by `signal`, then by force.
/// Returns once it is gone. A process id file that means some other process is removed, for servers believe it.
pub(super) async fn end_leftover(id_file: &Path, folder: &Path, signal: &str) -> io::Result<()> {
    let Some(id) = read_id(id_file)? else {
        return Ok(());
    };
    if !works_in(id, folder).await {
        return match std::fs::remove_file(id_file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    tracing::info!(id, folder = %folder.display(), "ending a server left by an earlier run");
    for signal in [signal, "KILL"] {
        send(signal, &id.to_string()).await;
        let gone = async {
            while works_in(id, folder).await {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(GRACE, gone).await.is_ok() {
            return Ok(());
        }
    }
    Err(io::Error::other(format!("process {id} does not end")))
}

/// The process id on a file's first line; Postgres marks that of a single-user run with a minus sign.
fn read_id(id_file: &Path) -> io::Result<Option<u64>> {
    let text = match std::fs::read_to_string(id_file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(text
        .lines()
        .next()
        .and_then(|line| line.trim().trim_start_matches('-').parse().ok()))
}

/// Whether a live process has `folder` as its working folder: process ids are used again, folders of ours are not.
async fn works_in(id: u64, folder: &Path) -> bool {
    if Path::new("/proc/self").exists() {
        return std::fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|place| place == folder);
    }
    let listed = Command::new("lsof")
        .args(["-a", "-d", "cwd", "-Fn", "-p", &id.to_string()])
        .stdin(Stdio::null())
        .output()
        .await;
    listed.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).lines().any(|line| {
            line.strip_prefix('n')
                .is_some_and(|place| Path::new(place) == folder)
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn a_foreign_process_is_left_alone_and_its_id_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().canonicalize().unwrap();
        let mut stranger = Command::new("sleep")
            .arg("60")
            .current_dir("/")
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let id_file = ours.join("server.pid");
        std::fs::write(&id_file, format!("{}\n", stranger.id().unwrap())).unwrap();
        end_leftover(&id_file, &ours, "TERM").await.unwrap();
        assert!(!id_file.exists());
        assert!(stranger.try_wait().unwrap().is_none());
    }

    #[tokio::test]
    async fn a_server_of_ours_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().canonicalize().unwrap();
        let mut server = Command::new("sleep")
            .arg("60")
            .current_dir(&ours)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let id_file = ours.join("server.pid");
        std::fs::write(&id_file, format!("-{}\n", server.id().unwrap())).unwrap();
        let (ended, status) = tokio::join!(end_leftover(&id_file, &ours, "TERM"), server.wait());
        ended.unwrap();
        assert!(!status.unwrap().success());
    }

    #[tokio::test]
    async fn the_server_ends_when_the_pipe_closes_and_its_status_is_handed_on() {
        let mut keeper = keep(
            None,
            OsStr::new("/usr/bin:/bin"),
            "TERM",
            Path::new("/bin/sh"),
        )
        .args([
            "-c",
            "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
        let mut said = [0; 3];
        keeper
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut said)
            .await
            .unwrap();
        assert_eq!(&said, b"up\n");
        assert!(keeper.try_wait().unwrap().is_none());
        drop(keeper.stdin.take());
        assert_eq!(keeper.wait().await.unwrap().code(), Some(7));
    }
}
