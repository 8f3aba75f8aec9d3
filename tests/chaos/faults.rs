//! How each fault is done, and undone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::moments::Held;
use crate::plan::{Fault, Role, Service};
use crate::platform::{LANE, Platform, Shared};
use crate::proxy::Mode;
use crate::wait::{Checked, until};

/// How long what goes on for a while goes on.
const WHILE: Duration = Duration::from_secs(5);
/// Two leases of 15 seconds, and a little.
const TWO_LEASES: Duration = Duration::from_secs(32);

/// A fault under way.
#[derive(Default)]
pub(crate) struct Struck {
    victim: usize,
    /// Postgres's time just before a worker was killed.
    pub(crate) killed_at: Option<f64>,
    /// What it ran then: jobs and the numbers of their attempts.
    pub(crate) running: Vec<Value>,
}

/// Begins a fault. What it needs to know about the moment is in `held`.
pub(crate) async fn begin(
    fault: Fault,
    held: &Held,
    platform: &mut Platform,
    shared: &mut Shared,
    dice: &mut Dice,
) -> Checked<Struck> {
    let mut struck = Struck::default();
    if let Some(role) = role_of(fault) {
        struck.victim = victim(role, held, platform, dice).await;
    }
    let member = &mut platform.members[struck.victim];
    match fault {
        Fault::Nothing | Fault::Clock(_) => {}
        Fault::Kill(Role::Worker) => kill_worker(&mut struck, platform, shared).await?,
        Fault::Kill(_) => kill(struck.victim, platform, shared),
        Fault::FlushAndKill => {
            command(platform, &redis::cmd("FLUSHALL")).await?;
            kill_worker(&mut struck, platform, shared).await?;
        }
        Fault::Terminate(_) => member.signal("TERM"),
        Fault::Freeze(_) => {
            member.signal("STOP");
            member.frozen = true;
        }
        Fault::Cut(_, service) => member.proxy(service).cut(),
        Fault::Refuse(_, service) | Fault::Hold(_, service) => {
            member.parted = service == Service::Redis;
            let refused = matches!(fault, Fault::Refuse(..));
            let mode = if refused { Mode::Refuse } else { Mode::Hold };
            member.proxy(service).set(mode);
        }
        Fault::RedisRestart => platform.redis.restart(&mut shared.ground).await?,
        Fault::RedisFreeze => platform.redis.signal("STOP"),
        Fault::RedisPause => {
            let pause = redis::cmd("CLIENT")
                .arg(&["PAUSE", "5000", "ALL"])
                .to_owned();
            command(platform, &pause).await?;
        }
        Fault::RedisFlush => command(platform, &redis::cmd("FLUSHALL")).await?,
        Fault::PostgresRestart => shared.postgres.restart(&mut shared.ground, "INT").await?,
        Fault::PostgresCrash => shared.postgres.restart(&mut shared.ground, "QUIT").await?,
        Fault::PostgresFreeze => shared.postgres.signal_all("STOP"),
        Fault::Duplicate => double(platform).await?,
        Fault::ObjectsRefuse => platform.objects_proxy.set(Mode::Refuse),
    }
    Ok(struck)
}

fn kill(victim: usize, platform: &mut Platform, shared: &mut Shared) {
    let member = &mut platform.members[victim];
    member.kill();
    // What it had sent and the proxy had not passed on dies with it.
    member.postgres.cut();
    member.redis.cut();
    member.start(&mut shared.ground);
}

/// Notes first what the worker runs.
async fn kill_worker(
    struck: &mut Struck,
    platform: &mut Platform,
    shared: &mut Shared,
) -> Checked<()> {
    let pid = platform.members[struck.victim].pid();
    let sql = format!(
        "select j.id as job_id, j.attempt from jobs j join workers w on w.id = j.worker_id
         where j.state = 'running' and w.name like 'chaos-{pid}-%'"
    );
    struck.running = platform.rows(&sql).await?;
    struck.killed_at = platform
        .ask("select extract(epoch from clock_timestamp())::float8")
        .await;
    kill(struck.victim, platform, shared);
    Ok(())
}

/// Lets it go on as long as it does, and ends it.
pub(crate) async fn end(
    fault: Fault,
    struck: &Struck,
    platform: &mut Platform,
    shared: &mut Shared,
) -> Checked<()> {
    match fault {
        Fault::Freeze(Role::Worker) => tokio::time::sleep(TWO_LEASES).await,
        Fault::Freeze(_)
        | Fault::Refuse(..)
        | Fault::Hold(..)
        | Fault::RedisFreeze
        | Fault::RedisPause
        | Fault::PostgresFreeze => tokio::time::sleep(WHILE).await,
        Fault::ObjectsRefuse => {
            readiness(platform, 503).await?;
            platform.objects_proxy.set(Mode::Pass);
            readiness(platform, 200).await?;
        }
        _ => {}
    }
    let member = &mut platform.members[struck.victim];
    match fault {
        Fault::Terminate(_) => {
            let mut status = None;
            until(&format!("{} has ended", member.name), || {
                status = member.ended();
                std::future::ready(status.is_some())
            })
            .await?;
            let well = status.is_some_and(|status| status.success());
            member.start(&mut shared.ground);
            if !well {
                return Err(format!(
                    "{} was told to end, and ended with {status:?}",
                    member.name
                ));
            }
        }
        Fault::Freeze(_) => {
            member.frozen = false;
            member.signal("CONT");
        }
        Fault::Refuse(_, service) | Fault::Hold(_, service) => {
            member.parted = false;
            member.proxy(service).set(Mode::Pass);
        }
        Fault::RedisFreeze => platform.redis.signal("CONT"),
        Fault::PostgresFreeze => shared.postgres.signal_all("CONT"),
        Fault::Duplicate => double(platform).await?,
        _ => {}
    }
    if matches!(fault, Fault::RedisFreeze | Fault::RedisPause) {
        platform.redis.answers().await?;
    }
    Ok(())
}

fn role_of(fault: Fault) -> Option<Role> {
    match fault {
        Fault::Kill(role)
        | Fault::Terminate(role)
        | Fault::Freeze(role)
        | Fault::Cut(role, _)
        | Fault::Refuse(role, _)
        | Fault::Hold(role, _) => Some(role),
        Fault::FlushAndKill => Some(Role::Worker),
        _ => None,
    }
}

/// The worker that runs the job of the moment; else any process of the role.
async fn victim(role: Role, held: &Held, platform: &Platform, dice: &mut Dice) -> usize {
    let candidates: Vec<usize> = (0..platform.members.len())
        .filter(|at| platform.members[*at].role == role)
        .collect();
    let any = dice.pick(&candidates);
    let (Role::Worker, Some(probe)) = (role, &held.probe) else {
        return any;
    };
    let sql = format!(
        "select worker from job_attempts where job_id = '{probe}' order by attempt desc limit 1"
    );
    let name: Option<String> = platform.ask(&sql).await;
    let owner = name.and_then(|name| {
        candidates.into_iter().find(|at| {
            let pid = platform.members[*at].pid();
            name.starts_with(&format!("chaos-{pid}-"))
        })
    });
    owner.unwrap_or(any)
}

async fn command(platform: &Platform, command: &redis::Cmd) -> Checked<()> {
    let said = async {
        let mut connection = platform.redis.connect().await?;
        command.query_async::<()>(&mut connection).await
    };
    said.await.map_err(|error| format!("Redis: {error}"))
}

/// Puts messages of all jobs that were ever handed over onto the lane, twice each: with the number that is good, if one is, and with the one before.
async fn double(platform: &Platform) -> Checked<()> {
    let jobs = platform
        .rows("select id, dispatch from jobs where dispatch > 0")
        .await?;
    let mut pipe = redis::pipe();
    for (number, job) in jobs.iter().enumerate() {
        let dispatch = job["dispatch"].as_i64().unwrap_or_default();
        for (copy, dispatch) in [dispatch, dispatch, dispatch - 1].into_iter().enumerate() {
            let id = format!("again.{}.{number}.{copy}", uuid::Uuid::new_v4().simple());
            let message = json!({ "job": job["id"], "dispatch": dispatch }).to_string();
            pipe.hset(format!("{LANE}:data"), &id, message)
                .rpush(format!("{LANE}:active"), &id);
        }
    }
    pipe.publish("chaos:wake:noop", "1");
    let pushed = async {
        let mut connection = platform.redis.connect().await?;
        pipe.query_async::<()>(&mut connection).await
    };
    pushed.await.map_err(|error| format!("Redis: {error}"))
}

async fn readiness(platform: &Platform, wanted: u16) -> Checked<()> {
    until(&format!("/ready answers {wanted}"), || async {
        let reply = platform.client.get("/ready").await;
        reply.is_ok_and(|reply| reply.status == wanted)
    })
    .await
}
