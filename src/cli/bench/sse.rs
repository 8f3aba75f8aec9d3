//! Server-Sent Events, from bytes as they come.

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: String,
}

impl Event {
    /// Whether a job ends with it.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.name.as_str(), "completed" | "failed" | "cancelled")
    }
}

/// Collects lines until they are an event.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// What came and was not looked at.
    pub(super) received: Vec<u8>,
    event: Event,
}

impl Parser {
    /// The next whole event, when it is there.
    pub(super) fn next(&mut self) -> Option<Event> {
        let mut at = 0;
        let mut found = None;
        while let Some(line) = self.received[at..].iter().position(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(&self.received[at..at + line]);
            at += line + 1;
            let text = text.trim_end_matches('\r');
            if text.is_empty() {
                let event = std::mem::take(&mut self.event);
                if event != Event::default() {
                    found = Some(event);
                    break;
                }
                continue;
            }
            let (field, value) = text.split_once(':').unwrap_or((text, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.event.name),
                "data" => {
                    if !self.event.data.is_empty() {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                }
                // Comments keep the connection, numbers are for those who come back.
                _ => {}
            }
        }
        self.received.drain(..at);
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in pieces {
            parser.received.extend_from_slice(piece);
            while let Some(event) = parser.next() {
                events.push(event);
            }
        }
        events
    }

    fn event(name: &str, data: &str) -> Event {
        Event {
            name: name.to_owned(),
            data: data.to_owned(),
        }
    }

    const STREAM: &str = ": still here\n\nid: 1\nevent: progress\ndata: {\"percent\":50}\n\nevent:two lines\r\ndata:a\r\ndata: b\r\n\r\nid: 3\nevent: completed\ndata: {}\n\nevent: unfinished";

    proptest! {
        #[test]
        fn events_are_the_same_however_they_are_cut(cut in 0..STREAM.len(), width in 1_usize..9) {
            let bytes = STREAM.as_bytes();
            let mut pieces: Vec<&[u8]> = vec![&bytes[..cut]];
            pieces.extend(bytes[cut..].chunks(width));
            let expected = vec![event("progress", "{\"percent\":50}"), event("two lines", "a\nb"), event("completed", "{}")];
            prop_assert_eq!(all(&pieces), expected);
        }
    }

    #[test]
    fn a_job_ends_with_three_events_and_no_other() {
        let ends: Vec<bool> = [
            "queued",
            "progress",
            "completed",
            "failed",
            "cancelled",
            "retrying",
        ]
        .iter()
        .map(|name| event(name, "").is_final())
        .collect();
        assert_eq!(ends, [false, false, true, true, true, false]);
    }
}
