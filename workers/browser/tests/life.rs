//! Life and death of browser processes: killed, abandoned, swept, crashed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use computetower_browser::{
    BrowserError, Chromium, Conversation, LaunchConfig, Notes, discover_chat, sweep,
};
use computetower_test_site::Site;
use tokio::io::{AsyncBufReadExt, BufReader};

fn config(data_dir: &Path) -> LaunchConfig {
    LaunchConfig {
        executable: std::env::var_os("CHROMIUM")
            .map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from),
        data_dir: data_dir.to_owned(),
        extra_args: Vec::new(),
        window: (1000, 800),
    }
}

/// Living processes whose command line names the folder.
fn processes_in(data_dir: &Path) -> Vec<u32> {
    let wanted = data_dir.canonicalize().unwrap().display().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&wanted) && *pid != std::process::id()
        })
        .collect()
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..200 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: not within 10 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_killed_in_mid_answer_is_a_crash_and_leaves_nothing() {
    let (data, site) = (tempfile::tempdir().unwrap(), Site::start().await);
    let chromium = Chromium::launch(&config(data.path())).await.unwrap();
    let notes = Notes::none();
    let session = chromium.new_session(None).await.unwrap();
    let page = session.open(&site.url("open-sse")).await.unwrap();
    let map = discover_chat(&page, None, &notes).await.unwrap();
    let mut conversation = Conversation::new(&page, &map, &notes);
    conversation
        .type_question("a slow and long answer")
        .await
        .unwrap();
    conversation.send().await.unwrap();
    let (chunks, mut incoming) = tokio::sync::mpsc::channel::<String>(64);
    let browser = processes_in(data.path());
    let killer = async {
        assert!(incoming.recv().await.is_some());
        // The browser process proper, not its keeper: the keeper has to notice by itself.
        for pid in browser {
            let _ = std::process::Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .output();
        }
        while incoming.recv().await.is_some() {}
    };
    let read = async {
        let outcome =
            tokio::time::timeout(Duration::from_secs(20), conversation.read_answer(&chunks)).await;
        drop(chunks);
        outcome
    };
    let (outcome, ()) = tokio::join!(read, killer);
    assert!(
        matches!(outcome, Ok(Err(BrowserError::Crashed { .. }))),
        "{outcome:?}"
    );
    chromium.died().await;
    assert!(!chromium.is_alive());
    chromium.shutdown().await;
    assert!(processes_in(data.path()).is_empty());
    assert_eq!(
        std::fs::read_dir(data.path()).unwrap().count(),
        0,
        "the profile is gone"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crashed_renderer_fails_its_page_and_spares_the_others() {
    let (data, site) = (tempfile::tempdir().unwrap(), Site::start().await);
    let chromium = Chromium::launch(&config(data.path())).await.unwrap();
    let (one, two) = (
        chromium.new_session(None).await.unwrap(),
        chromium.new_session(None).await.unwrap(),
    );
    let spared = one.open(&site.url("open-sse")).await.unwrap();
    // Navigating to it never ends well: the renderer dies on the way.
    let crashed = tokio::time::timeout(Duration::from_secs(40), two.open("chrome://crash"))
        .await
        .unwrap();
    assert!(crashed.is_err());
    assert!(spared.url().await.is_ok() && chromium.is_alive());
    two.close().await;
    one.close().await;
    chromium.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_killed_outright_leaves_no_browser_and_the_sweep_takes_the_profile() {
    let data = tempfile::tempdir().unwrap();
    let test = std::env::current_exe().unwrap();
    let owner = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/owner");
    let mut child = tokio::process::Command::new(owner)
        .arg(data.path())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().is_some());
    assert_eq!(
        sweep(data.path()).in_use,
        1,
        "a living owner's browser is left alone"
    );
    let running = || {
        processes_in(data.path())
            .into_iter()
            .filter(|pid| Some(*pid) != child.id())
            .count()
    };
    assert!(running() > 1);
    let pid = child.id().unwrap();
    std::process::Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .output()
        .unwrap();
    until("its browser ends", || {
        processes_in(data.path())
            .into_iter()
            .all(|other| other == pid)
    })
    .await;
    child.wait().await.unwrap();
    let report = sweep(data.path());
    assert_eq!((report.profiles_removed, report.in_use), (1, 0));
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_cannot_start_says_why() {
    let data = tempfile::tempdir().unwrap();
    let missing = LaunchConfig {
        executable: "/nowhere/chromium".into(),
        ..config(data.path())
    };
    assert!(matches!(
        Chromium::launch(&missing).await,
        Err(BrowserError::ChromiumMissing { .. })
    ));
    let broken = LaunchConfig {
        executable: "/bin/false".into(),
        ..config(data.path())
    };
    assert!(matches!(
        Chromium::launch(&broken).await,
        Err(BrowserError::Launch { .. })
    ));
    assert_eq!(
        std::fs::read_dir(data.path()).unwrap().count(),
        0,
        "no profile is left"
    );
}
