//! Leases: short, renewed for all jobs of a process in one statement, by Postgres's clock.

use std::time::Duration;

use computetower_jobs::{JobId, LeaseToken, WorkerId};

use crate::connect::Store;
use crate::error::StoreError;

/// How long a lease holds without being renewed: long enough for a starved machine.
pub const LEASE: Duration = Duration::from_secs(15);
/// How often leases are renewed.
pub const RENEW: Duration = Duration::from_secs(5);

/// A lease that still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseState {
    /// The job.
    pub job: JobId,
    /// The attempt's token.
    pub lease: LeaseToken,
    /// True when somebody wants the job to stop.
    pub cancel_requested: bool,
    /// True when somebody wants it to pause.
    pub pause_requested: bool,
}

impl Store {
    /// Renews these leases of a process and tells which still hold, and which jobs are to stop. Only jobs that really run are named, so that
    /// one that was forgotten runs out and is rescued.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn renew_leases(
        &self,
        worker: WorkerId,
        jobs: &[JobId],
    ) -> Result<Vec<LeaseState>, StoreError> {
        let rows = sqlx::query!(
            // Locked in the order in which endings lock them.
            r#"with held as materialized (
                   select id from jobs where worker_id = $1 and id = any($3) and state = 'running' order by id for no key update
               )
               update jobs j set lease_until = now() + make_interval(secs => $2) from held where j.id = held.id
               returning j.id, j.lease_token as "lease_token!", j.cancel_requested, j.pause_requested"#,
            worker.0,
            LEASE.as_secs_f64(),
            &jobs.iter().map(|job| job.0).collect::<Vec<_>>(),
        )
        .fetch_all(&self.system)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| LeaseState {
                job: JobId(row.id),
                lease: LeaseToken(row.lease_token),
                cancel_requested: row.cancel_requested,
                pause_requested: row.pause_requested,
            })
            .collect())
    }
}
