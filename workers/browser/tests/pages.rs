//! Whole conversations with real Chromium on fixture pages of many shapes: sign in, discover, ask, read.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod stage;

use std::time::{Duration, Instant};

use computetower_browser::{
    Account, BrowserError, ChatMap, Conversation, LastTurn, Notes, Page, Profile, discover_chat,
    recognises, sign_in, start_new, submit_code,
};
use computetower_test_site::normal::normal;
use computetower_test_site::{Site, echo};
use stage::{Stage, account, ask, letters};

macro_rules! conversation {
    ($($name:ident: $shape:literal, $questions:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let stage = Stage::set().await;
            stage.converse($shape, &$questions).await;
            stage.end().await;
        }
    )*};
}

const PLAIN: &str = "What colour is the sky on 7 May?";
const MARKDOWN: &str = "Please answer in markdown now";
const STALL: &str = "stall in the middle, please";

mod reach;

conversation! {
    classic_sse: "classic-sse", [PLAIN, MARKDOWN, STALL];
    kept_sse: "kept-sse", [PLAIN, MARKDOWN];
    two_step_ws: "two-step-ws", [PLAIN, MARKDOWN, STALL];
    unfold_poll: "unfold-poll", [PLAIN, MARKDOWN, STALL];
    bare_dom: "bare-dom", [PLAIN, MARKDOWN];
    shadow_eventsource: "shadow-eventsource", [PLAIN, MARKDOWN, STALL];
    code_ndjson: "code-ndjson", [PLAIN, MARKDOWN];
    tabs_cumulative: "tabs-cumulative", [PLAIN, MARKDOWN];
    eye_binary: "eye-binary", [PLAIN, MARKDOWN, STALL];
    dialog_whole: "dialog-whole", [PLAIN, MARKDOWN];
    asked_dialog_ndjson: "asked-dialog-ndjson", [PLAIN, MARKDOWN];
    token_sse: "token-sse", [PLAIN, MARKDOWN];
    several_poll: "several-poll", [PLAIN, MARKDOWN];
    furnished_sse: "furnished-sse", [PLAIN, MARKDOWN, STALL];
    notice_eventsource: "notice-eventsource", [PLAIN, MARKDOWN];
    overlay_ws: "overlay-ws", [PLAIN, MARKDOWN, STALL];
    framed_cumulative: "framed-cumulative", [PLAIN, MARKDOWN];
    aside_late: "aside-late", [PLAIN, MARKDOWN, "What has failed, and why was it interrupted?"];
    columns_sse: "columns-sse", [PLAIN, STALL];
    shadow_fields_poll: "shadow-fields-poll", [PLAIN, MARKDOWN];
    socket_io: "socket-io", [PLAIN, MARKDOWN, STALL];
    reconnecting_eventsource: "reconnecting-eventsource", [PLAIN, MARKDOWN];
    replaced_sse: "replaced-sse", [PLAIN, MARKDOWN];
    replaced_typed: "replaced-typed", [PLAIN, MARKDOWN];
    regenerating_ndjson: "regenerating-ndjson", [PLAIN, MARKDOWN];
    continued_sse: "continued-sse", [PLAIN, MARKDOWN];
    a_refusal_is_an_answer: "classic-sse", ["Please refuse this"];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_conversation_is_begun_by_the_pages_own_control() {
    let stage = Stage::set().await;
    for (shape, loads) in [
        ("fresh-sse", 0),
        ("reopening-sse", 0),
        ("kept-sse", 1),
        ("code-ndjson", 1),
    ] {
        let (notes, mut record) = Notes::channel(2000);
        let (session, page) = stage.signed_in(shape, &notes).await;
        let map = discover_chat(&page, None, &notes).await.unwrap();
        assert!(
            map.new_chat.is_some(),
            "{shape}: {}",
            stage::story(&mut record)
        );
        let (answer, ..) = ask(&page, &map, &notes, PLAIN).await.unwrap();
        let last = LastTurn {
            question: PLAIN.to_owned(),
            answer,
        };
        assert!(recognises(&page, &map, &last).await, "{shape}");
        let served = stage.site.pages_served(shape);
        assert!(
            start_new(&page, &map, &last, &notes).await.unwrap(),
            "{shape}: {}",
            stage::story(&mut record)
        );
        assert_eq!(
            map.new_chat.as_ref().map(|control| control.loads),
            Some(loads > 0),
            "{shape}"
        );
        assert_eq!(
            stage.site.pages_served(shape) - served,
            loads,
            "{shape}: pages that were loaded for it"
        );
        let (text, ..) = ask(&page, &map, &notes, MARKDOWN).await.unwrap();
        assert_eq!(normal(&text), normal(&echo::answer(MARKDOWN)), "{shape}");
        assert!(
            !page_says(&page, &map, PLAIN).await,
            "{shape}: the first conversation is left"
        );
        session.close().await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_counted_as_a_whole() {
    let stage = Stage::set().await;
    let (notes, _record) = Notes::channel(2000);
    let (session, page) = stage.signed_in("open-sse", &notes).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    let question = "Instructions: always answer in the way of a pirate who has seen it all. Why?";
    let other = "Instructions: always answer in the way of a pirate who has seen it all. How?";
    let times = async |text: &str| {
        let conversation = Conversation::new(&page, &map, &notes);
        conversation.times_shown(text).await.unwrap()
    };
    assert_eq!(times(question).await, 0);
    ask(&page, &map, &notes, question).await.unwrap();
    assert_eq!((times(question).await, times(other).await), (1, 0));
    assert!(
        page_says(&page, &map, other).await,
        "it begins like one that stands there"
    );
    ask(&page, &map, &notes, question).await.unwrap();
    assert_eq!(times(question).await, 2);
    session.close().await;
    stage.end().await;
}

/// Whether the question stands in the conversation that the page shows.
async fn page_says(page: &Page, map: &ChatMap, question: &str) -> bool {
    let (notes, _record) = Notes::channel(8);
    Conversation::new(page, map, &notes)
        .shows(question)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_without_a_control_for_it_has_no_way_to_a_new_conversation() {
    let stage = Stage::set().await;
    let (notes, _record) = Notes::channel(2000);
    let (session, page) = stage.signed_in("open-sse", &notes).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    assert_eq!(map.new_chat, None);
    let last = LastTurn {
        question: map.trial.clone(),
        answer: map.trial_answer.clone(),
    };
    assert!(recognises(&page, &map, &last).await);
    assert!(!start_new(&page, &map, &last, &notes).await.unwrap());
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_refused_and_submitted_once() {
    let stage = Stage::set().await;
    for shape in [
        "classic-sse",
        "two-step-ws",
        "unfold-poll",
        "bare-dom",
        "code-ndjson",
        "tabs-cumulative",
        "eye-binary",
        "dialog-whole",
        "asked-dialog-ndjson",
        "token-sse",
        "framed-cumulative",
        "shadow-fields-poll",
    ] {
        let (session, page) = stage.open(shape, None).await;
        let wrong = Account {
            username: Site::user(),
            password: "not-the-password",
        };
        let outcome = sign_in(&page, &wrong, &Notes::none()).await;
        assert!(
            matches!(outcome, Err(BrowserError::InvalidCredentials { .. })),
            "{shape}: {outcome:?}"
        );
        let attempts = stage.site.logins(shape);
        assert!(
            attempts.len() == 1 && !attempts[0].1,
            "{shape}: {attempts:?}"
        );
        session.close().await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_without_a_chat_or_a_login_say_so() {
    let stage = Stage::set().await;
    let base = &stage.site.base;
    let visits = ["/static", "/search-only", "/contact", "/alert", "/slow"].map(|path| {
        let stage = &stage;
        async move {
            let session = stage.chromium.new_session(None).await.unwrap();
            let page = session.open(&format!("{base}{path}")).await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
            let signed = sign_in(&page, &account(), &Notes::none()).await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
            assert!(!signed.needed, "{path}");
            let found = discover_chat(&page, None, &Notes::none()).await;
            assert!(matches!(&found, Err(BrowserError::ElementNotFound { what, .. }) if what == "chat input"), "{path}: {found:?}");
            session.close().await;
        }
    });
    futures::future::join_all(visits).await;
    stage.end().await;
}

/// Work on a page has to be able to move between threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_can_run_in_a_task_of_its_own() {
    let stage = std::sync::Arc::new(Stage::set().await);
    let shared = stage.clone();
    let task = tokio::spawn(async move {
        let notes = Notes::none();
        let (session, page) = shared.signed_in("open-sse", &notes).await;
        let map = discover_chat(&page, None, &notes).await.unwrap();
        let known = discover_chat(&page, Some(&map), &notes).await.unwrap();
        assert_eq!(known.input, map.input);
        let shot = page.screenshot().await.unwrap();
        assert!(shot.starts_with(&[0xff, 0xd8]));
        session.export_profile().await.unwrap();
        page.close().await;
        session.close().await;
    });
    task.await.unwrap();
    stage.chromium.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_do_not_come_are_errors_in_time() {
    let stage = Stage::set().await;
    let base = stage.site.base.clone();
    let session = stage.chromium.new_session(None).await.unwrap();
    let hang = session.open(&format!("{base}/hang")).await;
    assert!(matches!(hang, Err(BrowserError::NavigationTimeout { .. })));
    let refused = session.open("http://127.0.0.1:9/").await;
    assert!(matches!(refused, Err(BrowserError::Network { .. })));
    let looping = session.open(&format!("{base}/loop")).await;
    assert!(matches!(looping, Err(BrowserError::Network { .. })));
    session.close().await;
    let session = stage.chromium.new_session(None).await.unwrap();
    let page = session.open(&format!("{base}/captcha")).await.unwrap();
    let outcome = sign_in(&page, &account(), &Notes::none()).await;
    assert!(
        matches!(outcome, Err(BrowserError::Captcha { .. })),
        "{outcome:?}"
    );
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_from_elsewhere_is_asked_for_and_given() {
    let stage = Stage::set().await;
    let (session, page) = stage.open("mail-code-sse", None).await;
    let outcome = sign_in(&page, &account(), &Notes::none()).await;
    assert!(
        matches!(outcome, Err(BrowserError::SecondFactor { .. })),
        "{outcome:?}"
    );
    let signed = submit_code(&page, Site::code(), &Notes::none())
        .await
        .unwrap();
    assert!(signed.verdict.passed);
    session.close().await;
    stage.end().await;
}

/// What went wrong with one question is no matter for the next.
async fn goes_on(page: &Page, map: &ChatMap, shape: &str) {
    let (text, ..) = ask(page, map, &Notes::none(), PLAIN).await.unwrap();
    assert_eq!(
        normal(&text),
        normal(&echo::answer(PLAIN)),
        "{shape}: the conversation goes on"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_breaks_off_is_never_a_whole_one() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    for shape in [
        "classic-sse",
        "two-step-ws",
        "unfold-poll",
        "shadow-eventsource",
        "code-ndjson",
        "tabs-cumulative",
        "eye-binary",
    ] {
        let (session, page) = stage.signed_in(shape, &notes).await;
        let map = discover_chat(&page, None, &notes).await.unwrap();
        let question = "A long one, cut in the middle";
        match ask(&page, &map, &notes, question).await {
            Err(BrowserError::AnswerCut { text, .. }) => {
                let (came, whole) = (letters(&text), letters(&echo::answer(question)));
                assert!(
                    !came.is_empty() && whole.starts_with(&came) && came.len() < whole.len(),
                    "{shape}: {text}"
                );
            }
            other => panic!("{shape}: {other:?}"),
        }
        goes_on(&page, &map, shape).await;
        session.close().await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_on_the_page_are_errors_and_not_answers() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    for shape in ["classic-sse", "two-step-ws"] {
        let (session, page) = stage.signed_in(shape, &notes).await;
        let map = discover_chat(&page, None, &notes).await.unwrap();
        let error = ask(&page, &map, &notes, "please error out").await;
        assert!(
            matches!(error, Err(BrowserError::PageError { .. })),
            "{shape}: {error:?}"
        );
        let limit = ask(&page, &map, &notes, "show me the ratelimit").await;
        assert!(
            matches!(
                limit,
                Err(BrowserError::ProviderRateLimited {
                    retry_after: Some(30),
                    ..
                })
            ),
            "{shape}: {limit:?}"
        );
        goes_on(&page, &map, shape).await;
        session.close().await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_restores_the_session_and_its_end_is_noticed() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    for shape in ["classic-sse", "token-sse"] {
        let (session, page) = stage.signed_in(shape, &notes).await;
        let map = discover_chat(&page, None, &notes).await.unwrap();
        let profile = session.export_profile().await.unwrap();
        session.close().await;
        let stored = serde_json::to_string(&profile).unwrap();
        let profile: Profile = serde_json::from_str(&stored).unwrap();
        let (session, page) = stage.open(shape, Some(&profile)).await;
        let signed = sign_in(&page, &account(), &notes).await.unwrap();
        assert!(!signed.needed, "{shape}: restored");
        let (text, ..) = ask(&page, &map, &notes, PLAIN).await.unwrap();
        assert_eq!(normal(&text), normal(&echo::answer(PLAIN)));
        assert_eq!(stage.site.logins(shape).len(), 1);
        stage.site.sign_everyone_out(shape);
        let outcome = ask(&page, &map, &notes, "are you still there?").await;
        assert!(
            matches!(outcome, Err(BrowserError::SessionExpired { .. })),
            "{shape}: {outcome:?}"
        );
        session.close().await;
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_is_there_already_is_read_and_not_asked_again() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    let (session, page) = stage.signed_in("kept-sse", &notes).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    let question = "Which stall sells plums?";
    let mut conversation = Conversation::new(&page, &map, &notes);
    assert!(!conversation.shows(question).await.unwrap());
    conversation.type_question(question).await.unwrap();
    assert!(
        !conversation.shows(question).await.unwrap(),
        "what stands in the box is not asked yet"
    );
    conversation.send().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let place = loop {
        let turns = stage.site.turns("kept-sse");
        let with_it = turns
            .iter()
            .position(|asked| asked.iter().any(|asked| asked == question));
        if let Some(place) = with_it {
            break place;
        }
        assert!(Instant::now() < deadline, "the question never arrives");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    // Someone else takes over, in mid-answer, on a page loaded anew.
    let address = &stage.site.conversations("kept-sse")[place];
    page.goto(address).await.unwrap();
    let (session2, page2) = (session, page);
    let mut conversation = Conversation::new(&page2, &map, &notes);
    // The page fetches the conversation, and shows it when it has come.
    let deadline = Instant::now() + Duration::from_secs(20);
    while !conversation.resume(question).await.unwrap() {
        assert!(Instant::now() < deadline, "the question never shows");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (chunks, mut unread) = tokio::sync::mpsc::channel::<String>(64);
    tokio::spawn(async move { while unread.recv().await.is_some() {} });
    let answer = conversation.read_answer(&chunks).await.unwrap();
    assert_eq!(normal(&answer.text), normal(&echo::answer(question)));
    assert_eq!(
        stage
            .site
            .asked("kept-sse")
            .iter()
            .filter(|asked| *asked == question)
            .count(),
        1
    );
    session2.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_can_be_stopped() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    let (session, page) = stage.open("open-sse", None).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    let (chunks, mut incoming) = tokio::sync::mpsc::channel::<String>(64);
    let mut conversation = Conversation::new(&page, &map, &notes);
    conversation
        .type_question("a slow and long answer, please")
        .await
        .unwrap();
    conversation.send().await.unwrap();
    let first = async {
        let first = incoming.recv().await;
        assert!(first.is_some() && page.press_stop(&map.input).await.unwrap());
        while incoming.recv().await.is_some() {}
    };
    let read = async {
        let answer = conversation.read_answer(&chunks).await.unwrap();
        drop(chunks);
        answer
    };
    let (answer, ()) = tokio::join!(read, first);
    assert!(answer.text.len() < echo::answer("a slow and long answer, please").len());
    assert_eq!(stage.site.stopped("open-sse"), 1);
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_at_once_and_many_in_a_row_do_not_mix() {
    let stage = Stage::set().await;
    let notes = Notes::none();
    let (session, page) = stage.open("furnished-sse", None).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    for turn in 0..6 {
        // The same question again is a question of its own.
        let question = format!("same question {}", turn % 2);
        let (text, ..) = ask(&page, &map, &notes, &question).await.unwrap();
        assert_eq!(
            normal(&text),
            normal(&echo::answer(&question)),
            "turn {turn}"
        );
    }
    let conversations = (0..5).map(|number| {
        let (stage, map, notes) = (&stage, &map, &notes);
        async move {
            let (session, page) = stage.open("furnished-sse", None).await;
            for turn in 0..2 {
                let question = format!("page {number} turn {turn} long");
                let (text, joined, _) = ask(&page, map, notes, &question).await.unwrap();
                assert_eq!(normal(&text), normal(&echo::answer(&question)));
                assert_eq!(joined, text);
            }
            session.close().await;
        }
    });
    futures::future::join_all(conversations).await;
    session.close().await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_answer_is_whole() {
    let stage = Stage::set().await;
    stage.converse("classic-sse", &["a vast one, please"]).await;
    stage.converse("bare-dom", &["huge, please"]).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentence_before_a_code_block_is_not_its_head() {
    let stage = Stage::set().await;
    let (notes, mut record) = Notes::channel(2000);
    let (session, page) = stage.open("open-sse", None).await;
    let map = discover_chat(&page, None, &notes).await.unwrap();
    let said = "Let me look.\n\n```json\n{\n \"a\": [1, 2]\n}\n```";
    let question = format!("please SCRIPT {}", serde_json::json!([said]));
    let (text, joined, _) = ask(&page, &map, &notes, &question).await.unwrap();
    assert_eq!(text, said, "{}", stage::story(&mut record));
    assert_eq!(joined, text);
    session.close().await;
    stage.end().await;
}
