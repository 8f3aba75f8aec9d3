//! What `computetower jobs submit`, `list` and `replay` can be told about jobs.

use computetower_jobs::{JobId, Queue};
use serde_json::{Value, json};
use sqlx::Row;

use crate::support::{CliRun, TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_the_api_takes_of_a_job_can_be_said() {
    let app = TestApp::without_workers().await;
    let first = CliRun::of(&app, &["jobs", "submit", "noop"]).await;
    let second = CliRun::of(&app, &["jobs", "submit", "noop"]).await;
    let both = format!("{},{}", first.said(), second.said());
    let submit = [
        "jobs",
        "submit",
        "noop",
        "--payload",
        r#"{"progress": 2}"#,
        "--priority",
        "7",
        "--run-at",
        "2031-01-01T00:00:00Z",
        "--deadline",
        "2032-01-01T00:00:00Z",
        "--timeout-ms",
        "1234",
        "--limit-key",
        "account-7",
        "--after",
        &both,
        "--after-any-end",
        "--retry-attempts",
        "9",
        "--retry-base-ms",
        "10",
        "--retry-cap-ms",
        "20",
        "--idempotency-key",
        "once",
        "--json",
    ];
    let accepted = CliRun::of(&app, &submit).await.json();
    let id = accepted["id"].as_str().unwrap();
    let job = app.client().job(id).await;
    let said = json!({
        "payload": {"progress": 2}, "priority": 7, "run_at": "2031-01-01T00:00:00Z",
        "deadline": "2032-01-01T00:00:00Z", "limit_key": "account-7", "waits_for": 2,
    });
    for (field, value) in said.as_object().unwrap() {
        assert_eq!(&job[field], value, "{field} of {job}");
    }
    let kept = sqlx::query("select timeout_ms, retry, idempotency_key from jobs where id = $1")
        .bind(id.parse::<uuid::Uuid>().unwrap())
        .fetch_one(&mut app.database().await)
        .await
        .unwrap();
    assert_eq!(
        (
            kept.get::<i64, _>("timeout_ms"),
            kept.get::<Value, _>("retry"),
            kept.get::<String, _>("idempotency_key").as_str()
        ),
        (
            1234,
            json!({"attempts": 9, "base_ms": 10, "cap_ms": 20}),
            "once"
        )
    );
    let any_end: Vec<bool> = sqlx::query_scalar("select any_end from job_dependencies")
        .fetch_all(&mut app.database().await)
        .await
        .unwrap();
    assert_eq!(any_end, [true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_cannot_be_are_refused_in_plain_words() {
    let app = TestApp::without_workers().await;
    let unknown = JobId::generate().to_string();
    for (options, words) in [
        (
            &["--after", unknown.as_str()][..],
            "field \"after[0]\": there is no such job",
        ),
        (&["--after", "yesterday"], "invalid value 'yesterday'"),
        (&["--after-any-end"], "--after <ID>"),
        (&["--retry-attempts", "3"], "--retry-base-ms <MS>"),
        (&["--retry-base-ms", "3"], "--retry-attempts <N>"),
        (
            &[
                "--retry-attempts",
                "0",
                "--retry-base-ms",
                "1",
                "--retry-cap-ms",
                "1",
            ],
            "field \"retry.attempts\": must be between 1 and 100",
        ),
        (&["--limit-key", "*"], "field \"limit_key\""),
        (&["--priority", "101"], "field \"priority\""),
        (&["--run-at", "soon"], "field \"run_at\""),
        (
            &["--deadline", "2001-01-01T00:00:00Z"],
            "field \"deadline\"",
        ),
        (&["--timeout-ms", "1"], "field \"timeout_ms\""),
        (
            &["--idempotency-key", "a\nb"],
            "--idempotency-key: must be printable",
        ),
        (
            &["--payload", "[1]"],
            "field \"payload\": must be an object",
        ),
        (
            &["--payload", "@/dev/zero"],
            "--payload: /dev/zero holds more than",
        ),
    ] {
        let submit = [&["jobs", "submit", "noop"][..], options].concat();
        CliRun::of(&app, &submit).await.refused(words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_narrowed_by_all_that_the_api_knows() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let failed = client
        .submit("noop", json!({"fail": "invalid_input"}))
        .await;
    client.submit("noop", json!({})).await;
    app.drained().await;
    for (filter, count) in [
        (&["--queue", "noop"][..], 2),
        (&["--queue", "chat"], 0),
        (&["--code", "invalid_input"], 1),
        (&["--code", "network"], 0),
        (&["--since", "2020-01-01T00:00:00Z"], 2),
        (&["--until", "2020-01-01T00:00:00Z"], 0),
        (&["--batch", "01890000-0000-7000-8000-000000000000"], 0),
        (&["--schedule", "01890000-0000-7000-8000-000000000000"], 0),
    ] {
        let listed = CliRun::of(&app, &[&["jobs", "list"][..], filter].concat()).await;
        assert_eq!(listed.said().lines().count(), 1 + count, "{filter:?}");
    }
    let found = CliRun::of(&app, &["jobs", "list", "--code", "invalid_input", "--json"]).await;
    assert_eq!(found.json()["jobs"][0]["id"], json!(failed));
    CliRun::of(&app, &["jobs", "list", "--queue", "nowhere"])
        .await
        .refused("field \"queue\"");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_did_and_what_came_of_it_is_shown() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let id = client.submit("noop", json!({"progress": 1})).await;
    assert_eq!(client.ended(&id).await["state"], "completed");
    let result = CliRun::of(&app, &["jobs", "result", &id, "--json"]).await;
    let job = client.job(&id).await;
    assert_eq!(
        (&result.json()["state"], &result.json()["result"]),
        (&json!("completed"), &job["result"])
    );
    let result = CliRun::of(&app, &["jobs", "result", &id]).await;
    assert!(result.said().contains("state            completed"));
    let steps = CliRun::of(&app, &["jobs", "steps", &id, "--json"]).await;
    let told = client.get(&format!("/api/v1/jobs/{id}/steps")).await.body;
    assert_eq!(steps.json(), told);
    let steps = CliRun::of(&app, &["jobs", "steps", &id]).await;
    assert!(steps.said().starts_with("EVENT"), "{steps:?}");
    let open = client.submit("noop", json!({"sleep_ms": 600_000})).await;
    CliRun::of(&app, &["jobs", "result", &open])
        .await
        .refused("it has no result yet");
    CliRun::of(&app, &["jobs", "cancel", &open]).await.said();
    let unknown = JobId::generate().to_string();
    for of in ["result", "steps"] {
        CliRun::of(&app, &["jobs", of, &unknown])
            .await
            .refused("There is no such job.");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_jobs_are_replayed_by_what_they_have_in_common() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    for code in ["invalid_input", "invalid_input", "invalid_credentials"] {
        client.submit("noop", json!({"fail": code})).await;
    }
    app.drained().await;
    let replay = ["jobs", "replay", "--code", "invalid_input", "--json"];
    let replayed = CliRun::of(&app, &replay).await.json();
    assert_eq!(replayed["replayed"], 2, "{replayed}");
    app.drained().await;
    let run = CliRun::of(&app, &["jobs", "replay", "--kind", "noop", "--limit", "1"]).await;
    assert!(
        run.said().starts_with("replayed 1\nmore of them match"),
        "{run:?}"
    );
    let wrong = CliRun::of(&app, &["jobs", "replay", "--state", "running"]).await;
    assert!(
        wrong.status == 2 && wrong.err.contains("field \"state\""),
        "{wrong:?}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_replayed_by_their_ids() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let fails = json!({"fail": "invalid_input"});
    let (one, other) = (
        client.submit("noop", fails.clone()).await,
        client.submit("noop", fails).await,
    );
    app.drained().await;
    let run = CliRun::of(&app, &["jobs", "replay", &one]).await;
    assert_eq!(run.said(), format!("replayed 1\n{one}"));
    until("it has failed again", || async {
        let job = client.job(&one).await;
        job["attempt"] == 2 && job["state"] == "failed"
    })
    .await;
    assert_eq!(client.job(&other).await["attempt"], 1);
    let both = ["jobs", "replay", &one, &other, "--queue", "noop", "--json"];
    assert_eq!(CliRun::of(&app, &both).await.json()["replayed"], 2);
    app.drained().await;
    // Named and not replayed is not done.
    let unknown = JobId::generate().to_string();
    let run = CliRun::of(&app, &["jobs", "replay", &unknown]).await;
    assert_eq!((run.status, run.out.as_str()), (2, "replayed 0\n"));
    assert!(run.err.contains("jobs show ID"), "{run:?}");
    let run = CliRun::of(&app, &["jobs", "replay", &one, "--queue", "chat", "--json"]).await;
    assert_eq!(run.status, 2, "{run:?}");
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(answer["replayed"], 0);
    CliRun::of(&app, &["jobs", "replay", "not-an-id"])
        .await
        .refused("invalid value 'not-an-id'");
    app.stop().await;
}
