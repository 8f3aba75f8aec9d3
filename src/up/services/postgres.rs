//! The private Postgres: made once, started on a free loopback port. The schema is the migrations' business.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::super::keeper::{command_as, end_leftover, keep};
use super::super::process::{Ending, Fleet, ProcessOutput, Spec};
use super::super::programs::PostgresPrograms;
use super::super::secrets::{SecretError, kept, random_word, write_private};
use super::{GRACE, Site, answers, free_port, log_end};

/// The database, and the role that owns it.
const NAME: &str = "computetower";

/// Given on the command line, so that a newer program's settings reach an older folder. Waiting for the disk at each
/// commit stays on: what was accepted is done.
const SETTINGS: [(&str, &str); 10] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_directories", ""),
    ("cluster_name", NAME),
    ("max_connections", "400"),
    ("max_wal_size", "2GB"),
    ("wal_compression", "on"),
    ("random_page_cost", "1.1"),
    ("jit", "off"),
    ("log_min_messages", "warning"),
    ("log_checkpoints", "off"),
];

/// Why the private Postgres does not run.
#[derive(Debug, Error)]
pub enum PostgresError {
    /// A file or folder of it could not be made or read.
    #[error("prepare the private Postgres in {path}")]
    Prepare {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Its password could not be kept.
    #[error("keep the private Postgres's password")]
    Password(#[from] SecretError),
    /// One of its programs could not be run.
    #[error("run {program}")]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// The program.
        program: PathBuf,
        /// What it printed.
        said: String,
    },
    /// The folder was made by a version that is not installed.
    #[error(
        "the data in {path} was made by PostgreSQL {made_by}, and only {} is installed: install the package \
         postgresql-{made_by}, or move the data to a newer version with pg_upgrade",
        versions(.installed)
    )]
    OtherVersion {
        /// The folder.
        path: PathBuf,
        /// The version that made it.
        made_by: String,
        /// The versions installed here.
        installed: Vec<u32>,
    },
    /// It does not answer.
    #[error("the private Postgres does not start; its log {log} ends with:\n{said}")]
    NotStarted {
        /// The log.
        log: PathBuf,
        /// The log's end.
        said: String,
    },
}

fn versions(installed: &[u32]) -> String {
    let names: Vec<String> = installed.iter().map(u32::to_string).collect();
    names.join(", ")
}

/// Makes the cluster if it is not there, ends a server left by an earlier run, and starts one in `fleet`. Returns the
/// database's URL once it answers.
pub(in super::super) async fn start(
    site: Site<'_>,
    installed: &[PostgresPrograms],
    fleet: &mut Fleet,
) -> Result<String, PostgresError> {
    let place = site.data.root().join("postgres");
    let prepare = |source| PostgresError::Prepare {
        path: place.clone(),
        source,
    };
    let folder = site
        .data
        .service_folder("postgres", site.user)
        .map_err(prepare)?;
    let cluster = folder.join("cluster");
    let programs = programs_for(&cluster, installed).map_err(|error| match error {
        Choice::Unreadable(source) => prepare(source),
        Choice::OtherVersion(made_by) => PostgresError::OtherVersion {
            path: cluster.clone(),
            made_by,
            installed: installed.iter().map(|programs| programs.major).collect(),
        },
    })?;
    let password = kept(&site.data.secret("postgres.password"), random_word)?;
    if !cluster.exists() {
        make_cluster(site, programs, &folder, &cluster, &password).await?;
    }
    end_leftover(&cluster.join("postmaster.pid"), &cluster, "INT")
        .await
        .map_err(prepare)?;
    let port = free_port().map_err(prepare)?;
    let log = site.data.log("postgres");
    let mut command = keep(
        site.user,
        site.search_path,
        "INT",
        &programs.folder.join("postgres"),
    );
    command
        .arg("-D")
        .arg(&cluster)
        .arg("-p")
        .arg(port.to_string())
        .current_dir(&cluster);
    for (name, value) in SETTINGS {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    let deaths = fleet.start(Spec {
        name: "postgres".to_owned(),
        command,
        output: ProcessOutput::Log(log.clone()),
        ending: Ending::EndOfInput,
        grace: GRACE,
    });
    if !answers(&deaths, || accepts(port)).await {
        return Err(PostgresError::NotStarted {
            said: log_end(&log),
            log,
        });
    }
    Ok(format!(
        "postgres://{NAME}:{password}@127.0.0.1:{port}/{NAME}"
    ))
}

enum Choice {
    Unreadable(io::Error),
    OtherVersion(String),
}

/// The programs that fit the cluster: those of the version that made it, or the preferred ones when there is none.
fn programs_for<'a>(
    cluster: &Path,
    installed: &'a [PostgresPrograms],
) -> Result<&'a PostgresPrograms, Choice> {
    let made_by = match std::fs::read_to_string(cluster.join("PG_VERSION")) {
        Ok(version) => version.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return installed.first().ok_or(Choice::Unreadable(error));
        }
        Err(error) => return Err(Choice::Unreadable(error)),
    };
    installed
        .iter()
        .find(|programs| programs.major.to_string() == made_by)
        .ok_or(Choice::OtherVersion(made_by))
}

/// Makes a cluster beside its place and moves it there whole, so that an interrupted start leaves none behind.
async fn make_cluster(
    site: Site<'_>,
    programs: &PostgresPrograms,
    folder: &Path,
    cluster: &Path,
    password: &str,
) -> Result<(), PostgresError> {
    let prepare = |source| PostgresError::Prepare {
        path: folder.to_owned(),
        source,
    };
    tracing::info!(folder = %cluster.display(), version = programs.major, "making the private Postgres");
    let draft = folder.join("cluster.new");
    let password_file = folder.join("password");
    write_private(
        &password_file,
        password.as_bytes(),
        site.user.map(|user| user.owner()),
    )
    .map_err(prepare)?;
    let mut made = Ok(());
    // Not every system has C.UTF-8; without it, text is compared by its bytes, and that is what we want anyway.
    for locale in ["C.UTF-8", "C"] {
        if draft.exists() {
            std::fs::remove_dir_all(&draft).map_err(prepare)?;
        }
        let mut initdb = command_as(site.user, &programs.folder.join("initdb"), site.search_path);
        initdb
            .arg("--pgdata")
            .arg(&draft)
            .arg(format!("--pwfile={}", password_file.display()))
            .args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--data-checksums",
            ])
            .arg(format!("--username={NAME}"))
            .arg(format!("--locale={locale}"))
            .current_dir(folder);
        made = run(initdb, &programs.folder.join("initdb"), "").await;
        if made.is_ok() {
            break;
        }
    }
    std::fs::remove_file(&password_file).map_err(prepare)?;
    made?;
    let mut single = command_as(
        site.user,
        &programs.folder.join("postgres"),
        site.search_path,
    );
    single
        .args(["--single", "-D"])
        .arg(&draft)
        .arg("postgres")
        .current_dir(folder);
    run(
        single,
        &programs.folder.join("postgres"),
        &format!("CREATE DATABASE {NAME}\n"),
    )
    .await?;
    std::fs::rename(&draft, cluster).map_err(prepare)
}

async fn run(mut command: Command, program: &Path, input: &str) -> Result<(), PostgresError> {
    let failed = |source| PostgresError::Run {
        program: program.to_owned(),
        source,
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.map_err(failed)?;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    let said = String::from_utf8_lossy(&output.stderr);
    // A single-user Postgres reports a refused statement and still ends well.
    if output.status.success() && !said.contains("ERROR:") {
        return Ok(());
    }
    Err(PostgresError::Failed {
        program: program.to_owned(),
        said: said.trim().to_owned(),
    })
}

/// Whether the server would let a client sign in: it answers a start-up message by asking for the password.
async fn accepts(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(&start_up_message()).await?;
    // 'R' asks for authentication, 'E' says why not (yet).
    Ok(stream.read_u8().await? == b'R')
}

/// Length, protocol 3.0, and the user and database as pairs of words that end in a zero byte.
fn start_up_message() -> Vec<u8> {
    let mut body = 196_608_u32.to_be_bytes().to_vec();
    for word in ["user", NAME, "database", NAME, ""] {
        body.extend_from_slice(word.as_bytes());
        body.push(0);
    }
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut message = length.to_be_bytes().to_vec();
    message.append(&mut body);
    message
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn installed() -> Vec<PostgresPrograms> {
        [17, 15]
            .map(|major| PostgresPrograms {
                folder: PathBuf::from(format!("/pg/{major}")),
                major,
            })
            .to_vec()
    }

    #[test]
    fn an_existing_cluster_is_run_by_the_version_that_made_it() {
        let folder = tempfile::tempdir().unwrap();
        let installed = installed();
        let chosen = |folder: &Path| match programs_for(folder, &installed) {
            Ok(programs) => programs.major.to_string(),
            Err(Choice::OtherVersion(version)) => format!("not {version}"),
            Err(Choice::Unreadable(error)) => error.to_string(),
        };
        assert_eq!(chosen(folder.path()), "17");
        std::fs::write(folder.path().join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(chosen(folder.path()), "15");
        std::fs::write(folder.path().join("PG_VERSION"), "9.6\n").unwrap();
        assert_eq!(chosen(folder.path()), "not 9.6");
    }

    #[test]
    fn the_start_up_message_says_its_length() {
        let message = start_up_message();
        assert_eq!(message.len(), usize::from(message[3]));
        assert!(message.ends_with(b"database\0computetower\0\0"));
    }
}
