//! One case from start to end: the page is discovered, it changes, and it is asked.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use computetower_test_site::shape::Login;
use computetower_test_site::{Site, echo};
use serde_json::{Value, json};
use sqlx::Row;

use crate::plan::{Case, Fault, Wanted};
use crate::support::{Client, TestApp};

/// So many questions may fail before the page has to be found again: three failures queue a discovery.
const QUESTIONS: usize = 4;

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The right answer came, to the question of this number.
    Recovered(usize),
    /// The last question failed with this code.
    Class(String),
    /// It took longer than it was given: something hangs, or the limit is wrong.
    TimedOut,
    /// The case could not begin: the page as it was at first was not discovered.
    NotBegun(String),
}

/// What a case has shown.
pub(crate) struct Outcome {
    pub(crate) case: Case,
    pub(crate) end: End,
    /// What was given as an answer and is none.
    pub(crate) wrong: Vec<String>,
    /// Sign-ins that were called accepted and were not.
    pub(crate) false_logins: i64,
    /// Questions that reached the page's server more often than they should.
    pub(crate) doubled: Vec<String>,
    /// What was done about it, by kind of step.
    pub(crate) steps: BTreeMap<String, usize>,
    /// Attempts that the questions took.
    pub(crate) attempts: u64,
    /// From the first question after the change to the end.
    pub(crate) took: Duration,
    /// The second question after a recovery found its way at once.
    pub(crate) kept: Option<bool>,
    pub(crate) story: Vec<String>,
}

impl Outcome {
    fn new(case: Case) -> Self {
        Self {
            case,
            end: End::NotBegun(String::new()),
            wrong: Vec::new(),
            false_logins: 0,
            doubled: Vec::new(),
            steps: BTreeMap::new(),
            attempts: 0,
            took: Duration::ZERO,
            kept: None,
            story: Vec::new(),
        }
    }

    /// Of a case that did not come to its end.
    pub(crate) fn timed_out(case: Case, took: Duration) -> Self {
        Self {
            end: End::TimedOut,
            took,
            ..Self::new(case)
        }
    }

    /// Whether something happened that must never.
    pub(crate) fn is_broken(&self) -> bool {
        let unclear = matches!(&self.end, End::Class(code) if code == "unknown");
        !self.wrong.is_empty()
            || self.false_logins > 0
            || !self.doubled.is_empty()
            || unclear
            || self.end == End::TimedOut
    }

    pub(crate) fn recovered(&self) -> bool {
        matches!(self.end, End::Recovered(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case {
            number,
            fault,
            base,
            changed,
            ..
        } = &self.case;
        write!(
            f,
            "case {number}: {}: {:?} after {:.1} s, {} attempts, by {:?}, kept {:?}",
            fault.name(),
            self.end,
            self.took.as_secs_f64(),
            self.attempts,
            self.steps.keys().collect::<Vec<_>>(),
            self.kept,
        )?;
        let ended_as_wanted = self.recovered() || fault.wanted() == Wanted::Class;
        if self.is_broken() || !ended_as_wanted || std::env::var_os("FAULTS_CASE").is_some() {
            write!(
                f,
                "\n  from {base:?}\n  to {changed:?} {:?}",
                self.case.disguise
            )?;
            for line in &self.story {
                write!(f, "\n  {line}")?;
            }
        }
        for wrong in &self.wrong {
            write!(f, "\n  WRONG ANSWER: {wrong}")?;
        }
        for doubled in &self.doubled {
            write!(f, "\n  ASKED TWICE: {doubled}")?;
        }
        if self.false_logins > 0 {
            write!(f, "\n  FALSE LOGIN: {}", self.false_logins)?;
        }
        Ok(())
    }
}

/// One question and what became of it.
struct Asked {
    question: String,
    job: Value,
    steps: Vec<(String, Value)>,
}

impl Asked {
    fn content(&self) -> Option<&str> {
        self.job["result"]["content"].as_str()
    }

    fn is_right(&self) -> bool {
        let right = echo::answer(&self.question);
        self.content()
            .is_some_and(|content| letters(content) == letters(&right))
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

async fn ask(client: &Client, model: &str, question: &str) -> Asked {
    let payload = json!({"model": model, "messages": [{"role": "user", "content": question}]});
    let retry = json!({"attempts": 4, "base_ms": 200, "cap_ms": 1000});
    let body = json!({"kind": "chat", "payload": payload, "retry": retry});
    let reply = client.post("/api/v1/jobs", body).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let id = reply.body["id"].as_str().unwrap().to_owned();
    // The stream of a job that takes long may be cut by the client's own patience.
    let mut events = client.events(&id, 0).await;
    for _ in 0..4 {
        let last = events.last().map_or(0, |event| event.id);
        if events.last().is_some_and(|event| {
            matches!(event.name.as_str(), "completed" | "failed" | "cancelled")
        }) {
            break;
        }
        events.extend(client.events(&id, last).await);
    }
    let job = client.job(&id).await;
    let steps = events
        .iter()
        .filter_map(|event| match event.name.as_str() {
            "step" => Some((
                event.data["kind"].as_str().unwrap_or_default().to_owned(),
                event.data["detail"].clone(),
            )),
            "retrying" => Some(("retrying".to_owned(), event.data["failure"].clone())),
            _ => None,
        })
        .collect();
    Asked {
        question: question.to_owned(),
        job,
        steps,
    }
}

/// Runs a case.
pub(crate) async fn run(case: Case, app: &TestApp, site: &Site) -> Outcome {
    let mut outcome = Outcome::new(case.clone());
    let (client, name) = (app.client(), case.base.name);
    site.put(case.base, Default::default());
    if let Err(why) = discovered(app, site, &case).await {
        outcome.end = End::NotBegun(why);
        return outcome;
    }
    let mut asked = Vec::new();
    if case.fault == Fault::StaleAnswer {
        let first = ask(
            &client,
            name,
            &format!("What was said before case {}?", case.number),
        )
        .await;
        if !first.is_right() {
            outcome.end = End::NotBegun(format!("the first answer: {}", first.job));
            return outcome;
        }
    }
    site.put(case.changed, case.disguise);
    let signed_out = matches!(
        case.fault,
        Fault::AnotherLogin
            | Fault::Expired
            | Fault::WrongPassword
            | Fault::NotInside
            | Fault::NotInsideAndNoWay
    );
    if signed_out {
        site.sign_everyone_out(name);
    }
    if case.fault == Fault::WrongPassword {
        site.set_password(name, "another one, since");
    }
    site.fail(name, case.fault.errors());
    let (changed_at, began) = (chrono::Utc::now(), Instant::now());
    for number in 1..=QUESTIONS {
        let question = format!("Question {number} of case {}.{}", case.number, case.words);
        let one = ask(&client, name, &question).await;
        outcome.attempts += one.job["attempt"].as_u64().unwrap_or_default();
        let code = one.job["failure"]["code"].as_str().map(str::to_owned);
        let right = one.is_right();
        if let Some(content) = one.content().filter(|_| !right) {
            outcome.wrong.push(format!(
                "{question:?}: {content:?} in place of {:?}",
                echo::answer(&question)
            ));
        }
        tell(&mut outcome, &one);
        asked.push(one);
        if right {
            outcome.end = End::Recovered(number);
            break;
        }
        outcome.end = End::Class(code.unwrap_or_else(|| "wrong".to_owned()));
        // What is known to have no way out is asked once more, not four times.
        if case.fault.wanted() == Wanted::Class && number == 2 || !outcome.wrong.is_empty() {
            break;
        }
    }
    outcome.took = began.elapsed();
    if outcome.recovered() {
        let question = format!("And once more, case {}?{}", case.number, case.words);
        let one = ask(&client, name, &question).await;
        let detours = |kind: &str| is_detour(kind);
        outcome.kept = Some(one.is_right() && !one.steps.iter().any(|(kind, _)| detours(kind)));
        if let Some(content) = one.content().filter(|_| !one.is_right()) {
            outcome.wrong.push(format!("{question:?}: {content:?}"));
        }
        outcome.story.push("then:".to_owned());
        let before = outcome.steps.clone();
        tell(&mut outcome, &one);
        outcome.steps = before;
        asked.push(one);
    }
    let received = site.asked(name);
    let most = 1 + usize::try_from(case.fault.errors()).unwrap();
    for one in &asked {
        let times = received
            .iter()
            .filter(|seen| **seen == one.question)
            .count();
        if times > most {
            outcome
                .doubled
                .push(format!("{times} times: {}", one.question));
        }
    }
    outcome.false_logins = false_logins(app, site, name, changed_at).await;
    outcome
}

/// Steps by which the product finds its way again.
pub(crate) fn is_detour(kind: &str) -> bool {
    matches!(
        kind,
        "chat.input_moved"
            | "chat.send_moved"
            | "chat.recipe_dropped"
            | "chat.answer_changed"
            | "prompt.gone"
            | "retrying"
            | "discover.done"
    )
}

fn tell(outcome: &mut Outcome, one: &Asked) {
    outcome.story.push(format!(
        "{:?}: {} {} attempt {}",
        one.question, one.job["state"], one.job["failure"], one.job["attempt"]
    ));
    for (kind, detail) in &one.steps {
        let mut shown = detail.to_string();
        if let Some((at, _)) = shown.char_indices().nth(300) {
            shown.truncate(at);
        }
        outcome.story.push(format!("    {kind} {shown}"));
        let counts = is_detour(kind)
            || matches!(
                kind.as_str(),
                "chat.overlay_closed" | "chat.learned" | "login.submitted" | "login.judged"
            );
        if counts {
            *outcome.steps.entry(kind.clone()).or_default() += 1;
        }
    }
}

async fn discovered(app: &TestApp, site: &Site, case: &Case) -> Result<(), String> {
    let name = case.base.name;
    let mut body = json!({"name": name, "url": site.url(name)});
    if case.base.login != Login::None {
        body["username"] = json!(Site::user());
        body["password"] = json!(Site::password());
    }
    let reply = app.operator().post("/admin/providers", body).await;
    if reply.status != 202 {
        return Err(reply.body.to_string());
    }
    let job = reply.body["job_id"].as_str().unwrap_or_default().to_owned();
    let job = app.client().ended(&job).await;
    if job["state"] == "completed" {
        Ok(())
    } else {
        Err(format!("{}", job["failure"]))
    }
}

/// Sign-ins since then that were judged accepted, where no session is open.
async fn false_logins(
    app: &TestApp,
    site: &Site,
    name: &str,
    since: chrono::DateTime<chrono::Utc>,
) -> i64 {
    if site.sessions(name) > 0 {
        return 0;
    }
    let sql = "select count(*) as n from visual_validations v join providers p on p.id = v.provider_id
               where p.name = $1 and v.subject = 'login' and v.passed and v.at > $2 and p.credential_id is not null";
    let mut database = app.database().await;
    let row = sqlx::query(sql)
        .bind(name)
        .bind(since)
        .fetch_one(&mut database)
        .await
        .unwrap();
    row.get::<i64, _>("n")
}
