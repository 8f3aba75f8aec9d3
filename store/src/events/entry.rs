//! What one entry of a job's stream in Redis holds: an event, or a list of events that went out together. Its number is that of its last event.

use computetower_jobs::Event;

/// The entry for events of one job, in order.
pub(super) fn write(events: &[Event]) -> String {
    // An event is made of strings, numbers and JSON: nothing in it can fail to be written.
    match events {
        [event] => serde_json::to_string(event),
        events => serde_json::to_string(events),
    }
    .unwrap_or_default()
}

/// The events of an entry, in order.
pub(super) fn read(entry: &[u8]) -> serde_json::Result<Vec<Event>> {
    if entry.first() == Some(&b'[') {
        serde_json::from_slice(entry)
    } else {
        serde_json::from_slice(entry).map(|event| vec![event])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use computetower_jobs::EventBody;

    #[test]
    fn one_event_and_several_are_read_as_they_were_written() {
        let event = |seq| Event {
            seq,
            body: EventBody::Queued { dispatch: 2 },
            at: chrono::Utc::now(),
        };
        for events in [vec![event(1)], vec![event(7), event(8), event(9)]] {
            assert_eq!(read(write(&events).as_bytes()).unwrap(), events);
        }
        assert!(read(b"[{}]").is_err());
        assert!(read(b"").is_err());
    }
}
