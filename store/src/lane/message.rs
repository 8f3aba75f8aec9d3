//! The message on a lane. What cannot be read is nothing: it would otherwise end worker after worker.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

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

static PUSHES: AtomicU64 = AtomicU64::new(0);
/// Tells processes apart: in containers all have the same number.
static PROCESS: LazyLock<u64> = LazyLock::new(rand::random);

impl Message {
    /// Never the same twice, also when a job is put back: an id that was used before may be forgotten at any time.
    pub(super) fn lane_id(self) -> String {
        let push = PUSHES.fetch_add(1, Ordering::Relaxed);
        format!("{}.{}.{:x}.{push:x}", self.job, self.dispatch, *PROCESS)
    }

    pub(super) fn encode(self) -> Vec<u8> {
        serde_json::to_vec(&self).unwrap_or_default()
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_arrives_is_a_message_or_nothing(bytes: Vec<u8>) {
            if let Some(message) = Message::decode(&bytes) {
                prop_assert_eq!(Message::decode(&message.encode()), Some(message));
            }
        }
    }

    #[test]
    fn a_message_survives_the_way_and_its_lane_id_is_new_each_time() {
        let message = Message {
            job: JobId::generate(),
            dispatch: 3,
        };
        assert_eq!(Message::decode(&message.encode()), Some(message));
        assert_ne!(message.lane_id(), message.lane_id());
    }
}
