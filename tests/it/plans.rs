//! Statements that every job needs look up what they need, also when their plans were made while the tables were empty.

use computetower_jobs::{JobId, WorkerId};
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
