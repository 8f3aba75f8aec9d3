//! Server-Sent Events, taken apart as they arrive.

/// One message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// The number that a later connection goes on after.
    pub(super) id: String,
    /// What it is called.
    pub(super) event: String,
    /// What it says.
    pub(super) data: String,
}

/// Puts messages together from whatever pieces the network brings.
#[derive(Debug, Default)]
pub(super) struct Messages {
    bytes: Vec<u8>,
    open: Message,
    begun: bool,
}

impl Messages {
    /// Takes a piece; returns the messages that it completes. Comments and fields of other names are passed over.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<Message> {
        self.bytes.extend_from_slice(piece);
        let mut whole = Vec::new();
        // A line is decoded when it is whole, so that a letter of several bytes may be cut anywhere.
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            whole.extend(self.line(line.trim_end_matches(['\n', '\r'])));
        }
        whole
    }

    fn line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let begun = std::mem::take(&mut self.begun);
            let message = std::mem::take(&mut self.open);
            return begun.then_some(message);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => value.clone_into(&mut self.open.id),
            "event" => value.clone_into(&mut self.open.event),
            "data" if self.open.data.is_empty() => value.clone_into(&mut self.open.data),
            "data" => {
                self.open.data.push('\n');
                self.open.data.push_str(value);
            }
            _ => return None,
        }
        self.begun = true;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_message() -> impl Strategy<Value = Message> {
        ("[0-9]{1,6}", "[a-z_]{1,12}", "[^\\r\\n:][^\\r\\n]{0,30}")
            .prop_map(|(id, event, data)| Message { id, event, data })
    }

    proptest! {
        #[test]
        fn where_the_network_cuts_makes_no_difference(messages in proptest::collection::vec(any_message(), 0..6), cuts in proptest::collection::vec(1usize..20, 1..40), windows: bool) {
            let end = if windows { "\r\n" } else { "\n" };
            let mut text = String::new();
            for message in &messages {
                text.push_str(&format!(": still here{end}{end}id: {}{end}event: {}{end}data: {}{end}{end}", message.id, message.event, message.data));
            }
            let (mut parser, mut found, mut rest) = (Messages::default(), Vec::new(), text.as_bytes());
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, later) = rest.split_at((*cut).min(rest.len()));
                found.extend(parser.push(piece));
                rest = later;
            }
            prop_assert_eq!(found, messages);
        }
    }

    #[test]
    fn several_lines_of_data_are_one_text_and_half_a_message_is_none() {
        let mut messages = Messages::default();
        let whole = messages.push(b"data: a\ndata: b\n\nid: 7\ndata: c\n");
        let data: Vec<&str> = whole.iter().map(|message| message.data.as_str()).collect();
        assert_eq!(data, ["a\nb"]);
    }
}
