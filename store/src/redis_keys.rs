//! Every Redis key and channel, named in one place. `P` is the prefix, `computetower` unless set.
//!
//! | key | type | holds |
//! | --- | --- | --- |
//! | `P:lane:<queue>:*` | apalis-redis's own keys, and `front`, what goes before its active list | messages `{job id, dispatch number}`; all of it may be lost |
//! | `P:lane:chat:own:<worker>`, `…:handed`, `…:takers`, `…:places` | list, sorted sets, hash | messages handed on to the worker that holds a session; who takes messages, and how many more |
//! | `P:session:<credential>`, `P:session:provider:<provider>` | string, expires after 3600 s | the worker that holds the live session |
//! | `P:lane-cap:<queue>` | string, expires | how many messages may wait on the lane; written by the dispatcher |
//! | `P:backlog:<queue>` | string, expires | there while due jobs wait in Postgres for that lane |
//! | `P:epoch` | string | made by the dispatcher; when it is gone, Redis was wiped |
//! | `P:events:<job>` | stream, bounded, expires | the job's latest events; entry id = `<seq>-0` |
//! | `P:judgement:<digest>` | string, expires | what a vision model said to this question about this picture, for this tenant |
//! | `P:fence:<job>` | string, expires | the highest fence that has published for the job |
//!
//! | channel | message |
//! | --- | --- |
//! | `P:wake:<queue>` | a message was put on the lane |
//! | `P:events:<job>` | one event, as JSON |
//! | `P:turn` | the name of a queue: a job waits in Postgres for its turn |
//! | `exploration:<job>:progress`, `…:page_completed`, `exploration:external_links`, `exploration:errors` | see `knowledge/channels.rs`; no prefix |
//! | `P:control` | `cancel <job>`, `pause <job>`, `sign-out <credential>`, `log-out <credential>` |

use computetower_jobs::{JobId, Queue};

/// Makes the names for one deployment.
#[derive(Clone, Debug)]
pub struct RedisKeys {
    prefix: String,
}

impl RedisKeys {
    /// Names under a prefix.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }

    /// The name of a lane, under which apalis-redis makes its own keys.
    #[must_use]
    pub fn lane(&self, queue: Queue) -> String {
        format!("{}:lane:{queue}", self.prefix)
    }

    /// The lease of a live session: a credential's by its id, a page's without a login by `provider:` and its id.
    #[must_use]
    pub fn session(&self, name: &str) -> String {
        format!("{}:session:{name}", self.prefix)
    }

    /// How many messages may wait on a lane.
    #[must_use]
    pub fn lane_cap(&self, queue: Queue) -> String {
        format!("{}:lane-cap:{queue}", self.prefix)
    }

    /// The mark that due jobs wait in Postgres for a lane.
    #[must_use]
    pub fn backlog(&self, queue: Queue) -> String {
        format!("{}:backlog:{queue}", self.prefix)
    }

    /// The mark that those behind on a lane make way for those at its front.
    #[must_use]
    pub fn way(&self, queue: Queue) -> String {
        format!("{}:way:{queue}", self.prefix)
    }

    /// The channel on which the dispatcher hears of jobs that wait for their turn.
    #[must_use]
    pub fn turn(&self) -> String {
        format!("{}:turn", self.prefix)
    }

    /// The mark that Redis has not been wiped.
    #[must_use]
    pub fn epoch(&self) -> String {
        format!("{}:epoch", self.prefix)
    }

    /// Stream and channel of a job's events.
    #[must_use]
    pub fn events(&self, job: JobId) -> String {
        format!("{}:events:{job}", self.prefix)
    }

    /// The job of an events channel.
    #[must_use]
    pub fn job_of_channel(&self, channel: &str) -> Option<JobId> {
        channel
            .strip_prefix(&self.prefix)?
            .strip_prefix(":events:")?
            .parse()
            .ok()
    }

    /// What a vision model said to a question about a picture.
    #[must_use]
    pub fn judgement(&self, digest: &str) -> String {
        format!("{}:judgement:{digest}", self.prefix)
    }

    /// The fence of a job's events.
    #[must_use]
    pub fn fence(&self, job: JobId) -> String {
        format!("{}:fence:{job}", self.prefix)
    }

    /// The channel that wakes the workers of a queue.
    #[must_use]
    pub fn wake(&self, queue: Queue) -> String {
        format!("{}:wake:{queue}", self.prefix)
    }

    /// The channel on which running jobs are told to stop.
    #[must_use]
    pub fn control(&self) -> String {
        format!("{}:control", self.prefix)
    }
}
