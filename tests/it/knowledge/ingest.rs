//! `ingest` jobs.

use computetower_jobs::Queue;
use serde_json::json;

use super::{files_source, sync, upload};
use crate::support::TestApp;

const GUIDE: &str = "# Guide\n\n## Installing\n\nRun the installer and wait until the lamp turns green. That takes some minutes, in which the machine must not be switched off and its cover must stay closed, since the fan has to run all the time. Should the lamp turn red, switch the machine off, wait for half a minute, and begin again with the first step.\n\n```sh\nmake install\n```\n\n## Sorting\n\nSorted lists are kept in `sorted_list.py`, see [the manual](https://manual.example/x).\n";

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_found_and_not_read_again() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let client = app.client();
    let source = files_source(&client).await;
    let html = "<html lang=en><head><title>Lamps</title></head><body><main><h1>Lamps</h1><p>A lamp that blinks slowly has lost its controller, and has to be reset by hand.</p></main></body></html>";
    let uploaded = upload(
        &client,
        &source,
        &[
            ("guide.md", GUIDE.as_bytes()),
            ("lamps.html", html.as_bytes()),
        ],
    )
    .await;
    assert_eq!(uploaded.status, 201, "{}", uploaded.body);
    let job = sync(&client, &source, json!({})).await;
    assert_eq!(job["state"], "completed", "{job}");
    let counts = &job["result"]["counts"];
    assert_eq!(
        (&counts["done"], &counts["new"], &counts["failed"]),
        (&json!(2), &json!(2), &json!(0)),
        "{job}"
    );

    let found = client
        .get(&format!(
            "/api/v1/knowledge/search?q=how%20do%20I%20sort&source={source}"
        ))
        .await;
    assert_eq!(found.status, 200, "{}", found.body);
    let best = &found.body["results"][0];
    assert_eq!(
        best["heading_path"],
        json!(["Guide", "Sorting"]),
        "{}",
        found.body
    );
    assert!(
        best["snippet"]
            .as_str()
            .unwrap()
            .contains("<mark>Sorted</mark>"),
        "{best}"
    );

    let documents = client
        .get(&format!("/api/v1/knowledge/sources/{source}/documents"))
        .await;
    let documents = documents.body["documents"].as_array().unwrap().clone();
    assert_eq!(documents.len(), 2);
    let shown = client
        .get(&format!(
            "/api/v1/knowledge/documents/{}",
            documents[0]["id"].as_str().unwrap()
        ))
        .await;
    assert!(
        shown.body["markdown"]
            .as_str()
            .unwrap()
            .contains("make install"),
        "{}",
        shown.body
    );

    let job = sync(&client, &source, json!({})).await;
    let counts = &job["result"]["counts"];
    assert_eq!(
        (&counts["unchanged"], &counts["new"], &counts["gone"]),
        (&json!(2), &json!(0), &json!(0)),
        "{job}"
    );
    let history = client
        .get(&format!("/api/v1/knowledge/sources/{source}/syncs"))
        .await;
    let told: Vec<_> = history.body["syncs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sync| {
            (
                sync["trigger_type"].clone(),
                sync["status"].clone(),
                sync["progress"].clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!("resync"), json!("completed"), json!(100.0)),
            (json!("initial"), json!("completed"), json!(100.0))
        ]
    );
    let source = client
        .get(&format!("/api/v1/knowledge/sources/{source}"))
        .await;
    assert_eq!(source.body["documents"], 2);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_fails_alone_or_with_its_job() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let client = app.client();
    let source = files_source(&client).await;
    let broken = b"%PDF-1.7\nthis is no PDF at all\n";
    assert_eq!(
        upload(&client, &source, &[("broken.pdf", broken)])
            .await
            .status,
        201
    );
    let job = sync(&client, &source, json!({})).await;
    assert_eq!(
        (&job["state"], &job["failure"]["code"]),
        (&json!("failed"), &json!("invalid_input")),
        "{job}"
    );
    let status = client
        .get(&format!(
            "/api/v1/knowledge/explore/status/{}",
            job["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(
        (&status.body["status"], &status.body["phase"]),
        (&json!("failed"), &json!("failed")),
        "{}",
        status.body
    );
    assert!(
        status.body["error_messages"][0]
            .as_str()
            .unwrap()
            .starts_with("broken.pdf"),
        "{}",
        status.body
    );

    assert_eq!(
        upload(&client, &source, &[("guide.md", GUIDE.as_bytes())])
            .await
            .status,
        201
    );
    let job = sync(&client, &source, json!({})).await;
    assert_eq!(job["state"], "completed", "{job}");
    assert_eq!(job["result"]["counts"]["failed"], 1);
    let results = client
        .get(&format!(
            "/api/v1/knowledge/explore/results/{}",
            job["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(
        results.body["pages"].as_array().unwrap().len(),
        1,
        "{}",
        results.body
    );
    assert_eq!(
        results.body["external_links"],
        json!(["https://manual.example/x"])
    );
    assert_eq!(results.body["errors"].as_array().unwrap().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_can_be_taken_away_as_lines_or_as_files() {
    use std::io::Read;
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let client = app.client();
    let source = files_source(&client).await;
    assert_eq!(
        upload(
            &client,
            &source,
            &[
                ("guide.md", GUIDE.as_bytes()),
                ("b.txt", b"Just a line of text.\n")
            ]
        )
        .await
        .status,
        201
    );
    sync(&client, &source, json!({})).await;
    let get = async |format: &str| {
        reqwest::Client::new()
            .get(format!(
                "{}/api/v1/knowledge/sources/{source}/export?format={format}",
                app.address
            ))
            .bearer_auth(app.key())
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap()
    };
    let lines = get("jsonl").await;
    let lines: Vec<serde_json::Value> = std::str::from_utf8(&lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0]["markdown"]
            .as_str()
            .unwrap()
            .contains("## Sorting"),
        "{}",
        lines[0]
    );
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(get("zip").await)).unwrap();
    assert_eq!(archive.len(), 2);
    let mut text = String::new();
    archive
        .by_index(0)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(
        text.starts_with("---\ntitle: ") && text.contains("make install"),
        "{text}"
    );
    let wrong = client
        .get(&format!(
            "/api/v1/knowledge/sources/{source}/export?format=pdf"
        ))
        .await;
    assert_eq!(wrong.status, 422);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_in_the_place_of_an_accepted_file_is_not_swallowed_whole() {
    let mut app = TestApp::without_workers().await;
    let client = app.client();
    let source = files_source(&client).await;
    let uploaded = upload(&client, &source, &[("a.txt", b"A short text.\n")]).await;
    let key = uploaded.body["files"][0]["key"].as_str().unwrap();
    let other = "Another text, which is longer.\n".repeat(1_000);
    let put = app
        .store
        .objects
        .put(key, "text/plain", other.into_bytes())
        .await;
    put.unwrap();
    app.start_dispatcher();
    app.start_worker(&[Queue::Knowledge]);
    let job = sync(&client, &source, json!({})).await;
    assert_eq!(
        (&job["state"], &job["failure"]["code"]),
        (&json!("failed"), &json!("invalid_input")),
        "{job}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_on_the_channels_of_an_exploration() {
    use futures::StreamExt;
    let mut app = TestApp::without_workers().await;
    let client = app.client();
    let source = files_source(&client).await;
    assert_eq!(
        upload(&client, &source, &[("guide.md", GUIDE.as_bytes())])
            .await
            .status,
        201
    );
    let started = client
        .post(
            &format!("/api/v1/knowledge/sources/{source}/sync"),
            json!({}),
        )
        .await;
    let job = started.body["job_id"].as_str().unwrap();
    let redis = redis::Client::open(app.config.store.redis_url.as_str()).unwrap();
    let mut channel = redis.get_async_pubsub().await.unwrap();
    channel
        .subscribe(format!("exploration:{job}:page_completed"))
        .await
        .unwrap();
    app.start_dispatcher();
    app.start_worker(&[Queue::Knowledge]);
    let told = tokio::time::timeout(crate::support::PATIENCE, channel.on_message().next())
        .await
        .unwrap()
        .unwrap();
    let told: serde_json::Value =
        serde_json::from_str(&told.get_payload::<String>().unwrap()).unwrap();
    assert_eq!(told["job_id"], json!(job));
    assert_eq!(told["title"], "Guide");
    client.ended(job).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_sites_are_kept_apart() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let client = app.client();
    let made = client
        .post(
            "/api/v1/knowledge/sources",
            json!({"kind": "website", "url": "http://127.0.0.1:9/"}),
        )
        .await;
    let source = made.body["id"].as_str().unwrap().to_owned();
    let uploaded = upload(&client, &source, &[("guide.md", GUIDE.as_bytes())]).await;
    assert_eq!(
        (uploaded.status, &uploaded.body["errors"][0]["field"]),
        (422, &json!("source_id")),
        "{}",
        uploaded.body
    );
    // Nothing of a site may be taken for gone because no file of it is there.
    let job = client.submit("ingest", json!({"source_id": source})).await;
    let job = client.ended(&job).await;
    assert_eq!(
        (&job["state"], &job["failure"]["code"]),
        (&json!("failed"), &json!("invalid_input")),
        "{job}"
    );
    app.stop().await;
}
