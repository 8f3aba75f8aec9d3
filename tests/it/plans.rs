//! Statements that every job needs look up what they need, also when their plans were made while the tables were empty.

use computetower_jobs::{JobId, JobKind, Queue, WorkerId};
use computetower_store::jobs::NewJob;
use serde_json::json;
use sqlx::Row;

use crate::support::{TestApp, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_planned_on_an_empty_table_goes_by_the_primary_key() {
    let app = TestApp::without_workers().await;
    let claims = 20;
    until("what the claims read is counted", || async {
        for _ in 0..claims {
            let nothing = app.store.claim(JobId::generate(), 1, WorkerId::generate());
            assert!(nothing.await.unwrap().is_none());
        }
        let mut database = app.database().await;
        let rows = sqlx::query(
            "select indexrelname::text as name, idx_scan from pg_stat_user_indexes where relname = 'jobs' and idx_scan > 0",
        )
        .fetch_all(&mut database)
        .await
        .unwrap();
        let used: Vec<(String, i64)> = rows
            .iter()
            .map(|row| (row.get("name"), row.get("idx_scan")))
            .collect();
        let others: Vec<_> = used
            .iter()
            .filter(|(name, _)| name != "jobs_pkey")
            .collect();
        assert!(others.is_empty(), "{others:?}");
        used.iter().any(|(_, scans)| *scans >= claims)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_queues_and_a_newcomer_read_no_more_the_more_jobs_wait() {
    let app = TestApp::without_workers().await;
    // Nobody has room for them.
    app.store.say_backlog(Queue::Noop, true).await.unwrap();
    let client = app.client();
    let waiting = 2_000;
    for _ in 0..waiting / 500 {
        let jobs: Vec<_> = (0..500)
            .map(|_| json!({"kind": "noop", "payload": {}}))
            .collect();
        let batch = json!({"jobs": jobs});
        assert_eq!(client.post("/api/v1/batches", batch).await.status, 202);
    }
    let looks = 20;
    until("what looks and newcomers read is counted", || async {
        for _ in 0..looks {
            app.store.look_at_queues().await.unwrap();
            let job = NewJob::now(JobKind::Noop, json!({}));
            app.store.submit(app.tenant, &job).await.unwrap();
        }
        let row = sqlx::query(
            "select idx_scan, idx_tup_read from pg_stat_user_indexes where indexrelname = 'jobs_turn'",
        )
        .fetch_one(&mut app.database().await)
        .await
        .unwrap();
        let (scans, read): (i64, i64) = (row.get(0), row.get(1));
        assert!(read <= scans + waiting, "{read} entries in {scans} scans");
        scans >= 3 * looks
    })
    .await;
}
