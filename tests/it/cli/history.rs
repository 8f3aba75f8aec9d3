//! `computetower history`: what was asked and answered on chat pages.

use computetower_jobs::{ConversationId, JobId, ProviderId};
use serde_json::{Value, json};

use crate::support::{CliRun, TestApp};

/// Puts an exchange into the record, as a worker does at the end of a chat. They have been had at noon, a day after the other.
async fn kept(app: &TestApp, day: u32, question: &str, answer: &str) -> (String, String) {
    let (id, conversation) = (JobId::generate(), ConversationId::generate());
    sqlx::query(
        "insert into chat_exchanges (id, tenant_id, conversation_id, provider_id, model, question, answer, question_tokens, answer_tokens, said, at)
         values ($1, $2, $3, $4, 'helpdesk', $5, $6, 1, 1, '', make_timestamptz(2026, 1, $7, 12, 0, 0, 'UTC'))",
    )
    .bind(id.0)
    .bind(app.tenant.0)
    .bind(conversation.0)
    .bind(ProviderId::generate().0)
    .bind(question)
    .bind(answer)
    .bind(i32::try_from(day).unwrap())
    .execute(&mut app.database().await)
    .await
    .unwrap();
    (id.to_string(), conversation.to_string())
}

fn questions(said: &Value) -> Vec<&str> {
    let exchanges = said["exchanges"].as_array().unwrap();
    exchanges
        .iter()
        .map(|exchange| exchange["question"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_listed_searched_shown_exported_and_deleted() {
    let app = TestApp::without_workers().await;
    let (zebras, conversation) = kept(
        &app,
        1,
        "Where do\nzebras live",
        "In\u{1b}[2J Africa.\n\nAnd in zoos.",
    )
    .await;
    kept(&app, 2, "What do lions eat", "Zebras.").await;
    kept(&app, 3, &"long ".repeat(50), "Yes.").await;

    let list = CliRun::of(&app, &["history", "list"]).await;
    let lines: Vec<&str> = list.said().lines().collect();
    assert_eq!(lines.len(), 4, "{list:?}");
    assert!(lines[0].starts_with("ID ") && lines[0].ends_with("QUESTION"));
    assert!(
        lines[1].ends_with("long …") && lines[2].contains("helpdesk  What do lions eat"),
        "{list:?}"
    );
    assert!(lines[3].starts_with(&zebras) && lines[3].ends_with("Where do zebras live"));
    let two = CliRun::of(&app, &["history", "list", "--limit", "2", "--json"]).await;
    assert_eq!(questions(&two.json()).len(), 2);
    for (args, wanted) in [
        (
            &["search", "zebras"][..],
            &["What do lions eat", "Where do\nzebras live"][..],
        ),
        (&["search", "zebras -lions"], &["Where do\nzebras live"]),
        (
            &["search", "-zebras", "--until", "2026-01-02T00:00:00Z"],
            &[],
        ),
        (
            &["list", "--conversation", &conversation],
            &["Where do\nzebras live"],
        ),
        (
            &[
                "list",
                "--since",
                "2026-01-02T00:00:00Z",
                "--until",
                "2026-01-03T00:00:00Z",
            ],
            &["What do lions eat"],
        ),
        (&["list", "--provider", "nobody", "--all"], &[]),
    ] {
        let args = [&["history"], args, &["--json"]].concat();
        assert_eq!(
            questions(&CliRun::of(&app, &args).await.json()),
            wanted,
            "{args:?}"
        );
    }

    let shown = CliRun::of(&app, &["history", "show", &zebras]).await;
    let wanted = "question:\nWhere do\nzebras live\n\nanswer:\nIn [2J Africa.\n\nAnd in zoos.";
    assert!(shown.said().ends_with(wanted), "{shown:?}");
    let whole = CliRun::of(&app, &["history", "show", &zebras, "--json"])
        .await
        .json();
    assert_eq!(whole["conversation_id"], json!(conversation));

    let export = CliRun::of(&app, &["history", "export", "--search", "zebras"]).await;
    let lines: Vec<Value> = export
        .said()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((lines.len(), &lines[1]["id"]), (2, &json!(zebras)));
    assert_eq!(
        CliRun::of(&app, &["history", "export"])
            .await
            .said()
            .lines()
            .count(),
        3
    );

    let gone = CliRun::of(&app, &["history", "delete", &zebras]).await;
    assert_eq!(gone.said(), "deleted");
    CliRun::of(&app, &["history", "show", &zebras])
        .await
        .refused("There is no such exchange. (404 not_found)");
    let gone = CliRun::of(&app, &["history", "delete", "--search", "lions", "--json"]).await;
    assert_eq!(gone.json(), json!({"deleted": 1}));
    let gone = CliRun::of(&app, &["history", "delete", "--all"]).await;
    assert_eq!(gone.said(), "1 deleted");
    assert_eq!(CliRun::of(&app, &["history", "export"]).await.said(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_has_to_be_said() {
    let app = TestApp::without_workers().await;
    kept(&app, 1, "x", "y").await;
    let id = JobId::generate().to_string();
    for args in [
        &["delete"][..],
        &["delete", &id, "--all"],
        &["delete", "--all", "--search", "x"],
        &["show", "x"],
    ] {
        let args = [&["history"], args].concat();
        let run = CliRun::of(&app, &args).await;
        assert_eq!(run.status, 2, "{args:?}: {run:?}");
    }
    let wrong = CliRun::of(&app, &["history", "list", "--since", "yesterday"]).await;
    wrong.refused("since");
    let none = CliRun::of(&app, &["history", "export", "--search", " "]).await;
    none.refused("q");
    assert_eq!(
        CliRun::of(&app, &["history", "export"])
            .await
            .said()
            .lines()
            .count(),
        1
    );
}
