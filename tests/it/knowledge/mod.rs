//! Knowledge: sources, what is read from them, and how it is found.

mod crawl;
mod files;
mod ingest;
mod keep;
mod recall;
mod search;
mod sources;

use serde_json::{Value, json};

use crate::support::{Client, Reply};

const BOUNDARY: &str = "----a-boundary-of-the-test";

/// A source of files.
async fn files_source(client: &Client) -> String {
    let made = client
        .post(
            "/api/v1/knowledge/sources",
            json!({"kind": "file", "name": "papers"}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["id"].as_str().unwrap().to_owned()
}

/// Sends files as a form.
async fn upload(client: &Client, source: &str, files: &[(&str, &[u8])]) -> Reply {
    let mut body = Vec::new();
    for (name, content) in files {
        body.extend_from_slice(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    client
        .post_with(
            &format!("/api/v1/knowledge/sources/{source}/files"),
            &[("content-type", &form)],
            body,
        )
        .await
}

/// Reads a source and waits for the end.
async fn sync(client: &Client, source: &str, how: Value) -> Value {
    let started = client
        .post(&format!("/api/v1/knowledge/sources/{source}/sync"), how)
        .await;
    assert_eq!(started.status, 202, "{}", started.body);
    client.ended(started.body["job_id"].as_str().unwrap()).await
}
