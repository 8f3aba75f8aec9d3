//! `computetower up` itself, killed: nothing stays behind.

use serde_json::json;

use crate::support::{Up, until};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_a_killed_up() {
    let (mut up, client) = Up::start().await;
    // Jobs under way make every process write to a standard error that is gone.
    for _ in 0..20 {
        client
            .submit("noop", json!({"progress": 50, "sleep_ms": 60_000}))
            .await;
    }
    assert!(
        up.processes()
            .iter()
            .any(|command| command.contains("worker")),
        "{:?}",
        up.processes()
    );
    up.kill();
    until("every process of it has ended", || async {
        up.processes().is_empty()
    })
    .await;
}
