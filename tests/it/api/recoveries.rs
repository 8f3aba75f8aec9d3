//! What becomes of failures, counted.

use computetower_jobs::Queue;
use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_counted_by_what_became_of_them_and_only_for_their_tenant() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let client = app.client();
    let nothing = client.get("/api/v1/recoveries/statistics").await.body;
    assert_eq!(
        (&nothing["recoveries"], &nothing["rate"]),
        (&json!([]), &Value::Null)
    );
    for payload in [
        json!({}),
        json!({"fail": "network", "fail_times": 1}),
        json!({"fail": "network", "fail_times": 1}),
        json!({"fail": "invalid_input"}),
    ] {
        client.submit("noop", payload).await;
    }
    app.drained().await;
    let counted = client.get("/api/v1/recoveries/statistics").await.body;
    assert_eq!(
        counted["recoveries"],
        json!([
            {"code": "invalid_input", "strategy": "give_up", "recovered": 0, "failed": 1, "open": 0, "rate": 0.0},
            {"code": "network", "strategy": "reload_and_retry", "recovered": 2, "failed": 0, "open": 0, "rate": 1.0},
        ]),
        "{counted}"
    );
    assert_eq!(
        (&counted["recovered"], &counted["failed"]),
        (&json!(2), &json!(1))
    );
    let earlier = "/api/v1/recoveries/statistics?until=2020-01-01T00:00:00Z";
    assert_eq!(client.get(earlier).await.body["recoveries"], json!([]));
    let stranger = app.stranger().await;
    let none = stranger.get("/api/v1/recoveries/statistics").await.body;
    assert_eq!(none["recoveries"], json!([]));
    for wrong in [
        "since=x",
        "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        "y=1",
    ] {
        let refused = client
            .get(&format!("/api/v1/recoveries/statistics?{wrong}"))
            .await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
    app.stop().await;
}
