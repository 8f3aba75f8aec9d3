//! `computetower up`: everything on one machine. Private Postgres and Redis run as child processes, S3 is served in this
//! process, and the Procfile's processes run beside them until the operator stops. It knows no schema and no job: a hook of
//! the caller migrates and makes the first keys, and the processes find the services by their environment alone.
//!
//! Nothing outlives it. Every child holds the end of a pipe whose other end is here, so that even `kill -9` ends them:
//! the servers through a keeper, the processes by themselves, told by `COMPUTETOWER_UNTIL_STDIN_CLOSES`.

mod banner;
mod console;
mod data_dir;
mod keeper;
mod options;
mod process;
mod procfile;
mod programs;
mod secrets;
mod services;
mod stop;

use std::convert::Infallible;
use std::error::Error as StdError;
use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::process::Command;

pub use data_dir::{DataDirError, default_data_dir};
pub use options::{External, Keys, Output, S3Settings, ServiceUrls, UpOptions};
pub use procfile::ProcfileError;
pub use programs::{MissingProgram, MissingPrograms};
pub use secrets::SecretError;
pub use services::postgres::PostgresError;
pub use services::redis::RedisError;
pub use services::s3::{S3Error, S3Server, serve_folder};

use console::Console;
use data_dir::DataDir;
use keeper::ServiceUser;
use process::{Ending, Fleet, ProcessOutput, Spec};
use procfile::ProcessType;
use programs::PostgresPrograms;
use services::Site;
use stop::{Stop, StopSignal};

/// The Procfile that runs when there is no other.
const BUILT_IN_PROCFILE: &str = include_str!("../../Procfile");

/// How long a process may take to end in good order when everything stops.
const PROCESS_GRACE: Duration = Duration::from_secs(6);

/// How long the processes of a killed run may hold our address: as long as they may take to end.
const ADDRESS_PATIENCE: Duration = Duration::from_secs(10);

/// How often an address that is still held is tried.
const ADDRESS_TRY: Duration = Duration::from_millis(100);

/// Who the private services run as when we are root; the first that exists.
const SERVICE_USERS: [&str; 2] = ["postgres", "nobody"];

/// What the hook may fail with.
pub type HookError = Box<dyn StdError + Send + Sync>;

/// Why `up` could not start, or not go on.
#[derive(Debug, Error)]
pub enum UpError {
    /// The Procfile could not be read.
    #[error("read the Procfile {path}")]
    ReadProcfile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The Procfile, or the counts asked of it, are wrong.
    #[error(transparent)]
    Procfile(#[from] ProcfileError),
    /// Programs that the private services need are not installed.
    #[error(transparent)]
    Missing(#[from] MissingPrograms),
    /// The data folder cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Who we are could not be found out.
    #[error("ask for the user id of {who}")]
    User {
        /// Ourselves, or a user's name.
        who: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Neither of the users that services could run as exists.
    #[error(
        "root runs the private services as user postgres or nobody, and this system has neither"
    )]
    NoServiceUser,
    /// The address cannot be listened on.
    #[error("listen on {bind}: is something else listening there?")]
    Address {
        /// The address.
        bind: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The operator's signals cannot be followed.
    #[error("follow the signals that stop the program")]
    Signals(#[source] io::Error),
    /// The master key could not be kept.
    #[error("keep the master key")]
    MasterKey(#[source] SecretError),
    /// The private Postgres does not run.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The private Redis does not run.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The private S3 does not run.
    #[error(transparent)]
    S3(#[from] S3Error),
    /// The caller's hook failed.
    #[error("migrate the database and make the first keys")]
    Provision(#[source] HookError),
    /// `connection.json` could not be written.
    #[error("write connection.json in {path}")]
    Connection {
        /// The data folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Everything that was decided before anything was started.
struct Plan {
    formation: Vec<(ProcessType, u32)>,
    user: Option<ServiceUser>,
    postgres: Vec<PostgresPrograms>,
    redis: Option<PathBuf>,
}

/// What runs, and is to be ended: the processes first, then the servers they need.
struct Everything {
    processes: Fleet,
    servers: Fleet,
    objects: Option<S3Server>,
    /// Holds the lock until all of them have ended.
    data: Option<DataDir>,
}

/// Starts everything, calls `provision` once the services answer, and runs until SIGINT, SIGTERM or SIGHUP. A wanted
/// stop is `Ok`; everything has ended then, within 10 seconds. A second signal kills at once.
///
/// # Errors
/// Whatever keeps it from starting; all that was started has been ended by then.
pub async fn run<F, Fut>(mut options: UpOptions, provision: F) -> Result<(), UpError>
where
    F: FnOnce(ServiceUrls) -> Fut,
    Fut: Future<Output = Result<Keys, HookError>>,
{
    let (mut operator, listener) = stop::on_signals().map_err(UpError::Signals)?;
    let output = std::mem::replace(&mut options.output, Output::Stdout);
    let (console, writer) = Console::open(output);
    let mut everything = Everything {
        processes: Fleet::new(),
        servers: Fleet::new(),
        objects: None,
        data: None,
    };
    let outcome = tokio::select! {
        failed = start(&options, provision, &console, &mut everything) => failed.map(|never| match never {}),
        () = operator.reached(Stop::Gently) => Ok(()),
    };
    everything.end(&mut operator).await;
    drop(console);
    writer.finish().await;
    listener.abort();
    outcome
}

impl Everything {
    async fn end(self, operator: &mut StopSignal) {
        self.processes.end(operator).await;
        self.servers.end(operator).await;
        drop((self.objects, self.data));
    }
}

/// Starts everything and never returns, unless it fails.
async fn start<F, Fut>(
    options: &UpOptions,
    provision: F,
    console: &Console,
    everything: &mut Everything,
) -> Result<Infallible, UpError>
where
    F: FnOnce(ServiceUrls) -> Fut,
    Fut: Future<Output = Result<Keys, HookError>>,
{
    let our_id = ask_id("-u", None).await?;
    let plan = plan(options, our_id).await?;
    let data = everything.data.insert(DataDir::open(
        &options.data_dir,
        our_id,
        plan.user.as_ref(),
    )?);
    let failed = |path: &Path, source| DataDirError::Folder {
        path: path.to_owned(),
        source,
    };
    data.sign(&format!("process {}", std::process::id()))
        .map_err(|source| failed(data.root(), source))?;
    if let Some(user) = &plan.user {
        data.check_way(user, &options.search_path).await?;
    }
    let earlier = banner::read_connection(data.root());
    let bind = reserve(
        options.bind,
        earlier.as_ref().map(|(address, _)| address.as_str()),
    )
    .await?;
    let address = banner::reachable(bind);
    data.sign(&format!(
        "process {} at http://{address}",
        std::process::id()
    ))
    .map_err(|source| failed(data.root(), source))?;
    let data = &*data;
    let site = Site {
        data,
        user: plan.user.as_ref(),
        search_path: &options.search_path,
    };
    let urls = ServiceUrls {
        master_key: match &options.master_key {
            Some(key) => key.clone(),
            None => secrets::kept(&data.root().join("master.key"), secrets::random_key)
                .map_err(UpError::MasterKey)?,
        },
        database_url: match &options.external.database_url {
            Some(url) => url.clone(),
            None => {
                services::postgres::start(site, &plan.postgres, &mut everything.servers).await?
            }
        },
        redis_url: match (&options.external.redis_url, &plan.redis) {
            (Some(url), _) => url.clone(),
            (None, Some(server)) => {
                services::redis::start(site, server, &mut everything.servers).await?
            }
            (None, None) => return Err(MissingPrograms(vec![programs::REDIS]).into()),
        },
        s3: match &options.external.s3 {
            Some(settings) => settings.clone(),
            None => everything
                .objects
                .insert(services::s3::start(data).await?)
                .settings
                .clone(),
        },
        bind,
        data_dir: data.root().to_owned(),
        previous: earlier.map(|(_, keys)| keys),
    };
    let keys = provision(urls.clone()).await.map_err(UpError::Provision)?;
    banner::write_connection(data.root(), &urls, &keys).map_err(|source| UpError::Connection {
        path: data.root().to_owned(),
        source,
    })?;
    start_processes(
        options,
        &plan.formation,
        &urls,
        &keys,
        console,
        &mut everything.processes,
    );
    if plan
        .formation
        .iter()
        .any(|(process, count)| process.name == procfile::WEB && *count > 0)
    {
        banner::web_is_ready(address).await;
    }
    banner::show(console, &urls, &keys).await;
    std::future::pending().await
}

/// Decides what to run and by which programs, and touches nothing.
async fn plan(options: &UpOptions, our_id: u32) -> Result<Plan, UpError> {
    let text = match &options.procfile {
        None => BUILT_IN_PROCFILE.to_owned(),
        Some(path) => std::fs::read_to_string(path).map_err(|source| UpError::ReadProcfile {
            path: path.clone(),
            source,
        })?,
    };
    let formation = procfile::formation(procfile::parse(&text)?, &options.formation)?;
    let search_path: &OsStr = &options.search_path;
    let needs_postgres = options.external.database_url.is_none();
    let needs_redis = options.external.redis_url.is_none();
    let changes_user = our_id == 0 && (needs_postgres || needs_redis);
    let mut missing = Vec::new();
    let postgres = if needs_postgres {
        programs::installed_postgres(search_path).await
    } else {
        Vec::new()
    };
    if needs_postgres && postgres.is_empty() {
        missing.push(programs::POSTGRES);
    }
    let redis = if needs_redis {
        programs::find(&["redis-server", "valkey-server"], search_path)
    } else {
        None
    };
    if needs_redis && redis.is_none() {
        missing.push(programs::REDIS);
    }
    let setpriv = if changes_user {
        programs::find(&["setpriv"], search_path)
    } else {
        None
    };
    if changes_user && setpriv.is_none() {
        missing.push(programs::SETPRIV);
    }
    if !missing.is_empty() {
        return Err(MissingPrograms(missing).into());
    }
    let user = match setpriv {
        Some(setpriv) => Some(service_user(setpriv).await?),
        None => None,
    };
    Ok(Plan {
        formation,
        user,
        postgres,
        redis,
    })
}

/// The first of the users that services may run as.
async fn service_user(setpriv: PathBuf) -> Result<ServiceUser, UpError> {
    for name in SERVICE_USERS {
        if let (Ok(user_id), Ok(group_id)) = (
            ask_id("-u", Some(name)).await,
            ask_id("-g", Some(name)).await,
        ) {
            return Ok(ServiceUser {
                name: name.to_owned(),
                user_id,
                group_id,
                setpriv,
            });
        }
    }
    Err(UpError::NoServiceUser)
}

/// What the program `id` says about a user, or about ourselves.
async fn ask_id(flag: &str, user: Option<&str>) -> Result<u32, UpError> {
    let failed = |source| UpError::User {
        who: user.unwrap_or("this process").to_owned(),
        source,
    };
    let output = Command::new("id")
        .arg(flag)
        .args(user)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(failed)?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| {
            failed(io::Error::other(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ))
        })
}

/// Makes sure that the address can be listened on, and replaces port 0 by a free one. The processes of a run that was
/// killed here a moment ago are given the time to let go of it.
async fn reserve(bind: SocketAddr, earlier: Option<&str>) -> Result<SocketAddr, UpError> {
    let was_ours = earlier == Some(format!("http://{}", banner::reachable(bind)).as_str());
    let begun = tokio::time::Instant::now();
    loop {
        match TcpListener::bind(bind).and_then(|listener| listener.local_addr()) {
            Ok(address) => return Ok(address),
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && was_ours
                    && begun.elapsed() < ADDRESS_PATIENCE =>
            {
                tokio::time::sleep(ADDRESS_TRY).await;
            }
            Err(source) => return Err(UpError::Address { bind, source }),
        }
    }
}

/// Starts every process of the formation.
fn start_processes(
    options: &UpOptions,
    formation: &[(ProcessType, u32)],
    urls: &ServiceUrls,
    keys: &Keys,
    console: &Console,
    fleet: &mut Fleet,
) {
    let program = options.program.to_string_lossy();
    let names: Vec<(String, &ProcessType)> = formation
        .iter()
        .flat_map(|(process, count)| {
            (1..=*count).map(move |number| (format!("{}.{number}", process.name), process))
        })
        .collect();
    let width = names.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (place, (name, process)) in names.into_iter().enumerate() {
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg(procfile::shell_line(&process.command, &program))
            .envs(urls.environment())
            .env("COMPUTETOWER_ADMIN_KEY", &keys.admin_key)
            .env("COMPUTETOWER_PROCESS", &name)
            .env("COMPUTETOWER_UNTIL_STDIN_CLOSES", "1")
            .envs(options.extra_env.iter().map(|(name, value)| (name, value)));
        fleet.start(Spec {
            command,
            output: ProcessOutput::Console(console.clone(), console.prefix(&name, width, place)),
            ending: Ending::Terminate,
            grace: PROCESS_GRACE,
            name,
        });
    }
}
