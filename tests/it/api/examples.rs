//! The examples of the OpenAPI document: everywhere, of the shape that they stand for, and taken by the API.

use computetower_jobs::{JobKind, Queue};
use serde_json::{Value, json};

use crate::support::TestApp;

/// A body of the document: where it stands, what it says of itself, and its examples.
struct Body<'a> {
    place: String,
    kind: &'a str,
    schema: &'a Value,
    examples: Vec<&'a Value>,
}

/// All bodies that requests and answers may have.
fn bodies(document: &Value) -> Vec<Body<'_>> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let answers = operation["responses"].as_object().into_iter().flatten();
            let answers = answers.map(|(status, answer)| (status.as_str(), answer));
            let request = std::iter::once(("request", &operation["requestBody"]));
            for (which, body) in request.chain(answers) {
                for (kind, media) in body["content"].as_object().into_iter().flatten() {
                    found.push(Body {
                        place: format!("{} {path} {which}", method.to_uppercase()),
                        kind,
                        schema: &media["schema"],
                        examples: examples(document, media),
                    });
                }
            }
        }
    }
    found
}

/// The examples that stand beside a body, else those of its schema.
fn examples<'a>(document: &'a Value, media: &'a Value) -> Vec<&'a Value> {
    let beside = media["examples"].as_object().into_iter().flatten();
    let beside: Vec<&Value> = beside
        .map(|(_, example)| &example["value"])
        .chain(media.get("example"))
        .collect();
    if !beside.is_empty() {
        return beside;
    }
    let schema = &media["schema"];
    let one = if schema["type"] == "array" {
        &schema["items"]
    } else {
        schema
    };
    let whole = resolved(document, one);
    let several = whole["examples"].as_array().into_iter().flatten();
    several.chain(whole.get("example")).collect()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => document.pointer(&name[1..]).unwrap(),
        None => schema,
    }
}

/// Why a value is not of a schema, if it is not. Looks at what the document uses: types, fields, alternatives.
fn misfit(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let schema = resolved(document, schema);
    for word in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[word].as_array() {
            let tried: Vec<String> = choices
                .iter()
                .map_while(|choice| misfit(document, choice, value, at))
                .collect();
            return (tried.len() == choices.len()).then(|| tried.join(", or "));
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        // Each part knows some of the fields only.
        return parts.iter().find_map(|part| {
            misfit(document, part, value, at).filter(|why| !why.ends_with("is not known"))
        });
    }
    if let Some(words) = schema["enum"].as_array() {
        return (!words.contains(value)).then(|| format!("{at}: {value} is not one of the words"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !(types.contains(&is) || (is == "integer" && types.contains(&"number"))) {
        return Some(format!("{at}: {value} is {is}, not {}", types.join(" or ")));
    }
    match value {
        Value::Array(items) => items
            .iter()
            .find_map(|item| misfit(document, &schema["items"], item, &format!("{at}[]"))),
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required
                .filter_map(Value::as_str)
                .find(|name| !fields.contains_key(*name));
            if let Some(name) = missing {
                return Some(format!("{at}.{name} is missing"));
            }
            fields.iter().find_map(|(name, field)| {
                let at = format!("{at}.{name}");
                match (
                    schema["properties"].get(name),
                    schema.get("additionalProperties"),
                ) {
                    (Some(inner), _) => misfit(document, inner, field, &at),
                    (None, Some(inner)) if inner.is_object() => misfit(document, inner, field, &at),
                    (None, _) if schema["properties"].is_object() => {
                        Some(format!("{at} is not known"))
                    }
                    (None, _) => None,
                }
            })
        }
        _ => None,
    }
}

#[tokio::test]
async fn every_body_has_an_example_of_its_shape() {
    let app = TestApp::without_workers().await;
    let document = app.client().get("/openapi.json").await.body;
    let bodies = bodies(&document);
    assert!(bodies.len() > 80, "only {} bodies were found", bodies.len());
    let mut wrong = Vec::new();
    for body in &bodies {
        if body.examples.is_empty() {
            wrong.push(format!("{} ({}) has no example", body.place, body.kind));
        }
        for example in &body.examples {
            // An array's example is one of its items where it has none of its own.
            let alone = body.schema["type"] == "array" && !example.is_array();
            let schema = if alone {
                &body.schema["items"]
            } else {
                body.schema
            };
            if body.kind.ends_with("json")
                && let Some(why) = misfit(&document, schema, example, "")
            {
                wrong.push(format!("{}: {why}", body.place));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_answer_that_is_told_has_a_body_or_says_that_it_has_none() {
    let app = TestApp::without_workers().await;
    let document = app.client().get("/openapi.json").await.body;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                // 101 and 204 have none; a drained worker was told, and that is all.
                let none = status == "101" || status == "204" || path.ends_with("/drain");
                assert!(
                    none || answer["content"].is_object(),
                    "{method} {path} {status} shows no body"
                );
            }
            assert!(
                !path.contains('{') || operation["responses"]["404"].is_object(),
                "{method} {path} does not say what an id that is not there is answered with"
            );
        }
    }
}

#[tokio::test]
async fn the_examples_of_requests_are_taken() {
    let app = TestApp::without_workers().await;
    let document = app.client().get("/openapi.json").await.body;
    let mut tried = 0;
    for body in bodies(&document) {
        let (caller, path, expected) = match body.place.as_str() {
            "POST /api/v1/jobs request" => (app.client(), "/api/v1/jobs", 202),
            "POST /api/v1/batches request" => (app.client(), "/api/v1/batches", 202),
            "POST /api/v1/jobs/replay request" => (app.client(), "/api/v1/jobs/replay", 200),
            "PUT /admin/limits request" => (app.operator(), "/admin/limits", 200),
            _ => continue,
        };
        for example in body.examples {
            // The jobs that it waits for are not there.
            if example["after"].is_array() {
                continue;
            }
            let reply = if body.place.starts_with("PUT") {
                caller.put(path, example.clone()).await
            } else {
                caller.post(path, example.clone()).await
            };
            assert_eq!(reply.status, expected, "{example}: {}", reply.body);
            tried += 1;
        }
    }
    assert_eq!(tried, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_have_the_shape_that_the_document_tells() {
    let app = TestApp::start(&[Queue::Noop]).await;
    let (client, operator) = (app.client(), app.operator());
    let document = client.get("/openapi.json").await.body;
    let job = client.submit("noop", json!({"progress": 1})).await;
    client.ended(&job).await;
    let failed = client
        .submit("noop", json!({"fail": "invalid_input"}))
        .await;
    client.ended(&failed).await;
    let batch = json!({"jobs": [{"kind": "noop"}]});
    let batch = client.post("/api/v1/batches", batch).await.body["id"].clone();
    let schedule = json!({"name": "x", "cron": "0 0 1 1 *", "job": {"kind": "noop"}});
    let schedule = client.post("/api/v1/schedules", schedule).await.body["id"].clone();
    let provider = app
        .store
        .add_provider(app.tenant, "x", "http://127.0.0.1:9/", None)
        .await
        .unwrap();
    let session = json!({"provider_id": provider});
    let session = client.post("/api/v1/sessions", session).await.body["id"].clone();
    let session = session.as_str().unwrap().to_owned();
    let limit = json!({"queue": "chat", "max_running": 2});
    assert_eq!(operator.put("/admin/limits", limit).await.status, 200);
    let (batch, schedule) = (batch.as_str().unwrap(), schedule.as_str().unwrap());
    let tenant = app.tenant.to_string();
    for (told, id) in [
        ("/api/v1/jobs", ""),
        ("/api/v1/jobs/{id}", &job),
        ("/api/v1/jobs/{id}", &failed),
        ("/api/v1/jobs/{id}/attempts", &failed),
        ("/api/v1/jobs/{id}/steps", &job),
        ("/api/v1/batches/{id}", batch),
        ("/api/v1/batches/{id}/wait", batch),
        ("/api/v1/schedules", ""),
        ("/api/v1/schedules/{id}", schedule),
        ("/api/v1/queues", ""),
        ("/api/v1/sessions", ""),
        ("/api/v1/sessions/{id}", &session),
        ("/api/v1/workers", ""),
        ("/admin/queues", ""),
        ("/admin/workers", ""),
        ("/admin/limits", ""),
        ("/admin/tenants/{id}", &tenant),
        ("/admin/scale", ""),
    ] {
        let caller = if told.starts_with("/admin") {
            &operator
        } else {
            &client
        };
        let reply = caller.get(&told.replace("{id}", id)).await;
        assert_eq!(reply.status, 200, "{told}: {}", reply.body);
        let answer = &document["paths"][told]["get"]["responses"]["200"];
        let schema = &answer["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{told} tells no shape");
        let wrong = misfit(&document, schema, &reply.body, "");
        assert_eq!(wrong, None, "{told}: {}", reply.body);
    }
    let refused = client.get("/api/v1/jobs?limit=0").await;
    let problem = json!({"$ref": "#/components/schemas/ProblemBody"});
    assert_eq!(misfit(&document, &problem, &refused.body, ""), None);
    app.stop().await;
}

#[tokio::test]
async fn every_kind_shows_a_payload_that_it_takes() {
    let app = TestApp::without_workers().await;
    let document = app.client().get("/openapi.json").await.body;
    for kind in JobKind::ALL {
        let (first, rest) = kind.name().split_at(1);
        let schema = format!("{}{rest}", first.to_uppercase());
        let example = &document["components"]["schemas"][&schema]["example"];
        assert!(example.is_object(), "{schema} has no example");
        kind.parse(example.clone()).unwrap();
    }
}
