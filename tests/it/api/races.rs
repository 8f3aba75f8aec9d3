//! Orders that come while a worker takes the job, or ends it: they wait for the row, and are answered by what it is then.

use serde_json::json;
use sqlx::Connection;

use crate::support::{TestApp, until};

const TAKEN: &str = "update jobs set state = 'running', lease_token = gen_random_uuid(), lease_until = now() + interval '1 hour', attempt = 1";
const FAILED: &str = "update jobs set state = 'failed', lease_token = null, lease_until = null, finished_at = now(), event_seq = event_seq + 1";

/// Asks for something while another transaction has changed the only job and not ended. Returns the status and the state afterwards.
async fn asked_during(before: Option<&str>, change: &str, path: &str) -> (u16, String) {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let id = client.submit("noop", json!({})).await;
    let mut database = app.database().await;
    if let Some(before) = before {
        sqlx::raw_sql(sqlx::AssertSqlSafe(before.to_owned()))
            .execute(&mut database)
            .await
            .unwrap();
    }
    let mut transaction = database.begin().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(change.to_owned()))
        .execute(&mut *transaction)
        .await
        .unwrap();
    let path = path.replace("{id}", &id);
    let asking = {
        let client = app.client();
        tokio::spawn(async move { client.post(&path, json!({})).await })
    };
    until("it waits for the row", || async {
        let mut looking = app.database().await;
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        )
        .fetch_one(&mut looking)
        .await
        .unwrap();
        waiting > 0
    })
    .await;
    transaction.commit().await.unwrap();
    let reply = asking.await.unwrap();
    let state = client.job(&id).await["state"].as_str().unwrap().to_owned();
    (reply.status, state)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_during_a_claim_stops_the_attempt() {
    let cancel = "/api/v1/jobs/{id}/cancel";
    assert_eq!(
        asked_during(None, TAKEN, cancel).await,
        (202, "running".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_during_an_end_comes_too_late() {
    let cancel = "/api/v1/jobs/{id}/cancel";
    assert_eq!(
        asked_during(Some(TAKEN), FAILED, cancel).await,
        (409, "failed".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_during_a_claim_stops_the_attempt() {
    let pause = "/api/v1/jobs/{id}/pause";
    assert_eq!(
        asked_during(None, TAKEN, pause).await,
        (202, "running".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_during_an_end_begins_anew() {
    let retry = "/api/v1/jobs/{id}/retry";
    assert_eq!(
        asked_during(Some(TAKEN), FAILED, retry).await,
        (202, "pending".to_owned())
    );
}
