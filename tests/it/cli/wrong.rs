//! What is wrong with a call, said to whoever made it.

use computetower::api::BODY_LIMIT;

use crate::support::{CliRun, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_with_what_to_do() {
    let app = TestApp::without_workers().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let run = CliRun::at(&nobody, &app, &["jobs", "list"]).await;
    assert!(
        run.status == 2 && run.err.contains(&nobody) && run.err.contains("COMPUTETOWER_URL"),
        "{run:?}"
    );
    let run = CliRun::with(&[("COMPUTETOWER_URL", &app.address)], &["workers"], "").await;
    assert!(
        run.status == 2 && run.err.contains("COMPUTETOWER_API_KEY is not set"),
        "{run:?}"
    );
    let stranger = [
        ("COMPUTETOWER_URL", app.address.as_str()),
        ("COMPUTETOWER_API_KEY", "ct_wrong"),
    ];
    let run = CliRun::with(&stranger, &["jobs", "list"], "").await;
    assert!(run.err.contains("401 unauthenticated"), "{run:?}");
    let run = CliRun::of(&app, &["jobs", "submit", "sing"]).await;
    assert!(
        run.status == 2
            && run.err.contains("422 invalid_input")
            && run.err.contains("field \"kind\""),
        "{run:?}"
    );
    let unknown = computetower_jobs::JobId::generate().to_string();
    for args in [["jobs", "show", &unknown], ["jobs", "watch", &unknown]] {
        let run = CliRun::of(&app, &args).await;
        assert!(
            run.status == 2 && run.err.contains("There is no such job. (404 not_found)"),
            "{run:?}"
        );
    }
    let run = CliRun::of(&app, &["jobs", "show", "not-an-id"]).await;
    assert_eq!(run.status, 2, "{run:?}");
    // As much as may be read, and with its kind more than a request may have.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.json");
    let large = format!("{{\"x\": \"{}\"}}", "x".repeat(BODY_LIMIT - 9));
    std::fs::write(&file, large).unwrap();
    let named = format!("@{}", file.display());
    let run = CliRun::of(&app, &["jobs", "submit", "noop", "--payload", &named]).await;
    run.refused("413 too_large");
    // Something that is no computetower.
    let objects = app.config.store.objects.endpoint.clone().unwrap();
    let run = CliRun::at(&objects, &app, &["jobs", "list"]).await;
    assert!(run.err.contains("not JSON"), "{run:?}");
}
