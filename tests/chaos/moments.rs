//! When the fault comes. Every moment is a condition that is seen from outside, held open where it is short, and then hit:
//!
//! | moment | seen by | held open by |
//! | --- | --- | --- |
//! | before the claim | a message on the lane, its job `queued` | the workers are stopped |
//! | claimed, not acknowledged | the job is `running` in Postgres | the claim waits for a row lock of ours until the workers' way to Redis is silent |
//! | in the middle | an event `progress` was heard | nothing: the job takes two seconds |
//! | done, not recorded | the last `progress` was heard, a statement waits for our row lock | that lock |
//! | recorded, not told | the end stands in Postgres, and its event not in Redis | the workers' way to Redis is silent |
//! | heard | so many events were heard | nothing: statistical |

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use crate::load::Load;
use crate::member::Member;
use crate::plan::{Moment, Role};
use crate::platform::{LANE, PREFIX, Platform};
use crate::proxy::Mode;
use crate::wait::{Checked, until, until_within};

/// How often a moment that is missed is tried again, with another job.
const TRIES: u32 = 5;

/// A moment that is being held.
#[derive(Default)]
pub(crate) struct Held {
    /// The job that is at this moment.
    pub(crate) probe: Option<String>,
    lock: Option<PgConnection>,
    cut_off: bool,
    silent: bool,
    stopped: bool,
}

/// Brings the platform to a moment and holds it there.
pub(crate) async fn reach(
    moment: Moment,
    platform: &mut Platform,
    load: &mut Load,
) -> Checked<Held> {
    match moment {
        Moment::BeforeClaim => before_claim(platform, load).await,
        Moment::ClaimedNotAcknowledged => claimed(platform, load).await,
        Moment::MidRun => mid_run(platform, load).await,
        Moment::DoneNotRecorded { cut_off } => done(platform, load, cut_off).await,
        Moment::RecordedNotTold => recorded(platform, load).await,
        Moment::Heard(events) => {
            // Fewer may come; then it is the moment after the last of them.
            let drained = || async { load.heard() >= events || platform.is_drained().await };
            let _ = until_within(Duration::from_secs(20), "enough was heard", drained).await;
            Ok(Held::default())
        }
    }
}

impl Held {
    /// Lets go of the moment. Processes that the fault itself stopped stay stopped; a Postgres that is stopped frees the lock when it wakes.
    pub(crate) fn release(self, platform: &mut Platform) {
        let cut_off = self.cut_off;
        let unlock = |mut lock: PgConnection| async move {
            if cut_off {
                // The statement of a process that is gone would still go through once the lock is free.
                let waiting = "select pg_terminate_backend(pid) from pg_locks
                               where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))";
                let _ = sqlx::query(waiting).execute(&mut lock).await;
            }
            let _ = sqlx::query("rollback").execute(&mut lock).await;
            let _ = lock.close().await;
        };
        if let Some(lock) = self.lock {
            tokio::spawn(unlock(lock));
        }
        if self.silent {
            set_silent(platform, Mode::Pass);
        }
        if self.stopped {
            for worker in platform.of(Role::Worker).filter(|worker| !worker.frozen) {
                worker.signal("CONT");
            }
        }
    }
}

async fn before_claim(platform: &mut Platform, load: &mut Load) -> Checked<Held> {
    platform
        .of(Role::Worker)
        .for_each(|worker| worker.signal("STOP"));
    let mut probe = None;
    for _ in 0..3 {
        probe = Some(load.probe(5, 500).await?);
    }
    until("a message lies on the lane", || async {
        let Ok(mut redis) = platform.redis.connect().await else {
            return false;
        };
        let list = format!("{LANE}:active");
        let waiting: redis::RedisResult<i64> =
            redis::cmd("LLEN").arg(list).query_async(&mut redis).await;
        waiting.is_ok_and(|waiting| waiting > 0)
    })
    .await?;
    Ok(Held {
        probe,
        stopped: true,
        ..Held::default()
    })
}

async fn claimed(platform: &mut Platform, load: &mut Load) -> Checked<Held> {
    platform
        .of(Role::Worker)
        .for_each(|worker| worker.signal("STOP"));
    let probe = load.probe(5, 1_500).await?;
    let mut held = Held {
        lock: lock(platform, &probe, "queued").await?,
        probe: Some(probe.clone()),
        stopped: true,
        ..Held::default()
    };
    platform
        .of(Role::Worker)
        .for_each(|worker| worker.signal("CONT"));
    held.stopped = false;
    if let Some(lock) = &mut held.lock {
        somebody_waits(lock).await?;
    }
    set_silent(platform, Mode::Hold);
    held.silent = true;
    if let Some(mut lock) = held.lock.take() {
        let _ = sqlx::query("rollback").execute(&mut lock).await;
    }
    // Not "running": a machine that stands still for a second would let the job end unseen.
    in_state(platform, &probe, "attempt > 0").await?;
    Ok(held)
}

async fn mid_run(platform: &mut Platform, load: &mut Load) -> Checked<Held> {
    let probe = load.probe(20, 2_000).await?;
    hear(platform, &probe, "1 of 20").await?;
    Ok(Held {
        probe: Some(probe),
        ..Held::default()
    })
}

async fn done(platform: &mut Platform, load: &mut Load, cut_off: bool) -> Checked<Held> {
    for _ in 0..TRIES {
        // Shorter than the time between two saves of events: what waits for the lock is the record of the end.
        let probe = load.probe(3, 390).await?;
        hear(platform, &probe, "1 of 3").await?;
        let Some(mut lock) = lock(platform, &probe, "running").await? else {
            continue;
        };
        hear(platform, &probe, "3 of 3").await?;
        somebody_waits(&mut lock).await?;
        return Ok(Held {
            probe: Some(probe),
            lock: Some(lock),
            cut_off,
            ..Held::default()
        });
    }
    Err("no job could be held before its end was recorded".to_owned())
}

async fn recorded(platform: &mut Platform, load: &mut Load) -> Checked<Held> {
    for _ in 0..TRIES {
        let probe = load.probe(3, 600).await?;
        hear(platform, &probe, "1 of 3").await?;
        set_silent(platform, Mode::Hold);
        in_state(platform, &probe, "state = 'completed'").await?;
        if !end_is_in_redis(platform, &probe).await {
            return Ok(Held {
                probe: Some(probe),
                silent: true,
                ..Held::default()
            });
        }
        set_silent(platform, Mode::Pass);
    }
    Err("no end could be kept from being told".to_owned())
}

fn set_silent(platform: &mut Platform, mode: Mode) {
    let set = |worker: &mut Member| worker.redis.set(mode);
    let free = |worker: &&mut Member| !worker.parted;
    platform.of(Role::Worker).filter(free).for_each(set);
}

/// Locks the row of a job, if the job is still in this state.
async fn lock(platform: &Platform, job: &str, state: &str) -> Checked<Option<PgConnection>> {
    let locked = async {
        let mut connection = PgConnection::connect(&platform.database_url).await?;
        sqlx::query("begin").execute(&mut connection).await?;
        let row = sqlx::query("select 1 from jobs where id = $1::uuid and state = $2 for update")
            .bind(job)
            .bind(state)
            .fetch_optional(&mut connection)
            .await?;
        Ok::<_, sqlx::Error>(row.map(|_| connection))
    };
    locked
        .await
        .map_err(|error| format!("no lock on {job}: {error}"))
}

async fn somebody_waits(lock: &mut PgConnection) -> Checked<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    // Not pg_stat_activity: within a transaction that stays as it was first seen.
    let waiting = "select count(*) from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))";
    while tokio::time::Instant::now() < deadline {
        let asked = sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *lock);
        if asked.await.is_ok_and(|count| count > 0) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err("no statement waits for the lock".to_owned())
}

async fn in_state(platform: &Platform, job: &str, condition: &str) -> Checked<()> {
    let sql = format!("select {condition} from jobs where id = '{job}'");
    until(&format!("{job}: {condition}"), || async {
        platform.ask::<bool>(&sql).await == Some(true)
    })
    .await
}

/// Waits until a progress message was heard.
async fn hear(platform: &Platform, job: &str, message: &str) -> Checked<()> {
    until(&format!("{job} says {message}"), || async {
        let heard = platform
            .client
            .stream(job, 0, |seen| {
                seen.data["message"] == message || seen.is_final()
            })
            .await;
        // Cut by ourselves, because it was there.
        heard == Ok(false)
    })
    .await
}

async fn end_is_in_redis(platform: &Platform, job: &str) -> bool {
    let Ok(mut redis) = platform.redis.connect().await else {
        return false;
    };
    // With the end the job's stream goes, and its fence is kept for a minute instead of an hour.
    let kept: redis::RedisResult<(bool, i64)> = redis::pipe()
        .exists(format!("{PREFIX}:events:{job}"))
        .ttl(format!("{PREFIX}:fence:{job}"))
        .query_async(&mut redis)
        .await;
    kept.is_ok_and(|(stream, seconds)| !stream && (0..=60).contains(&seconds))
}
