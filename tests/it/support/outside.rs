//! A server that speaks what a vision model's endpoint and a solver of challenges speak, as it is published. A test says what it answers.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::{Json, Router};
use serde_json::{Value, json};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The picture that was sent, by whatever API.
    pub(crate) fn picture(&self) -> Vec<u8> {
        use base64::Engine;
        let content = self.body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|message| message["content"].as_array())
            .unwrap();
        let data = content
            .iter()
            .find_map(|part| match part["type"].as_str().unwrap() {
                "image" => {
                    assert_eq!(part["source"]["type"], "base64");
                    assert_eq!(part["source"]["media_type"], "image/jpeg");
                    part["source"]["data"].as_str()
                }
                "image_url" => part["image_url"]["url"]
                    .as_str()
                    .unwrap()
                    .strip_prefix("data:image/jpeg;base64,"),
                _ => None,
            })
            .unwrap();
        base64::engine::general_purpose::STANDARD
            .decode(data)
            .unwrap()
    }
}

type Answers = dyn Fn(&Seen, usize) -> (u16, Value) + Send + Sync;

struct Shared {
    answers: Box<Answers>,
    seen: Mutex<Vec<Seen>>,
}

/// A running server; it ends with the test.
pub(crate) struct Outside {
    pub(crate) address: String,
    shared: Arc<Shared>,
}

impl Outside {
    /// Answers each request, of which so many came before, as `answers` says: a status and a body.
    pub(crate) async fn start(
        answers: impl Fn(&Seen, usize) -> (u16, Value) + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            answers: Box::new(answers),
            seen: Mutex::default(),
        });
        let router = Router::new().fallback(take).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared }
    }

    /// What came so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// An answer in the shape of Anthropic's Messages: the tool is called with this.
    pub(crate) fn tool_use(input: Value) -> Value {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "some-model", "stop_reason": "tool_use", "stop_sequence": null,
               "content": [{"type": "tool_use", "id": "toolu_1", "name": "report", "input": input}], "usage": {"input_tokens": 1400, "output_tokens": 60}})
    }

    /// An answer in the shape of OpenAI's chat completions.
    pub(crate) fn completion(content: &str) -> Value {
        json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "some-model",
               "choices": [{"index": 0, "message": {"role": "assistant", "content": content, "refusal": null}, "finish_reason": "stop"}],
               "usage": {"prompt_tokens": 1400, "completion_tokens": 60, "total_tokens": 1460}})
    }
}

async fn take(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let seen = Seen {
        path: uri.path().to_owned(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    let before = {
        let mut all = shared.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    let (status, body) = (shared.answers)(&seen, before);
    (StatusCode::from_u16(status).unwrap(), Json(body))
}
