//! Chat sessions with real pages: what is said over the WebSocket is typed once, and what comes of it is told once, whoever dies in between.

use computetower_jobs::Queue;
use computetower_test_site::{Site, echo};
use serde_json::{Value, json};

use crate::api::discovered;
use crate::support::{Client, Socket, TestApp, WorkerProcess};

/// Letters and digits only: what a page shows is the answer rendered.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

async fn session(client: &Client, model: &str) -> String {
    let reply = client
        .post("/api/v1/sessions", json!({"model": model}))
        .await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body["id"].as_str().unwrap().to_owned()
}

fn message(id: &str, text: &str) -> Value {
    json!({"type": "SEND_MESSAGE", "id": id, "payload": {"message": text}})
}

fn of_type<'f>(frames: &'f [Value], kind: &str) -> Vec<&'f Value> {
    let of_type = frames.iter().filter(|frame| frame["type"] == kind);
    of_type.collect()
}

/// All that was told about one message: numbered without a gap, sent once, and the pieces are the answer.
fn assert_whole(frames: &[Value], question: &str) {
    let numbers: Vec<i64> = frames
        .iter()
        .filter_map(|frame| frame["seq"].as_i64())
        .collect();
    let first = numbers[0];
    let expected: Vec<i64> = (first..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "{question}");
    assert_eq!(of_type(frames, "MESSAGE_SENT").len(), 1, "{frames:?}");
    let complete = of_type(frames, "RESPONSE_COMPLETE");
    assert_eq!(complete.len(), 1, "{frames:?}");
    let whole = complete[0]["fullResponse"].as_str().unwrap();
    assert_eq!(bare(whole), bare(&echo::answer(question)), "{question}");
    let pieces: String = of_type(frames, "RESPONSE_CHUNK")
        .iter()
        .map(|frame| frame["chunk"].as_str().unwrap())
        .collect();
    assert_eq!(pieces, whole, "{question}");
    assert_eq!(complete[0]["chunksMatch"], true);
}

async fn answered(socket: &mut Socket, id: &str, question: &str) -> Vec<Value> {
    socket.say(message(id, question)).await;
    let frames = socket
        .until(|frame| {
            frame["messageId"] == id
                && (frame["type"] == "RESPONSE_COMPLETE" || frame["type"] == "ERROR")
        })
        .await;
    assert_whole(&frames, question);
    frames
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_signs_in_asks_goes_on_and_begins_anew() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    let shape = "fresh-sse";
    discovered(&app, &site, shape).await;
    let id = session(&client, shape).await;
    let (mut socket, _) = Socket::resume(&app.address, app.key(), &id, None).await;
    socket.say(json!({"type": "LOGIN", "id": "in"})).await;
    let frames = socket
        .until(|frame| frame["type"] == "SESSION_READY" || frame["type"] == "ERROR")
        .await;
    let ready = frames.last().unwrap();
    assert_eq!(
        (&ready["type"], &ready["messageId"]),
        (&json!("SESSION_READY"), &json!("in"))
    );
    assert!(
        ready["workerId"].as_str().unwrap().starts_with("test-"),
        "{ready}"
    );
    let before = site.asked(shape).len();
    let frames = answered(&mut socket, "m-1", "First in markdown").await;
    let sent = of_type(&frames, "MESSAGE_SENT")[0];
    assert_eq!(sent["validation"]["success"], true);
    assert!(sent["validation"]["confidence"].as_f64().unwrap() > 0.5);
    assert!(sent["validation"]["screenshot_key"].is_null());
    let complete = frames.last().unwrap();
    assert_eq!(complete["validation"]["subject"], "receive");
    let picture = complete["validation"]["screenshot"].as_str().unwrap();
    let picture = reqwest::get(picture).await.unwrap().bytes().await.unwrap();
    assert!(
        picture.starts_with(&[0xff, 0xd8]),
        "the screenshot is no JPEG"
    );
    // Said again, it is not typed again.
    let again = socket.ask(message("m-1", "First in markdown"), "ACK").await;
    assert_eq!(again["repeated"], true);
    answered(&mut socket, "m-2", "Second").await;
    let fresh = socket
        .ask(json!({"type": "NEW_CHAT"}), "SESSION_READY")
        .await;
    assert_eq!(fresh["conversation"], 2);
    answered(&mut socket, "m-3", "Third").await;
    let asked = site.asked(shape);
    assert_eq!(
        asked[before..],
        ["First in markdown", "Second", "Third"],
        "the conversation goes on, so only what is new is typed"
    );
    let payload = async |frames: &[Value]| {
        let job = frames.last().unwrap()["jobId"].as_str().unwrap().to_owned();
        client.job(&job).await["payload"]["messages"].clone()
    };
    let third = answered(&mut socket, "m-4", "Fourth").await;
    let messages = payload(&third).await;
    assert_eq!(
        messages.as_array().unwrap().len(),
        3,
        "of this conversation alone: {messages}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_the_connection_is_cut_nothing_is_missing_and_nothing_doubled() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    let shape = "open-sse";
    discovered(&app, &site, shape).await;
    let elsewhere = TestApp::serve(&app.store, &app.config).await;
    for seed in 1..=3_u64 {
        println!("seed {seed}");
        let id = session(&client, shape).await;
        let question = format!("A long and slow one, number {seed}, in markdown");
        let mut random = seed;
        let (mut last, mut frames, mut said) = (0_i64, Vec::<Value>::new(), false);
        while !frames
            .last()
            .is_some_and(|frame| frame["type"] == "RESPONSE_COMPLETE")
        {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let address = if random >> 62 == 0 {
                &elsewhere
            } else {
                &app.address
            };
            let (mut socket, _) = Socket::resume(address, app.key(), &id, Some(last)).await;
            // The client cannot know whether it was taken.
            if !said || (random >> 40) % 2 == 0 {
                socket.say(message("m", &question)).await;
                said = (random >> 36) % 4 != 0;
            }
            for _ in 0..(random >> 33) % 6 {
                let frame = socket.next().await.unwrap();
                if let Some(seq) = frame["seq"].as_i64() {
                    assert_eq!(seq, last + 1, "{frame}");
                    last = seq;
                    frames.push(frame);
                } else {
                    assert_ne!(frame["type"], "ERROR", "{frame}");
                }
                if frames
                    .last()
                    .is_some_and(|frame| frame["type"] == "RESPONSE_COMPLETE")
                {
                    break;
                }
            }
            // Cut, as it stands.
            drop(socket);
        }
        assert_whole(&frames, &question);
        let asked = site.asked(shape);
        let times = asked.iter().filter(|seen| **seen == question).count();
        assert_eq!(times, 1, "typed once");
        // Whoever reads it later reads the same.
        let (mut socket, _) = Socket::resume(&app.address, app.key(), &id, Some(0)).await;
        for told in &frames {
            let mut again = socket.next().await.unwrap();
            let mut told = told.clone();
            for frame in [&mut again, &mut told] {
                // Signed anew each time.
                if let Some(validation) = frame["validation"].as_object_mut() {
                    validation.remove("screenshot");
                }
            }
            assert_eq!(again, told);
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_on_when_its_worker_dies() {
    let site = Site::start().await;
    let mut app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let shape = "kept-sse";
    discovered(&app, &site, shape).await;
    let victim = WorkerProcess::start(&app, "chat").await;
    let id = session(&client, shape).await;
    let (mut socket, _) = Socket::resume(&app.address, app.key(), &id, None).await;
    let question = "A long and slow one whose worker dies";
    socket.say(message("m", question)).await;
    let mut frames = socket
        .until(|frame| frame["type"] == "RESPONSE_CHUNK")
        .await;
    victim.kill();
    app.start_worker(&[Queue::Chat]);
    frames.extend(
        socket
            .until(|frame| frame["type"] == "RESPONSE_COMPLETE" || frame["final"] == true)
            .await,
    );
    assert_whole(&frames, question);
    let asked = site.asked(shape);
    assert_eq!(asked.iter().filter(|seen| *seen == question).count(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_page_ends_the_message_and_not_the_session() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    let shape = "kept-sse";
    discovered(&app, &site, shape).await;
    let id = session(&client, shape).await;
    let (mut socket, _) = Socket::resume(&app.address, app.key(), &id, None).await;
    socket
        .say(message("m-1", "A long one, cut in the middle"))
        .await;
    let frames = socket.until(|frame| frame["type"] == "ERROR").await;
    let error = frames.last().unwrap();
    assert_eq!(
        (
            &error["messageId"],
            &error["error"]["code"],
            &error["final"]
        ),
        (&json!("m-1"), &json!("answer_cut"), &json!(true))
    );
    answered(&mut socket, "m-2", "Another").await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_signed_in_while_the_caller_waits() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    let shape = "two-step-ws";
    let path = "/api/v1/automation/login";
    let described =
        json!({"serviceUrl": site.url(shape), "email": Site::user(), "password": Site::password()});
    let reply = client.post(path, described.clone()).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let mut fields: Vec<&String> = reply.body.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["currentUrl", "success", "timestamp", "validation"]);
    assert_eq!(reply.body["success"], true);
    let mut fields: Vec<&String> = reply.body["validation"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    fields.sort();
    assert_eq!(fields, ["confidence", "observation", "screenshot"]);
    assert!(
        reply.body["currentUrl"]
            .as_str()
            .unwrap()
            .starts_with(&site.url(shape))
    );
    let header = |reply: &crate::support::Reply, name: &str| {
        let value = reply.headers.get(name).unwrap();
        value.to_str().unwrap().to_owned()
    };
    let account = header(&reply, "x-computetower-credential-id");
    let job = header(&reply, "x-computetower-job-id");
    assert_eq!(client.job(&job).await["state"], "completed");
    // Described again it is the same account; so it is by its id.
    let again = client.post(path, described).await;
    assert_eq!(header(&again, "x-computetower-credential-id"), account);
    let named = json!({"credentialId": account, "serviceUrl": site.url(shape), "email": Site::user(), "password": Site::password()});
    assert_eq!(client.post(path, named).await.body["success"], true);
    let listed = client.get("/api/v1/credentials").await.body;
    assert_eq!(listed.as_array().unwrap().len(), 1);

    let wrong =
        json!({"serviceUrl": site.url("classic-sse"), "email": Site::user(), "password": "wrong"});
    let reply = client.post(path, wrong).await;
    assert_eq!(
        (
            reply.status,
            &reply.body["success"],
            &reply.body["error"]["code"]
        ),
        (200, &json!(false), &json!("invalid_credentials")),
        "{}",
        reply.body
    );
    assert_eq!(reply.body["currentUrl"], Value::Null);
    // The right password makes it usable again.
    let right = json!({"serviceUrl": site.url("classic-sse"), "email": Site::user(), "password": Site::password()});
    let once = [
        ("content-type", "application/json"),
        ("idempotency-key", "sign-in"),
    ];
    let first = client.post_with(path, &once, right.to_string()).await;
    assert_eq!(first.body["success"], true, "{}", first.body);
    // The same request is the same job; another one under its key is refused, and changes nothing.
    let again = client.post_with(path, &once, right.to_string()).await;
    for name in ["x-computetower-job-id", "x-computetower-credential-id"] {
        assert_eq!(header(&again, name), header(&first, name));
    }
    let other = json!({"serviceUrl": site.url("classic-sse"), "email": Site::user(), "password": "another"});
    let reused = client.post_with(path, &once, other.to_string()).await;
    assert_eq!(
        (reused.status, &reused.body["code"]),
        (409, &json!("idempotency_key_reused"))
    );
    let refused = header(&first, "x-computetower-credential-id");
    let refused = serde_json::from_value(json!(refused)).unwrap();
    let kept = app.store.password(app.tenant, refused).await.unwrap();
    assert_eq!(kept.reveal(), Site::password());
    // What is kept of the request cannot be compared with a guess.
    let mut database = app.database().await;
    let guessed: bool =
        sqlx::query_scalar("select request_hash = sha256($1) from jobs where idempotency_key = $2")
            .bind(right.to_string().into_bytes())
            .bind("sign-in")
            .fetch_one(&mut database)
            .await
            .unwrap();
    assert!(!guessed);

    // What makes no sense is refused before anything is done.
    let unknown = "01890000-0000-7000-8000-000000000001";
    for (body, field) in [
        (json!({}), "serviceUrl"),
        (json!({"serviceUrl": site.url(shape)}), "password"),
        (
            json!({"serviceUrl": "ftp://x/", "password": "x"}),
            "serviceUrl",
        ),
        (json!({"credentialId": unknown}), "credentialId"),
        (
            json!({"credentialId": account, "sessionId": unknown}),
            "sessionId",
        ),
        (json!({"credentialId": account, "email": "bob"}), "email"),
        (
            json!({"credentialId": account, "serviceUrl": "http://127.0.0.1:9/"}),
            "serviceUrl",
        ),
        (json!({"credentialId": account, "password": ""}), "password"),
        (json!({"credential_id": account}), "credential_id"),
    ] {
        let reply = client.post(path, body.clone()).await;
        assert_eq!(
            (reply.status, reply.body["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{body}: {}",
            reply.body
        );
    }
    let stranger = app.stranger().await;
    let of_stranger = stranger.post(path, json!({"credentialId": account})).await;
    assert_eq!(of_stranger.status, 422);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_an_account_alone_signs_in_and_no_more() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    // In the words of the ComputeTower protocol.
    let account = json!({"service_name": "classic", "service_url": site.url("classic-sse"), "email": Site::user(), "password": "wrong"});
    let account = client.post("/api/v1/credentials", account).await;
    assert_eq!(account.status, 201, "{}", account.body);
    let account = &account.body["id"];
    let opened = client
        .post("/api/v1/sessions", json!({"credential_id": account}))
        .await;
    assert_eq!(
        (&opened.body["model"], &opened.body["credential_id"]),
        (&Value::Null, account)
    );
    let id = opened.body["id"].as_str().unwrap();
    let (mut socket, _) = Socket::resume(&app.address, app.key(), id, None).await;
    let refused = socket.ask(message("m", "Hello"), "ERROR").await;
    assert_eq!(refused["error"]["code"], "model_not_found");
    let login = |id: &str, credentials: Value| json!({"type": "LOGIN", "id": id, "sessionId": opened.body["id"], "credentials": credentials});
    socket
        .say(login("in-1", json!({"credentialId": account})))
        .await;
    let frames = socket.until(|frame| frame["type"] == "ERROR").await;
    let error = frames.last().unwrap();
    assert_eq!(
        (
            &error["messageId"],
            &error["error"]["code"],
            &error["final"]
        ),
        (&json!("in-1"), &json!("invalid_credentials"), &json!(true))
    );
    assert!(
        error["error"]["screenshots"][0]
            .as_str()
            .unwrap()
            .starts_with("http")
    );
    let bob = socket
        .ask(login("in-2", json!({"email": "bob"})), "ERROR")
        .await;
    assert_eq!(bob["error"]["field"], "email");
    socket
        .say(login("in-3", json!({"password": Site::password()})))
        .await;
    let frames = socket
        .until(|frame| frame["type"] == "SESSION_READY" || frame["type"] == "ERROR")
        .await;
    assert_eq!(frames.last().unwrap()["messageId"], "in-3", "{frames:?}");
    let seen = of_type(&frames, "VALIDATION_RESULT");
    assert_eq!(seen.last().unwrap()["validation"]["success"], true);
    app.stop().await;
}
