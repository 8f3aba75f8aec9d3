//! `computetower completions`, and outputs that nobody reads.

use computetower_jobs::Queue;

use crate::support::{CliRun, TestApp};

#[tokio::test]
async fn shells_learn_the_commands_without_a_platform() {
    for shell in ["bash", "zsh", "fish"] {
        let script = CliRun::with(&[], &["completions", shell], "").await;
        for word in ["batches", "schedules", "limits", "idempotency-key"] {
            assert!(script.said().contains(word), "{shell} learns no {word}");
        }
    }
    let run = CliRun::with(&[], &["completions", "abacus"], "").await;
    run.refused("invalid value 'abacus'");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_ends_a_command_quietly() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let bench = [
        "bench",
        "--url",
        &app.address,
        "latency",
        "--jobs",
        "1",
        "--warm-up",
        "0",
    ];
    for args in [
        &["jobs", "list"][..],
        &["jobs", "submit", "noop", "--wait"],
        &["schedules", "list"],
        &["queues"],
        &["workers"],
        &["limits"],
        &["scale"],
        &["completions", "bash"],
        &bench,
    ] {
        for format in [&[][..], &["--json"]] {
            let run = CliRun::unheard(&app, &[args, format].concat()).await;
            assert!(run.status == 0 && run.err.is_empty(), "{args:?}: {run:?}");
        }
    }
    app.stop().await;
}
