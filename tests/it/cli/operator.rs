//! What operators ask: `computetower limits`, `tenants`, `scale`, and their part of `queues` and `workers`.

use computetower_jobs::{LimitId, Queue, TenantId, WorkerId};
use serde_json::{Value, json};

use crate::support::{CliRun, TestApp, WorkerProcess, until};

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_set_listed_and_deleted() {
    let app = TestApp::without_workers().await;
    let none = CliRun::as_operator(&app, &["limits"]).await;
    assert_eq!(none.said(), "no limit is set");
    let set = ["limits", "set", "--queue", "noop", "--max-running", "2"];
    let id = CliRun::as_operator(&app, &set).await.said().to_owned();
    let listed = CliRun::as_operator(&app, &["limits", "list"]).await;
    let line: Vec<&str> = listed
        .said()
        .lines()
        .nth(1)
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(line, [&id, "each", "noop", "each", "2", "-", "-"]);
    // The same tenant, queue and key: the same limit, changed whole.
    let tenant = app.tenant.to_string();
    let set = [
        "limits",
        "set",
        "--queue",
        "noop",
        "--rate",
        "3",
        "--per-seconds",
        "60",
        "--json",
    ];
    let changed = CliRun::as_operator(&app, &set).await.json();
    assert_eq!(
        (
            &changed["id"],
            &changed["max_running"],
            &changed["rate"],
            &changed["per_seconds"]
        ),
        (&json!(id), &Value::Null, &json!(3), &json!(60))
    );
    let set = [
        "limits",
        "set",
        "--tenant",
        &tenant,
        "--key",
        "*",
        "--max-running",
        "0",
    ];
    let other = CliRun::as_operator(&app, &set).await;
    assert_ne!(other.said(), id);
    let limits = CliRun::as_operator(&app, &["limits", "list", "--json"]).await;
    assert_eq!(
        (&limits.json()[1]["tenant_id"], &limits.json()[1]["key"]),
        (&json!(tenant), &json!("*"))
    );
    let deleted = CliRun::as_operator(&app, &["limits", "delete", &id]).await;
    assert_eq!(deleted.said(), "deleted");
    let deleted = CliRun::as_operator(&app, &["limits", "delete", other.said(), "--json"]).await;
    assert_eq!(deleted.json(), json!({"deleted": true}));
    let none = CliRun::as_operator(&app, &["limits", "--json"]).await;
    assert_eq!(none.json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_cannot_be_is_refused_in_plain_words() {
    let app = TestApp::without_workers().await;
    let nobody = TenantId::generate().to_string();
    for (options, words) in [
        (&[][..], "--max-running <N>"),
        (&["--rate", "3"], "--per-seconds <SECONDS>"),
        (&["--max-running", "-1"], "-1"),
        (&["--max-running", "1000001"], "field \"max_running\""),
        (
            &["--max-running", "1", "--queue", "nowhere"],
            "field \"queue\"",
        ),
        (
            &["--max-running", "1", "--tenant", "me"],
            "invalid value 'me'",
        ),
        (
            &["--max-running", "1", "--tenant", &nobody],
            "field \"tenant_id\": there is no such tenant",
        ),
    ] {
        let set = [&["limits", "set"][..], options].concat();
        CliRun::as_operator(&app, &set).await.refused(words);
    }
    let unknown = LimitId::generate().to_string();
    for format in [&[][..], &["--json"]] {
        CliRun::as_operator(&app, &[&["limits", "delete", &unknown], format].concat())
            .await
            .refused("There is no such limit. (404 not_found)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_commands_want_the_operators_key() {
    let app = TestApp::without_workers().await;
    let id = TenantId::generate().to_string();
    for args in [
        &["limits", "list"][..],
        &["tenants", "show", &id],
        &["scale"],
        &["queues", "--for-all"],
        &["workers", "list", "--with-jobs"],
        &["workers", "drain", &id],
    ] {
        // A tenant's key is no operator's.
        CliRun::of(&app, args)
            .await
            .refused("COMPUTETOWER_ADMIN_KEY is not set");
        let wrong = [
            ("COMPUTETOWER_URL", app.address.as_str()),
            ("COMPUTETOWER_ADMIN_KEY", app.key()),
        ];
        CliRun::with(&wrong, args, "")
            .await
            .refused("This is not the operator's key. (401 unauthenticated)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_weighed_and_held_back() {
    let app = TestApp::without_workers().await;
    let id = app.tenant.to_string();
    let shown = CliRun::as_operator(&app, &["tenants", "show", &id]).await;
    assert!(shown.said().contains("weight           1"), "{shown:?}");
    let weighed = CliRun::as_operator(&app, &["tenants", "weigh", &id, "3"]).await;
    assert!(weighed.said().contains("weight           3"), "{weighed:?}");
    let paused = CliRun::as_operator(&app, &["tenants", "pause", &id, "--json"]).await;
    assert_eq!(
        (&paused.json()["paused"], &paused.json()["weight"]),
        (&json!(true), &json!(3))
    );
    let held = app.client().submit("noop", json!({})).await;
    assert_eq!(app.client().job(&held).await["state"], "pending");
    let resumed = CliRun::as_operator(&app, &["tenants", "resume", &id]).await;
    assert!(
        resumed.said().contains("paused           false"),
        "{resumed:?}"
    );
    CliRun::as_operator(&app, &["tenants", "weigh", &id, "101"])
        .await
        .refused("field \"weight\": must be between 1 and 100");
    let nobody = TenantId::generate().to_string();
    for verb in ["show", "pause", "resume"] {
        CliRun::as_operator(&app, &["tenants", verb, &nobody])
            .await
            .refused("There is no such tenant. (404 not_found)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_held_back_for_everybody() {
    let app = TestApp::without_workers().await;
    app.stranger().await.submit("noop", json!({})).await;
    let waiting = |queues: Value| {
        let noop = queues
            .as_array()
            .unwrap()
            .iter()
            .find(|queue| queue["queue"] == "noop");
        let noop = noop.unwrap();
        noop["pending"].as_i64().unwrap() + noop["queued"].as_i64().unwrap()
    };
    let own = CliRun::of(&app, &["queues", "--json"]).await;
    assert_eq!(waiting(own.json()), 0);
    let all = CliRun::as_operator(&app, &["queues", "--for-all", "--json"]).await;
    assert_eq!(waiting(all.json()), 1);
    let pause = CliRun::as_operator(&app, &["queues", "pause", "noop", "--for-all"]).await;
    assert_eq!(pause.said(), "paused noop");
    let held = app.client().submit("noop", json!({})).await;
    assert_eq!(app.client().job(&held).await["state"], "pending");
    // What an operator holds back a tenant does not let go.
    let own = CliRun::of(&app, &["queues", "resume", "noop", "--json"]).await;
    assert_eq!(own.json()["paused"], true);
    let resume = CliRun::as_operator(&app, &["queues", "--for-all", "resume", "noop", "--json"]);
    assert_eq!(resume.await.json()["paused"], false);
    CliRun::as_operator(&app, &["queues", "--for-all", "pause", "nowhere"])
        .await
        .refused("404 not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_shown_with_its_jobs_and_drained() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let mut worker = WorkerProcess::start(&app, "noop").await;
    let client = app.client();
    let job = client.submit("noop", json!({"sleep_ms": 600_000})).await;
    until("the worker says that it runs the job", || async {
        client.get("/api/v1/workers").await.body[0]["running"] == 1
    })
    .await;
    let listed = CliRun::as_operator(&app, &["workers", "list", "--with-jobs", "--json"]).await;
    assert_eq!(listed.json()[0]["jobs"], json!([job]));
    let table = CliRun::as_operator(&app, &["workers", "list", "--with-jobs"]).await;
    assert!(
        table.said().lines().nth(1).unwrap().ends_with(&job),
        "{table:?}"
    );
    let id = listed.json()[0]["id"].as_str().unwrap().to_owned();
    let drain = CliRun::as_operator(&app, &["workers", "drain", &id]).await;
    assert!(
        drain.said().starts_with("told to take no more jobs"),
        "{drain:?}"
    );
    let again = CliRun::as_operator(&app, &["workers", "drain", &id, "--json"]).await;
    assert_eq!(again.json(), json!({"draining": true}));
    CliRun::of(&app, &["jobs", "cancel", &job]).await.said();
    until("the process has ended", || {
        let ended = worker.ended().is_some();
        async move { ended }
    })
    .await;
    CliRun::as_operator(
        &app,
        &["workers", "drain", &WorkerId::generate().to_string()],
    )
    .await
    .refused("There is no such worker. (404 not_found)");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn advice_on_workers_is_shown() {
    let app = TestApp::without_workers().await;
    // More than two workers have slots for.
    let jobs = vec![json!({"kind": "noop"}); 2 * Queue::Noop.default_concurrency() + 1];
    let batch = json!({"jobs": jobs});
    assert_eq!(
        app.client().post("/api/v1/batches", batch).await.status,
        202
    );
    let advised = async |options: &[&str]| {
        let scale = [&["scale", "--json"][..], options].concat();
        let advice = CliRun::as_operator(&app, &scale).await.json();
        advice["queues"]["noop"]["advised_workers"].as_i64()
    };
    until("the backlog is seen", || async {
        advised(&[]).await == Some(3)
    })
    .await;
    assert_eq!(
        advised(&["--max", "2", "--target-seconds", "1.5"]).await,
        Some(2)
    );
    let table = CliRun::as_operator(&app, &["scale", "--min", "1"]).await;
    let words: Vec<Vec<&str>> = table
        .said()
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(words[0][..3], ["QUEUE", "WORKERS", "ADVISED"]);
    assert_eq!(words[1][..3], ["chat", "0", "1"]);
    assert_eq!(words.len(), 1 + Queue::ALL.len());
    CliRun::as_operator(&app, &["scale", "--min", "3", "--max", "2"])
        .await
        .refused("field \"min\": must not be above max");
    CliRun::as_operator(&app, &["scale", "--target-seconds", "0.5"])
        .await
        .refused("field \"target_seconds\": must be between 1 and 86400");
}
