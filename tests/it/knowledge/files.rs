//! Files on their way into the bucket and out of it.

use serde_json::json;
use sha2::{Digest, Sha256};

use super::{files_source, upload};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_comes_whole_through_in_pieces() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let source = files_source(&client).await;
    // More than two parts, none like another.
    let mut content = b"%PDF-1.7\n".to_vec();
    for line in 0..1_200_000 {
        content.extend_from_slice(format!("line {line:08}\n").as_bytes());
    }
    assert!(content.len() > 16 * 1024 * 1024);
    let reply = upload(
        &client,
        &source,
        &[("../../A manual.pdf", &content), ("note.md", b"# Note\n")],
    )
    .await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let file = &reply.body["files"][0];
    assert_eq!(file["filename"], "A manual.pdf");
    assert_eq!(file["content_type"], "application/pdf");
    let digest: String = Sha256::digest(&content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(file["sha256"], json!(digest));
    let key = file["key"].as_str().unwrap();
    let folder = format!("{}/knowledge/{source}/", app.tenant);
    assert!(
        key.starts_with(&folder) && key.ends_with("-A-manual.pdf"),
        "{key}"
    );
    assert_eq!(app.store.objects.get(key).await.unwrap(), content);
    let listed = client
        .get(&format!("/api/v1/knowledge/sources/{source}/files"))
        .await;
    assert_eq!(listed.body["files"].as_array().unwrap().len(), 2);

    let gone = client
        .delete(&format!(
            "/api/v1/knowledge/sources/{source}/files?key={key}"
        ))
        .await;
    assert_eq!(gone.status, 204);
    app.store.remove_unnamed_objects().await.unwrap();
    assert_eq!(app.store.objects.find(key).await.unwrap(), None);
    let other = reply.body["files"][1]["key"].as_str().unwrap();
    assert!(app.store.objects.find(other).await.unwrap().is_some());
    assert_eq!(
        client
            .delete(&format!("/api/v1/knowledge/sources/{source}"))
            .await
            .status,
        204
    );
    app.store.remove_unnamed_objects().await.unwrap();
    assert_eq!(app.store.objects.find(other).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_refused_with_the_reason() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let source = files_source(&client).await;
    let too_large = {
        let mut text = String::from("a,b\n");
        while text.len() <= 11_000_000 {
            text.push_str("1234567,an entry of the table\n");
        }
        text
    };
    for (name, content, status) in [
        ("a.pdf", &b"just text"[..], 422),
        ("a.txt", b"\x7fELF\x02\x01\x01\0\0\0\0\0", 422),
        ("empty.md", b"", 422),
        ("a.csv", too_large.as_bytes(), 413),
    ] {
        let reply = upload(&client, &source, &[(name, content)]).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.body);
        assert!(
            reply.body["detail"].as_str().unwrap().contains(name),
            "{}",
            reply.body
        );
    }
    assert_eq!(
        client
            .get(&format!("/api/v1/knowledge/sources/{source}/files"))
            .await
            .body["files"],
        json!([])
    );
    let path = format!("/api/v1/knowledge/sources/{source}/files");
    let no_form = client.post(&path, json!({})).await;
    assert_eq!(no_form.status, 415);
    let cut = client
        .post_with(
            &path,
            &[("content-type", "multipart/form-data; boundary=x")],
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\n\r\nhal",
        )
        .await;
    assert_eq!(cut.status, 400, "{}", cut.body);
    let stranger = app.stranger().await;
    assert_eq!(
        upload(&stranger, &source, &[("a.md", b"# A")]).await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_can_be_stored_past_the_api_and_is_looked_at_when_it_is_named() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    let source = files_source(&client).await;
    let sign = async |filename: &str| {
        let signed = client
            .post(
                "/api/v1/knowledge/presigned-url",
                json!({"source_id": source, "filename": filename}),
            )
            .await;
        assert_eq!(
            (signed.status, &signed.body["method"]),
            (200, &json!("PUT")),
            "{}",
            signed.body
        );
        signed.body
    };
    let start = async |key: &str| {
        client.post("/api/v1/knowledge/ingest/start", json!({"source_type": "file", "s3_reference": {"key": key}, "job_id": format!("mine-{}", key.len())})).await
    };
    let signed = sign("notes.md").await;
    let key = signed["key"].as_str().unwrap();
    let early = start(key).await;
    assert_eq!(early.status, 422, "{}", early.body);
    let put = reqwest::Client::new()
        .put(signed["presigned_url"].as_str().unwrap())
        .body("# Notes\n\nSomething.\n")
        .send()
        .await
        .unwrap();
    assert!(put.status().is_success());
    let started = start(key).await;
    assert_eq!(started.status, 202, "{}", started.body);
    let again = start(key).await;
    assert_eq!(
        again.body["job_id"], started.body["job_id"],
        "the same request is the same job"
    );
    let renewed = client
        .post("/api/v1/knowledge/presigned-url", json!({"key": key}))
        .await;
    assert_eq!(renewed.body["method"], "GET");
    let read = reqwest::get(renewed.body["presigned_url"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(read.text().await.unwrap(), "# Notes\n\nSomething.\n");

    let signed = sign("notes.pdf").await;
    reqwest::Client::new()
        .put(signed["presigned_url"].as_str().unwrap())
        .body("no PDF")
        .send()
        .await
        .unwrap();
    let refused = start(signed["key"].as_str().unwrap()).await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["field"]),
        (422, &json!("s3_reference.key"))
    );
    assert_eq!(start("nobody/knowledge/x/y").await.status, 404);
}
