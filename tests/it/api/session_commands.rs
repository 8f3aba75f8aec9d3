//! What is said in a chat session is done once: messages, commands that are repeated, and closings in the middle of them.

use serde_json::{Value, json};

use super::sessions::{connected, message, provider, session};
use crate::support::{Socket, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_a_job_and_the_same_message_is_the_same_job() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let client = app.client();
    let id = session(&client, "quiet").await;
    let (mut socket, _) = connected(&app, &id, None).await;
    let ack = socket.ask(message("m-1", "Hello"), "ACK").await;
    assert_eq!(
        (&ack["id"], &ack["messageId"], &ack["repeated"]),
        (&json!("m-1"), &json!("m-1"), &json!(false))
    );
    let job = client.job(ack["jobId"].as_str().unwrap()).await;
    assert_eq!(job["kind"], "chat");
    assert_eq!(
        job["payload"],
        json!({"model": "quiet", "messages": [{"role": "user", "content": "Hello"}]})
    );
    let busy = socket.ask(message("m-2", "More"), "ERROR").await;
    assert_eq!(
        (&busy["id"], &busy["error"]["code"]),
        (&json!("m-2"), &json!("busy"))
    );
    drop(socket);
    let (mut socket, ready) = connected(&app, &id, None).await;
    assert_eq!(ready["inProgress"], "m-1");
    let again = socket.ask(message("m-1", "Hello"), "ACK").await;
    assert_eq!(
        (&again["jobId"], &again["repeated"]),
        (&ack["jobId"], &json!(true))
    );
    let reused = socket.ask(message("m-1", "Something else"), "ERROR").await;
    assert_eq!(reused["error"]["code"], "message_id_reused");
    // A new conversation gives up what the old one waits for.
    socket.say(json!({"type": "NEW_CHAT"})).await;
    let frames = socket.until(|frame| frame["type"] == "ERROR").await;
    let over = frames.last().unwrap();
    assert_eq!(
        (&over["messageId"], &over["error"]["code"], &over["final"]),
        (&json!("m-1"), &json!("cancelled"), &json!(true))
    );
    let numbers: Vec<i64> = frames
        .iter()
        .filter_map(|frame| frame["seq"].as_i64())
        .collect();
    assert_eq!(numbers, [1, 2]);
    let ack = socket.ask(message("m-2", "More"), "ACK").await;
    assert_eq!(
        client.get("/api/v1/jobs").await.body["jobs"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // Closing cancels what is in progress.
    socket
        .say(json!({"type": "CLOSE_SESSION", "id": "c"}))
        .await;
    let ((code, _), last) = socket.end().await;
    assert_eq!(
        (code, &last["type"], &last["id"]),
        (1000, &json!("ACK"), &json!("c"))
    );
    let job = client.job(ack["jobId"].as_str().unwrap()).await;
    assert_eq!(job["state"], "cancelled");
    let bearer = format!("Bearer {}", app.key());
    let closed = Socket::open(
        &app.address,
        &format!("/ws/sessions/{id}"),
        &[("authorization", &bearer)],
    )
    .await;
    assert_eq!(closed.err(), Some(409));
    let listed = client.get("/api/v1/sessions?state=open").await.body;
    assert_eq!(listed["sessions"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_a_job_gets_it_from_the_next_connection() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let client = app.client();
    let id = session(&client, "quiet").await;
    let (mut socket, _) = connected(&app, &id, None).await;
    let job = socket.ask(message("m", "Hello"), "ACK").await["jobId"].clone();
    drop(socket);
    // As if the process had died between the two writes.
    let mut database = app.database().await;
    sqlx::query("update chat_session_turns set job_id = null")
        .execute(&mut database)
        .await
        .unwrap();
    let (mut socket, ready) = connected(&app, &id, None).await;
    assert_eq!(ready["inProgress"], "m");
    let again = socket.ask(message("m", "Hello"), "ACK").await;
    assert_eq!(again["jobId"], job, "not a second one");
    let jobs = client.get("/api/v1/jobs").await.body;
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closing_that_was_interrupted_is_done_by_closing_again() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let client = app.client();
    let mut database = app.database().await;
    for turn in ["open", "failed"] {
        let id = session(&client, "quiet").await;
        let (mut socket, _) = connected(&app, &id, None).await;
        let ack = socket.ask(message("m", "Hello"), "ACK").await;
        drop(socket);
        // As if the process had died before it cancelled the job.
        sqlx::query("update chat_sessions set state = 'closed', holder = null where id::text = $1")
            .bind(&id)
            .execute(&mut database)
            .await
            .unwrap();
        sqlx::query("update chat_session_turns set state = $2 where session_id::text = $1")
            .bind(&id)
            .bind(turn)
            .execute(&mut database)
            .await
            .unwrap();
        for _ in 0..2 {
            let deleted = client.delete(&format!("/api/v1/sessions/{id}")).await;
            assert_eq!(deleted.status, 204);
            let job = client.job(ack["jobId"].as_str().unwrap()).await;
            assert_eq!(job["state"], "cancelled", "{turn}");
        }
    }
    let open: i64 =
        sqlx::query_scalar("select count(*) from chat_session_turns where state = 'open'")
            .fetch_one(&mut database)
            .await
            .unwrap();
    assert_eq!(open, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_session_that_is_closed_meanwhile_is_not_asked() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let client = app.client();
    let id = session(&client, "quiet").await;
    let (mut socket, _) = connected(&app, &id, None).await;
    // Somebody closes it between the turn and its job, and finds nothing to cancel.
    let mut database = app.database().await;
    sqlx::query(
        "create function close_meanwhile() returns trigger language plpgsql security definer as $$
         begin
             update chat_sessions set state = 'closed', closed_at = now(), holder = null;
             update chat_session_turns set state = 'failed';
             return null;
         end $$",
    )
    .execute(&mut database)
    .await
    .unwrap();
    sqlx::query("create trigger close_meanwhile after insert on jobs for each statement execute function close_meanwhile()")
        .execute(&mut database)
        .await
        .unwrap();
    socket.say(message("m", "Hello")).await;
    let ((code, _), last) = socket.end().await;
    assert_eq!(
        (code, &last["error"]["code"]),
        (4002, &json!("session_closed"))
    );
    let jobs = client.get("/api/v1/jobs").await.body;
    let jobs = jobs["jobs"].as_array().unwrap();
    let states: Vec<&Value> = jobs.iter().map(|job| &job["state"]).collect();
    assert_eq!(states, [&json!("cancelled")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_is_said_again_is_done_once() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    provider(&app, app.tenant, "other").await;
    let client = app.client();
    let id = session(&client, "quiet").await;
    let (mut socket, _) = connected(&app, &id, None).await;
    let fresh = json!({"type": "NEW_CHAT", "id": "n-1"});
    let change = json!({"type": "CHANGE_MODEL", "id": "c-1", "model": "other"});
    for command in [&fresh, &change] {
        let ack = socket.ask(command.clone(), "ACK").await;
        assert_eq!(
            (&ack["id"], &ack["repeated"]),
            (&command["id"], &json!(false))
        );
    }
    let asked = socket.ask(message("m-1", "Hello"), "ACK").await;
    drop(socket);
    // The client got none of the answers, and says all of it again.
    let (mut socket, ready) = connected(&app, &id, None).await;
    assert_eq!(
        (&ready["conversation"], &ready["lastSeq"]),
        (&json!(2), &json!(2))
    );
    for command in [&fresh, &change] {
        let ack = socket.ask(command.clone(), "ACK").await;
        assert_eq!(
            (&ack["id"], &ack["repeated"]),
            (&command["id"], &json!(true))
        );
    }
    let again = socket.ask(message("m-1", "Hello"), "ACK").await;
    assert_eq!(
        (&again["jobId"], &again["repeated"]),
        (&asked["jobId"], &json!(true))
    );
    let reused = json!({"type": "CHANGE_MODEL", "id": "n-1", "model": "other"});
    let reused = socket.ask(reused, "ERROR").await;
    assert_eq!(reused["error"]["code"], "message_id_reused");
    let shown = client.get(&format!("/api/v1/sessions/{id}")).await.body;
    assert_eq!(
        (
            &shown["conversation"],
            &shown["last_seq"],
            &shown["in_progress"]
        ),
        (&json!(2), &json!(2), &json!("m-1"))
    );
    let job = client.job(asked["jobId"].as_str().unwrap()).await;
    assert_ne!(job["state"], "cancelled");
    // Under another name it is another command.
    let another = json!({"type": "NEW_CHAT", "id": "n-2"});
    let ready = socket.ask(another, "SESSION_READY").await;
    assert_eq!(ready["conversation"], 3);
}
