//! Traces: from a request through the queue to the browser, told to a collector over OTLP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use computetower_test_site::{Site, echo};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use sqlx::Row;
use tokio::io::AsyncReadExt;

use crate::api::discovered;
use crate::support::{
    ADMIN_KEY, Client, Collector, LoggedProcess, Reply, Seen, TestApp, Up, until,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const KEY: &str = "collector-key-1";

/// What a process needs to tell a collector of its spans at once.
fn traced(endpoint: &str) -> Vec<(&str, &str)> {
    vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=collector-key-1"),
        ("OTEL_SERVICE_NAME", "tower-under-test"),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("COMPUTETOWER_BIND", "127.0.0.1:0"),
    ]
}

/// A `web` of its own, and a client of it.
async fn web(app: &TestApp, settings: &[(&str, &str)]) -> (LoggedProcess, Client) {
    let web = LoggedProcess::start(app, &["web"], settings, "web ready").await;
    let log = web.log();
    let address = log.split("address=").nth(1).unwrap();
    let address = address.split_whitespace().next().unwrap();
    let client = Client::new(&format!("http://{address}"), app.key());
    (web, client)
}

async fn worker(app: &TestApp, queues: &str, settings: &[(&str, &str)]) -> LoggedProcess {
    LoggedProcess::start(
        app,
        &["worker", "--queues", queues],
        settings,
        "worker ready",
    )
    .await
}

/// Submits as a caller whose span is sampled, or not.
async fn submit(client: &Client, sampled: bool, body: Value) -> Reply {
    let parent = format!("00-{TRACE}-{CALLER}-{:02}", u8::from(sampled));
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", parent.as_str()),
        ("tracestate", "vendor=opaque"),
    ];
    let reply = client
        .post_with("/api/v1/jobs", &headers, body.to_string())
        .await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    reply
}

fn id(reply: &Reply) -> &str {
    reply.body["id"].as_str().unwrap()
}

async fn stored(app: &TestApp, job: &str) -> Option<String> {
    sqlx::query("select trace_context from jobs where id = $1::text::uuid")
        .bind(job)
        .fetch_one(&mut app.database().await)
        .await
        .unwrap()
        .get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_every_attempt_at_its_job_are_one_trace() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let collector = Collector::start().await;
    let settings = traced(&collector.endpoint);
    let (web, client) = web(&app, &settings).await;
    let worker = worker(&app, "noop", &settings).await;
    let failing = json!({"kind": "noop", "payload": {"fail": "network", "fail_times": 1},
        "retry": {"attempts": 3, "base_ms": 10, "cap_ms": 20}});
    let reply = submit(&client, true, failing).await;
    assert_eq!(client.ended(id(&reply)).await["state"], "completed");

    let request = collector
        .request(reply.headers["x-request-id"].to_str().unwrap())
        .await;
    assert_eq!(
        (request.trace.as_str(), request.parent.as_str()),
        (TRACE, CALLER)
    );
    assert_eq!(request.state, "vendor=opaque");
    assert_eq!(
        (request.kind, request.name.as_str()),
        (SpanKind::Server, "POST /api/v1/jobs")
    );
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/v1/jobs"),
        ("http.response.status_code", "202"),
        ("url.path", "/api/v1/jobs"),
    ] {
        assert_eq!(request.get(name), value, "{name}");
    }
    assert_eq!(request.resource["service.name"], "tower-under-test");
    assert_eq!(request.resource["computetower.role"], "web");
    assert_eq!(
        stored(&app, id(&reply)).await,
        Some(format!("00-{TRACE}-{}-01", request.id))
    );

    let attempts = collector.attempted(id(&reply), 2).await;
    assert_eq!(attempts.len(), 2);
    for (attempt, number) in attempts.iter().zip(["1", "2"]) {
        assert_eq!(attempt.trace, TRACE);
        assert_eq!(attempt.parent, request.id);
        assert_eq!(attempt.links, [request.id.as_str()]);
        assert_eq!(
            (attempt.kind, attempt.name.as_str()),
            (SpanKind::Consumer, "job noop")
        );
        for (name, value) in [
            ("job.attempt", number),
            ("job.kind", "noop"),
            ("job.queue", "noop"),
            ("messaging.destination.name", "noop"),
            ("messaging.message.id", id(&reply)),
            ("tenant", &app.tenant.to_string()),
        ] {
            assert_eq!(attempt.get(name), value, "{name}");
        }
        assert_eq!(attempt.resource["computetower.role"], "worker");
    }
    assert_ne!(attempts[0].id, attempts[1].id);
    assert_eq!(
        (
            attempts[0].failed,
            attempts[0].get("job.outcome"),
            attempts[0].get("error.type")
        ),
        (true, "retry", "network")
    );
    assert_eq!(
        (
            attempts[1].failed,
            attempts[1].get("job.outcome"),
            attempts[1].get("error.type")
        ),
        (false, "completed", "")
    );
    assert!(collector.header("api-key").iter().all(|key| key == KEY));
    assert!(
        !collector.heard(app.key()),
        "a caller's key was told to the collector"
    );
    for log in [web.stop().await.1, worker.stop().await.1] {
        assert!(!log.contains(KEY), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_spans_arrive_before_the_process_ends_and_probes_have_none() {
    let app = TestApp::without_workers().await;
    let collector = Collector::start().await;
    let mut settings = traced(&collector.endpoint);
    // By themselves they would leave only in an hour.
    settings.push(("OTEL_BSP_SCHEDULE_DELAY", "3600000"));
    let (web, client) = web(&app, &settings).await;
    for probe in ["/health", "/ready", "/metrics"] {
        assert_eq!(client.get(probe).await.status, 200, "{probe}");
    }
    client.get("/api/v1/jobs?state=failed").await;
    client.get("/no/such/door?key=secret-in-a-query").await;
    let reply = client
        .get("/api/v1/jobs/00000000-0000-7000-8000-000000000000")
        .await;
    assert_eq!(reply.status, 404);
    let (status, log) = web.stop().await;
    assert!(status.success(), "{log}");
    let mut names: Vec<String> = collector
        .spans()
        .into_iter()
        .map(|span| span.name)
        .collect();
    names.sort();
    assert_eq!(names, ["GET", "GET /api/v1/jobs", "GET /api/v1/jobs/{id}"]);
    assert!(!collector.heard("state=failed") && !collector.heard("secret-in-a-query"));
    assert!(!collector.heard("/no/such/door"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_submitted_outside_of_a_sampled_trace_stores_nothing_and_has_no_spans() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let collector = Collector::start().await;
    let settings = traced(&collector.endpoint);
    let (_web, client) = web(&app, &settings).await;
    let _worker = worker(&app, "noop", &settings).await;
    let noop = || json!({"kind": "noop"});
    // The app's own web exports nothing; the other caller does not want to be recorded.
    let unexported = submit(&app.client(), true, noop()).await;
    let unsampled = submit(&client, false, noop()).await;
    for job in [id(&unexported), id(&unsampled)] {
        assert_eq!(client.ended(job).await["state"], "completed");
        assert_eq!(stored(&app, job).await, None);
    }
    // What ended after them is there: theirs would be, too.
    let last = submit(&client, true, noop()).await;
    collector.attempted(id(&last), 1).await;
    for job in [id(&unexported), id(&unsampled)] {
        assert!(collector.attempts(job).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_one_trace_a_schedules_job_begins_one_and_a_replay_goes_on_with_its_own() {
    let app = TestApp::without_workers().await;
    let collector = Collector::start().await;
    let settings = traced(&collector.endpoint);
    let (_web, client) = web(&app, &settings).await;
    let _worker = worker(&app, "noop", &settings).await;
    let _dispatcher =
        LoggedProcess::start(&app, &["dispatcher"], &settings, "dispatcher ready").await;

    let jobs = json!({"jobs": [{"kind": "noop"}, {"kind": "noop", "after_index": [0]}]});
    let batch = client.post("/api/v1/batches", jobs).await;
    assert_eq!(batch.status, 202, "{}", batch.body);
    let request = collector
        .request(batch.headers["x-request-id"].to_str().unwrap())
        .await;
    assert_eq!(request.parent, "", "nobody called with a trace");
    for job in batch.body["jobs"].as_array().unwrap() {
        let attempt = &collector.attempted(job["id"].as_str().unwrap(), 1).await[0];
        assert_eq!(
            (&attempt.trace, &attempt.parent),
            (&request.trace, &request.id)
        );
        assert_eq!(attempt.links, [request.id.as_str()]);
    }

    let schedule = json!({"name": "each second", "cron": "* * * * * *", "job": {"kind": "noop"}});
    let schedule = client.post("/api/v1/schedules", schedule).await;
    assert_eq!(schedule.status, 201, "{}", schedule.body);
    let ticks = || -> Vec<Seen> {
        let mut spans = collector.spans();
        spans.retain(|span| span.name == "schedule tick");
        spans
    };
    let made = || {
        let (spans, ticks) = (collector.spans(), ticks());
        let attempt = spans
            .into_iter()
            .find(|span| ticks.iter().any(|tick| tick.id == span.parent))?;
        let tick = ticks.into_iter().find(|tick| tick.id == attempt.parent)?;
        Some((tick, attempt))
    };
    until(
        "a tick and its attempt have reached the collector",
        || async { made().is_some() },
    )
    .await;
    let (tick, attempt) = made().unwrap();
    assert_eq!((tick.parent.as_str(), tick.kind), ("", SpanKind::Producer));
    assert_eq!(
        tick.get("schedule.id"),
        schedule.body["id"].as_str().unwrap()
    );
    assert_eq!(
        (&attempt.trace, attempt.name.as_str()),
        (&tick.trace, "job noop")
    );
    assert_ne!(tick.trace, request.trace);

    let failing = json!({"kind": "noop", "payload": {"fail": "network"}, "retry": {"attempts": 1, "base_ms": 10, "cap_ms": 20}});
    let reply = submit(&client, true, failing).await;
    assert_eq!(client.ended(id(&reply)).await["state"], "failed");
    let again = client
        .post(&format!("/api/v1/jobs/{}/retry", id(&reply)), json!({}))
        .await;
    assert_eq!(again.status, 202, "{}", again.body);
    let attempts = collector.attempted(id(&reply), 2).await;
    assert_eq!(attempts[1].parent, attempts[0].parent);
    assert_eq!(
        (attempts[1].trace.as_str(), attempts[1].get("job.outcome")),
        (TRACE, "failed")
    );
}

/// An endpoint that takes connections and says nothing, ever. Returns how many it took.
async fn silent() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::<AtomicUsize>::default();
    let count = taken.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut nothing = [0; 1024];
                while stream
                    .read(&mut nothing)
                    .await
                    .is_ok_and(|length| length > 0)
                {}
            });
        }
    });
    (endpoint, taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_endpoint_does_no_harm_and_is_told_once() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let (endpoint, taken) = silent().await;
    let mut settings = traced(&endpoint);
    settings.push(("OTEL_EXPORTER_OTLP_TIMEOUT", "100"));
    let (web, client) = web(&app, &settings).await;
    // This one waits for its first export for longer than the test has patience.
    let mut settings = traced(&endpoint);
    settings.push(("OTEL_EXPORTER_OTLP_TIMEOUT", "600000"));
    let worker = worker(&app, "noop", &settings).await;
    while taken.load(Ordering::SeqCst) < 6 {
        let job = client.submit("noop", json!({})).await;
        assert_eq!(client.ended(&job).await["state"], "completed");
    }
    until("the endpoint was found dead", || async {
        web.log().contains("traces cannot be sent")
    })
    .await;
    for process in [web, worker] {
        let (status, log) = process.stop().await;
        assert!(status.success(), "{log}");
        assert!(log.matches("traces cannot be sent").count() <= 1, "{log}");
        assert!(!log.contains(KEY), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browsers_steps_are_parts_of_the_attempt_and_say_nothing_of_the_page() {
    const QUESTION: &str = "Do traces keep secrets";
    let site = Site::start().await;
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let collector = Collector::start().await;
    let settings = traced(&collector.endpoint);
    let (web, client) = web(&app, &settings).await;
    let worker = worker(&app, "login,chat", &settings).await;
    // This one is asked for outside of any trace: its steps belong to none.
    discovered(&app, &site, "classic-sse").await;

    let steps = |attempt: &Seen| -> Vec<Seen> {
        let mut spans = collector.spans();
        spans.retain(|span| span.parent == attempt.id && span.trace == attempt.trace);
        spans
    };
    let named =
        |attempt: &Seen, name: &str| steps(attempt).into_iter().find(|step| step.name == name);

    let operator = client.with_key(ADMIN_KEY);
    let provider = json!({"name": "second", "url": site.url("two-step-ws"), "username": Site::user(), "password": Site::password()});
    let reply = operator.post("/admin/providers", provider).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let job = reply.body["job_id"].as_str().unwrap();
    assert_eq!(client.ended(job).await["state"], "completed");
    let discovery = &collector.attempted(job, 1).await[0];
    let request = collector
        .request(reply.headers["x-request-id"].to_str().unwrap())
        .await;
    assert_eq!(
        (&discovery.trace, &discovery.parent),
        (&request.trace, &request.id)
    );
    // Spans are sent in the order of their ends: those of an attempt's steps are there before its own.
    for name in ["navigate", "sign in", "discover"] {
        assert!(
            named(discovery, name).is_some(),
            "{name} is not among {:?}",
            steps(discovery)
        );
    }
    let within = named(discovery, "discover").unwrap();
    assert!(named(&within, "type").is_some() && named(&within, "read answer").is_some());

    let messages = json!([{"role": "user", "content": QUESTION}]);
    let chat = json!({"kind": "chat", "payload": {"model": "classic-sse", "messages": messages}});
    let reply = submit(&client, true, chat).await;
    assert_eq!(client.ended(id(&reply)).await["state"], "completed");
    let attempt = &collector.attempted(id(&reply), 1).await[0];
    for name in ["navigate", "type", "send", "read answer"] {
        assert!(
            named(attempt, name).is_some(),
            "{name} is not among {:?}",
            steps(attempt)
        );
    }

    for process in [worker, web] {
        assert!(process.stop().await.0.success());
    }
    for span in collector.spans() {
        let known = [TRACE, discovery.trace.as_str()].contains(&span.trace.as_str());
        assert!(
            known || span.kind == SpanKind::Server,
            "{span:?} is part of nothing"
        );
    }
    let answer = echo::answer(QUESTION);
    let pages = [site.url("classic-sse"), site.url("two-step-ws")];
    for secret in [
        QUESTION,
        answer.as_str(),
        Site::user(),
        Site::password(),
        &pages[0],
        &pages[1],
    ] {
        assert!(
            !collector.heard(secret),
            "{secret:?} was told to the collector"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_processes_of_up_tell_the_collector_too() {
    let collector = Collector::start().await;
    let (_up, client) = Up::start_with(&traced(&collector.endpoint)).await;
    let reply = submit(&client, true, json!({"kind": "noop"})).await;
    let attempt = &collector.attempted(id(&reply), 1).await[0];
    let request = collector
        .request(reply.headers["x-request-id"].to_str().unwrap())
        .await;
    assert_eq!(
        (&attempt.trace, &attempt.parent),
        (&request.trace, &request.id)
    );
}
