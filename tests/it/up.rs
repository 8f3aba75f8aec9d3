//! `up` with real servers, ended in every way: asked to, by force, and by the loss of its parts. Each test starts this very
//! binary again, by the ignored tests at the end, as the program that runs `up` and as the processes that `up` runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::print_stderr,
    reason = "the program under test reports to its parent"
)]

mod harness;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use computetower::up::{self, External, Keys, Output, S3Settings, ServiceUrls, UpOptions};
use computetower_store::lane::FETCHED_WITHIN;
use computetower_store::objects::ObjectSettings;
use computetower_store::vault::MasterKey;
use computetower_store::{Store, StoreConfig};

use harness::{EXTERNAL, FOLDER, PROCFILE, Run, get, kill, redis, run_in, sql, until, we_are_root};

const KEY: &str = "tenant/kept";

#[test]
fn a_stop_that_was_asked_for_ends_everything_and_is_a_success() {
    let data = tempfile::tempdir().unwrap();
    let mut up = run_in(data.path()).start().ready();
    let out = up.out();
    assert!(
        out.contains("api key    ct_first") && out.contains("admin key  cta_first"),
        "{out}"
    );
    assert!(out.contains("idle.1 | alive as idle.1"), "{out}");
    assert!(get(&up.word("address"), "/ready").unwrap().contains("200"));

    let database = up.word("database_url");
    assert_eq!(sql(&database, "select 1").as_deref(), Some("1"));
    assert_eq!(sql(&database, "show data_checksums").as_deref(), Some("on"));
    assert_eq!(
        sql(
            &database.replace("computetower:", "computetower:wrong"),
            "select 1"
        ),
        None
    );
    let cache = up.word("redis_url");
    assert_eq!(redis(&cache, "PING").as_deref(), Some("+PONG\r\n"));
    assert_eq!(
        redis(&cache.replace("redis://:", "redis://:wrong"), "PING"),
        None
    );

    let us = std::fs::metadata("/proc/self").unwrap().uid();
    for server in ["postgres -D", "redis-server"] {
        let id = up.part(server).unwrap();
        let runs_as = std::fs::metadata(format!("/proc/{id}")).unwrap().uid();
        assert_eq!(runs_as == us, !we_are_root(), "{server} runs as {runs_as}");
    }
    let mode = std::fs::metadata(&up.data).unwrap().mode() & 0o777;
    assert_eq!(mode, if we_are_root() { 0o710 } else { 0o700 });

    let mut second = run_in(data.path()).start();
    assert!(!second.ends().success());
    let told = second.out();
    let holder = format!("process {} at http://127.0.0.1:", up.child.id());
    assert!(
        told.contains("already up") && told.contains(&holder),
        "{told}"
    );

    up.signal("TERM");
    assert!(up.ends().success(), "{}", up.out());
    assert_eq!(up.parts(), Vec::<u32>::new());
    assert!(
        up.out().contains("idle.1 | ended in good order"),
        "{}",
        up.out()
    );
}

#[test]
fn killed_servers_and_processes_come_back_where_they_were() {
    let data = tempfile::tempdir().unwrap();
    let up = run_in(data.path()).start().ready();
    let database = up.word("database_url");
    let cache = up.word("redis_url");
    let address = up.word("address");
    sql(
        &database,
        "create table kept (word text); insert into kept values ('here')",
    )
    .unwrap();
    assert_eq!(redis(&cache, "SET kept here").as_deref(), Some("+OK\r\n"));
    for part in ["postgres -D", "redis-server", "a_process_that_answers"] {
        let id = up.part(part).unwrap();
        kill("KILL", id);
        until("the killed one to be gone", || !up.parts().contains(&id));
        until(part, || up.part(part).is_some_and(|new| new != id));
    }
    until("Postgres", || {
        sql(&database, "select word from kept").as_deref() == Some("here")
    });
    until("Redis", || {
        redis(&cache, "GET kept").as_deref() == Some("$4\r\nhere\r\n")
    });
    until("web", || {
        get(&address, "/ready").is_some_and(|answer| answer.contains("200"))
    });
}

#[test]
fn the_next_start_recovers_from_a_kill_of_everything_but_a_server() {
    let data = tempfile::tempdir().unwrap();
    let up = run_in(data.path()).start().ready();
    sql(
        &up.word("database_url"),
        "create table kept (word text); insert into kept values ('here')",
    )
    .unwrap();
    redis(&up.word("redis_url"), "SET kept here").unwrap();
    let orphan = up.part("postgres -D").unwrap();
    let mut doomed = up.parts();
    doomed.retain(|id| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        !line.starts_with(b"postgres") && *id != orphan
    });
    up.signal("STOP");
    for id in &doomed {
        kill("KILL", *id);
    }
    up.signal("KILL");
    until("the killed ones to be gone", || {
        let parts = up.parts();
        !doomed.iter().any(|id| parts.contains(id))
    });
    assert!(
        up.parts().contains(&orphan),
        "the postmaster was to be left running"
    );

    let next = run_in(data.path()).start().ready();
    assert!(!next.parts().contains(&orphan));
    assert_eq!(
        sql(&next.word("database_url"), "select word from kept").as_deref(),
        Some("here")
    );
    assert_eq!(
        redis(&next.word("redis_url"), "GET kept").as_deref(),
        Some("$4\r\nhere\r\n")
    );
    // The hook found the object and the keys of the first run.
    assert!(
        next.out().contains("object kept, keys known"),
        "{}",
        next.out()
    );
}

#[test]
fn a_kill_of_up_alone_leaves_nothing_running() {
    let data = tempfile::tempdir().unwrap();
    let mut up = run_in(data.path()).start().ready();
    assert!(up.parts().len() >= 6);
    up.signal("KILL");
    up.ends();
    until("everything to end", || up.parts().is_empty());
}

#[test]
fn a_second_signal_kills_what_does_not_listen() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Run {
        procfile: "deaf: trap '' TERM; echo deaf; while :; do sleep 1; done",
        ..run_in(data.path())
    }
    .start()
    .ready();
    until("the deaf one", || up.out().contains("deaf.1 | deaf"));
    up.signal("INT");
    until("the first signal to be heard", || {
        up.out().contains("a second signal kills")
    });
    up.signal("INT");
    assert!(up.ends().success());
    until("everything to end", || up.parts().is_empty());
    assert!(!up.out().contains("did not end in time"), "{}", up.out());
}

#[test]
fn services_that_run_elsewhere_are_not_started() {
    let data = tempfile::tempdir().unwrap();
    let up = Run {
        procfile: "show: env | sort; exec cat",
        external: true,
        ..run_in(data.path())
    }
    .start()
    .ready();
    until("the environment", || {
        up.out().contains("| S3_SECRET_ACCESS_KEY=")
    });
    let out = up.out();
    for line in [
        "DATABASE_URL=postgres://elsewhere/db",
        "REDIS_URL=redis://elsewhere",
        "S3_ENDPOINT=http://elsewhere",
        "S3_BUCKET=theirs",
        "COMPUTETOWER_PROCESS=show.1",
        "COMPUTETOWER_UNTIL_STDIN_CLOSES=1",
        "COMPUTETOWER_ADMIN_KEY=cta_first",
        "COMPUTETOWER_ADDED=yes",
        "COMPUTETOWER_BIND=127.0.0.1:",
    ] {
        assert!(
            out.contains(&format!("show.1 | {line}")),
            "{line} is not in {out}"
        );
    }
    for name in ["postgres", "redis", "s3"] {
        assert!(!data.path().join(name).exists());
    }
}

#[test]
fn a_user_who_is_not_root_needs_no_other() {
    if !we_are_root() {
        // Every other test shows it then.
        return;
    }
    let data = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(data.path(), Some(65_534), Some(65_534)).unwrap();
    let mut up = Run {
        user: Some("65534"),
        ..run_in(data.path())
    }
    .start()
    .ready();
    assert_eq!(std::fs::metadata(&up.data).unwrap().mode() & 0o777, 0o700);
    assert_eq!(
        sql(&up.word("database_url"), "select 1").as_deref(),
        Some("1")
    );
    up.signal("TERM");
    assert!(up.ends().success());
    assert_eq!(up.parts(), Vec::<u32>::new());
}

#[test]
fn a_folder_that_the_services_cannot_reach_is_told_with_a_way_out() {
    if !we_are_root() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    std::fs::set_permissions(parent.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let data = parent.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let mut up = run_in(&data).start();
    assert!(!up.ends().success());
    let told = up.out();
    let barrier = format!("cannot enter {}", parent.path().display());
    assert!(
        told.contains(&barrier) && told.contains("chmod o+x"),
        "{told}"
    );
}

#[test]
fn data_of_another_postgres_version_is_left_alone() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Run {
        procfile: "idle: cat",
        ..run_in(data.path())
    }
    .start()
    .ready();
    up.signal("TERM");
    assert!(up.ends().success());
    std::fs::write(data.path().join("postgres/cluster/PG_VERSION"), "9.6\n").unwrap();
    let mut next = run_in(data.path()).start();
    assert!(!next.ends().success());
    let told = next.out();
    assert!(
        told.contains("made by PostgreSQL 9.6") && told.contains("postgresql-9.6"),
        "{told}"
    );
}

/// Migrates, asks every service, and tells whether an earlier run's object and keys are there.
async fn provision(urls: ServiceUrls) -> Result<Keys, up::HookError> {
    let keys = Keys {
        api_key: "ct_first".to_owned(),
        admin_key: "cta_first".to_owned(),
    };
    if urls.database_url.contains("elsewhere") {
        return Ok(keys);
    }
    let endpoint = urls.s3.endpoint.clone().unwrap_or_default();
    let config = StoreConfig {
        database_url: urls.database_url,
        redis_url: urls.redis_url,
        redis_prefix: "computetower".to_owned(),
        objects: ObjectSettings {
            endpoint: urls.s3.endpoint,
            bucket: urls.s3.bucket,
            region: urls.s3.region,
            access_key_id: urls.s3.access_key_id,
            secret_access_key: urls.s3.secret_access_key,
            encryption: None,
        },
        master_key: MasterKey::from_base64(&urls.master_key)?,
        pool_size: 2,
        hand_on_patience: FETCHED_WITHIN,
    };
    Store::migrate(&config).await?;
    let store = Store::connect(&config).await?;
    store.ready().await?;
    if store
        .objects
        .get(KEY)
        .await
        .is_ok_and(|object| object == b"kept")
        && urls.previous == Some(keys.clone())
    {
        eprintln!("object kept, keys known");
    }
    store
        .objects
        .put(KEY, "text/plain", b"kept".to_vec())
        .await?;
    let unsigned = get(&endpoint, &format!("/computetower/{KEY}")).unwrap_or_default();
    if !unsigned.starts_with("HTTP/1.1 403") {
        return Err(format!("an unsigned request was answered with {unsigned}").into());
    }
    Ok(keys)
}

#[test]
#[ignore = "the other tests start it"]
fn the_program_that_runs_up() {
    let (Some(data_dir), Some(procfile)) = (std::env::var_os(FOLDER), std::env::var_os(PROCFILE))
    else {
        return;
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let elsewhere = std::env::var(EXTERNAL).is_ok_and(|value| !value.is_empty());
    let external = if elsewhere {
        External {
            database_url: Some("postgres://elsewhere/db".to_owned()),
            redis_url: Some("redis://elsewhere".to_owned()),
            s3: Some(S3Settings {
                endpoint: Some("http://elsewhere".to_owned()),
                bucket: "theirs".to_owned(),
                region: "there".to_owned(),
                access_key_id: "id".to_owned(),
                secret_access_key: "secret".to_owned(),
            }),
        }
    } else {
        External::default()
    };
    let options = UpOptions {
        data_dir: data_dir.into(),
        bind: "127.0.0.1:0".parse().unwrap(),
        formation: Vec::new(),
        procfile: Some(procfile.into()),
        external,
        master_key: None,
        program: std::env::current_exe().unwrap(),
        extra_env: vec![("COMPUTETOWER_ADDED".to_owned(), "yes".to_owned())],
        search_path: std::env::var_os("PATH").unwrap(),
        output: Output::Stdout,
    };
    let ended = tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(up::run(options, provision));
    if let Err(error) = ended {
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            eprintln!("error: {error}");
            cause = error.source();
        }
        std::process::exit(1);
    }
    std::process::exit(0);
}

#[test]
#[ignore = "the other tests start it"]
fn a_process_that_answers() {
    let Ok(bind) = std::env::var("COMPUTETOWER_BIND") else {
        return;
    };
    let listener = TcpListener::bind(bind).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // A connection closed with bytes unread is reset, and the answer lost.
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n")
                && stream.read(&mut byte).is_ok_and(|read| read == 1)
            {
                request.push(byte[0]);
            }
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    live_until_input_ends();
}

#[test]
#[ignore = "the other tests start it"]
fn a_process_that_lives() {
    let Ok(name) = std::env::var("COMPUTETOWER_PROCESS") else {
        return;
    };
    say(&format!("alive as {name}"));
    live_until_input_ends();
}

/// As a process of the product does: both signs to stop are one.
fn live_until_input_ends() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        let (ended, end) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = ended.send(());
        });
        tokio::select! {
            _ = terminate.recv() => {}
            _ = end => {}
        }
    });
    say("ended in good order");
    std::process::exit(0);
}

fn say(line: &str) {
    eprintln!("{line}");
}
