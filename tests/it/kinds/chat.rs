//! `chat` jobs: complete answers, none mixed, none doubled.

use computetower_jobs::Queue;
use computetower_test_site::normal::normal;
use computetower_test_site::{Site, echo};
use serde_json::{Value, json};

use crate::api::discovered;
use crate::support::{Client, TestApp, until};

async fn ask(client: &Client, model: &str, question: &str) -> String {
    let id = client
        .submit(
            "chat",
            json!({"model": model, "messages": [{"role": "user", "content": question}]}),
        )
        .await;
    let events = client.events(&id, 0).await;
    let job = client.job(&id).await;
    assert_eq!(job["state"], "completed", "{question}: {job}");
    let content = job["result"]["content"].as_str().unwrap().to_owned();
    let last_start = events
        .iter()
        .rposition(|event| event.name == "started")
        .unwrap();
    let chunks: String = events[last_start..]
        .iter()
        .filter(|event| event.name == "chunk")
        .map(|event| event.data["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        chunks, content,
        "the chunks of {question:?} are not the answer"
    );
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_questions_in_a_row_and_five_at_once_are_answered_completely() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    discovered(&app, &site, "classic-sse").await;
    let kinds = [
        "plain words",
        "in markdown please",
        "a long one",
        "then stall a moment",
    ];
    for number in 0..20 {
        let question = format!(
            "Question {number}, {}",
            kinds[if number % 5 == 4 {
                1 + number / 5 % 3
            } else {
                0
            }]
        );
        assert_eq!(
            normal(&ask(&client, "classic-sse", &question).await),
            normal(&echo::answer(&question)),
            "{question}"
        );
    }
    let questions: Vec<String> = (0..5)
        .map(|number| format!("At once {number}, {}", kinds[number % 4]))
        .collect();
    let answers = futures::future::join_all(
        questions
            .iter()
            .map(|question| ask(&client, "classic-sse", question)),
    )
    .await;
    for (question, answer) in questions.iter().zip(&answers) {
        assert_eq!(
            normal(answer),
            normal(&echo::answer(question)),
            "{question}"
        );
    }
    let asked = site.asked("classic-sse");
    for question in &questions {
        assert_eq!(
            asked.iter().filter(|seen| *seen == question).count(),
            1,
            "typed once: {question}"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_shapes_answer_without_a_line_about_them() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    for shape in [
        "bare-dom",
        "shadow-eventsource",
        "two-step-ws",
        "code-ndjson",
    ] {
        discovered(&app, &site, shape).await;
        for question in [
            format!("Say something to {shape}"),
            format!("Some markdown for {shape}"),
        ] {
            assert_eq!(
                normal(&ask(&client, shape, &question).await),
                normal(&echo::answer(&question)),
                "{shape}: {question}"
            );
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_typed_before_the_page_has_come_to_rest() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    discovered(&app, &site, "late-connection-sse").await;
    for question in ["first of three", "second of three", "third of three"] {
        let answer = ask(&client, "late-connection-sse", question).await;
        assert_eq!(normal(&answer), normal(&echo::answer(question)));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_signed_in_again() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    discovered(&app, &site, "classic-sse").await;
    ask(&client, "classic-sse", "Before").await;
    site.sign_everyone_out("classic-sse");
    assert_eq!(
        normal(&ask(&client, "classic-sse", "After").await),
        normal(&echo::answer("After"))
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_before_the_discovery_has_ended_waits_for_it() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    let reply = app
        .operator()
        .post(
            "/admin/providers",
            json!({"name": "soon", "url": site.url("open-sse")}),
        )
        .await;
    assert_eq!(reply.status, 202);
    let answer = client
        .post(
            "/v1/chat/completions",
            json!({"model": "soon", "messages": [{"role": "user", "content": "Early"}]}),
        )
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let content: &Value = &answer.body["choices"][0]["message"]["content"];
    assert_eq!(
        normal(content.as_str().unwrap()),
        normal(&echo::answer("Early"))
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_broke_off_is_no_answer_and_is_asked_for_anew_by_hand_alone() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    // It keeps what has come of an answer, and shows it again.
    discovered(&app, &site, "kept-sse").await;
    let question = "A long one, cut in the middle";
    let payload = json!({"model": "kept-sse", "messages": [{"role": "user", "content": question}]});
    let id = client.submit("chat", payload).await;
    let times = || {
        let asked = site.asked("kept-sse");
        asked.iter().filter(|seen| *seen == question).count()
    };
    let job = client.ended(&id).await;
    assert_eq!(job["failure"]["code"], "answer_cut", "{job}");
    assert_eq!((&job["attempt"], times()), (&json!(1), 1));
    let retried = client
        .post(&format!("/api/v1/jobs/{id}/retry"), json!({}))
        .await;
    assert_eq!(retried.status, 202, "{}", retried.body);
    let job = client.ended(&id).await;
    assert_eq!(job["failure"]["code"], "answer_cut", "{job}");
    assert_eq!((&job["attempt"], times()), (&json!(2), 2));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_stops_the_answer_on_the_page() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    // Its server goes on writing when nobody reads, unless it is told to stop.
    discovered(&app, &site, "kept-sse").await;
    let question = "A long and slow one that nobody waits for";
    let payload = json!({"model": "kept-sse", "messages": [{"role": "user", "content": question}]});
    let id = client.submit("chat", payload).await;
    client
        .events_until(&id, 0, |event| event.name == "chunk")
        .await;
    let stopped = site.stopped("kept-sse");
    let reply = client
        .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
        .await;
    // 200 if the worker has ended it before the reply was written.
    assert!(matches!(reply.status, 200 | 202), "{}", reply.body);
    assert_eq!(client.ended(&id).await["state"], "cancelled");
    until("the page has been told to stop", || async {
        site.stopped("kept-sse") > stopped
    })
    .await;
    app.stop().await;
}
