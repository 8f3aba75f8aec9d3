//! `computetower queues`: what waits and runs, and holding a queue back.

use computetower_jobs::Queue;
use serde_json::{Value, json};

use crate::support::{CliRun, TestApp};

/// The line of a table that begins with a word.
fn row<'a>(run: &'a CliRun, word: &str) -> Vec<&'a str> {
    let line = run.said().lines().find(|line| line.starts_with(word));
    line.unwrap_or_else(|| panic!("{word} is missing: {run:?}"))
        .split_whitespace()
        .collect()
}

fn noop(queues: &Value) -> Value {
    let all = queues.as_array().unwrap();
    let found = all.iter().find(|queue| queue["queue"] == "noop");
    found.unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_listed_with_what_waits_in_them() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for _ in 0..3 {
        client.submit("noop", json!({})).await;
    }
    for args in [&["queues"][..], &["queues", "list"]] {
        let listed = CliRun::of(&app, args).await;
        assert_eq!(
            row(&listed, "QUEUE"),
            [
                "QUEUE", "PENDING", "QUEUED", "RUNNING", "SLOTS", "OLDEST", "S", "PAUSED"
            ]
        );
        let noop = row(&listed, "noop");
        assert_eq!((noop[3], noop[4], noop[6]), ("0", "0", "false"));
        let waiting: i64 = noop[1].parse::<i64>().unwrap() + noop[2].parse::<i64>().unwrap();
        assert_eq!(waiting, 3, "{listed:?}");
        assert_eq!(row(&listed, "chat")[1..4], ["0", "0", "0"]);
    }
    let queues = CliRun::of(&app, &["queues", "--json"]).await.json();
    assert_eq!(queues.as_array().unwrap().len(), Queue::ALL.len());
    let noop = noop(&queues);
    let waiting = noop["pending"].as_i64().unwrap() + noop["queued"].as_i64().unwrap();
    assert_eq!((waiting, &noop["paused"]), (3, &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_held_back_and_let_go() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let pause = CliRun::of(&app, &["queues", "pause", "noop"]).await;
    assert_eq!(pause.said(), "paused noop");
    let paused = CliRun::of(&app, &["queues"]).await;
    assert_eq!(row(&paused, "noop").last(), Some(&"true"));
    let held = client.submit("noop", json!({})).await;
    assert_eq!(client.job(&held).await["state"], "pending");
    let resume = CliRun::of(&app, &["queues", "resume", "noop"]).await;
    assert_eq!(resume.said(), "resumed noop");
    assert_eq!(client.ended(&held).await["state"], "completed");
    let pause = CliRun::of(&app, &["--json", "queues", "pause", "noop"]).await;
    assert_eq!(pause.json()["paused"], true);
    let resume = CliRun::of(&app, &["--json", "queues", "resume", "noop"]).await;
    assert_eq!(resume.json()["paused"], false);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_is_refused_in_plain_words() {
    let app = TestApp::without_workers().await;
    for verb in ["pause", "resume"] {
        for format in [&[][..], &["--json"]] {
            let run = CliRun::of(&app, &[&["queues", verb, "nowhere"], format].concat()).await;
            run.refused("There is nothing with this id. (404 not_found)");
        }
        CliRun::of(&app, &["queues", verb]).await.refused("<QUEUE>");
    }
    CliRun::of(&app, &["queues", "burn"])
        .await
        .refused("unrecognized subcommand 'burn'");
}
