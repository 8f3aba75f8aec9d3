//! The connections of this process. Who holds a session stands in Postgres; here it is only said who should look there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use computetower_jobs::{ChatSessionId, TenantId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// The open connections of this process.
#[derive(Clone)]
pub struct LiveSessions {
    inner: Arc<Inner>,
}

struct Inner {
    /// What clients are told to be served by.
    name: String,
    seats: Mutex<HashMap<ChatSessionId, Place>>,
    ending: CancellationToken,
    tasks: TaskTracker,
}

struct Place {
    holder: Uuid,
    tenant: TenantId,
    look: Arc<Notify>,
}

/// A connection's place among them; given up when dropped.
pub(super) struct Seat {
    live: LiveSessions,
    session: ChatSessionId,
    holder: Uuid,
    look: Arc<Notify>,
}

impl Default for LiveSessions {
    fn default() -> Self {
        let name = format!("web-{}", &Uuid::new_v4().simple().to_string()[..8]);
        Self {
            inner: Arc::new(Inner {
                name,
                seats: Mutex::default(),
                ending: CancellationToken::new(),
                tasks: TaskTracker::new(),
            }),
        }
    }
}

impl LiveSessions {
    /// What clients are told to be served by.
    pub(super) fn name(&self) -> &str {
        &self.inner.name
    }

    /// Runs while the process does; waited for at its end.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    /// Says when the process ends.
    pub(super) fn ending(&self) -> CancellationToken {
        self.inner.ending.clone()
    }

    /// Takes a place. An elder connection of the session is told to look whether it still holds it.
    pub(super) fn enter(&self, tenant: TenantId, session: ChatSessionId, holder: Uuid) -> Seat {
        let look = Arc::new(Notify::new());
        let place = Place {
            holder,
            tenant,
            look: look.clone(),
        };
        if let Some(elder) = self.seats().insert(session, place) {
            elder.look.notify_one();
        }
        Seat {
            live: self.clone(),
            session,
            holder,
            look,
        }
    }

    /// Tells the connection of a session, if it is one of this process, that something about it has changed.
    pub(crate) fn look(&self, session: ChatSessionId) {
        if let Some(place) = self.seats().get(&session) {
            place.look.notify_one();
        }
    }

    /// How many sessions of a tenant are connected here.
    pub(super) fn of_tenant(&self, tenant: TenantId) -> usize {
        let seats = self.seats();
        seats.values().filter(|seat| seat.tenant == tenant).count()
    }

    /// Tells all clients to go, and waits until they were told.
    pub async fn end(&self) {
        self.inner.ending.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    fn seats(&self) -> MutexGuard<'_, HashMap<ChatSessionId, Place>> {
        // A panic while the map was held leaves the map itself sound.
        self.inner
            .seats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Returns when there is a reason to look whether the session is still held.
    pub(super) async fn told_to_look(&self) {
        self.look.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.live.seats();
        if seats
            .get(&self.session)
            .is_some_and(|seat| seat.holder == self.holder)
        {
            seats.remove(&self.session);
        }
    }
}
