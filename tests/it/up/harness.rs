//! Starts `up` as a program of its own, watches what it runs, and speaks to its servers as any client does.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

pub(super) const FOLDER: &str = "TEST_UP_DATA_DIR";
pub(super) const PROCFILE: &str = "TEST_UP_PROCFILE";
pub(super) const EXTERNAL: &str = "TEST_UP_EXTERNAL";

/// Both stand-ins are this binary: one answers `/ready`, one only lives.
pub(super) const USUAL: &str = "web: computetower up::a_process_that_answers --exact --ignored --nocapture\n\
                     idle: computetower up::a_process_that_lives --exact --ignored --nocapture\n";

/// A running `up`; dropping it kills it, and waits for everything it had started to end.
pub(super) struct Up {
    pub(super) child: Child,
    pub(super) data: PathBuf,
    pub(super) place: tempfile::TempDir,
}

pub(super) struct Run<'a> {
    pub(super) data: &'a Path,
    pub(super) procfile: &'a str,
    pub(super) external: bool,
    pub(super) user: Option<&'a str>,
}

pub(super) fn run_in(data: &Path) -> Run<'_> {
    Run {
        data,
        procfile: USUAL,
        external: false,
        user: None,
    }
}

impl Run<'_> {
    pub(super) fn start(self) -> Up {
        let place = tempfile::tempdir().unwrap();
        std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let procfile = place.path().join("Procfile");
        std::fs::write(&procfile, self.procfile).unwrap();
        let out = std::fs::File::create(place.path().join("out")).unwrap();
        let program = std::env::current_exe().unwrap();
        let mut command = match self.user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command
                    .args([&format!("--reuid={user}"), "--clear-groups", "--"])
                    .arg(program);
                command
            }
        };
        let child = command
            .args([
                "up::the_program_that_runs_up",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER, self.data)
            .env(PROCFILE, procfile)
            .env(EXTERNAL, if self.external { "1" } else { "" })
            .env("HOME", "/")
            .current_dir(place.path())
            .stdin(Stdio::null())
            .stderr(out.try_clone().unwrap())
            .stdout(out)
            .spawn()
            .unwrap();
        Up {
            child,
            data: self.data.canonicalize().unwrap(),
            place,
        }
    }
}

impl Up {
    pub(super) fn out(&self) -> String {
        std::fs::read_to_string(self.place.path().join("out")).unwrap_or_default()
    }

    pub(super) fn ready(mut self) -> Self {
        until("the banner", || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "up ended: {}", self.out());
            self.out().contains("  docs  ")
        });
        self
    }

    pub(super) fn connection(&self) -> Value {
        let path = self.data.join("connection.json");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    pub(super) fn word(&self, name: &str) -> String {
        self.connection()[name].as_str().unwrap().to_owned()
    }

    pub(super) fn signal(&self, signal: &str) {
        kill(signal, self.child.id());
    }

    /// Everything of it that still runs: the servers work in the data folder, the processes where `up` was started.
    pub(super) fn parts(&self) -> Vec<u32> {
        let place = self.place.path().canonicalize().unwrap();
        processes()
            .into_iter()
            .filter(|id| *id != self.child.id())
            .filter(|id| {
                std::fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|folder| {
                    folder.starts_with(&place) || folder.starts_with(&self.data)
                })
            })
            .collect()
    }

    pub(super) fn part(&self, command_line: &str) -> Option<u32> {
        self.parts().into_iter().find(|id| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            // Keepers carry their server's command line within their own.
            !line.contains("keeper") && line.contains(command_line)
        })
    }

    pub(super) fn ends(&mut self) -> std::process::ExitStatus {
        until("up to end", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let begun = Instant::now();
        while !self.parts().is_empty() && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

pub(super) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "waited in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(super) fn processes() -> Vec<u32> {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

pub(super) fn kill(signal: &str, id: u32) {
    Command::new("/bin/sh")
        .args(["-c", &format!("kill -s {signal} {id}")])
        .status()
        .unwrap();
}

pub(super) fn we_are_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

pub(super) fn sql(url: &str, statement: &str) -> Option<String> {
    let output = Command::new("psql")
        .args([url, "-qAtX", "-c", statement])
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

pub(super) fn redis(url: &str, command: &str) -> Option<String> {
    let (password, address) = url
        .strip_prefix("redis://:")
        .unwrap()
        .split_once('@')
        .unwrap();
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "AUTH {password}\r\n{command}\r\nQUIT\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer
        .strip_prefix("+OK\r\n")?
        .strip_suffix("+OK\r\n")
        .map(str::to_owned)
}

pub(super) fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address.strip_prefix("http://").unwrap()).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
