//! Typed identifiers. All are UUIDs (version 7 when made here, so that they sort by time).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier that sorts after those made before it.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

typed_id!(
    /// One durable unit of work.
    JobId
);
typed_id!(
    /// One question to a person.
    InterventionId
);
typed_id!(
    /// The owner of data.
    TenantId
);
typed_id!(
    /// A chat web app reachable at a URL.
    ProviderId
);
typed_id!(
    /// A conversation that stands on a provider's page.
    ThreadId
);
typed_id!(
    /// Exchanges of which one continues the other.
    ConversationId
);
typed_id!(
    /// What one client's messages go on in, over WebSocket.
    ChatSessionId
);
typed_id!(
    /// A tenant's account on a web app.
    CredentialId
);
typed_id!(
    /// One life of one worker process.
    WorkerId
);
typed_id!(
    /// A key with which a program calls the API.
    ApiKeyId
);
typed_id!(
    /// The fencing token of one attempt: every write of a worker carries it.
    LeaseToken
);
typed_id!(
    /// Jobs that were accepted together.
    BatchId
);
typed_id!(
    /// What makes a job again and again.
    ScheduleId
);
typed_id!(
    /// Where knowledge comes from.
    SourceId
);
typed_id!(
    /// One crawl or ingestion of a source, in its history.
    SyncId
);
typed_id!(
    /// A page or a file that was read.
    DocumentId
);
typed_id!(
    /// A limit on what runs.
    LimitId
);
