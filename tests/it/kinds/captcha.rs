//! Challenges that an operator's solver solves, in the way that each kind's published markup wants; and those that it may not.

use std::time::Duration;

use computetower_jobs::Queue;
use computetower_store::vault::Secret;
use computetower_test_site::Site;
use computetower_workers::{OutsideSettings, SolverSettings};
use serde_json::{Value, json};

use crate::support::{Outside, TestApp, until};

const KEY: &str = "solver-key-that-nobody-may-see";

fn settings(solver: &Outside, hosts: &[&str]) -> OutsideSettings {
    OutsideSettings {
        vision: None,
        fetch: Default::default(),
        solver: Some(SolverSettings {
            url: solver.address.clone(),
            key: Secret::new(KEY.to_owned()),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            cost_per_day: 1_000_000,
            expected_cost: 3_000,
            timeout: Duration::from_secs(60),
            poll: Duration::from_millis(100),
            min_score: 0.7,
        }),
    }
}

/// A solver that gives the answer that the page of this name takes; the first look at each task comes too early.
async fn solver(answers: fn(&str) -> String) -> Outside {
    let looked = std::sync::Mutex::new(std::collections::HashSet::new());
    Outside::start(move |seen, before| {
        assert_eq!(seen.body["clientKey"], KEY);
        let reply = match seen.path.as_str() {
            "/createTask" => {
                let task = &seen.body["task"];
                let name = match task["websiteKey"].as_str() {
                    Some(key) => key.strip_prefix("0x-test-key-of-").unwrap().to_owned(),
                    None => "image".to_owned(),
                };
                // The number is the place of the request, so that the result knows the page.
                json!({"errorId": 0, "taskId": format!("{name}:{before}")})
            }
            "/getTaskResult" => {
                let id = seen.body["taskId"].as_str().unwrap();
                if looked.lock().unwrap().insert(id.to_owned()) {
                    json!({"errorId": 0, "status": "processing"})
                } else {
                    let name = id.split(':').next().unwrap();
                    let answer = answers(name);
                    let solution = match name {
                        "image" => json!({"text": answer}),
                        name if name.starts_with("recaptcha") => json!({"gRecaptchaResponse": answer, "token": answer}),
                        _ => json!({"token": answer}),
                    };
                    json!({"errorId": 0, "status": "ready", "solution": solution, "cost": "0.00145", "ip": "1.2.3.4", "createTime": 1, "endTime": 2, "solveCount": 1})
                }
            }
            "/reportCorrect" | "/reportIncorrect" => json!({"errorId": 0, "status": "success"}),
            other => panic!("{other} is no method of the solver"),
        };
        (200, reply)
    })
    .await
}

async fn login(app: &TestApp, url: &str) -> String {
    let client = app.client();
    let body = json!({"url": url, "username": Site::user(), "password": Site::password()});
    let account = client.post("/api/v1/credentials", body).await;
    assert_eq!(account.status, 201, "{}", account.body);
    client
        .submit("login", json!({"credential_id": account.body["id"]}))
        .await
}

fn kinds(steps: &Value) -> Vec<&str> {
    let steps = steps.as_array().unwrap();
    steps
        .iter()
        .map(|step| step["kind"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_solved_as_its_markup_wants_and_logged() {
    let site = Site::start().await;
    let solver = solver(Site::token).await;
    let mut app = TestApp::without_workers().await;
    app.config.outside = settings(&solver, &["127.0.0.1"]);
    app.start_dispatcher();
    app.start_worker(&[Queue::Login]);
    for (name, kind, task) in [
        ("recaptcha-v2", "recaptcha_v2", "RecaptchaV2TaskProxyless"),
        (
            "recaptcha-callback",
            "recaptcha_v2",
            "RecaptchaV2TaskProxyless",
        ),
        ("recaptcha-v3", "recaptcha_v3", "RecaptchaV3TaskProxyless"),
        ("hcaptcha", "hcaptcha", "HCaptchaTaskProxyless"),
        ("turnstile", "turnstile", "TurnstileTaskProxyless"),
        ("turnstile-alone", "turnstile", "TurnstileTaskProxyless"),
        ("image", "image", "ImageToTextTask"),
    ] {
        let before = solver.seen().len();
        let job = login(&app, &site.challenge(name)).await;
        let ended = app.client().ended(&job).await;
        let steps = app
            .client()
            .get(&format!("/api/v1/jobs/{job}/steps"))
            .await
            .body;
        assert_eq!(
            ended["state"],
            "completed",
            "{name}: {ended} {steps} {:?}",
            site.proofs(name)
        );
        assert_eq!(ended["attempt"], 1, "{name}");
        assert_eq!(
            site.proofs(name).last(),
            Some(&(Site::token(name), true)),
            "{name}"
        );
        let seen = solver.seen()[before..].to_vec();
        assert_eq!(seen[0].path, "/createTask", "{name}");
        let asked = &seen[0].body["task"];
        assert_eq!(asked["type"], task, "{name}");
        if name == "image" {
            use base64::Engine;
            let png = base64::engine::general_purpose::STANDARD
                .decode(asked["body"].as_str().unwrap())
                .unwrap();
            assert!(png.starts_with(b"\x89PNG"), "{name}");
        } else {
            assert_eq!(asked["websiteKey"], Site::site_key(name), "{name}");
            assert_eq!(asked["websiteURL"], site.challenge(name), "{name}");
        }
        if name == "turnstile" {
            assert_eq!(asked["action"], "login");
        }
        if kind == "recaptcha_v3" {
            assert_eq!(asked["minScore"], 0.7);
        }
        assert!(
            seen.iter().any(|seen| seen.path == "/reportCorrect"),
            "{name}"
        );
        assert!(
            !seen.iter().any(|seen| seen.path == "/reportIncorrect"),
            "{name}"
        );
        assert!(kinds(&steps).contains(&"captcha.solved"), "{name}: {steps}");
        assert!(
            !steps.to_string().contains(KEY) && !steps.to_string().contains(&Site::token(name))
        );
        let uses = app.operator().get("/admin/captcha/uses?limit=1").await.body;
        let entry = &uses["uses"][0];
        assert_eq!(
            (
                &entry["kind"],
                &entry["outcome"],
                &entry["host"],
                &entry["cost"],
                &entry["job_id"]
            ),
            (
                &json!(kind),
                &json!("accepted"),
                &json!("127.0.0.1"),
                &json!(0.00145),
                &json!(job)
            ),
            "{name}: {uses}"
        );
    }
    let statistics = app.client().get("/api/v1/recoveries/statistics").await.body;
    let solved = statistics["recoveries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["code"] == "captcha" && one["strategy"] == "solver")
        .unwrap();
    assert_eq!(
        (&solved["recovered"], &solved["rate"]),
        (&json!(7), &json!(1.0)),
        "{statistics}"
    );
    assert_eq!(app.client().get("/admin/captcha/uses").await.status, 401);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_solution_is_reported_and_in_the_end_a_person_is_asked() {
    let site = Site::start().await;
    let solver = solver(|_| "a-bad-token".to_owned()).await;
    let mut app = TestApp::without_workers().await;
    app.config.outside = settings(&solver, &["127.0.0.1"]);
    app.start_dispatcher();
    app.start_worker(&[Queue::Login]);
    let job = login(&app, &site.challenge("hcaptcha")).await;
    let events = app
        .client()
        .events_until(&job, 0, |event| event.name == "intervention_needed")
        .await;
    assert_eq!(events.last().unwrap().data["failure"]["code"], "captcha");
    // The account is not blamed, and no third solution is bought.
    let reported = || {
        let seen = solver.seen();
        seen.iter()
            .filter(|seen| seen.path == "/reportIncorrect")
            .count()
    };
    until("both were reported", || async { reported() == 2 }).await;
    assert_eq!(site.proofs("hcaptcha").len(), 2);
    // Both came with the password: the web app may have counted them.
    let counted: (i32, String) =
        sqlx::query_as("select cardinality(troubles), status from credentials")
            .fetch_one(&mut app.database().await)
            .await
            .unwrap();
    assert_eq!(counted, (2, "active".to_owned()));
    let uses = app.operator().get("/admin/captcha/uses").await.body;
    let outcomes: Vec<&Value> = uses["uses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["outcome"])
        .collect();
    assert_eq!(outcomes, [&json!("refused"), &json!("refused")]);
    app.client()
        .post(&format!("/api/v1/jobs/{job}/cancel"), json!({}))
        .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_for_other_hosts_nor_beyond_the_cost_of_the_day() {
    let site = Site::start().await;
    let solver = solver(Site::token).await;
    for (hosts, cost, why) in [
        (["chat.example.com"], 1_000_000, "not allowed"),
        (["127.0.0.1"], 2_999, "cost of the day"),
    ] {
        let mut app = TestApp::without_workers().await;
        app.config.outside = settings(&solver, &hosts);
        if let Some(settings) = &mut app.config.outside.solver {
            settings.cost_per_day = cost;
        }
        app.start_dispatcher();
        app.start_worker(&[Queue::Login]);
        let job = login(&app, &site.challenge("turnstile-alone")).await;
        let events = app
            .client()
            .events_until(&job, 0, |event| {
                event.name == "intervention_needed" || event.name == "failed"
            })
            .await;
        assert_eq!(events.last().unwrap().name, "intervention_needed");
        let skipped = events
            .iter()
            .find(|event| event.data["kind"] == "captcha.skipped")
            .unwrap();
        let told = skipped.data["detail"]["why"].as_str().unwrap();
        let words = why.split(' ').all(|word| told.contains(word));
        assert!(words, "{told}");
        assert_eq!(solver.seen().len(), 0);
        app.client()
            .post(&format!("/api/v1/jobs/{job}/cancel"), json!({}))
            .await;
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_before_a_chat_without_an_account_is_solved_or_asked_about() {
    let site = Site::start().await;
    let solver = solver(Site::token).await;
    for with_solver in [true, false] {
        let mut app = TestApp::without_workers().await;
        if with_solver {
            app.config.outside = settings(&solver, &["127.0.0.1"]);
        }
        app.start_dispatcher();
        app.start_worker(&[Queue::Login, Queue::Chat]);
        let page = json!({"name": "behind", "url": site.challenge("turnstile-chat")});
        let reply = app.operator().post("/admin/providers", page).await;
        let job = reply.body["job_id"].as_str().unwrap().to_owned();
        let ends = ["completed", "failed", "intervention_needed"];
        let events = app
            .client()
            .events_until(&job, 0, |event| ends.contains(&event.name.as_str()))
            .await;
        let last = events.last().unwrap();
        if with_solver {
            assert_eq!(last.name, "completed", "{events:?}");
            let reported = || {
                let seen = solver.seen();
                seen.iter().any(|seen| seen.path == "/reportCorrect")
            };
            assert!(reported());
        } else {
            assert_eq!(last.name, "intervention_needed", "{events:?}");
            assert_eq!(last.data["failure"]["code"], "captcha");
            let path = format!("/api/v1/jobs/{job}/cancel");
            app.client().post(&path, json!({})).await;
        }
        app.stop().await;
    }
}
