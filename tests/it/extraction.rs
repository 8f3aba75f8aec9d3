//! Documents read by the children of a worker: many, hostile ones, and what becomes of the children.

use std::collections::HashSet;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use computetower_extract::files::{Hint, Options, extract};
use computetower_extract::wire::{self, Head};
use computetower_extract::{Document, ExtractError};
use computetower_jobs::FailureCode;
use computetower_workers::extraction::{Content, Extraction, ExtractionError, ExtractionSettings};

use crate::support::until;

fn settings() -> ExtractionSettings {
    ExtractionSettings {
        program: env!("CARGO_BIN_EXE_computetower").into(),
        children: 2,
        ..ExtractionSettings::default()
    }
}

async fn read(pool: &Extraction, bytes: &[u8], name: &str) -> Result<Document, ExtractError> {
    match pool.read(Content::Bytes(bytes), Hint::named(name)).await {
        Ok(document) => Ok(document),
        Err(ExtractionError::Document(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// A process whose first thread is done while others still end is not gone.
fn lives(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads > 1
        || std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
}

/// A file that nobody ever writes to: whoever opens it waits.
fn never(folder: &Path) -> PathBuf {
    let path = folder.join("never");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    path
}

fn page(number: usize) -> String {
    let text = "<p>Some words that everybody knows, and some more of them so that the page is worth keeping.</p>";
    format!(
        "<!doctype html><title>Page {number}</title><main><h1>Page {number}</h1>{}</main>",
        text.repeat(20)
    )
}

#[tokio::test]
async fn hundreds_of_documents_are_read_by_a_few_children_which_are_replaced_in_time() {
    let pool = Arc::new(Extraction::new(ExtractionSettings {
        documents: 60,
        ..settings()
    }));
    let mut seen = HashSet::new();
    for round in 0..10 {
        let mut reading = tokio::task::JoinSet::new();
        for at in 0..40 {
            let pool = pool.clone();
            reading.spawn(async move {
                let number = round * 40 + at;
                let document = read(&pool, page(number).as_bytes(), "page.html")
                    .await
                    .unwrap();
                assert_eq!(
                    document.title.as_deref(),
                    Some(format!("Page {number}").as_str())
                );
                assert!(document.markdown.contains("everybody knows"));
            });
        }
        while let Some(done) = reading.join_next().await {
            done.unwrap();
        }
        let resting = pool.resting();
        assert!(resting.len() <= 2, "{resting:?}");
        seen.extend(resting);
    }
    // 400 documents, 60 to a child.
    assert!(seen.len() > 3, "{seen:?}");
    let last = pool.resting();
    drop(pool);
    until("the end of the children", async || {
        !last.iter().any(|pid| lives(*pid))
    })
    .await;
}

#[tokio::test]
async fn a_child_says_what_the_library_says_and_knows_nothing_of_the_worker() {
    let pool = Extraction::new(settings());
    let text = "---\ntitle: T\n---\n# Überschrift\n\n```sh\nls\n```\n";
    let here = extract(text.as_bytes(), &Hint::named("a.md"), &Options::default());
    assert_eq!(read(&pool, text.as_bytes(), "a.md").await, here);
    let pid = pool.resting()[0];
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let names: HashSet<&str> = std::str::from_utf8(&environment)
        .unwrap()
        .split_terminator('\0')
        .filter_map(|variable| variable.split('=').next())
        .collect();
    assert_eq!(names, HashSet::from(["PATH", "RAYON_NUM_THREADS"]));
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = |name: &str| {
        limits
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    assert!(
        limit("Max address space").contains("1073741824"),
        "{limits}"
    );
    assert!(limit("Max core file size").contains(" 0 "), "{limits}");
    assert!(limit("Max cpu time").contains(" 121 "), "{limits}");
    // What is no document is told in its class.
    assert!(matches!(
        read(&pool, b"\x89PNG\r\n\x1a\n", "x").await,
        Err(ExtractError::Unsupported(_))
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stored-under-another-name");
    std::fs::write(&file, text).unwrap();
    let document = pool
        .read(Content::File(&file), Hint::named("a.md"))
        .await
        .unwrap();
    assert_eq!(Ok(document), here);
    assert_eq!(pool.resting(), [pid], "one child was enough");
}

#[tokio::test]
async fn a_child_that_is_killed_costs_the_document_it_had_in_hand_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let never = never(folder.path());
    let pool = Arc::new(Extraction::new(settings()));
    read(&pool, b"one", "a.txt").await.unwrap();
    let resting = pool.resting();
    let kill = |pid: u32| {
        assert!(
            Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status()
                .unwrap()
                .success()
        )
    };

    // While it rests: nobody notices.
    kill(resting[0]);
    until("the end of the child", async || !lives(resting[0])).await;
    assert!(
        read(&pool, b"two", "a.txt")
            .await
            .unwrap()
            .markdown
            .contains("two")
    );
    let at_work = pool.resting()[0];
    assert_ne!(at_work, resting[0]);

    // At work: its document fails, the next is read.
    let stuck = {
        let pool = pool.clone();
        tokio::spawn(async move { pool.read(Content::File(&never), Hint::named("a.txt")).await })
    };
    until("the start of the work", async || pool.resting().is_empty()).await;
    kill(at_work);
    let error = stuck.await.unwrap().unwrap_err();
    assert!(
        matches!(&error, ExtractionError::Document(ExtractError::TooLarge(_))),
        "{error:?}"
    );
    assert_eq!(error.failure().code, FailureCode::InvalidInput);
    assert!(read(&pool, b"three", "a.txt").await.is_ok());
}

#[tokio::test]
async fn a_document_that_takes_too_long_is_ended_with_its_child() {
    let folder = tempfile::tempdir().unwrap();
    let never = never(folder.path());
    let pool = Extraction::new(ExtractionSettings {
        deadline: Duration::from_millis(300),
        children: 1,
        ..settings()
    });
    read(&pool, b"one", "a.txt").await.unwrap();
    let pid = pool.resting()[0];
    let error = pool
        .read(Content::File(&never), Hint::default())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ExtractionError::Document(ExtractError::TooLarge(what)) if what == "time"),
        "{error:?}"
    );
    until("the end of the child", async || !lives(pid)).await;
    assert!(pool.resting().is_empty());
    // Its place is free again. The first answer of a new child may take longer than the deadline of this test.
    let mut again = read(&pool, b"two", "a.txt").await;
    for _ in 0..20 {
        if again.is_ok() {
            break;
        }
        again = read(&pool, b"two", "a.txt").await;
    }
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test]
async fn a_document_that_takes_too_much_memory_ends_its_child_and_nothing_else() {
    let pool = Extraction::new(ExtractionSettings {
        memory: 256 << 20,
        ..settings()
    });
    read(&pool, b"one", "a.txt").await.unwrap();
    let hungry = format!("<!doctype html><body>{}", "<b>x</b>".repeat(2_000_000));
    let error = read(&pool, hungry.as_bytes(), "a.html").await.unwrap_err();
    assert_eq!(error, ExtractError::TooLarge("memory".to_owned()));
    let bomb = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/workers/extract/tests/bombs/twice-packed.pdf"
    );
    let error = read(&pool, &std::fs::read(bomb).unwrap(), "a.pdf")
        .await
        .unwrap_err();
    assert_eq!(error, ExtractError::TooLarge("memory".to_owned()));
    assert!(read(&pool, b"two", "a.txt").await.is_ok());
}

#[tokio::test]
async fn a_child_at_work_ends_when_its_worker_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let never = never(folder.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_computetower"))
        .arg("extract")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let head = Head {
        path: Some(never),
        ..Head::default()
    };
    let mut input = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &wire::request(&head, 0).unwrap()).unwrap();
    // Whether it has begun by then does not matter: it ends either way.
    // As when the worker is killed: its end of the pipe closes.
    drop(input);
    until("the end of the child", async || !lives(child.id())).await;
    child.wait().unwrap();
}
