//! A completion in OpenAI's words. Pure.

use computetower_jobs::JobId;
use serde_json::{Value, json};

use super::ask::{Ask, Said};
use super::calls::Call;
use super::cut::Reason;
use super::tokens::estimate;

/// The fixed parts of one completion.
pub(super) struct Shape {
    id: String,
    created: i64,
    model: String,
    prompt_tokens: usize,
    /// The first job of each answer: calls are named after them, the same for the same job.
    jobs: Vec<JobId>,
    /// With functions to call there may be no text at all.
    first_content: Value,
    /// Whether calls are told as they were before there were tools: one, without an id.
    legacy: bool,
}

impl Shape {
    pub(super) fn new(jobs: &[JobId], ask: &Ask, legacy: bool) -> Self {
        let first = jobs.first().map(|job| job.0.simple().to_string());
        Self {
            id: format!("chatcmpl-{}", first.unwrap_or_default()),
            created: chrono::Utc::now().timestamp(),
            model: ask.chat.model.clone(),
            prompt_tokens: estimate(&ask.chat.prompt()),
            jobs: jobs.to_vec(),
            first_content: if ask.contract.tools.is_some() {
                Value::Null
            } else {
                json!("")
            },
            legacy,
        }
    }

    fn reason(&self, said: &Said) -> &'static str {
        match said.reason {
            Reason::Calls if self.legacy => "function_call",
            reason => reason.name(),
        }
    }

    fn chunk(&self, index: usize, delta: Value, finish_reason: Option<&str>) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [{ "index": index, "delta": delta, "logprobs": null, "finish_reason": finish_reason }],
        })
    }

    /// The chunk with which an answer begins.
    pub(super) fn first(&self, index: usize) -> Value {
        self.chunk(
            index,
            json!({ "role": "assistant", "content": self.first_content }),
            None,
        )
    }

    /// A piece of the text.
    pub(super) fn piece(&self, index: usize, text: &str) -> Value {
        self.chunk(index, json!({ "content": text }), None)
    }

    /// What comes behind the text: the calls, each announced before its arguments, and why it ends.
    pub(super) fn last(&self, index: usize, said: &Said) -> Vec<Value> {
        let mut chunks = Vec::new();
        for (at, call) in said.calls.iter().enumerate() {
            if self.legacy {
                let begun = json!({ "name": call.name, "arguments": "" });
                let arguments = json!({ "arguments": call.arguments });
                chunks.extend(
                    [begun, arguments]
                        .map(|call| self.chunk(index, json!({ "function_call": call }), None)),
                );
                continue;
            }
            let begun = json!({ "index": at, "id": self.call_id(index, at), "type": "function", "function": { "name": call.name, "arguments": "" } });
            let arguments = json!({ "index": at, "function": { "arguments": call.arguments } });
            chunks.extend(
                [begun, arguments]
                    .map(|call| self.chunk(index, json!({ "tool_calls": [call] }), None)),
            );
        }
        chunks.push(self.chunk(index, json!({}), Some(self.reason(said))));
        chunks
    }

    /// The last chunk, for clients that ask for it.
    pub(super) fn usage_chunk(&self, tokens: usize) -> Value {
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [], "usage": self.usage(tokens),
        })
    }

    /// The whole completion.
    pub(super) fn completion(&self, answers: &[Said]) -> Value {
        let choice = |(index, said): (usize, &Said)| {
            let content = match said.text.as_str() {
                "" if !said.calls.is_empty() => Value::Null,
                text => json!(text),
            };
            let mut message = json!({ "role": "assistant", "content": content, "refusal": null });
            if let (true, Some(call)) = (self.legacy, said.calls.first()) {
                message["function_call"] =
                    json!({ "name": call.name, "arguments": call.arguments });
            } else if !said.calls.is_empty() {
                let calls = said.calls.iter().enumerate();
                message["tool_calls"] =
                    calls.map(|(at, call)| self.call(index, at, call)).collect();
            }
            json!({ "index": index, "finish_reason": self.reason(said), "logprobs": null, "message": message })
        };
        let choices: Vec<Value> = answers.iter().enumerate().map(choice).collect();
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": choices, "usage": self.usage(answers.iter().map(Said::tokens).sum()),
        })
    }

    fn call(&self, index: usize, at: usize, call: &Call) -> Value {
        json!({ "id": self.call_id(index, at), "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
    }

    fn call_id(&self, index: usize, at: usize) -> String {
        call_id(self.jobs.get(index), at)
    }

    fn usage(&self, completion_tokens: usize) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": self.prompt_tokens + completion_tokens,
        })
    }
}

/// The id of a call: at most 40 characters, as long as OpenAI's may be.
pub(super) fn call_id(job: Option<&JobId>, at: usize) -> String {
    let job = job
        .map(|job| job.0.simple().to_string())
        .unwrap_or_default();
    format!("call_{job}{at:02}")
}

#[cfg(test)]
mod tests {
    use super::super::contract::Contract;
    use super::super::cut::Bounds;
    use super::*;
    use computetower_jobs::kinds::chat::Chat;

    fn shape(legacy: bool) -> Shape {
        let chat = Chat {
            model: "m".into(),
            messages: Vec::new(),
            files: Vec::new(),
        };
        let ask = Ask {
            chat,
            pictures: Vec::new(),
            contract: Contract::default(),
            bounds: Bounds::default(),
            stream: false,
            field: "messages",
        };
        Shape::new(&[JobId::generate()], &ask, legacy)
    }

    fn said(text: &str, calls: usize) -> Said {
        let call = |at| Call {
            name: "now".into(),
            arguments: format!("{{\"at\":{at}}}"),
        };
        let reason = if calls == 0 {
            Reason::Stop
        } else {
            Reason::Calls
        };
        Said {
            text: text.into(),
            calls: (0..calls).map(call).collect(),
            reason,
            page: Default::default(),
        }
    }

    #[test]
    fn calls_are_the_same_whole_and_in_pieces() {
        let shape = shape(false);
        let whole = shape.completion(&[said("", 2)]);
        let message = &whole["choices"][0]["message"];
        assert_eq!(
            (&message["content"], &whole["choices"][0]["finish_reason"]),
            (&Value::Null, &json!("tool_calls"))
        );
        let chunks = shape.last(0, &said("", 2));
        assert_eq!(chunks.len(), 5);
        for at in 0..2 {
            let [begun, arguments] = [&chunks[at * 2], &chunks[at * 2 + 1]]
                .map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]);
            let call = &message["tool_calls"][at];
            assert_eq!(
                (&begun["id"], &begun["function"]["name"]),
                (&call["id"], &call["function"]["name"])
            );
            assert_eq!(
                (&begun["index"], &arguments["function"]["arguments"]),
                (&json!(at), &call["function"]["arguments"])
            );
            assert!(call["id"].as_str().is_some_and(|id| id.len() <= 40));
        }
    }

    #[test]
    fn usage_is_of_all_answers() {
        let whole = shape(false).completion(&[said("four", 0), said("four", 0)]);
        assert_eq!(
            (
                &whole["usage"]["completion_tokens"],
                &whole["choices"][1]["index"]
            ),
            (&json!(2), &json!(1))
        );
    }

    #[test]
    fn a_call_is_told_as_before_to_who_asked_so() {
        let shape = shape(true);
        let choice = &shape.completion(&[said("", 1)])["choices"][0];
        assert_eq!(
            (
                &choice["finish_reason"],
                &choice["message"]["function_call"]["name"]
            ),
            (&json!("function_call"), &json!("now"))
        );
        assert!(choice["message"].get("tool_calls").is_none());
        let chunks = shape.last(0, &said("", 1));
        assert_eq!(
            chunks[0]["choices"][0]["delta"]["function_call"]["name"],
            "now"
        );
        assert_eq!(chunks[2]["choices"][0]["finish_reason"], "function_call");
    }
}
