//! Asks a chat page questions: `ask URL USER PASSWORD QUESTION…` (empty user for a page without a login). Prints steps,
//! chunks, the answer and what closed it.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for people"
)]

use std::path::PathBuf;
use std::time::Instant;

use computetower_browser::{
    Account, Chromium, Conversation, LaunchConfig, Note, Notes, discover_chat, sign_in,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(url), Some(user), Some(password)) = (words.next(), words.next(), words.next()) else {
        eprintln!("usage: ask URL USER PASSWORD QUESTION...");
        std::process::exit(2);
    };
    let config = LaunchConfig {
        executable: std::env::var_os("CHROMIUM")
            .map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from),
        data_dir: std::env::temp_dir().join("computetower-ask"),
        extra_args: Vec::new(),
        window: (1280, 900),
    };
    let began = Instant::now();
    let chromium = Chromium::launch(&config).await?;
    println!(
        "[{:6.2}] launched {}",
        began.elapsed().as_secs_f32(),
        chromium.version()
    );
    let (notes, mut stream) = Notes::channel(1000);
    let printer = tokio::spawn(async move {
        while let Some(note) = stream.recv().await {
            let at = began.elapsed().as_secs_f32();
            match note {
                Note::Step { kind, detail, took } => {
                    println!("[{at:6.2}] {kind} {detail} ({} ms)", took.as_millis())
                }
                Note::Validation(verdict) => println!("[{at:6.2}] {verdict:?}"),
            }
        }
    });
    let outcome = run(&chromium, &url, &user, &password, words.collect(), &notes).await;
    if let Err(error) = &outcome {
        println!(
            "[{:6.2}] ERROR {error} {error:?}",
            began.elapsed().as_secs_f32()
        );
        if let Some(shot) = error.evidence() {
            std::fs::write("/tmp/ask-evidence.jpg", shot)?;
        }
    }
    chromium.shutdown().await;
    drop(notes);
    let _ = printer.await;
    if outcome.is_err() {
        std::process::exit(1);
    }
    Ok(())
}

async fn run(
    chromium: &Chromium,
    url: &str,
    user: &str,
    password: &str,
    questions: Vec<String>,
    notes: &Notes,
) -> Result<(), computetower_browser::BrowserError> {
    let session = chromium.new_session(None).await?;
    let page = session.open(url).await?;
    if !user.is_empty() || !password.is_empty() {
        let account = Account {
            username: user,
            password,
        };
        let signed = sign_in(&page, &account, notes).await?;
        println!(
            "signed in: {} needed {}",
            signed.verdict.observation, signed.needed
        );
    }
    if questions.is_empty() {
        return Ok(());
    }
    let map = discover_chat(&page, None, notes).await?;
    let outcome = converse(&page, &map, questions, notes).await;
    if outcome.is_err()
        && let Ok(facts) = page.facts().await
    {
        println!(
            "FACTS {}",
            serde_json::to_string(&facts).unwrap_or_default()
        );
    }
    outcome?;
    let profile = session.export_profile().await?;
    println!("{profile:?}");
    page.close().await;
    session.close().await;
    Ok(())
}

async fn converse(
    page: &computetower_browser::Page,
    map: &computetower_browser::ChatMap,
    questions: Vec<String>,
    notes: &Notes,
) -> Result<(), computetower_browser::BrowserError> {
    for question in questions {
        let began = Instant::now();
        let (chunks, mut incoming) = tokio::sync::mpsc::channel::<String>(1000);
        let mut conversation = Conversation::new(page, map, notes);
        conversation.type_question(&question).await?;
        conversation.send().await?;
        let sent = Instant::now();
        let collect = tokio::spawn(async move {
            let (mut all, mut first, mut count) = (String::new(), None, 0);
            while let Some(chunk) = incoming.recv().await {
                first.get_or_insert_with(|| sent.elapsed());
                count += 1;
                all.push_str(&chunk);
            }
            (all, first, count)
        });
        let answer = conversation.read_answer(&chunks).await?;
        drop(chunks);
        if let Ok((joined, first, count)) = collect.await {
            println!("--- answer to {question:?}\n{}\n---", answer.text);
            println!(
                "ANSWER signal={} method={} chunks={count} first={:?} total={:?} joined_ok={}",
                answer.closing_signal,
                answer.method.as_str(),
                first,
                began.elapsed(),
                joined == answer.text
            );
        }
    }
    Ok(())
}
