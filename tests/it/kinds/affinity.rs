//! Which worker and which account a question goes to: the one that has its conversation or session open, and any other when that one is gone.

use std::time::Duration;

use computetower_jobs::kinds::chat::Chat;
use computetower_jobs::{CredentialId, ProviderId, Queue, WorkerId};
use computetower_store::affinity::session_name;
use computetower_store::aliases::Asked;
use computetower_store::lane::{End, Places, Wanted};
use computetower_store::providers::Provider;
use computetower_store::threads::{Said, Thread, With};
use computetower_test_site::{Site, echo};
use serde_json::{Value, json};

use crate::api::discovered;
use crate::support::{Client, TestApp, WorkerProcess};

/// How long the test's workers wait for each other: a busy machine forgets a process for seconds.
const PATIENT: (&str, &str) = ("COMPUTETOWER_HAND_ON_MS", "10000");

/// Letters and digits only: what a page shows is the answer rendered.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

async fn provider_id(app: &TestApp, name: &str) -> String {
    let list = app.operator().get("/admin/providers").await.body;
    let found = list.as_array().unwrap().iter().find(|p| p["name"] == name);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Asks in a conversation, and returns the page that was used and the worker that did it.
async fn say(
    client: &Client,
    model: &str,
    messages: &mut Vec<Value>,
    question: &str,
) -> (String, String) {
    messages.push(json!({"role": "user", "content": question}));
    let id = client
        .submit("chat", json!({"model": model, "messages": messages}))
        .await;
    let events = client.events(&id, 0).await;
    let job = client.job(&id).await;
    assert_eq!(job["state"], "completed", "{question}: {job}");
    let answer = job["result"]["content"].as_str().unwrap();
    assert!(!answer.is_empty());
    messages.push(json!({"role": "assistant", "content": answer}));
    let page = events
        .iter()
        .rev()
        .find(|event| event.name == "step" && event.data["kind"] == "chat.page")
        .map(|event| event.data["detail"]["page"].as_str().unwrap().to_owned());
    let started = events.iter().rev().find(|event| event.name == "started");
    let worker = started.unwrap().data["worker"].as_str().unwrap().to_owned();
    (page.unwrap_or_default(), worker)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_to_the_process_that_has_its_page_and_to_the_other_when_that_is_killed()
{
    let site = Site::start().await;
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    app.start_worker(&[Queue::Login]);
    discovered(&app, &site, "fresh-sse").await;
    let client = app.client();
    let mut processes = vec![
        WorkerProcess::start_with(&app, "chat", &[PATIENT]).await,
        WorkerProcess::start_with(&app, "chat", &[PATIENT]).await,
    ];
    let mut messages = Vec::new();
    let (_, first) = say(&client, "fresh-sse", &mut messages, "The first").await;
    let mut before = first.clone();
    let mut live = 0;
    for number in 1..=8 {
        let question = format!("Number {number}");
        let (page, worker) = say(&client, "fresh-sse", &mut messages, &question).await;
        if page == "live" {
            live += 1;
            assert_eq!(worker, before, "{question}: the page is in that process");
        }
        before = worker;
    }
    for number in 1..=8 {
        let question = format!("Number {number}");
        let asked = site.asked("fresh-sse");
        let typed = asked.iter().filter(|asked| asked.contains(&question));
        let typed = typed.count();
        // On another page a question stands among those before it as well.
        assert!(
            typed == 1 || (typed > 1 && live < 8),
            "{question}: {asked:?}"
        );
    }
    // One may go astray on a machine that forgets a process for longer than the workers wait.
    assert!(
        live >= 7,
        "{live} of 8 were asked on the page that had the conversation"
    );
    let provider = provider_id(&app, "fresh-sse").await;
    let account = app
        .operator()
        .get(&format!("/admin/providers/{provider}"))
        .await
        .body;
    let account: Option<CredentialId> = account["credential_id"]
        .as_str()
        .map(|id| id.parse().unwrap());
    let name = session_name(account, Some(provider.parse::<ProviderId>().unwrap()));
    let holder = app.store.session_holder(&name).await.unwrap().unwrap();
    let workers = app.store.live_workers().await.unwrap();
    let holder = workers.iter().find(|worker| worker.id == holder).unwrap();
    if live == 8 {
        assert_eq!(holder.name, first, "the lease names who has the session");
    }
    let at = processes
        .iter()
        .position(|process| i32::try_from(process.pid()) == Ok(holder.pid));
    processes.remove(at.unwrap()).kill();
    let (_, other) = say(&client, "fresh-sse", &mut messages, "And now?").await;
    assert_ne!(other, holder.name);
    let next = app.store.session_holder(&name).await.unwrap();
    assert_ne!(next, Some(holder.id), "the lease has gone over");
    assert_eq!(
        site.asked("fresh-sse")
            .iter()
            .filter(|asked| asked.contains("And now?"))
            .count(),
        1
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_handed_on_to_who_is_there_and_has_room_and_comes_back_from_who_does_not_fetch_it()
 {
    let app = TestApp::without_workers().await;
    // Nobody loses patience, however slow the machine is, but the one who is asked to.
    let lane = &app
        .store
        .lane
        .clone()
        .with_patience(Duration::from_secs(600));
    let impatient = app.store.lane.clone().with_patience(Duration::ZERO);
    let [taker, holder] = [WorkerId::generate(), WorkerId::generate()];
    let places = |free| Places {
        free,
        kept: 0,
        kept_in_way: 0,
    };
    let one = async || {
        lane.push(
            Queue::Chat,
            End::Back,
            &[(computetower_jobs::JobId::generate(), 1)],
        )
        .await
        .unwrap();
        lane.take(Queue::Chat, taker, places(1), &[])
            .await
            .unwrap()
            .taken
            .remove(0)
    };
    let alone = one().await;
    assert!(!alone.may_go_on, "there is nobody else");
    let to_holder = [Wanted::Worker(holder)];
    assert_eq!(
        lane.hand_on(Queue::Chat, taker, &alone, &to_holder)
            .await
            .unwrap(),
        None,
        "it was never there"
    );
    // The holder looks, with one free place.
    lane.take(Queue::Chat, holder, places(1), &[])
        .await
        .unwrap();
    let first = one().await;
    assert!(first.may_go_on);
    app.store.hold_session("somebody", holder).await;
    let session = [
        Wanted::Session("nobody".into()),
        Wanted::Session("somebody".into()),
    ];
    assert_eq!(
        lane.hand_on(Queue::Chat, taker, &first, &session)
            .await
            .unwrap(),
        Some(holder)
    );
    assert_eq!(
        lane.waiting(Queue::Chat).await.unwrap(),
        1,
        "it still waits"
    );
    let second = one().await;
    assert_eq!(
        lane.hand_on(Queue::Chat, taker, &second, &session)
            .await
            .unwrap(),
        None,
        "its place is spoken for"
    );
    let fetched = lane
        .take(Queue::Chat, holder, places(1), &[])
        .await
        .unwrap()
        .taken;
    assert_eq!(fetched.len(), 1);
    assert_eq!(
        (&fetched[0].message, fetched[0].may_go_on),
        (&first.message, false),
        "it is not handed on again"
    );
    assert_eq!(lane.waiting(Queue::Chat).await.unwrap(), 0);
    // What nobody fetches belongs to whoever looks, once.
    lane.take(Queue::Chat, holder, places(1), &[fetched[0].id.clone()])
        .await
        .unwrap();
    let third = one().await;
    assert_eq!(
        lane.hand_on(Queue::Chat, taker, &third, &to_holder)
            .await
            .unwrap(),
        Some(holder)
    );
    let early = lane.take(Queue::Chat, taker, places(5), &[]).await.unwrap();
    assert!(early.taken.is_empty(), "it waits for its new holder");
    let back = impatient
        .take(Queue::Chat, taker, places(5), &[])
        .await
        .unwrap()
        .taken;
    assert_eq!(
        (back.len(), &back[0].message, back[0].may_go_on),
        (1, &third.message, false)
    );
    assert!(
        lane.take(Queue::Chat, holder, places(5), &[])
            .await
            .unwrap()
            .taken
            .is_empty(),
        "it is not there twice"
    );
    // A process that died with what it had fetched gives it back, as ever.
    assert!(app.store.give_back_of_the_dead(Queue::Chat).await.unwrap() > 0);
    app.stop().await;
}

async fn accounts(app: &TestApp, provider: &str) -> Vec<Value> {
    let path = format!("/admin/providers/{provider}/credentials");
    let reply = app.operator().get(&path).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_take_turns_with_accounts_and_conversations_stay_with_theirs() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let (client, operator) = (app.client(), app.operator());
    discovered(&app, &site, "classic-sse").await;
    let provider = provider_id(&app, "classic-sse").await;
    let path = format!("/admin/providers/{provider}/credentials");
    let second = json!({"username": Site::user(), "password": Site::password(), "label": "second"});
    let added = operator.post(&path, second).await;
    assert_eq!(
        (added.status, &added.body["label"]),
        (201, &json!("second")),
        "{}",
        added.body
    );
    let used = async |question: &str, messages: &mut Vec<Value>| -> String {
        let before = accounts(&app, &provider).await;
        say(&client, "classic-sse", messages, question).await;
        let after = accounts(&app, &provider).await;
        let changed = after.iter().find(|account| !before.contains(account));
        changed.unwrap()["credential_id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let first = used("One", &mut one).await;
    let second = used("Two", &mut two).await;
    assert_ne!(first, second, "the one used longest ago");
    assert_eq!(used("Two goes on", &mut two).await, second);
    assert_eq!(used("Two goes on again", &mut two).await, second);
    assert_eq!(used("One goes on", &mut one).await, first);
    // One that the web app refuses is passed over, and marked.
    let wrong = json!({"username": Site::user(), "password": "wrong", "label": "wrong"});
    let wrong = operator.post(&path, wrong).await.body;
    let mut three = Vec::new();
    say(&client, "classic-sse", &mut three, "Three").await;
    let list = accounts(&app, &provider).await;
    let marked: Vec<&Value> = list
        .iter()
        .filter(|account| account["status"] == "invalid")
        .collect();
    assert_eq!(
        (marked.len(), &marked[0]["credential_id"]),
        (1, &wrong["credential_id"]),
        "{list:?}"
    );
    let refused = |site: &Site| {
        site.logins("classic-sse")
            .iter()
            .filter(|(_, ok)| !ok)
            .count()
    };
    assert_eq!(refused(&site), 1);
    let mut four = Vec::new();
    say(&client, "classic-sse", &mut four, "Four").await;
    assert_eq!(refused(&site), 1, "it is not tried again");
    // Taken away, it is asked no more; its conversation goes on elsewhere.
    assert_eq!(
        operator.delete(&format!("{path}/{second}")).await.status,
        204
    );
    assert_eq!(
        operator.delete(&format!("{path}/{second}")).await.status,
        404
    );
    assert_eq!(used("Two goes on elsewhere", &mut two).await, first);
    let answer = two.last().unwrap()["content"].as_str().unwrap();
    assert!(!answer.is_empty());
    assert_eq!(
        bare(one[1]["content"].as_str().unwrap()),
        bare(&echo::answer("One"))
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_signed_out_or_changed_signs_in_anew() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    discovered(&app, &site, "classic-sse").await;
    say(&client, "classic-sse", &mut Vec::new(), "One").await;
    say(&client, "classic-sse", &mut Vec::new(), "Two").await;
    let logins = || site.logins("classic-sse").len();
    let before = logins();
    say(&client, "classic-sse", &mut Vec::new(), "Three").await;
    assert_eq!(logins(), before, "the session is live");
    let account = client.get("/api/v1/credentials").await.body[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/credentials/{account}");
    assert_eq!(
        client
            .post(&format!("{path}/logout"), json!({}))
            .await
            .status,
        202
    );
    say(&client, "classic-sse", &mut Vec::new(), "Four").await;
    let after_logout = logins();
    assert!(
        after_logout > before,
        "a session that was ended is not used"
    );
    let changed = client
        .patch(&path, json!({"password": Site::password()}))
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    say(&client, "classic-sse", &mut Vec::new(), "Five").await;
    assert!(logins() > after_logout);
    app.stop().await;
}

#[tokio::test]
async fn another_tenants_conversation_is_neither_taken_nor_found() {
    let app = TestApp::without_workers().await;
    let other = app.store.add_tenant("other").await.unwrap();
    let add = async |tenant| {
        let id = app
            .store
            .add_provider(tenant, "desk", "http://127.0.0.1:9/", None)
            .await
            .unwrap();
        app.store.provider(tenant, id).await.unwrap()
    };
    let (own, theirs) = (add(app.tenant).await, add(other).await);
    let with = |provider: &Provider| With {
        tenant: provider.tenant,
        provider: provider.id,
        credential: None,
        model: None,
    };
    let chat: Chat = serde_json::from_value(json!({"model": "desk", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Why?"}]})).unwrap();
    let messages = chat.said(2);
    let said = Said::of(messages.iter().map(|(role, content)| (*role, &**content)));
    let thread = Thread::new("http://127.0.0.1:9/c/1", "Hi", "Hello");
    let worker = WorkerId::generate();
    app.store
        .keep_thread(with(&own), worker, &said, &thread)
        .await
        .unwrap();
    let asked = |provider: &Provider| {
        vec![Asked {
            provider: provider.clone(),
            model: None,
        }]
    };
    for (tenant, asked) in [(other, asked(&theirs)), (other, asked(&own))] {
        assert_eq!(
            app.store.home_of(tenant, &asked, &chat).await.unwrap(),
            None
        );
    }
    let mut forged = with(&own);
    forged.tenant = other;
    for with in [with(&theirs), forged] {
        assert_eq!(
            app.store
                .take_thread(with, &said, &[thread.id])
                .await
                .unwrap(),
            None
        );
    }
    let home = app
        .store
        .home_of(app.tenant, &asked(&own), &chat)
        .await
        .unwrap();
    assert_eq!(home.map(|home| home.worker), Some(Some(worker)));
    let other_model = With {
        model: Some("Parrot"),
        ..with(&own)
    };
    assert_eq!(
        app.store
            .take_thread(other_model, &said, &[])
            .await
            .unwrap(),
        None,
        "it was had in another model"
    );
    assert_eq!(
        app.store
            .take_thread(with(&own), &said, &[])
            .await
            .unwrap()
            .map(|t| t.id),
        Some(thread.id)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_an_attempt_that_failed_is_kept_for_the_next() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    // Its conversations live in the page alone: loaded anew, it would have to be asked again.
    discovered(&app, &site, "fresh-sse").await;
    let question = "Please show an error";
    let job = json!({"kind": "chat", "payload": {"model": "fresh-sse", "messages": [{"role": "user", "content": question}]},
                     "retry": {"attempts": 3, "base_ms": 10, "cap_ms": 10}});
    let reply = client.post("/api/v1/jobs", job).await;
    let id = reply.body["id"].as_str().unwrap().to_owned();
    let found = |event: &crate::support::SseEvent| {
        event.name == "step" && event.data["kind"] == "prompt.found"
    };
    client.events_until(&id, 0, found).await;
    let asked = site.asked("fresh-sse");
    assert_eq!(
        asked.iter().filter(|asked| *asked == question).count(),
        1,
        "{asked:?}"
    );
    client
        .post(&format!("/api/v1/jobs/{id}/cancel"), json!({}))
        .await;
    client.events(&id, 0).await;
    app.stop().await;
}
