//! The OpenAPI document: complete, and changed only on purpose.

use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test]
async fn whoever_shows_no_key_is_refused_as_the_document_says() {
    let app = TestApp::without_workers().await;
    let document = app.client().get("/openapi.json").await.body;
    let http = reqwest::Client::new();
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let ways = operation["security"].as_array();
            // The metrics ask for a key in some deployments only, and say so.
            if ways.is_none_or(|ways| ways.contains(&json!({}))) {
                continue;
            }
            let named = path.replace("{id}", "01890000-0000-7000-8000-000000000001");
            let method = method.to_uppercase().parse().unwrap();
            let url = format!("{}{named}", app.address);
            let reply = http.request(method, url).send().await.unwrap();
            assert_eq!(reply.status(), 401, "{path}");
            let told = &operation["responses"];
            let told = told.get("401").or_else(|| told.get("default"));
            assert!(told.is_some(), "{path} does not say so");
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
}

#[tokio::test]
async fn the_document_names_every_route_and_changes_only_on_purpose() {
    let app = TestApp::without_workers().await;
    let document = app.client().get("/openapi.json").await.body;
    assert_eq!(document["openapi"], "3.1.0");
    let mut routes: Vec<String> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(
                operation["summary"].is_string() || operation["description"].is_string(),
                "{method} {path} says nothing"
            );
            routes.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    routes.sort();
    insta::assert_snapshot!(routes.join("\n"));
    let schemas: Vec<&String> = document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    for wanted in [
        "SubmitRequest",
        "Job",
        "Event",
        "FailureCode",
        "ProblemBody",
        "RegisterProvider",
    ] {
        assert!(
            schemas.iter().any(|name| *name == wanted),
            "{wanted} is not among {schemas:?}"
        );
    }
    assert!(
        matches!(app.client().get("/docs/").await.body, Value::String(page) if page.contains("swagger"))
    );
}
