//! The response object. Pure.

use computetower_jobs::JobId;
use serde_json::{Map, Value, json};

use super::super::ask::Said;
use super::super::cut::Reason;
use super::super::error::OpenAiError;
use super::super::shape::call_id;
use super::super::tokens::estimate;
use super::items::items;
use super::request::Request;
use super::stored::Previous;

/// The fixed parts of a response.
pub(super) struct Object {
    job: Option<JobId>,
    fields: Map<String, Value>,
    input_tokens: usize,
}

impl Object {
    pub(super) fn new(jobs: &[JobId], request: &Request) -> Self {
        let job = jobs.first().copied();
        let mut fields = request.echo.clone();
        let fixed = json!({
            "id": id("resp", job), "object": "response", "created_at": chrono::Utc::now().timestamp(), "model": request.ask.chat.model,
            "background": false, "error": null, "incomplete_details": null, "max_tool_calls": null, "previous_response_id": request.previous,
            "prompt_cache_key": null, "reasoning": { "effort": null, "summary": null }, "safety_identifier": null, "service_tier": "default",
            "store": request.store,
            // The page decides about these.
            "temperature": null, "top_p": null, "top_logprobs": 0, "truncation": "disabled", "user": null,
        });
        if let Value::Object(fixed) = fixed {
            fields.extend(fixed);
        }
        Self {
            job,
            fields,
            input_tokens: estimate(&request.ask.chat.prompt()),
        }
    }

    /// All items that it answers, those of the response from which it goes on first.
    pub(super) fn input(&self, previous: Option<&Previous>, input: &Value) -> Value {
        let job = self.job.map(|job| job.0.simple().to_string());
        let own = items(input, &job.unwrap_or_default());
        let before = previous.map(|previous| previous.items.clone());
        before.unwrap_or_default().into_iter().chain(own).collect()
    }

    /// The response while nothing is known yet.
    pub(super) fn begun(&self) -> Value {
        self.with("in_progress", Vec::new(), Value::Null)
    }

    /// The whole response.
    pub(super) fn ended(&self, said: Option<&Said>) -> Value {
        let Some(said) = said else {
            return self.begun();
        };
        let cut = said.reason == Reason::Length;
        let tokens = said.tokens();
        let usage = json!({
            "input_tokens": self.input_tokens, "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
            "output_tokens": tokens, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": self.input_tokens + tokens,
        });
        let mut response = self.with(status(said), self.output(said), usage);
        if cut {
            response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
        } else {
            response["completed_at"] = json!(chrono::Utc::now().timestamp());
        }
        response
    }

    /// The response that failed, after a part of its text.
    pub(super) fn failed(&self, error: &OpenAiError, text: &str) -> Value {
        let output = if text.is_empty() {
            Vec::new()
        } else {
            vec![self.message(text, "incomplete")]
        };
        let mut response = self.with("failed", output, Value::Null);
        let (message, code) = error.told();
        // Of OpenAI's closed list of codes, the one that fits; the code of this platform beside it.
        let listed = if error.is_rate_limit() {
            "rate_limit_exceeded"
        } else {
            "server_error"
        };
        response["error"] = json!({ "code": listed, "message": message, "type": code });
        response
    }

    /// The items of an answer: its text, unless there are calls alone, then the calls.
    pub(super) fn output(&self, said: &Said) -> Vec<Value> {
        let mut output = Vec::new();
        if has_message(said) {
            output.push(self.message(&said.text, status(said)));
        }
        output.extend((0..said.calls.len()).map(|at| self.call(said, at, "completed")));
        output
    }

    /// The item of the text.
    pub(super) fn message(&self, text: &str, status: &str) -> Value {
        let content = if status == "in_progress" {
            Vec::new()
        } else {
            vec![part(text)]
        };
        json!({ "id": self.message_id(), "type": "message", "role": "assistant", "status": status, "content": content })
    }

    /// The item of a call.
    pub(super) fn call(&self, said: &Said, at: usize, status: &str) -> Value {
        let call = &said.calls[at];
        let arguments = if status == "in_progress" {
            ""
        } else {
            &call.arguments
        };
        json!({
            "id": self.call_item_id(at), "type": "function_call", "call_id": call_id(self.job.as_ref(), at), "name": call.name,
            "arguments": arguments, "status": status,
        })
    }

    pub(super) fn message_id(&self) -> String {
        id("msg", self.job)
    }

    pub(super) fn call_item_id(&self, at: usize) -> String {
        format!("{}{at:02}", id("fc", self.job))
    }

    fn with(&self, status: &str, output: Vec<Value>, usage: Value) -> Value {
        let mut fields = self.fields.clone();
        fields.insert("status".to_owned(), json!(status));
        fields.insert("output".to_owned(), json!(output));
        fields.insert("usage".to_owned(), usage);
        Value::Object(fields)
    }
}

/// Whether an answer has an item for its text.
pub(super) fn has_message(said: &Said) -> bool {
    !said.text.is_empty() || said.calls.is_empty()
}

/// How an answer ended.
pub(super) fn status(said: &Said) -> &'static str {
    match said.reason {
        Reason::Length => "incomplete",
        Reason::Stop | Reason::Calls => "completed",
    }
}

/// A part of a message.
pub(super) fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

fn id(kind: &str, job: Option<JobId>) -> String {
    format!(
        "{kind}_{}",
        job.map(|job| job.0.simple().to_string())
            .unwrap_or_default()
    )
}
