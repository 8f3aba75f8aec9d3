//! The platform of one case: a database, a Redis, an object store, real processes, and a proxy on every way between them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use computetower::up::{S3Server, serve_folder};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use crate::client::Client;
use crate::member::Member;
use crate::plan::{Case, Fault, Role};
use crate::proxy::Proxy;
use crate::services::{Ground, Postgres, Redis, free_port, url};
use crate::wait::{Checked, until};

const MASTER_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
/// How every key in Redis begins.
pub(crate) const PREFIX: &str = "chaos";
/// The lane of the jobs.
pub(crate) const LANE: &str = "chaos:lane:noop";

/// What all cases of a run share: the cluster, and a database that each copies.
pub(crate) struct Shared {
    pub(crate) ground: Ground,
    pub(crate) postgres: Postgres,
    key: String,
}

impl Shared {
    pub(crate) async fn start() -> Self {
        let mut ground = Ground::new();
        let postgres = Postgres::start(&mut ground).await.unwrap();
        execute(&postgres.url("postgres"), "create database template").await;
        let run = |command: &str| {
            let output = std::process::Command::new(env!("CARGO_BIN_EXE_computetower"))
                .arg(command)
                .env_clear()
                .env("DATABASE_URL", postgres.url("template"))
                .env("REDIS_URL", "redis://127.0.0.1:1")
                .env("S3_ENDPOINT", "http://127.0.0.1:1")
                .envs(secrets("none"))
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap().trim().to_owned()
        };
        run("migrate");
        let key = run("keys");
        Self {
            ground,
            postgres,
            key,
        }
    }
}

/// The platform of one case. What it started ends with it.
pub(crate) struct Platform {
    pub(crate) members: Vec<Member>,
    pub(crate) redis: Redis,
    pub(crate) objects_proxy: Proxy,
    pub(crate) client: Client,
    pub(crate) database_url: String,
    pub(crate) folder: PathBuf,
    _objects: S3Server,
}

impl Platform {
    pub(crate) async fn start(shared: &mut Shared, case: &Case) -> Checked<Self> {
        let name = format!("case_{}", case.number);
        // For ten seconds after Postgres has started no job is taken for lost: what the case before did must not be counted here.
        let settled = "select pg_postmaster_start_time() < now() - interval '11 seconds'";
        let server = shared.postgres.url("postgres");
        until("Postgres has been there for a while", || async {
            let asked = scalar(&server, settled).await;
            asked.unwrap_or(false)
        })
        .await?;
        execute(&server, &format!("drop database if exists {name}")).await;
        execute(
            &server,
            &format!("create database {name} template template"),
        )
        .await;
        let folder = shared.ground.folder.join(&name);
        std::fs::create_dir(&folder).unwrap();
        let redis = Redis::start(&mut shared.ground, &folder).await?;
        let objects = serve_folder(folder.join("objects"), "key".into(), "secret".into())
            .await
            .map_err(|error| error.to_string())?;
        let endpoint = objects.settings.endpoint.clone().unwrap_or_default();
        let objects_port = url::Url::parse(&endpoint).ok().and_then(|url| url.port());
        let objects_proxy = Proxy::start(objects_port.unwrap()).await;
        let bind = format!("127.0.0.1:{}", free_port());
        let client = Client::new(&format!("http://{bind}"), &shared.key);
        let mut members = Vec::new();
        for (role, count) in [
            (Role::Web, 1),
            (Role::Dispatcher, case.dispatchers),
            (Role::Worker, case.workers),
        ] {
            for number in 0..count {
                let ways = (
                    Proxy::start(shared.postgres.port).await,
                    Proxy::start(redis.port).await,
                );
                let mut environment = secrets(&objects.settings.bucket);
                for (variable, value) in [
                    ("DATABASE_URL", url(ways.0.port, &name)),
                    ("REDIS_URL", format!("redis://127.0.0.1:{}", ways.1.port)),
                    (
                        "S3_ENDPOINT",
                        format!("http://127.0.0.1:{}", objects_proxy.port),
                    ),
                    ("COMPUTETOWER_BIND", bind.clone()),
                    ("COMPUTETOWER_REDIS_PREFIX", PREFIX.to_owned()),
                    ("COMPUTETOWER_DATA_DIR", folder.display().to_string()),
                    ("HOSTNAME", "chaos".to_owned()),
                ] {
                    environment.push((variable.to_owned(), value));
                }
                let label = format!("{role}-{number}");
                let mut member = Member::new(role, label, ways, environment, &folder);
                if let (Fault::Clock(seconds), Role::Worker, 0) = (case.fault, role, number) {
                    member.clock = seconds;
                }
                member.start(&mut shared.ground);
                members.push(member);
            }
        }
        let platform = Self {
            members,
            redis,
            objects_proxy,
            client,
            database_url: shared.postgres.url(&name),
            folder,
            _objects: objects,
        };
        Ok(platform)
    }

    /// Waits until `web` answers that all services do, and as many workers as there are have announced themselves.
    pub(crate) async fn ready(&self) -> Checked<()> {
        // A worker's name is machine, process id and a random part.
        let names: Vec<String> = self
            .members
            .iter()
            .filter(|member| member.role == Role::Worker)
            .map(|member| format!("chaos-{}-", member.pid()))
            .collect();
        until("the platform is ready", || async {
            let ready = self.client.get("/ready").await;
            let Ok(workers) = self.client.get("/api/v1/workers").await else {
                return false;
            };
            let rows = workers.body.as_array().cloned().unwrap_or_default();
            let there = |name: &String| {
                let named = |row: &Value| {
                    row["name"]
                        .as_str()
                        .is_some_and(|of| of.starts_with(name.as_str()))
                };
                rows.iter().any(named)
            };
            ready.is_ok_and(|reply| reply.status == 200) && names.iter().all(there)
        })
        .await
    }

    pub(crate) fn of(&mut self, role: Role) -> impl Iterator<Item = &mut Member> {
        self.members
            .iter_mut()
            .filter(move |member| member.role == role)
    }

    /// One value of the database, `None` while Postgres is away or there is no such row.
    pub(crate) async fn ask<T>(&self, sql: &str) -> Option<T>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        scalar(&self.database_url, sql).await
    }

    /// Rows as JSON objects.
    pub(crate) async fn rows(&self, sql: &str) -> Checked<Vec<Value>> {
        let sql = format!("select coalesce(json_agg(t), '[]') from ({sql}) t");
        let rows: Option<Value> = scalar(&self.database_url, &sql).await;
        match rows {
            Some(Value::Array(rows)) => Ok(rows),
            _ => Err(format!("Postgres did not answer {sql}")),
        }
    }

    /// Whether every job that was accepted has ended.
    pub(crate) async fn is_drained(&self) -> bool {
        let sql =
            "select count(*) from jobs where state not in ('completed', 'failed', 'cancelled')";
        self.ask::<i64>(sql).await == Some(0)
    }

    /// Ends every process in good order. Tells what did not go as it should.
    pub(crate) async fn stop(&mut self) -> Vec<String> {
        let mut complaints = Vec::new();
        for member in &mut self.members {
            if let Some(status) = member.ended() {
                complaints.push(format!("{} ended by itself: {status}", member.name));
            }
            member.signal("TERM");
        }
        for member in &mut self.members {
            let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
            let status = loop {
                match member.ended() {
                    Some(status) => break Some(status),
                    None if tokio::time::Instant::now() > deadline => break None,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            if !status.is_some_and(|status| status.success()) {
                complaints.push(format!("{} did not end well: {status:?}", member.name));
            }
            member.kill();
            if member.said().contains("panicked") {
                complaints.push(format!("{} panicked", member.name));
            }
        }
        let left = processes_of(&self.folder, &["redis-server"]);
        if !left.is_empty() {
            complaints.push(format!("processes left behind: {left:?}"));
        }
        let locks = "select count(*) from pg_locks where locktype = 'advisory' and granted
                     and database = (select oid from pg_database where datname = current_database())";
        let freed = until("no advisory lock is left in Postgres", || async {
            self.ask::<i64>(locks).await == Some(0)
        });
        complaints.extend(freed.await.err());
        complaints
    }
}

/// The command lines of processes that name a folder.
fn processes_of(folder: &Path, but: &[&str]) -> Vec<String> {
    let folder = folder.to_string_lossy().into_owned();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let environment = std::fs::read(path.join("environ")).ok()?;
            let command = std::fs::read(path.join("cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let named = String::from_utf8_lossy(&environment).contains(&folder)
                || command.contains(&folder);
            (named && !command.is_empty() && !but.iter().any(|name| command.contains(name)))
                .then_some(command)
        })
        .collect()
}

fn secrets(bucket: &str) -> Vec<(String, String)> {
    [
        ("S3_BUCKET", bucket),
        ("S3_ACCESS_KEY_ID", "key"),
        ("S3_SECRET_ACCESS_KEY", "secret"),
        ("COMPUTETOWER_MASTER_KEY", MASTER_KEY),
    ]
    .map(|(variable, value)| (variable.to_owned(), value.to_owned()))
    .to_vec()
}

/// Asks over a connection of its own: no connection outlives a restart of Postgres.
async fn scalar<T>(url: &str, sql: &str) -> Option<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let asked = async {
        let mut connection = PgConnection::connect(url).await.ok()?;
        let value = sqlx::query_scalar::<_, T>(sqlx::AssertSqlSafe(sql.to_owned()))
            .fetch_optional(&mut connection)
            .await
            .ok()?;
        let _ = connection.close().await;
        value
    };
    // A Postgres that is stopped accepts connections and says nothing.
    tokio::time::timeout(Duration::from_secs(8), asked)
        .await
        .ok()?
}

async fn execute(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}
