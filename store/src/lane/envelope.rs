//! The message on a lane. It always decodes: one that cannot be read would otherwise end worker after worker.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use apalis_core::backend::codec::Codec;
use computetower_jobs::JobId;
use serde::{Deserialize, Serialize};

/// What a lane carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The job.
    pub job: JobId,
    /// The number of its dispatch: the worker claims with it.
    pub dispatch: i32,
}

/// What arrives: a message, or something unreadable that is dropped with a warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope(pub Option<Message>);

static PUSHES: AtomicU64 = AtomicU64::new(0);

impl Message {
    /// Never the same twice, also when a job is put back: an id that was used before may be trimmed away at any time.
    pub(super) fn lane_id(self) -> String {
        let push = PUSHES.fetch_add(1, Ordering::Relaxed);
        format!(
            "{}.{}.{:x}.{push:x}",
            self.job,
            self.dispatch,
            std::process::id()
        )
    }

    pub(super) fn encode(self) -> Vec<u8> {
        serde_json::to_vec(&self).unwrap_or_default()
    }
}

/// Reads whatever is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvelopeCodec;

impl Codec<Envelope> for EnvelopeCodec {
    type Error = Infallible;
    type Compact = Vec<u8>;

    fn encode(&self, envelope: &Envelope) -> Result<Vec<u8>, Infallible> {
        Ok(envelope.0.map(Message::encode).unwrap_or_default())
    }

    fn decode(&self, bytes: &Vec<u8>) -> Result<Envelope, Infallible> {
        Ok(Envelope(serde_json::from_slice(bytes).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everything_decodes(bytes: Vec<u8>) {
            prop_assert!(EnvelopeCodec.decode(&bytes).is_ok());
        }
    }

    #[test]
    fn a_message_survives_the_way_and_its_lane_id_is_new_each_time() {
        let message = Message {
            job: JobId::generate(),
            dispatch: 3,
        };
        assert_eq!(
            EnvelopeCodec.decode(&message.encode()),
            Ok(Envelope(Some(message)))
        );
        assert_ne!(message.lane_id(), message.lane_id());
    }
}
