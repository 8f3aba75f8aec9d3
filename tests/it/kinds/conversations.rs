//! Which conversation of a page a question is asked in, and on which page: what was said before decides.

use computetower_jobs::Queue;
use computetower_test_site::{Site, echo};
use serde_json::{Value, json};

use crate::api::discovered;
use crate::support::{Client, TestApp, WorkerProcess};

/// Letters and digits only: what a page shows is the answer rendered.
fn bare(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn user(content: &str) -> Value {
    json!({"role": "user", "content": content})
}

/// A conversation as a caller keeps it, and what each question was asked on.
struct Talk<'a> {
    client: &'a Client,
    model: &'a str,
    messages: Vec<Value>,
}

impl<'a> Talk<'a> {
    fn with(client: &'a Client, model: &'a str) -> Self {
        Self {
            client,
            model,
            messages: Vec::new(),
        }
    }

    /// Asks, keeps the answer, and returns it with the page that was used.
    async fn say(&mut self, question: &str) -> (String, String) {
        self.messages.push(user(question));
        let payload = json!({"model": self.model, "messages": self.messages});
        let id = self.client.submit("chat", payload).await;
        let events = self.client.events(&id, 0).await;
        let job = self.client.job(&id).await;
        assert_eq!(job["state"], "completed", "{question}: {job}");
        let answer = job["result"]["content"].as_str().unwrap().to_owned();
        self.messages
            .push(json!({"role": "assistant", "content": answer}));
        let page = events
            .iter()
            .rev()
            .find(|event| event.name == "step" && event.data["kind"] == "chat.page")
            .map(|event| event.data["detail"]["page"].as_str().unwrap().to_owned());
        (answer, page.unwrap_or_default())
    }
}

async fn once(client: &Client, model: &str, question: &str) -> String {
    let (answer, page) = Talk::with(client, model).say(question).await;
    assert_eq!(bare(&answer), bare(&echo::answer(question)), "{question}");
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_on_on_its_own_page() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    for shape in ["fresh-sse", "bare-dom"] {
        discovered(&app, &site, shape).await;
        let mut talk = Talk::with(&client, shape);
        talk.say("First in markdown").await;
        // Another conversation in between does not end up in this one.
        once(&client, shape, "Something else").await;
        let served = site.pages_served(shape);
        for question in ["Second", "And a third, in markdown"] {
            let (answer, page) = talk.say(question).await;
            assert_eq!(bare(&answer), bare(&echo::answer(question)), "{shape}");
            assert_eq!(page, "live", "{shape}: {question}");
        }
        // Of the other, a page may still be on its way that is opened ahead.
        if shape == "fresh-sse" {
            assert_eq!(site.pages_served(shape), served, "nothing was loaded");
        }
        let asked = site.asked(shape);
        assert_eq!(
            asked[asked.len() - 2..],
            ["Second", "And a third, in markdown"],
            "{shape}: only what is new is typed"
        );
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_somebody_else_continues_is_told_again_elsewhere() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    discovered(&app, &site, "fresh-sse").await;
    let mut talk = Talk::with(&client, "fresh-sse");
    let (first, _) = talk.say("First").await;
    let mut other = Talk {
        client: &client,
        model: "fresh-sse",
        messages: talk.messages.clone(),
    };
    let (one, two) = tokio::join!(talk.say("This way"), other.say("That way"));
    let mut pages = [one.1.as_str(), two.1.as_str()];
    pages.sort_unstable();
    assert_eq!(pages[0], "live", "{pages:?}");
    assert_ne!(pages[1], "live", "one page cannot show both: {pages:?}");
    let told = |question: &str| format!("User: First\n\nAssistant: {first}\n\nUser: {question}");
    let asked = site.asked("fresh-sse");
    let alone = ["This way", "That way"]
        .iter()
        .filter(|question| asked.contains(&(**question).to_owned()))
        .count();
    let whole = ["This way", "That way"]
        .iter()
        .filter(|question| asked.iter().any(|seen| bare(seen) == bare(&told(question))))
        .count();
    assert_eq!((alone, whole), (1, 1), "{asked:?}");
    // An answer that was changed by the caller was never given here.
    talk.messages[1]["content"] = json!("Something that was not said");
    let (_, page) = talk.say("Go on").await;
    assert_ne!(page, "live");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_conversations_need_no_loading_where_the_page_has_a_control_for_them() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    discovered(&app, &site, "fresh-sse").await;
    for number in 0..3 {
        once(&client, "fresh-sse", &format!("Warming up {number}")).await;
    }
    let served = site.pages_served("fresh-sse");
    for number in 0..4 {
        let page = once(&client, "fresh-sse", &format!("Warm {number}, in markdown")).await;
        assert_eq!(page, "emptied", "{number}");
    }
    assert_eq!(site.pages_served("fresh-sse"), served, "nothing was loaded");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn elsewhere_a_page_is_opened_before_it_is_asked_for() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    // The second has a control, but it loads the page.
    for shape in ["two-step-ws", "classic-sse"] {
        discovered(&app, &site, shape).await;
        once(&client, shape, "The first opens its page").await;
        for number in 0..3 {
            let question = format!("Number {number} finds one");
            assert_eq!(once(&client, shape, &question).await, "ahead", "{shape}");
        }
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_opens_the_last_conversation_is_led_to_a_new_one() {
    let site = Site::start().await;
    let mut app = TestApp::start(&[Queue::Login]).await;
    let client = app.client();
    discovered(&app, &site, "reopening-sse").await;
    let first = WorkerProcess::start(&app, "chat").await;
    let mut talk = Talk::with(&client, "reopening-sse");
    once(&client, "reopening-sse", "One").await;
    talk.say("Two").await;
    first.kill();
    app.start_worker(&[Queue::Chat]);
    assert_eq!(once(&client, "reopening-sse", "Three").await, "opened");
    // The process that had the page is gone; the conversation has an address.
    let (answer, page) = talk.say("Two more").await;
    assert_eq!(bare(&answer), bare(&echo::answer("Two more")));
    assert_eq!(page, "reopened");
    let mut kept: Vec<Vec<String>> = site.turns("reopening-sse");
    kept.retain(|turns| {
        turns
            .iter()
            .any(|asked| !asked.contains(' ') || asked == "Two more")
    });
    assert_eq!(
        kept,
        [vec!["One"], vec!["Two", "Two more"], vec!["Three"]],
        "each conversation is one of the page's"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_forgets_its_sign_in_when_it_is_loaded_is_asked_where_it_signed_in() {
    let site = Site::start().await;
    let app = TestApp::start(&[Queue::Login, Queue::Chat]).await;
    let client = app.client();
    let body = json!({"name": "memory", "url": site.door("memory-chat"), "username": Site::user(), "password": Site::password()});
    let reply = app.operator().post("/admin/providers", body).await;
    let job = client.ended(reply.body["job_id"].as_str().unwrap()).await;
    assert_eq!(job["state"], "completed", "{job}");
    let mut talk = Talk::with(&client, "memory");
    for (question, page) in [("The first", "opened"), ("The second", "live")] {
        let (answer, used) = talk.say(question).await;
        assert_eq!(bare(&answer), bare(&echo::answer(question)));
        assert_eq!(used, page, "{question}");
    }
    once(&client, "memory", "Another").await;
    assert!(
        site.door_logins("memory-chat")
            .iter()
            .all(|(_, succeeded)| *succeeded)
    );
    app.stop().await;
}
