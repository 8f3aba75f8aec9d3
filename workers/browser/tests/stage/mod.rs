//! What every test of a page needs: a site, a browser, an account, and how to ask.

use std::path::PathBuf;

use computetower_browser::{
    Account, BrowserError, ChatMap, Chromium, Conversation, LaunchConfig, Note, Notes, Page,
    Profile, Session, discover_chat, sign_in,
};
use computetower_test_site::normal::normal;
use computetower_test_site::{Site, echo};

pub(crate) fn config(data_dir: &std::path::Path) -> LaunchConfig {
    LaunchConfig {
        executable: std::env::var_os("CHROMIUM")
            .map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from),
        data_dir: data_dir.to_owned(),
        extra_args: Vec::new(),
        window: (1280, 900),
    }
}

pub(crate) struct Stage {
    pub(crate) site: Site,
    pub(crate) chromium: Chromium,
    data: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let data = tempfile::tempdir().unwrap();
        let chromium = Chromium::launch(&config(data.path())).await.unwrap();
        Self {
            site: Site::start().await,
            chromium,
            data,
        }
    }

    /// Another browser, started as `change` says.
    pub(crate) async fn another(&self, change: impl FnOnce(&mut LaunchConfig)) -> Chromium {
        let mut config = config(self.data.path());
        change(&mut config);
        Chromium::launch(&config).await.unwrap()
    }

    pub(crate) async fn open(&self, shape: &str, profile: Option<&Profile>) -> (Session, Page) {
        let session = self.chromium.new_session(profile).await.unwrap();
        let page = session.open(&self.site.url(shape)).await.unwrap();
        (session, page)
    }

    pub(crate) async fn signed_in(&self, shape: &str, notes: &Notes) -> (Session, Page) {
        let (session, page) = self.open(shape, None).await;
        sign_in(&page, &account(), notes)
            .await
            .unwrap_or_else(|error| panic!("{shape}: {error:?}"));
        (session, page)
    }

    /// Signs in, discovers, asks each question, and compares with what the page's model says.
    pub(crate) async fn converse(&self, shape: &str, questions: &[&str]) -> ChatMap {
        let (notes, mut record) = Notes::channel(2000);
        let (session, page) = self.signed_in(shape, &notes).await;
        let map = match discover_chat(&page, None, &notes).await {
            Ok(map) => map,
            Err(error) => panic!("{shape}: {error:?}\n{}", story(&mut record)),
        };
        for question in questions {
            let (text, joined, signal) = match ask(&page, &map, &notes, question).await {
                Ok(answer) => answer,
                Err(error) => panic!("{shape}: {question}: {error:?}\n{}", story(&mut record)),
            };
            let wanted = echo::answer(question);
            assert_eq!(
                normal(&text),
                normal(&wanted),
                "{shape}: {question}: closed by {signal}\n{text}\n{}",
                story(&mut record)
            );
            assert_eq!(joined, text, "{shape}: chunks join to the answer");
            if question.contains("markdown") {
                assert_structure(shape, &text);
            }
        }
        let asked = self.site.asked(shape);
        let mine: Vec<_> = asked
            .iter()
            .filter(|asked| questions.contains(&asked.as_str()))
            .collect();
        assert_eq!(
            mine.len(),
            questions.len(),
            "{shape}: each question was sent once: {asked:?}"
        );
        session.close().await;
        map
    }

    pub(crate) async fn end(self) {
        self.chromium.shutdown().await;
    }
}

pub(crate) fn account() -> Account<'static> {
    Account {
        username: Site::user(),
        password: Site::password(),
    }
}

pub(crate) fn story(record: &mut tokio::sync::mpsc::Receiver<Note>) -> String {
    let mut story = String::new();
    while let Ok(note) = record.try_recv() {
        if let Note::Step { kind, detail, took } = note {
            story.push_str(&format!("  {kind} {detail} ({} ms)\n", took.as_millis()));
        }
    }
    story
}

pub(crate) async fn ask(
    page: &Page,
    map: &ChatMap,
    notes: &Notes,
    question: &str,
) -> Result<(String, String, String), BrowserError> {
    let (chunks, mut incoming) = tokio::sync::mpsc::channel::<String>(64);
    let mut conversation = Conversation::new(page, map, notes);
    conversation.type_question(question).await?;
    conversation.send().await?;
    let collect = tokio::spawn(async move {
        let mut all = String::new();
        while let Some(chunk) = incoming.recv().await {
            all.push_str(&chunk);
        }
        all
    });
    let answer = conversation.read_answer(&chunks).await?;
    drop(chunks);
    assert!(answer.verdict.passed && !answer.verdict.screenshot.is_empty());
    Ok((answer.text, collect.await.unwrap(), answer.closing_signal))
}

/// Letters and digits without list numbers and fence languages, which a page need not show.
pub(crate) fn letters(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim_start();
        let unnumbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
        if line.starts_with("```") {
            ""
        } else if unnumbered.starts_with(". ") && unnumbered.len() < line.len() {
            unnumbered
        } else {
            line
        }
    });
    lines
        .flat_map(|line| {
            line.chars()
                .filter(|c| c.is_alphanumeric())
                .collect::<Vec<_>>()
        })
        .collect()
}

pub(crate) fn assert_structure(shape: &str, text: &str) {
    for part in ["\n```python\n", "\n    ", "| --- |", "\n1. ", "**", "`"] {
        assert!(
            text.contains(part),
            "{shape}: {part:?} is missing in\n{text}"
        );
    }
    assert!(
        text.lines()
            .any(|line| line.starts_with("- ") || line.starts_with("* ")),
        "{shape}: no list in\n{text}"
    );
    assert!(
        text.lines().any(|line| line.starts_with("##")),
        "{shape}: no heading in\n{text}"
    );
}
