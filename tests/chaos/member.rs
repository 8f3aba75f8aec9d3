//! A process of the platform, and its own two proxies.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::plan::{Role, Service};
use crate::proxy::Proxy;
use crate::services::{Ground, signal};

/// One place in the formation: a process, and the next one in its place.
pub(crate) struct Member {
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) postgres: Proxy,
    pub(crate) redis: Proxy,
    /// Seconds by which its clock is off.
    pub(crate) clock: i32,
    /// Stopped by the fault: only the end of the fault wakes it.
    pub(crate) frozen: bool,
    /// Parted from Redis by the fault, likewise.
    pub(crate) parted: bool,
    log: PathBuf,
    environment: Vec<(String, String)>,
    child: Option<Child>,
}

impl Member {
    pub(crate) fn new(
        role: Role,
        name: String,
        (postgres, redis): (Proxy, Proxy),
        environment: Vec<(String, String)>,
        folder: &Path,
    ) -> Self {
        let log = folder.join(format!("{name}.log"));
        Self {
            role,
            name,
            postgres,
            redis,
            clock: 0,
            frozen: false,
            parted: false,
            log,
            environment,
            child: None,
        }
    }

    pub(crate) fn start(&mut self, ground: &mut Ground) {
        let log = File::options().append(true).create(true).open(&self.log);
        let log = log.unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_computetower"));
        command.arg(self.role.to_string());
        if self.role == Role::Worker {
            command.args(["--queues", "noop"]);
        }
        command
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        if self.clock != 0 {
            command
                .env("LD_PRELOAD", faketime().unwrap_or_default())
                .env("FAKETIME", format!("{:+}s", self.clock))
                // Only the wall clock is wrong; waits take as long as they should.
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let child = command.spawn().unwrap();
        ground.watch(&child);
        self.child = Some(child);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    pub(crate) fn proxy(&self, service: Service) -> &Proxy {
        match service {
            Service::Postgres => &self.postgres,
            Service::Redis => &self.redis,
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        if let Some(child) = &self.child {
            signal(child.id(), name);
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok()?
    }

    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The library that tells a process another time, if it is installed (Debian: libfaketime).
pub(crate) fn faketime() -> Option<String> {
    let places = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/faketime/libfaketimeMT.so.1",
    ];
    places
        .into_iter()
        .find(|place| Path::new(place).is_file())
        .map(str::to_owned)
}
