//! Chat sessions over WebSocket, as far as no page is needed: who comes in, what is refused, what is numbered, and how connections end.

use computetower_jobs::TenantId;
use computetower_store::accounts::Scope;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, LoggedProcess, Socket, TestApp, until};

/// A provider that nobody has discovered: its messages wait.
pub(super) async fn provider(app: &TestApp, tenant: TenantId, name: &str) {
    app.store
        .add_provider(tenant, name, "http://127.0.0.1:9/", None)
        .await
        .unwrap();
}

pub(super) async fn session(client: &Client, model: &str) -> String {
    let reply = client
        .post("/api/v1/sessions", json!({"model": model}))
        .await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.body["state"], "open");
    reply.body["id"].as_str().unwrap().to_owned()
}

pub(super) async fn connected(app: &TestApp, session: &str, after: Option<i64>) -> (Socket, Value) {
    Socket::resume(&app.address, app.key(), session, after).await
}

pub(super) fn message(id: &str, text: &str) -> Value {
    json!({"type": "SEND_MESSAGE", "id": id, "message": text})
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_a_key_or_a_ticket_comes_in() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let (client, stranger) = (app.client(), app.stranger().await);
    let id = session(&client, "quiet").await;
    let path = format!("/ws/sessions/{id}");
    let open = async |path: &str, headers: &[(&'static str, &str)]| {
        Socket::open(&app.address, path, headers).await
    };
    let bearer = format!("Bearer {}", app.key());
    assert_eq!(open(&path, &[]).await.err(), Some(401));
    let wrong = open(&path, &[("authorization", "Bearer ct_wrong")]).await;
    assert_eq!(wrong.err(), Some(401));
    let unknown = "/ws/sessions/01890000-0000-7000-8000-000000000001";
    let gone = open(unknown, &[("authorization", &bearer)]).await;
    assert_eq!(gone.err(), Some(404));
    let reader = app.new_key(app.tenant, &[Scope::Read]).await;
    let reader = format!("Bearer {reader}");
    assert_eq!(
        open(&path, &[("authorization", &reader)]).await.err(),
        Some(403)
    );
    let plain = client.get(&path).await;
    assert_eq!(
        (plain.status, &plain.body["code"]),
        (426, &json!("upgrade_required"))
    );
    // Another tenant's session is not there, whatever is asked.
    for reply in [
        stranger.get(&path).await,
        stranger.get(&format!("/api/v1/sessions/{id}")).await,
        stranger.delete(&format!("/api/v1/sessions/{id}")).await,
        stranger
            .post(&format!("/api/v1/sessions/{id}/ticket"), json!({}))
            .await,
    ] {
        assert_eq!(reply.status, 404, "{}", reply.body);
    }
    assert_eq!(
        stranger.get("/api/v1/sessions").await.body,
        json!({"sessions": []})
    );
    let of_stranger = stranger
        .post("/api/v1/sessions", json!({"model": "quiet"}))
        .await;
    assert_eq!(of_stranger.status, 422, "{}", of_stranger.body);

    // As a browser does it: a key or a ticket among the subprotocols, or a ticket in the address.
    let offered = format!("computetower.v1, bearer.{}", app.key());
    let socket = open(&path, &[("sec-websocket-protocol", &offered)]).await;
    let protocol = socket.ok().and_then(|socket| socket.protocol);
    assert_eq!(protocol.as_deref(), Some("computetower.v1"));
    let ticket = client
        .post(&format!("/api/v1/sessions/{id}/ticket"), json!({}))
        .await;
    assert_eq!(ticket.status, 201, "{}", ticket.body);
    let with_ticket = ticket.body["websocket_url"].as_str().unwrap();
    let ticket = ticket.body["ticket"].as_str().unwrap();
    assert!(open(with_ticket, &[]).await.is_ok());
    let offered = format!("computetower.v1, ticket.{ticket}");
    let socket = open(&path, &[("sec-websocket-protocol", &offered)]).await;
    assert!(socket.is_ok());
    let other = session(&client, "quiet").await;
    for bad in [
        format!("/ws/sessions/{other}?ticket={ticket}"),
        format!("{path}?ticket={ticket}x"),
        format!("{path}?ticket=x"),
        format!("{path}?ticket={}", ticket.replacen('0', "1", 1)),
    ] {
        assert_eq!(open(&bad, &[]).await.err(), Some(401), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_make_no_sense_are_refused() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for (body, field) in [
        (json!({}), "model"),
        (json!({"model": "nobody"}), "model"),
        (json!({"model": 7}), "model"),
        (
            json!({"provider_id": "01890000-0000-7000-8000-000000000001"}),
            "provider_id",
        ),
        (
            json!({"credential_id": "01890000-0000-7000-8000-000000000001"}),
            "credential_id",
        ),
        (
            json!({"model": "a", "credential_id": "01890000-0000-7000-8000-000000000001"}),
            "model",
        ),
    ] {
        let reply = client.post("/api/v1/sessions", body).await;
        assert_eq!(
            (reply.status, reply.body["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{}",
            reply.body
        );
    }
    for query in ["limit=0", "state=broken", "colour=red"] {
        let reply = client.get(&format!("/api/v1/sessions?{query}")).await;
        assert_eq!(reply.status, 422, "{query}");
    }
    provider(&app, app.tenant, "quiet").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, session(&client, "quiet").await);
    }
    let page = client.get("/api/v1/sessions?limit=2").await.body;
    assert_eq!(page["sessions"][1]["id"], ids[1]);
    let next = page["next_cursor"].as_str().unwrap();
    let page = client
        .get(&format!("/api/v1/sessions?limit=2&cursor={next}"))
        .await
        .body;
    assert_eq!(
        (&page["sessions"][0]["id"], &page["next_cursor"]),
        (&json!(ids[2]), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_and_the_connection_goes_on() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let id = session(&app.client(), "quiet").await;
    let (mut socket, ready) = connected(&app, &id, None).await;
    assert_eq!(
        (&ready["model"], &ready["lastSeq"], &ready["seq"]),
        (&json!("quiet"), &json!(0), &Value::Null)
    );
    for (said, code, field) in [
        ("{", "malformed_json", None),
        ("[1]", "invalid_input", None),
        ("{}", "invalid_input", Some("type")),
        (r#"{"type": 7}"#, "invalid_input", Some("type")),
        (r#"{"type": "send_message"}"#, "unknown_type", Some("type")),
        (
            r#"{"type": "SEND_MESSAGE"}"#,
            "invalid_input",
            Some("message"),
        ),
        (
            r#"{"type": "SEND_MESSAGE", "message": "a\u0000"}"#,
            "invalid_input",
            Some("message"),
        ),
        (
            r#"{"type": "NEW_CHAT", "colour": "red"}"#,
            "invalid_input",
            Some("colour"),
        ),
        (
            r#"{"type": "NEW_CHAT", "sessionId": "01890000-0000-7000-8000-000000000001"}"#,
            "invalid_input",
            Some("sessionId"),
        ),
        (
            r#"{"type": "NEW_CHAT", "credentialId": "01890000-0000-7000-8000-000000000001"}"#,
            "invalid_input",
            Some("credentialId"),
        ),
        (
            r#"{"type": "CHANGE_MODEL", "model": "nobody"}"#,
            "model_not_found",
            Some("model"),
        ),
        (
            r#"{"type": "LOGIN", "credentials": {"email": "x"}}"#,
            "invalid_input",
            Some("credentials"),
        ),
    ] {
        socket.send(Message::Text(said.into())).await;
        let error = socket.next().await.unwrap();
        assert_eq!(
            (
                &error["type"],
                error["error"]["code"].as_str(),
                error["error"]["field"].as_str()
            ),
            (&json!("ERROR"), Some(code), field),
            "{said}: {error}"
        );
        assert_eq!(
            (&error["final"], &error["seq"]),
            (&json!(true), &Value::Null)
        );
    }
    let long = format!("{}", message("long", &"x".repeat(400_001)));
    socket.send(Message::Text(long.into())).await;
    let error = socket.next().await.unwrap();
    assert_eq!(
        (&error["id"], &error["error"]["code"]),
        (&json!("long"), &json!("invalid_input"))
    );
    let beat = socket
        .ask(json!({"type": "HEALTH_CHECK", "timestamp": 7}), "HEARTBEAT")
        .await;
    assert_eq!(
        (&beat["askedAt"], &beat["activeSessions"]),
        (&json!(7), &json!(1))
    );
    assert_eq!(beat["workerId"], ready["workerId"]);
    let metrics = app.client().get("/metrics").await.body;
    let metrics = metrics.as_str().unwrap();
    assert!(
        metrics.contains("\ncomputetower_active_sessions 1\n"),
        "{metrics}"
    );
    // A page without an account needs no sign-in.
    socket.say(json!({"type": "LOGIN", "id": "l"})).await;
    let ready = socket.next().await.unwrap();
    assert_eq!(
        (&ready["type"], &ready["seq"]),
        (&json!("SESSION_READY"), &json!(1))
    );
    let ack = socket.next().await.unwrap();
    assert_eq!((&ack["type"], &ack["id"]), (&json!("ACK"), &json!("l")));
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_commands_end_the_connection_and_not_the_session() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let id = session(&app.client(), "quiet").await;
    let (mut socket, _) = connected(&app, &id, None).await;
    socket.send(Message::Binary(vec![1, 2, 3].into())).await;
    let ((code, _), last) = socket.end().await;
    assert_eq!(
        (code, &last["error"]["code"]),
        (1003, &json!("unsupported_frame"))
    );
    let (mut socket, _) = connected(&app, &id, None).await;
    let large = message("m", &"x".repeat(5 * 1024 * 1024)).to_string();
    socket.send(Message::Text(large.into())).await;
    let ((code, _), last) = socket.end().await;
    assert_eq!((code, &last["error"]["code"]), (1009, &json!("too_large")));
    // A flood is refused first, and then ended.
    let (mut socket, _) = connected(&app, &id, None).await;
    for _ in 0..400 {
        socket.say(json!({"type": "HEALTH_CHECK"})).await;
    }
    let mut beats = 0;
    while let Some(frame) = socket.next().await {
        match frame["type"].as_str() {
            Some("HEARTBEAT") => beats += 1,
            _ => assert_eq!(frame["error"]["code"], "rate_limited", "{frame}"),
        }
    }
    assert!((50..250).contains(&beats), "{beats}");
    assert_eq!(socket.closed.map(|(code, _)| code), Some(1008));
    let (mut socket, _) = connected(&app, &id, None).await;
    socket
        .ask(json!({"type": "HEALTH_CHECK"}), "HEARTBEAT")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_connection_takes_over_and_the_elder_is_told() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let id = session(&app.client(), "quiet").await;
    let (elder, _) = connected(&app, &id, None).await;
    let (mut newer, _) = connected(&app, &id, None).await;
    let ((code, reason), last) = elder.end().await;
    assert_eq!((code, reason.as_str()), (4001, "replaced"));
    assert_eq!(last["error"]["code"], "replaced");
    newer
        .ask(json!({"type": "NEW_CHAT"}), "SESSION_READY")
        .await;
    // Another process: the elder finds out when it says something, or with its next beat.
    let elsewhere = TestApp::serve(&app.store, &app.config).await;
    let (third, ready) = Socket::resume(&elsewhere, app.key(), &id, Some(0)).await;
    assert_eq!(ready["lastSeq"], 1);
    newer.say(json!({"type": "NEW_CHAT"})).await;
    let ((code, _), _) = newer.end().await;
    assert_eq!(code, 4001);
    let (_fourth, ready) = connected(&app, &id, None).await;
    assert_eq!(ready["lastSeq"], 1, "what the elder said was not taken");
    let ((code, _), _) = third.end().await;
    assert_eq!(code, 4001);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_is_told_again_from_any_number_on() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    provider(&app, app.tenant, "other").await;
    let id = session(&app.client(), "quiet").await;
    let (mut socket, _) = connected(&app, &id, None).await;
    let mut told = Vec::new();
    for number in 1..=4 {
        let ready = socket
            .ask(
                json!({"type": "NEW_CHAT", "sessionId": id}),
                "SESSION_READY",
            )
            .await;
        assert_eq!(
            (&ready["seq"], &ready["conversation"]),
            (&json!(number), &json!(number + 1))
        );
        told.push(ready);
    }
    let changed = socket
        .ask(
            json!({"type": "CHANGE_MODEL", "model": "other"}),
            "SESSION_READY",
        )
        .await;
    assert_eq!(
        (&changed["seq"], &changed["model"]),
        (&json!(5), &json!("other"))
    );
    told.push(changed);
    drop(socket);
    for after in 0..=5_usize {
        let (mut socket, ready) = connected(&app, &id, Some(i64::try_from(after).unwrap())).await;
        assert_eq!(
            (&ready["after"], &ready["lastSeq"]),
            (&json!(after), &json!(5))
        );
        for expected in &told[after..] {
            assert_eq!(socket.next().await.as_ref(), Some(expected));
        }
        // Nothing else follows by itself.
        let beat = socket
            .ask(json!({"type": "HEALTH_CHECK"}), "HEARTBEAT")
            .await;
        assert_eq!(beat["askedAt"], Value::Null);
    }
    let (mut socket, ready) = connected(&app, &id, Some(99)).await;
    assert_eq!(ready["after"], 5);
    assert_eq!(socket.next().await.unwrap()["error"]["field"], "after");
    // Without a number: only what is new, until something was acknowledged.
    let (mut socket, ready) = connected(&app, &id, None).await;
    assert_eq!(ready["after"], 5);
    socket.say(json!({"type": "ACK", "seq": 3})).await;
    socket
        .ask(json!({"type": "HEALTH_CHECK"}), "HEARTBEAT")
        .await;
    drop(socket);
    until("the acknowledgement is kept", || async {
        let shown = app.client().get(&format!("/api/v1/sessions/{id}")).await;
        shown.body["acked_seq"] == 3
    })
    .await;
    let (mut socket, ready) = connected(&app, &id, None).await;
    assert_eq!(ready["after"], 3);
    assert_eq!(socket.next().await.as_ref(), Some(&told[3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_closes_a_session_or_ends_its_key_ends_its_connection() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let client = app.client();
    let id = session(&client, "quiet").await;
    let (socket, _) = connected(&app, &id, None).await;
    let deleted = client.delete(&format!("/api/v1/sessions/{id}")).await;
    assert_eq!(deleted.status, 204);
    let ((code, reason), _) = socket.end().await;
    assert_eq!((code, reason.as_str()), (4002, "session_closed"));
    let shown = client.get(&format!("/api/v1/sessions/{id}")).await.body;
    assert_eq!(shown["state"], "closed");
    let id = session(&client, "quiet").await;
    let key = app.new_key(app.tenant, &[Scope::Read, Scope::Write]).await;
    let (socket, _) = Socket::resume(&app.address, &key, &id, None).await;
    app.store.revoke_api_key(&key).await.unwrap();
    let ((code, _), _) = socket.end().await;
    assert_eq!(code, 4003);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_says_so() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let id = session(&app.client(), "quiet").await;
    let settings = [("COMPUTETOWER_BIND", "127.0.0.1:0")];
    let web = LoggedProcess::start(&app, &["web"], &settings, "web ready").await;
    let log = web.log();
    let address = log
        .lines()
        .filter(|line| line.contains("web ready"))
        .find_map(|line| line.split("address=").nth(1))
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .trim_matches('"')
        .to_owned();
    let (socket, _) = Socket::resume(&format!("http://{address}"), app.key(), &id, None).await;
    let (ended, stopped) = tokio::join!(socket.end(), web.stop());
    let ((code, reason), last) = ended;
    assert_eq!(
        (code, reason.as_str()),
        (1001, "going_away"),
        "{}",
        stopped.1
    );
    assert_eq!(last["error"]["code"], "going_away");
    assert!(stopped.0.success());
    // Elsewhere it goes on.
    let (mut socket, _) = connected(&app, &id, None).await;
    socket
        .ask(json!({"type": "HEALTH_CHECK"}), "HEARTBEAT")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_holds_nobody_up_and_misses_nothing() {
    let app = TestApp::without_workers().await;
    provider(&app, app.tenant, "quiet").await;
    let id = session(&app.client(), "quiet").await;
    // More than the network takes for somebody who does not read.
    let mut database = app.database().await;
    sqlx::query(
        "insert into chat_session_frames (session_id, tenant_id, first_seq, last_seq, frames)
         select s.id, s.tenant_id, n, n, jsonb_build_array(jsonb_build_object('type', 'RESPONSE_CHUNK', 'messageId', 'm', 'chunk', repeat('x', 1000000)))
         from chat_sessions s, generate_series(1, 24) n",
    )
    .execute(&mut database)
    .await
    .unwrap();
    sqlx::query("update chat_sessions set last_seq = 24")
        .execute(&mut database)
        .await
        .unwrap();
    let (slow, ready) = connected(&app, &id, Some(0)).await;
    assert_eq!(ready["lastSeq"], 24);
    let (mut newer, _) = connected(&app, &id, None).await;
    let fresh = newer
        .ask(json!({"type": "NEW_CHAT"}), "SESSION_READY")
        .await;
    assert_eq!(fresh["seq"], 25);
    drop((slow, newer));
    let (mut patient, _) = connected(&app, &id, Some(0)).await;
    for expected in 1..=25 {
        assert_eq!(patient.next().await.unwrap()["seq"], expected);
    }
    // Where the oldest are gone, that is said.
    sqlx::query("delete from chat_session_frames where last_seq <= 20")
        .execute(&mut database)
        .await
        .unwrap();
    let (mut late, _) = connected(&app, &id, Some(10)).await;
    let told = late.next().await.unwrap();
    assert_eq!(told["error"]["code"], "frames_forgotten", "{told}");
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("11 to 20")
    );
    assert_eq!(late.next().await.unwrap()["seq"], 21);
}
