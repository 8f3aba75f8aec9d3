//! Dead letters: found by what went wrong, and replayed, one or many.

use computetower_jobs::Queue;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

async fn fail(client: &Client, code: &str) -> String {
    let body = json!({"kind": "noop", "payload": {"fail": code}, "retry": {"attempts": 1, "base_ms": 1, "cap_ms": 1}});
    let id = client.post("/api/v1/jobs", body).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(client.ended(&id).await["state"], "failed");
    id
}

async fn listed(client: &Client, query: &str) -> Vec<String> {
    let reply = client.get(&format!("/api/v1/jobs?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn replay(client: &Client, body: Value) -> Value {
    let reply = client.post("/api/v1/jobs/replay", body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// What was wrong has been mended.
async fn mend(app: &TestApp) {
    sqlx::query("update jobs set payload = payload - 'fail'")
        .execute(&mut app.database().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn failed_jobs_are_found_by_what_went_wrong_and_run_again() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let first = fail(&client, "network").await;
    let second = fail(&client, "invalid_credentials").await;
    let third = fail(&client, "network").await;
    let done = client.submit("noop", json!({})).await;
    client.ended(&done).await;
    assert_eq!(
        listed(&client, "state=failed&code=network").await,
        [third.as_str(), &first]
    );
    let middle = client.job(&second).await["finished_at"]
        .as_str()
        .unwrap()
        .to_owned();
    let middle = middle.replace('+', "%2B");
    assert_eq!(
        listed(&client, &format!("state=failed&since={middle}")).await,
        [third.as_str(), &second]
    );
    assert_eq!(
        listed(&client, &format!("state=failed&until={middle}")).await,
        [first.as_str()]
    );
    assert_eq!(listed(&client, "state=failed&queue=noop").await.len(), 3);
    assert_eq!(listed(&client, "state=failed&queue=chat").await.len(), 0);
    for wrong in [
        "code=x",
        "since=x",
        "until=1",
        "queue=x",
        "batch=x",
        "schedule=x",
    ] {
        let reply = client.get(&format!("/api/v1/jobs?{wrong}")).await;
        assert_eq!(reply.status, 422, "{wrong}");
    }

    mend(&app).await;
    let told = replay(&client, json!({"code": "network", "kind": "noop"})).await;
    assert_eq!(
        told,
        json!({"replayed": 2, "ids": [first, third], "more": false})
    );
    for id in [&first, &third] {
        // The stream does not take the first end for the last.
        let events = client.events(id, 0).await;
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names[..3], ["queued", "started", "failed"]);
        assert_eq!(names[3], "queued", "the replay left no trace: {names:?}");
        assert_eq!(names[names.len() - 1], "completed", "{names:?}");
        let queued = names.iter().filter(|name| **name == "queued").count();
        assert_eq!(queued, 2, "{names:?}");
        let numbers: Vec<i64> = events.iter().map(|event| event.id).collect();
        let expected: Vec<i64> = (1..=i64::try_from(events.len()).unwrap()).collect();
        assert_eq!(numbers, expected);
        let job = client.job(id).await;
        assert_eq!(
            (&job["state"], &job["attempt"], &job["failure"]),
            (&json!("completed"), &json!(2), &Value::Null)
        );
        let attempts = client
            .get(&format!("/api/v1/jobs/{id}/attempts"))
            .await
            .body;
        assert_eq!(attempts[0]["failure"]["code"], "network");
    }
    assert_eq!(client.job(&second).await["state"], "failed");
    assert_eq!(
        replay(&client, json!({"ids": [done, first]})).await,
        json!({"replayed": 0, "ids": [], "more": false}),
        "what has completed is not replayed"
    );
}

#[tokio::test]
async fn a_replay_takes_the_oldest_first_and_says_when_there_are_more() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let mut ids = Vec::new();
    for _ in 0..5 {
        let later = json!({"kind": "noop", "run_at": "2099-01-01T00:00:00Z"});
        let id = client.post("/api/v1/jobs", later).await.body["id"].clone();
        let id = id.as_str().unwrap().to_owned();
        client
            .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
            .await;
        ids.push(id);
    }
    let cancelled = |limit: i64| json!({"state": "cancelled", "limit": limit});
    assert_eq!(replay(&client, json!({})).await["replayed"], 0);
    assert_eq!(
        replay(&client, cancelled(2)).await,
        json!({"replayed": 2, "ids": ids[..2], "more": true})
    );
    let job = client.job(&ids[0]).await;
    assert_eq!(job["state"], "pending");
    let due: chrono::DateTime<chrono::Utc> = job["run_at"].as_str().unwrap().parse().unwrap();
    assert!(
        due < chrono::Utc::now() + chrono::Duration::hours(1),
        "{due}"
    );
    assert_eq!(
        replay(&client, json!({"state": "cancelled", "ids": [ids[4]]})).await,
        json!({"replayed": 1, "ids": [ids[4]], "more": false})
    );
    assert_eq!(
        replay(&client, cancelled(2)).await,
        json!({"replayed": 2, "ids": ids[2..4], "more": false})
    );
    // Two at once share them.
    for id in &ids {
        client
            .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
            .await;
    }
    let (one, two) = tokio::join!(
        replay(&client, cancelled(1_000)),
        replay(&client, cancelled(1_000))
    );
    assert_eq!(
        one["replayed"].as_i64().unwrap() + two["replayed"].as_i64().unwrap(),
        5
    );
    for (body, field) in [
        (json!({"state": "completed"}), "state"),
        (json!({"state": "x"}), "state"),
        (json!({"limit": 0}), "limit"),
        (json!({"limit": 1_001}), "limit"),
        (json!({"code": "x"}), "code"),
        (json!({"kind": "x"}), "kind"),
        (json!({"since": "x"}), "since"),
        (json!({"ids": ["x"]}), "ids[0]"),
        (json!({"ids": vec![ids[0].clone(); 1_001]}), "ids"),
        (json!({"colour": "red"}), "colour"),
    ] {
        let reply = client.post("/api/v1/jobs/replay", body).await;
        assert_eq!(reply.status, 422, "{}", reply.body);
        assert_eq!(reply.body["errors"][0]["field"], field, "{}", reply.body);
    }
}

#[tokio::test]
async fn a_job_that_failed_with_another_waits_no_more_when_replayed() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let broken = fail(&client, "network").await;
    let last = client
        .post("/api/v1/jobs", json!({"kind": "noop", "after": [broken]}))
        .await
        .body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let failed = client.ended(&last).await;
    assert_eq!(failed["failure"]["code"], "dependency_failed");
    let told = replay(&client, json!({"code": "dependency_failed"})).await;
    assert_eq!(told["ids"], json!([last]));
    assert_eq!(client.ended(&last).await["state"], "completed");
}

#[tokio::test]
async fn another_tenants_jobs_are_not_replayed() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let (client, stranger) = (app.client(), app.stranger().await);
    let id = fail(&client, "network").await;
    for body in [json!({}), json!({"ids": [id]})] {
        assert_eq!(
            replay(&stranger, body).await,
            json!({"replayed": 0, "ids": [], "more": false})
        );
    }
    assert_eq!(client.job(&id).await["state"], "failed");
}
