//! The events of a response, in the order in which OpenAI sends them. Pure.

use serde_json::{Value, json};

use super::super::ask::Said;
use super::super::error::OpenAiError;
use super::object::{Object, has_message, part, status};

/// What was told of a response so far.
pub(super) struct Events {
    object: Object,
    /// The number of the next event.
    next: u64,
    /// The text so far.
    text: String,
    /// Whether the text's item has been announced.
    begun: bool,
}

impl Events {
    pub(super) fn new(object: Object) -> Self {
        Self {
            object,
            next: 0,
            text: String::new(),
            begun: false,
        }
    }

    /// The first events.
    pub(super) fn begin(&mut self) -> Vec<Value> {
        let response = self.object.begun();
        vec![
            self.event("response.created", json!({ "response": response })),
            self.event("response.in_progress", json!({ "response": response })),
        ]
    }

    /// A piece of the text.
    pub(super) fn piece(&mut self, text: &str) -> Vec<Value> {
        let mut told = self.announce();
        self.text.push_str(text);
        told.push(self.of_text(
            "response.output_text.delta",
            json!({ "delta": text, "logprobs": [] }),
        ));
        told
    }

    /// The end of an answer whose pieces have been told.
    pub(super) fn done(&mut self, said: &Said) -> Vec<Value> {
        let mut told = Vec::new();
        if self.begun || has_message(said) {
            told.extend(self.announce());
            let message = self.object.message(&said.text, status(said));
            told.push(self.of_text(
                "response.output_text.done",
                json!({ "text": said.text, "logprobs": [] }),
            ));
            told.push(self.of_text(
                "response.content_part.done",
                json!({ "part": part(&said.text) }),
            ));
            told.push(self.event(
                "response.output_item.done",
                json!({ "output_index": 0, "item": message }),
            ));
        }
        for (at, call) in said.calls.iter().enumerate() {
            let index = at + usize::from(self.begun);
            let item_id = self.object.call_item_id(at);
            let [begun, done] =
                ["in_progress", "completed"].map(|status| self.object.call(said, at, status));
            let place = json!({ "output_index": index, "item_id": item_id });
            told.push(self.event(
                "response.output_item.added",
                json!({ "output_index": index, "item": begun }),
            ));
            let delta = with(&place, json!({ "delta": call.arguments }));
            told.push(self.event("response.function_call_arguments.delta", delta));
            let whole = with(
                &place,
                json!({ "arguments": call.arguments, "name": call.name }),
            );
            told.push(self.event("response.function_call_arguments.done", whole));
            told.push(self.event(
                "response.output_item.done",
                json!({ "output_index": index, "item": done }),
            ));
        }
        let last = if status(said) == "incomplete" {
            "response.incomplete"
        } else {
            "response.completed"
        };
        let response = self.object.ended(Some(said));
        told.push(self.event(last, json!({ "response": response })));
        told
    }

    /// The end of a response without an answer.
    pub(super) fn failed(&mut self, error: &OpenAiError) -> Vec<Value> {
        let response = self.object.failed(error, &self.text);
        vec![self.event("response.failed", json!({ "response": response }))]
    }

    /// The text's item, once.
    fn announce(&mut self) -> Vec<Value> {
        if std::mem::replace(&mut self.begun, true) {
            return Vec::new();
        }
        let item = self.object.message("", "in_progress");
        vec![
            self.event(
                "response.output_item.added",
                json!({ "output_index": 0, "item": item }),
            ),
            self.of_text("response.content_part.added", json!({ "part": part("") })),
        ]
    }

    fn of_text(&mut self, kind: &str, fields: Value) -> Value {
        let place =
            json!({ "output_index": 0, "content_index": 0, "item_id": self.object.message_id() });
        self.event(kind, with(&place, fields))
    }

    fn event(&mut self, kind: &str, fields: Value) -> Value {
        let numbered = with(
            &fields,
            json!({ "type": kind, "sequence_number": self.next }),
        );
        self.next += 1;
        numbered
    }
}

/// The fields of two objects.
fn with(one: &Value, other: Value) -> Value {
    let mut both = one.clone();
    if let (Value::Object(both), Value::Object(other)) = (&mut both, other) {
        both.extend(other);
    }
    both
}

#[cfg(test)]
mod tests {
    use super::super::super::calls::Call;
    use super::super::super::cut::Reason;
    use super::super::request::read;
    use super::*;
    use computetower_jobs::JobId;

    fn events() -> Events {
        let request = read(br#"{"model": "m", "input": "x"}"#, None);
        let Ok(request) = request else {
            panic!("it is good")
        };
        Events::new(Object::new(&[JobId::generate()], &request))
    }

    fn told(pieces: &[&str], calls: usize, reason: Reason) -> Vec<Value> {
        let mut events = events();
        let mut told = events.begin();
        told.extend(pieces.iter().flat_map(|piece| events.piece(piece)));
        let call = Call {
            name: "now".into(),
            arguments: "{}".into(),
        };
        let said = Said {
            text: pieces.concat(),
            calls: vec![call; calls],
            reason,
            page: Default::default(),
        };
        told.extend(events.done(&said));
        told
    }

    fn kinds(told: &[Value]) -> Vec<&str> {
        let kinds = told.iter().filter_map(|event| event["type"].as_str());
        kinds
            .map(|kind| kind.trim_start_matches("response."))
            .collect()
    }

    #[test]
    fn the_events_come_in_order_and_are_numbered() {
        let told = told(&["One ", "two"], 1, Reason::Calls);
        assert_eq!(
            kinds(&told),
            [
                "created",
                "in_progress",
                "output_item.added",
                "content_part.added",
                "output_text.delta",
                "output_text.delta",
                "output_text.done",
                "content_part.done",
                "output_item.done",
                "output_item.added",
                "function_call_arguments.delta",
                "function_call_arguments.done",
                "output_item.done",
                "completed",
            ]
        );
        for (at, event) in told.iter().enumerate() {
            assert_eq!(event["sequence_number"], json!(at));
        }
        let response = &told[13]["response"];
        assert_eq!(
            (&response["output"][0], &response["output"][1]),
            (&told[8]["item"], &told[12]["item"])
        );
    }

    #[test]
    fn calls_alone_have_no_message_and_an_empty_answer_has_one() {
        assert_eq!(
            kinds(&told(&[], 1, Reason::Calls))[2..4],
            ["output_item.added", "function_call_arguments.delta"]
        );
        let empty = told(&[], 0, Reason::Stop);
        assert_eq!(
            empty
                .last()
                .map(|event| event["response"]["output"][0]["content"][0]["text"] == json!("")),
            Some(true)
        );
    }

    #[test]
    fn what_is_cut_or_fails_says_so() {
        let cut = told(&["One"], 0, Reason::Length);
        let last = &cut[cut.len() - 1];
        assert_eq!(
            (
                &last["type"],
                &last["response"]["incomplete_details"]["reason"]
            ),
            (&json!("response.incomplete"), &json!("max_output_tokens"))
        );
        let mut events = events();
        events.piece("One");
        let failed = events.failed(&OpenAiError::unfit(&["It is wrong.".to_owned()]));
        let response = &failed[0]["response"];
        assert_eq!(
            (&response["status"], &response["error"]["code"]),
            (&json!("failed"), &json!("server_error"))
        );
        assert_eq!(
            (&response["error"]["type"], &response["output"][0]["status"]),
            (&json!("answer_does_not_fit"), &json!("incomplete"))
        );
    }
}
