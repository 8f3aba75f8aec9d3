//! The program as people and scripts call it, and a line between it and the platform that can be cut.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use super::{ADMIN_KEY, TestApp};

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct CliRun {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CliRun {
    /// Runs the program with nothing in its environment but these.
    pub(crate) async fn with(environment: &[(&str, &str)], args: &[&str], input: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_computetower"))
            .args(args)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that does not read its input may have ended before it was written.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let done = child.wait_with_output().await.unwrap();
        Self {
            status: done.status.code().unwrap(),
            out: String::from_utf8(done.stdout).unwrap(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// Runs it for the app's first tenant.
    pub(crate) async fn of(app: &TestApp, args: &[&str]) -> Self {
        Self::at(&app.address, app, args).await
    }

    /// The same, by another way to the app.
    pub(crate) async fn at(address: &str, app: &TestApp, args: &[&str]) -> Self {
        let environment = [
            ("COMPUTETOWER_URL", address),
            ("COMPUTETOWER_API_KEY", app.key()),
        ];
        Self::with(&environment, args, "").await
    }

    /// The same, with something on standard input.
    pub(crate) async fn fed(app: &TestApp, args: &[&str], input: &str) -> Self {
        let environment = [
            ("COMPUTETOWER_URL", app.address.as_str()),
            ("COMPUTETOWER_API_KEY", app.key()),
        ];
        Self::with(&environment, args, input).await
    }

    /// Runs it for the operator.
    pub(crate) async fn as_operator(app: &TestApp, args: &[&str]) -> Self {
        let environment = [
            ("COMPUTETOWER_URL", app.address.as_str()),
            ("COMPUTETOWER_ADMIN_KEY", ADMIN_KEY),
        ];
        Self::with(&environment, args, "").await
    }

    /// Runs it with a standard output that nobody reads any more.
    pub(crate) async fn unheard(app: &TestApp, args: &[&str]) -> Self {
        let environment = [
            ("COMPUTETOWER_URL", app.address.as_str()),
            ("COMPUTETOWER_API_KEY", app.key()),
            ("COMPUTETOWER_ADMIN_KEY", ADMIN_KEY),
        ];
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = Command::new(env!("CARGO_BIN_EXE_computetower"))
            .args(args)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let done = child.wait_with_output().await.unwrap();
        Self {
            status: done.status.code().unwrap(),
            out: String::new(),
            err: String::from_utf8(done.stderr).unwrap(),
        }
    }

    /// What it printed, without the last end of line.
    pub(crate) fn said(&self) -> &str {
        assert_eq!(self.status, 0, "{self:?}");
        self.out.trim_end()
    }

    /// It was refused: status 2, nothing on standard output, and these words on standard error.
    pub(crate) fn refused(&self, words: &str) {
        assert!(
            self.status == 2 && self.out.is_empty() && self.err.contains(words),
            "{words:?} is not what was said: {self:?}"
        );
    }

    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

/// A way to the app that is cut once, as soon as a word has gone over it.
pub(crate) struct CutOnce {
    pub(crate) address: String,
}

/// Who says the word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    App,
    Caller,
}

impl CutOnce {
    /// Cut when the app has said the word.
    pub(crate) async fn before(app: &TestApp, word: &'static str) -> Self {
        Self::when(app, Speaker::App, word).await
    }

    /// Cut when the app has been asked with the word, before it can answer.
    pub(crate) async fn asked(app: &TestApp, word: &'static str) -> Self {
        Self::when(app, Speaker::Caller, word).await
    }

    async fn when(app: &TestApp, speaker: Speaker, word: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let target = app.address.trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            let mut cut = false;
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(&target).await.unwrap();
                if cut {
                    tokio::spawn(async move {
                        let (mut near, mut far) = (near, far);
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    });
                } else {
                    cut = match speaker {
                        Speaker::App => carry_until(word, far, near).await,
                        Speaker::Caller => carry_until(word, near, far).await,
                    };
                }
            }
        });
        Self { address }
    }
}

/// Carries bytes both ways until the speaker says the word. True when it did.
async fn carry_until(word: &str, speaker: TcpStream, other: TcpStream) -> bool {
    let (mut said_by, mut to_speaker) = speaker.into_split();
    let (mut from_other, mut heard_by) = other.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_other, &mut to_speaker).await });
    let mut said = Vec::new();
    let mut piece = [0; 1024];
    let found = loop {
        let length = said_by.read(&mut piece).await.unwrap_or_default();
        if length == 0 || heard_by.write_all(&piece[..length]).await.is_err() {
            break false;
        }
        said.extend_from_slice(&piece[..length]);
        if String::from_utf8_lossy(&said).contains(word) {
            break true;
        }
    };
    back.abort();
    found
}
