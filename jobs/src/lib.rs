//! What work is: kinds, payloads, policies, states, failures, events and the pure retry decision.
//!
//! Nothing here does I/O or is async. How a kind is done lives in `workers/`, where a job is kept in `store/`.

pub mod decide;
pub mod event;
pub mod failover;
pub mod failure;
pub mod ids;
pub mod kind;
pub mod kinds;
pub mod model_names;
pub mod outcome;
pub mod places;
pub mod policy;
pub mod queue;
pub mod recovery;
pub mod scale;
pub mod state;
pub mod submission;
pub mod timetable;
pub mod totp;
pub mod turns;

pub use decide::{History, Verdict, decide};
pub use event::{Event, EventBody};
pub use failure::{Failure, FailureClass, FailureCode};
pub use ids::{
    ApiKeyId, BatchId, ChatSessionId, ConversationId, CredentialId, DocumentId, InterventionId,
    JobId, LeaseToken, LimitId, ProviderId, ScheduleId, SourceId, SyncId, TenantId, ThreadId,
    WorkerId,
};
pub use kind::{InvalidPayload, JobKind, Payload};
pub use outcome::Outcome;
pub use policy::{KindPolicy, RetryPolicy};
pub use queue::Queue;
pub use recovery::Strategy;
pub use state::JobState;
pub use submission::{InvalidField, Named, SubmitRequest};
pub use timetable::Timetable;
pub use totp::{InvalidTotp, Totp};
