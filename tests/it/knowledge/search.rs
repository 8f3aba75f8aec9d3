//! Search over passages.

use computetower_jobs::Queue;
use serde_json::json;

use super::{files_source, sync, upload};
use crate::support::{Client, TestApp};

async fn found(client: &Client, query: &str) -> Vec<String> {
    let reply = client
        .get(&format!("/api/v1/knowledge/search?{query}"))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let results = reply.body["results"].as_array().unwrap();
    results
        .iter()
        .map(|hit| hit["title"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn passages_are_found_by_words_names_phrases_and_not_by_strangers() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let client = app.client();
    let source = files_source(&client).await;
    let files: [(&str, &str); 5] = [
        (
            "paths.md",
            "# Paths\n\nUse `os.path.join` or `PurePath.joinpath` to put paths together.\n",
        ),
        (
            "joins.md",
            "# Joins\n\nThe path of a query plan is chosen by the planner; a join of two tables is costly.\n",
        ),
        (
            "german.md",
            "# H\u{e4}user\n\nDie alten H\u{e4}user der Stadt wurden im letzten Jahrhundert gebaut und stehen heute noch immer am Fluss.\n",
        ),
        (
            "threads.md",
            "# Threads\n\nA thread pool executes calls asynchronously. Threads share memory.\n",
        ),
        (
            "locks.md",
            "# Locks\n\nA lock is held by one thread at a time; locking twice in one thread waits for ever.\n",
        ),
    ];
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    assert_eq!(upload(&client, &source, &files).await.status, 201);
    let job = sync(&client, &source, json!({})).await;
    assert_eq!(job["state"], "completed", "{job}");

    assert_eq!(found(&client, "q=os.path.join").await[0], "Paths");
    assert_eq!(found(&client, "q=%22path%20join%22").await, ["Paths"]);
    assert_eq!(found(&client, "q=join%20path").await.len(), 2);
    assert_eq!(found(&client, "q=join%20-query").await, ["Paths"]);
    assert_eq!(found(&client, "q=haus").await, ["H\u{e4}user"]);
    assert_eq!(
        found(&client, "q=What%20is%20a%20locked%20thread%3F").await[0],
        "Locks"
    );
    assert_eq!(
        found(&client, "q=threading&language=de").await,
        Vec::<String>::new()
    );
    assert_eq!(found(&client, "q=zyzzyva").await, Vec::<String>::new());

    let first = client
        .get("/api/v1/knowledge/search?q=thread&limit=1")
        .await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = client
        .get(&format!(
            "/api/v1/knowledge/search?q=thread&limit=1&cursor={cursor}"
        ))
        .await;
    assert_ne!(
        first.body["results"][0]["document_id"],
        second.body["results"][0]["document_id"]
    );

    let stranger = app.stranger().await;
    assert_eq!(found(&stranger, "q=thread").await, Vec::<String>::new());
    assert_eq!(
        stranger
            .get(&format!(
                "/api/v1/knowledge/search?q=thread&source={source}"
            ))
            .await
            .status,
        404
    );
    for wrong in [
        "q=",
        "q=a&limit=0",
        "q=a&source=x",
        "q=a&cursor=-1",
        "q=a&colour=1",
        "",
    ] {
        assert_eq!(
            client
                .get(&format!("/api/v1/knowledge/search?{wrong}"))
                .await
                .status,
            422,
            "{wrong}"
        );
    }
    // Nothing in a question is more than words.
    for odd in [
        "%27%29%20%7C%20t%3A",
        "%22",
        "-%22",
        "%00",
        "%26%20%21",
        "%5C",
    ] {
        assert_eq!(
            client
                .get(&format!("/api/v1/knowledge/search?q=x{odd}"))
                .await
                .status,
            200,
            "{odd}"
        );
    }
    app.stop().await;
}
