//! How far into a page discovery, asking and reading reach: closed shadow roots, frames of other origins, editors that
//! draw their text, chats behind a button, very long questions.
use std::time::Duration;

use computetower_browser::{
    Account, BrowserError, Conversation, Notes, Page, PageFacts, StreamMethod, discover_chat,
    ready, sign_in,
};
use computetower_test_site::{Site, echo};
use tokio::time::Instant;

use crate::stage::{Stage, ask, letters};
use crate::{MARKDOWN, PLAIN, STALL};

/// As a page shows it that draws Markdown, other letters stand there.
const MARKED: &str = "Is <b>this</b> &amp; that **so**, or [what](http://a.example/b?c=d) is `it`?";
const LINES: &str = "What does this do?\nfn add(left: u64, right: u64) -> u64 {\n    left + right\n}\nAnswer briefly.";

conversation! {
    closed_sse: "closed-sse", [PLAIN, MARKDOWN];
    foreign_frame_sse: "foreign-frame-sse", [PLAIN, MARKDOWN];
    port_frame_poll: "port-frame-poll", [PLAIN, MARKDOWN];
    foreign_login_sse: "foreign-login-sse", [PLAIN];
    window_login_sse: "window-login-sse", [PLAIN];
    tab_sse: "tab-sse", [PLAIN, MARKDOWN];
    widget_ws: "widget-ws", [PLAIN, MARKDOWN];
    launcher_whole: "launcher-whole", [PLAIN];
    alerts_whole: "alerts-whole", [PLAIN, MARKED, MARKDOWN];
    notebook_binary: "notebook-binary", [PLAIN, MARKED, MARKDOWN];
    drawn_sse: "drawn-sse", [PLAIN, MARKDOWN, LINES];
    context_ndjson: "context-ndjson", [PLAIN, MARKDOWN, LINES];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_in_a_frame_of_another_site_is_refused() {
    let stage = Stage::set().await;
    let (session, page) = stage.open("foreign-login-sse", None).await;
    let wrong = Account {
        username: Site::user(),
        password: "not-the-password",
    };
    let outcome = sign_in(&page, &wrong, &Notes::none()).await;
    assert!(
        matches!(outcome, Err(BrowserError::InvalidCredentials { .. })),
        "{outcome:?}"
    );
    assert_eq!(stage.site.logins("foreign-login-sse").len(), 1);
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_worker_of_the_page_fetches_is_heard() {
    let stage = Stage::set().await;
    let map = stage.converse("worker-sse", &[PLAIN, MARKDOWN]).await;
    assert_eq!(map.method, StreamMethod::Sse, "{map:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_frame_of_another_site_fetches_is_heard() {
    let stage = Stage::set().await;
    let map = stage.converse("foreign-frame-sse", &[STALL]).await;
    assert_eq!(map.method, StreamMethod::Sse, "{map:?}");
    assert!(map.input.contains(" |>> "), "{map:?}");
    stage.end().await;
}

/// Looks until a page is as it should be.
async fn until(page: &Page, what: &str, wanted: impl Fn(&PageFacts) -> bool) -> PageFacts {
    let began = Instant::now();
    loop {
        let facts = page.facts().await.unwrap();
        if wanted(&facts) {
            return facts;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{what}: {facts:#?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn placeholders(facts: &PageFacts) -> Vec<&str> {
    let mut found: Vec<_> = facts
        .fields
        .iter()
        .map(|field| field.placeholder.as_str())
        .filter(|placeholder| !placeholder.is_empty())
        .collect();
    found.sort_unstable();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_roots_of_every_origin_are_looked_into_and_the_page_does_not_notice() {
    let stage = Stage::set().await;
    let (session, page) = stage.open("closed", None).await;
    let facts = until(&page, "closed roots", |facts| {
        placeholders(facts) == ["In a frame", "Late"]
    })
    .await;
    let deep = facts.fields.iter().find(|field| field.tag == "textarea");
    let deep = deep.unwrap_or_else(|| panic!("{facts:#?}"));
    assert_eq!(deep.locator, "#outer >>> span.deep >>> #deep");
    assert!(!deep.covered && deep.label == "Message", "{deep:?}");
    let slotted = facts.buttons.iter().find(|button| button.id == "slotted");
    assert!(slotted.is_some_and(|button| !button.covered), "{facts:#?}");
    assert_eq!(facts.title, "true,");
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_come_and_go_hang_and_crash_without_holding_up_the_page() {
    let stage = Stage::set().await;
    let little_heap = vec!["--js-flags=--max-old-space-size=48".to_owned()];
    let chromium = stage
        .another(|config| config.extra_args = little_heap)
        .await;
    let session = chromium.new_session(None).await.unwrap();
    let address = stage.site.url("frames");
    let page = session.open(&address).await.unwrap();
    let all = ["Innermost", "Inside", "Outside"];
    let facts = until(&page, "all three", |facts| placeholders(facts) == all).await;
    let field = |name: &str| {
        let found = facts.fields.iter().find(|field| field.placeholder == name);
        found.unwrap_or_else(|| panic!("{name}: {facts:#?}"))
    };
    assert_eq!(
        field("Innermost").locator,
        "iframe[title=\"Good\"] |>> iframe[title=\"Innermost\"] |>> input[placeholder=\"Innermost\"]"
    );
    let (frame, inside) = (
        facts.frames.iter().find(|frame| frame.title == "Good"),
        field("Inside"),
    );
    let frame = frame.unwrap().area;
    assert!(
        inside.area[0] > frame[0] + 3.0 && inside.area[1] > frame[1] + 3.0,
        "{inside:?} in {frame:?}"
    );
    // A frame that never answers, one that hangs itself, one that crashes: the rest is there all the same.
    for trouble in ["hang", "busy", "crash"] {
        page.goto(&format!("{address}#{trouble}")).await.unwrap();
        for _ in 0..8 {
            let facts = until(&page, trouble, |facts| placeholders(facts) == all).await;
            assert!(!facts.text.is_empty(), "{trouble}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    // Into another process, into this one, and away.
    page.goto(&format!("{address}#other")).await.unwrap();
    until(&page, "another origin", |facts| placeholders(facts) == all).await;
    page.goto(&format!("{address}#leave")).await.unwrap();
    until(&page, "left", |facts| placeholders(facts) == ["Outside"]).await;
    page.goto(&format!("{address}#remove")).await.unwrap();
    let gone = until(&page, "removed", |facts| facts.frames.len() == 1).await;
    assert_eq!(placeholders(&gone), ["Outside"]);
    session.close().await;
    chromium.shutdown().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_the_box_does_not_take_is_refused_before_it_is_sent() {
    let stage = Stage::set().await;
    let (session, page) = stage.open("short-sse", None).await;
    let map = discover_chat(&page, None, &Notes::none()).await.unwrap();
    let question = "word ".repeat(120);
    let outcome = Conversation::new(&page, &map, &Notes::none())
        .type_question(&question)
        .await;
    assert!(
        matches!(
            outcome,
            Err(BrowserError::QuestionTooLong {
                limit: 500,
                length: 600,
                ..
            })
        ),
        "{outcome:?}"
    );
    assert_eq!(stage.site.asked("short-sse").len(), 1, "the trial alone");
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_thousand_characters_arrive_whole() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    let lines = (0..4000).map(|line| format!("Line {line} has its own words: {}.\n", line * 7919));
    let mut text: String = lines.collect();
    while text.len() < 200_000 {
        text.push_str("And more of it, until it is as long as it has to be.\n");
    }
    let question = text.trim_end();
    for shape in ["open-sse", "port-frame-poll"] {
        let (session, page) = stage.open(shape, None).await;
        let map = discover_chat(&page, None, &notes).await.unwrap();
        let mut conversation = Conversation::new(&page, &map, &notes);
        conversation.type_question(question).await.unwrap();
        conversation.send().await.unwrap();
        let (chunks, mut unread) = tokio::sync::mpsc::channel::<String>(64);
        tokio::spawn(async move { while unread.recv().await.is_some() {} });
        let answer = conversation.read_answer(&chunks).await.unwrap();
        let asked = stage.site.asked(shape).pop().unwrap();
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert!(
            words(&asked) == words(question),
            "{shape}: {} characters arrived",
            asked.len()
        );
        assert_eq!(
            letters(&answer.text),
            letters(&echo::answer(&asked)),
            "{shape}"
        );
        session.close().await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_whose_frame_goes_away_in_mid_answer_is_an_error_and_can_be_asked_again() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    let (session, page) = stage.open("widget-ws", None).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    assert!(map.launcher.is_some(), "{map:?}");
    let mut conversation = Conversation::new(&page, &map, &notes);
    conversation
        .type_question("a slow and long answer, please")
        .await
        .unwrap();
    conversation.send().await.unwrap();
    let (chunks, mut incoming) = tokio::sync::mpsc::channel::<String>(64);
    let gone = async {
        assert!(incoming.recv().await.is_some());
        page.goto(&stage.site.url("widget-ws")).await.unwrap();
        while incoming.recv().await.is_some() {}
    };
    let read = async {
        let outcome = conversation.read_answer(&chunks).await;
        drop(chunks);
        outcome
    };
    let (outcome, ()) = tokio::join!(read, gone);
    assert!(outcome.is_err(), "{outcome:?}");
    let (text, ..) = ask(&page, &map, &notes, PLAIN).await.unwrap();
    assert_eq!(letters(&text), letters(&echo::answer(PLAIN)));
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_behind_two_buttons_is_opened_again_by_both() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    let (session, page) = stage.open("launcher-steps-sse", None).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    assert_eq!(map.before_launcher.len(), 1, "{map:?}");
    session.close().await;
    let (session, page) = stage.open("launcher-steps-sse", None).await;
    let (text, joined, _) = ask(&page, &map, &notes, PLAIN).await.unwrap();
    assert_eq!(letters(&text), letters(&echo::answer(PLAIN)));
    assert_eq!(joined, text);
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_loaded_anew_for_each_answer_is_asked_once_however_long_it_takes() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    let (session, page) = stage.open("reloads/0", None).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    session.close().await;
    // Longer than a page may take that has acknowledged nothing.
    let (session, page) = stage.open("reloads/18", None).await;
    let (text, joined, _) = ask(&page, &map, &notes, PLAIN).await.unwrap();
    assert_eq!(letters(&text), letters(&echo::answer(PLAIN)));
    assert_eq!(joined, text);
    let asked = stage.site.asked("reloads");
    let times = asked.iter().filter(|asked| *asked == PLAIN).count();
    assert_eq!(times, 1, "{asked:?}");
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_is_made_anew_after_a_question_can_be_typed_into() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    let (session, page) = stage.open("alerts-whole", None).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    assert!(ready(&page, &map.input).await, "{map:?}");
    // Also where it was known by an id that another box has by now.
    assert!(ready(&page, "#prompt-0").await);
    session.close().await;
    stage.end().await;
}
