//! The end of a job reaches the jobs that wait for it: one job less to wait for, or no use in waiting any more.
//!
//! Each dependency is used up once: counting down, or failing, and forgetting it is one transaction. Nothing here waits for a row that somebody else
//! holds; what could not be had is left for the next pass, and the mark on the predecessor stays until nothing is left.

use computetower_jobs::{Event, EventBody, Failure, FailureCode, JobId, Queue};
use sqlx::Connection;

use crate::connect::Store;
use crate::error::StoreError;

/// Predecessors of one pass.
const ENDED: i64 = 500;
/// Dependencies of one pass.
const DEPENDENCIES: i64 = 2_000;

/// What one pass did.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Dependencies that were used up, and predecessors that nothing waits for any more. 0: nothing was there to do, or all of it is held by others.
    pub progress: usize,
    /// Jobs that failed, with the event that tells it, already in Postgres.
    pub failed: Vec<(JobId, i32, Event)>,
    /// Queues in which a job may have its turn now.
    pub ready: Vec<Queue>,
}

impl Store {
    /// Settles jobs that have ended and are waited for, a slice of them. A job that fails by it may be waited for itself: the next pass settles that.
    ///
    /// # Errors
    /// When Postgres does not answer; then nothing of this pass was done.
    pub async fn settle(&self) -> Result<Settled, StoreError> {
        let mut connection = self.system.acquire().await?;
        let mut tx = connection.begin().await?;
        let ended = sqlx::query_scalar!(
            "select id from jobs where has_dependents and state in ('completed', 'failed', 'cancelled')
             order by id limit $1 for update skip locked",
            ENDED
        )
        .fetch_all(&mut *tx)
        .await?;
        if ended.is_empty() {
            return Ok(Settled::default());
        }
        // A statement of its own, which sees every dependency that was committed before the locks were had; later ones find the job ended.
        let rows = sqlx::query!(
            r#"with open as (
                   select d.job_id, d.after_id, p.state <> 'completed' and not d.any_end as broken
                   from job_dependencies d join jobs p on p.id = d.after_id where d.after_id = any($1) limit $2
               ), held as (
                   select id from jobs where id in (select job_id from open) order by id for update skip locked
               ), taken as (
                   delete from job_dependencies d using open, held
                   where held.id = open.job_id and d.job_id = open.job_id and d.after_id = open.after_id
                   returning d.job_id, d.after_id, open.broken
               ), verdict as (
                   select job_id, count(*)::int as ended, bool_or(broken) as broken, min(after_id::text) filter (where broken) as culprit
                   from taken group by job_id
               ), changed as (
                   update jobs j set
                          waits_for = case when v.broken then 0 else greatest(j.waits_for - v.ended, 0) end,
                          state = case when v.broken then 'failed' else j.state end,
                          failure = case when v.broken then jsonb_build_object('code', $3::text, 'message', replace($4::text, '{job}', v.culprit))
                                         else j.failure end,
                          finished_at = case when v.broken then now() else j.finished_at end,
                          event_seq = j.event_seq + case when v.broken then 1 else 0 end
                   from verdict v
                   -- One that was retried by hand waits for nothing any more, and one that has ended is not woken.
                   where j.id = v.job_id and j.state in ('pending', 'paused') and j.waits_for > 0
                   returning j.id, j.tenant_id, j.queue, j.waits_for, j.attempt, j.event_seq, j.failure, v.broken
               ), told as (
                   insert into job_events (job_id, seq, tenant_id, name, data)
                   select id, event_seq, tenant_id, 'failed', jsonb_build_object('failure', failure) from changed where broken
               )
               select (select count(*) from taken) as "taken!", c.id as "id?", c.queue as "queue?", c.waits_for as "waits_for?",
                      c.attempt as "attempt?", c.event_seq as "seq?", c.failure as "failure?", c.broken as "broken?", now() as "at!"
               from (select 1) as one left join changed c on true"#,
            &ended,
            DEPENDENCIES,
            FailureCode::DependencyFailed.name(),
            MESSAGE
        )
        .fetch_all(&mut *tx)
        .await?;
        let done = sqlx::query!(
            "update jobs j set has_dependents = false
             where j.id = any($1) and not exists (select 1 from job_dependencies d where d.after_id = j.id)",
            &ended
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut settled = Settled {
            progress: usize::try_from(done.rows_affected()).unwrap_or_default(),
            ..Settled::default()
        };
        settled.progress += rows
            .first()
            .and_then(|row| usize::try_from(row.taken).ok())
            .unwrap_or_default();
        for row in rows {
            let (Some(id), Some(queue), Some(seq)) = (row.id, row.queue, row.seq) else {
                continue;
            };
            if row.broken == Some(true) {
                let failure = row
                    .failure
                    .and_then(|failure| serde_json::from_value(failure).ok())
                    .unwrap_or_else(|| {
                        Failure::new(FailureCode::DependencyFailed, MESSAGE).to_public()
                    });
                let event = Event {
                    seq,
                    body: EventBody::Failed { failure },
                    at: row.at,
                };
                settled
                    .failed
                    .push((JobId(id), row.attempt.unwrap_or_default(), event));
            } else if row.waits_for == Some(0)
                // A queue of a newer program: its dispatcher looks by itself.
                && let Ok(queue) = queue.parse()
            {
                settled.ready.push(queue);
            }
        }
        Ok(settled)
    }
}

/// What people are told; `{job}` becomes the job that did not complete.
const MESSAGE: &str =
    "The job {job}, for which this one waited, did not complete. Retry that one, then this one.";
