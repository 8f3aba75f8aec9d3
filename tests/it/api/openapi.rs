//! The OpenAPI document: complete, and changed only on purpose.

use serde_json::Value;

use crate::support::TestApp;

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
