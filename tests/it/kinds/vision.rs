//! A vision model beside the page's elements: what it is sent, what its answers do, and that nothing depends on it.

use std::time::Duration;

use computetower_jobs::Queue;
use computetower_store::vault::Secret;
use computetower_test_site::Site;
use computetower_workers::{OutsideSettings, Structure, VisionApi, VisionSettings};
use serde_json::{Value, json};

use crate::support::{Client, Outside, TestApp};

const KEY: &str = "vision-key-that-nobody-may-see";

fn settings(api: VisionApi, model: &Outside) -> OutsideSettings {
    OutsideSettings {
        vision: Some(VisionSettings {
            api,
            url: model.address.clone(),
            model: "some-model".to_owned(),
            key: Some(Secret::new(KEY.to_owned())),
            structure: Structure::Schema,
            timeout: Duration::from_secs(30),
            wait: Duration::from_secs(30),
            keep: Duration::from_secs(600),
            calls_per_day: 1_000,
            tokens_per_day: 1_000_000,
        }),
        solver: None,
        fetch: Default::default(),
    }
}

async fn platform(outside: OutsideSettings, queues: &[Queue]) -> TestApp {
    let mut app = TestApp::without_workers().await;
    app.config.outside = outside;
    app.start_dispatcher();
    app.start_worker(queues);
    app
}

async fn account(client: &Client, url: &str, password: &str) -> String {
    let body = json!({"url": url, "username": Site::user(), "password": password});
    let account = client.post("/api/v1/credentials", body).await;
    assert_eq!(account.status, 201, "{}", account.body);
    account.body["id"].as_str().unwrap().to_owned()
}

async fn login(client: &Client, credential: &str) -> Value {
    let job = client
        .submit("login", json!({"credential_id": credential}))
        .await;
    client.ended(&job).await
}

async fn steps(client: &Client, job: &Value, kind: &str) -> Vec<Value> {
    let id = job["id"].as_str().unwrap();
    let steps = client.get(&format!("/api/v1/jobs/{id}/steps")).await.body;
    let mut steps = steps.as_array().unwrap().clone();
    steps.retain(|step| step["kind"] == kind);
    steps
}

fn says(verdict: &str, confidence: f64) -> Value {
    json!({"verdict": verdict, "confidence": confidence, "observation": "A list of things is shown."})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agrees_makes_surer_and_is_kept_counted_and_cached() {
    let site = Site::start().await;
    let model = Outside::start(|_, _| (200, Outside::tool_use(says("yes", 1.0)))).await;
    let app = platform(settings(VisionApi::Anthropic, &model), &[Queue::Login]).await;
    let client = app.client();
    let id = account(&client, &site.door("plain"), Site::password()).await;
    let job = login(&client, &id).await;
    assert_eq!(job["state"], "completed", "{job}");
    let judged = &job["result"]["validation"];
    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!(judged["validator"], "dom", "{judged}");
    assert!(
        number(&judged["confidence"]) > number(&judged["dom_confidence"]),
        "{judged}"
    );
    assert_eq!(
        (&judged["vision"]["agrees"], &judged["vision"]["validator"]),
        (&json!(true), &json!("some-model"))
    );

    let asked = &model.seen()[0];
    assert_eq!(asked.path, "/v1/messages");
    assert_eq!(
        (asked.header("x-api-key"), asked.header("anthropic-version")),
        (KEY, "2023-06-01")
    );
    assert_eq!(asked.body["model"], "some-model");
    assert!(asked.body["max_tokens"].is_u64());
    assert_eq!(
        asked.body["tool_choice"],
        json!({"type": "tool", "name": "report"})
    );
    let schema = &asked.body["tools"][0]["input_schema"];
    assert_eq!(
        schema["properties"]["verdict"]["enum"],
        json!(["yes", "no", "unclear"])
    );
    assert!(asked.picture().starts_with(&[0xff, 0xd8, 0xff]), "a JPEG");

    // Both judgements are there, with the one screenshot, and the picture that was sent is the one that is kept.
    let listed = client
        .get(&format!(
            "/api/v1/validations?credential={id}&subject=login"
        ))
        .await
        .body;
    let rows = listed["validations"].as_array().unwrap();
    let of_model: Vec<&Value> = rows
        .iter()
        .filter(|row| row["validator"] == "some-model")
        .collect();
    let key = of_model.last().unwrap()["screenshot_key"].as_str().unwrap();
    assert_eq!(app.store.objects.get(key).await.unwrap(), asked.picture());
    assert!(of_model[0]["screenshot_url"].is_string());
    assert!(
        rows.iter()
            .any(|row| row["validator"] == "dom" && row["screenshot_key"] == key)
    );

    // The same page looks the same: nobody is asked again.
    for _ in 0..2 {
        assert_eq!(login(&client, &id).await["state"], "completed");
    }
    let counted = client
        .get(&format!("/api/v1/validations/statistics?credential={id}"))
        .await
        .body;
    let counted = counted
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["validator"] == "some-model")
        .unwrap()
        .clone();
    assert_eq!(counted["agreed"], counted["count"], "{counted}");
    assert!(counted["cached"].as_i64().unwrap() >= 1, "{counted}");
    let calls = i64::try_from(model.seen().len()).unwrap();
    assert_eq!(
        calls + counted["cached"].as_i64().unwrap(),
        counted["count"].as_i64().unwrap()
    );

    // Pages of the list, and another tenant's eyes.
    let first = client.get("/api/v1/validations?limit=2").await.body;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = client
        .get(&format!("/api/v1/validations?limit=2&cursor={cursor}"))
        .await
        .body;
    assert_ne!(
        first["validations"][1]["id"],
        second["validations"][0]["id"]
    );
    let stranger = app.stranger().await;
    assert_eq!(
        stranger.get("/api/v1/validations").await.body["validations"],
        json!([])
    );
    assert_eq!(
        stranger.get("/api/v1/validations/statistics").await.body,
        json!([])
    );
    for wrong in ["limit=0", "subject=x", "cursor=x", "credential=1", "y=1"] {
        assert_eq!(
            client
                .get(&format!("/api/v1/validations?{wrong}"))
                .await
                .status,
            422,
            "{wrong}"
        );
    }
    let told = format!("{job} {listed}");
    assert!(!told.contains(KEY));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_disagrees_makes_less_sure_and_decides_nothing_and_a_misfit_is_repaired_once() {
    let site = Site::start().await;
    let model = Outside::start(|_, before| {
        let said = match before {
            0 => "I think that nobody is signed in.".to_owned(),
            _ => format!("```json\n{}\n```", says("no", 0.9)),
        };
        (200, Outside::completion(&said))
    })
    .await;
    let app = platform(settings(VisionApi::OpenAi, &model), &[Queue::Login]).await;
    let client = app.client();
    let id = account(&client, &site.door("plain"), Site::password()).await;
    let job = login(&client, &id).await;
    assert_eq!(
        (&job["state"], &job["attempt"]),
        (&json!("completed"), &json!(1)),
        "{job}"
    );
    let judged = &job["result"]["validation"];
    assert_eq!(
        (&judged["passed"], &judged["vision"]["agrees"]),
        (&json!(true), &json!(false)),
        "{judged}"
    );
    assert!(judged["confidence"].as_f64().unwrap() < judged["dom_confidence"].as_f64().unwrap());
    let seen = model.seen();
    assert_eq!(seen[0].path, "/chat/completions");
    assert_eq!(seen[0].header("authorization"), format!("Bearer {KEY}"));
    assert_eq!(seen[0].body["response_format"]["type"], "json_schema");
    assert_eq!(
        seen[0].body["response_format"]["json_schema"]["strict"],
        true
    );
    assert!(seen[0].picture().starts_with(&[0xff, 0xd8, 0xff]));
    // The second request has the first answer and what is wrong with it.
    let again = seen[1].body["messages"].as_array().unwrap();
    assert_eq!(
        again[2],
        json!({"role": "assistant", "content": "I think that nobody is signed in."})
    );
    assert!(
        again[3]["content"]
            .as_str()
            .unwrap()
            .contains("does not fit")
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_changes_nothing_but_is_told_and_left_alone_after_a_while() {
    let site = Site::start().await;
    let model = Outside::start(|_, before| match before {
        0 => (200, Outside::tool_use(json!({"verdict": "maybe", "confidence": 2}))),
        1 => (200, Outside::tool_use(json!({"verdict": "maybe", "confidence": 2}))),
        _ => (529, json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})),
    })
    .await;
    let app = platform(settings(VisionApi::Anthropic, &model), &[Queue::Login]).await;
    let client = app.client();
    let mut warned = Vec::new();
    for door in ["plain", "plain-2", "plain-3", "plain-4", "plain-5"] {
        let id = account(&client, &site.door(door), Site::password()).await;
        let job = login(&client, &id).await;
        assert_eq!(
            (&job["state"], &job["attempt"]),
            (&json!("completed"), &json!(1)),
            "{job}"
        );
        assert!(job["result"]["validation"]["vision"].is_null());
        warned.extend(steps(&client, &job, "vision.failed").await);
    }
    let told: Vec<&str> = warned
        .iter()
        .map(|step| step["detail"]["warning"].as_str().unwrap())
        .collect();
    assert!(told[0].contains("does not fit"), "{told:?}");
    // A call answers a call of a tool: its result says what is wrong.
    let repair = &model.seen()[1].body["messages"];
    assert_eq!(repair[2]["content"][0]["type"], "tool_result");
    assert_eq!(repair[2]["content"][0]["tool_use_id"], "toolu_1");
    assert!(
        told.iter()
            .any(|told| told.contains("529") && told.contains("Overloaded")),
        "{told:?}"
    );
    assert!(
        told.iter().any(|told| told.contains("left alone")),
        "{told:?}"
    );
    // Two that did not fit, three that failed.
    assert_eq!(model.seen().len(), 5, "{told:?}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_day_is_bounded_by_calls_and_by_tokens() {
    let site = Site::start().await;
    for (calls, tokens) in [(1, 1_000_000), (1_000, 1_000)] {
        let model = Outside::start(|_, _| (200, Outside::tool_use(says("unclear", 0.2)))).await;
        let mut outside = settings(VisionApi::Anthropic, &model);
        if let Some(vision) = &mut outside.vision {
            vision.calls_per_day = calls;
            vision.tokens_per_day = tokens;
        }
        let app = platform(outside, &[Queue::Login]).await;
        let client = app.client();
        let mut told = Vec::new();
        for door in ["plain", "quiet"] {
            let id = account(&client, &site.door(door), Site::password()).await;
            let job = login(&client, &id).await;
            assert_eq!(job["state"], "completed");
            told.extend(steps(&client, &job, "vision.failed").await);
        }
        assert_eq!(model.seen().len(), 1);
        let why = told[0]["detail"]["warning"].as_str().unwrap();
        assert!(why.contains("budget"), "{why}");
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_page_says_neither_the_model_breaks_the_tie() {
    let site = Site::start().await;
    // One that is not sure enough decides nothing: the next attempt comes anew and finds that nobody is asked.
    // Nor does one that says yes of a page that fails (`unsaid`); of one that only never ends (`endless`) it may.
    for (door, verdict, confidence, state, attempt) in [
        ("endless", "yes", 0.95, "completed", 1),
        ("unsaid", "yes", 0.95, "completed", 2),
        ("endless", "yes", 0.5, "completed", 2),
        ("unsaid", "no", 0.95, "failed", 1),
    ] {
        site.door_sign_everyone_out(door);
        let before = site.door_logins(door).len();
        let model =
            Outside::start(move |_, _| (200, Outside::tool_use(says(verdict, confidence)))).await;
        let app = platform(settings(VisionApi::Anthropic, &model), &[Queue::Login]).await;
        let client = app.client();
        let id = account(&client, &site.door(door), Site::password()).await;
        let body = json!({"kind": "login", "payload": {"credential_id": id}, "retry": {"attempts": 2, "base_ms": 1, "cap_ms": 1}});
        let job = client.post("/api/v1/jobs", body).await.body["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let job = client.ended(&job).await;
        assert_eq!(
            (&job["state"], &job["attempt"]),
            (&json!(state), &json!(attempt)),
            "{door} {verdict} {confidence}: {job}"
        );
        let knocks = site.door_logins(door).len() - before;
        match verdict {
            // A no is not decisive against the account either, but nothing knocks on.
            "no" => {
                assert_eq!(
                    (knocks, &job["failure"]["code"]),
                    (1, &json!("element_not_found")),
                    "{job}"
                );
                assert!(
                    job["failure"]["message"]
                        .as_str()
                        .unwrap()
                        .contains("vision model"),
                    "{job}"
                );
            }
            _ if attempt == 2 => assert_eq!(knocks, 1, "{job}"),
            _ => {
                assert_eq!(knocks, 1);
                let listed = client
                    .get("/api/v1/validations?validator=vision")
                    .await
                    .body;
                assert_eq!(listed["validations"][0]["passed"], true, "{listed}");
                assert!(listed["validations"][0]["confidence"].as_f64().unwrap() <= 0.6);
            }
        }
        let account = client.get(&format!("/api/v1/credentials/{id}")).await.body;
        assert_eq!(account["status"], "active", "a model's word marks nobody");
        // Each of them is a sign-in that the page did not take, and what a model alone says is kept for no other worker.
        let (troubles, kept): (i32, bool) = sqlx::query_as(
            "select cardinality(troubles), profile_key is not null from credentials",
        )
        .fetch_one(&mut app.database().await)
        .await
        .unwrap();
        assert_eq!(troubles, 1, "{door} {verdict} {confidence}");
        assert!(!kept, "{door} {verdict} {confidence}");
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_no_rule_finds_may_be_pointed_at_and_has_to_stand_the_trial() {
    let site = Site::start().await;
    // The middle of the box that answers; of the one that only filters a list; nowhere.
    for (x, y, found, state) in [
        (0.5, 0.9, true, "completed"),
        (0.1, 0.06, true, "failed"),
        (0.0, 0.0, false, "failed"),
    ] {
        let model = Outside::start(move |seen, _| {
            let wanted = &seen.body["tools"][0]["input_schema"]["properties"];
            let said = if wanted["found"].is_object() {
                json!({"found": found, "x": x, "y": y, "confidence": 0.9, "observation": "A box below the conversation."})
            } else {
                says("yes", 0.9)
            };
            (200, Outside::tool_use(said))
        })
        .await;
        let app = platform(
            settings(VisionApi::Anthropic, &model),
            &[Queue::Login, Queue::Chat],
        )
        .await;
        let client = app.client();
        let reply = app
            .operator()
            .post(
                "/admin/providers",
                json!({"name": "unlikely", "url": site.url("unlikely")}),
            )
            .await;
        let job = reply.body["job_id"].as_str().unwrap().to_owned();
        // One attempt tells enough; the job itself has three.
        let events = client
            .events_until(&job, 0, |event| {
                ["completed", "retrying", "failed"].contains(&event.name.as_str())
            })
            .await;
        let last = events.last().unwrap();
        if state == "failed" {
            assert_ne!(last.name, "completed", "{last:?}");
            client
                .post(&format!("/api/v1/jobs/{job}/cancel"), json!({}))
                .await;
        } else {
            assert_eq!(last.name, "completed", "{events:?}");
            let ask = json!({"model": "unlikely", "messages": [{"role": "user", "content": "Say apple"}]});
            let reply = client.post("/v1/chat/completions", ask).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            let statistics = client.get("/api/v1/recoveries/statistics").await.body;
            let mended = statistics["recoveries"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["strategy"] == "vision")
                .unwrap()
                .clone();
            assert_eq!(mended["recovered"], 1, "{statistics}");
        }
        app.stop().await;
    }
}
