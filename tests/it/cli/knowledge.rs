//! `computetower knowledge …` against a running platform.

use computetower_jobs::Queue;

use crate::support::{CliRun, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn files_are_added_read_found_and_exported_from_a_shell() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let folder = tempfile::tempdir().unwrap();
    let (guide, lamps) = (
        folder.path().join("guide.md"),
        folder.path().join("lamps.txt"),
    );
    std::fs::write(
        &guide,
        "# Guide\n\n## Reset\n\nHold the button until the lamp turns red, then let go.\n",
    )
    .unwrap();
    std::fs::write(&lamps, "Lamps are changed by the caretaker.\n").unwrap();
    let added = CliRun::of(
        &app,
        &[
            "knowledge",
            "add",
            guide.to_str().unwrap(),
            lamps.to_str().unwrap(),
            "--name",
            "house",
            "--wait",
        ],
    )
    .await;
    assert_eq!(added.status, 0, "{added:?}");
    assert!(added.out.lines().count() >= 2, "{added:?}");
    let id = added.out.lines().next().unwrap().to_owned();
    let listed = CliRun::of(&app, &["knowledge", "sources"]).await;
    assert!(
        listed.out.contains(&id) && listed.out.contains("house"),
        "{listed:?}"
    );
    let found = CliRun::of(
        &app,
        &[
            "knowledge",
            "search",
            "how to reset the lamp",
            "--source",
            &id,
        ],
    )
    .await;
    assert!(
        found.out.starts_with("1. Guide  Guide > Reset\n"),
        "{found:?}"
    );
    let synced = CliRun::of(&app, &["knowledge", "sync", &id, "--wait", "--json"]).await;
    assert_eq!(synced.status, 0, "{synced:?}");
    assert!(synced.out.contains("\"unchanged\":2"), "{synced:?}");
    let exported = CliRun::of(&app, &["knowledge", "export", &id]).await;
    assert_eq!(exported.out.lines().count(), 2, "{exported:?}");
    let zip = folder.path().join("all.zip");
    assert_eq!(
        CliRun::of(
            &app,
            &["knowledge", "export", &id, "--zip", zip.to_str().unwrap()]
        )
        .await
        .status,
        0
    );
    assert!(std::fs::read(&zip).unwrap().starts_with(b"PK"));
    assert_eq!(
        CliRun::of(&app, &["knowledge", "delete", &id]).await.status,
        0
    );
    let gone = CliRun::of(&app, &["knowledge", "sync", &id]).await;
    assert_ne!(gone.status, 0, "{gone:?}");
    app.stop().await;
}
