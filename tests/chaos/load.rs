//! The jobs of a case: submitted before, during and after the fault, some cancelled, some failing, some under a key that is used again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, Reading, follow};
use crate::dice::Dice;

/// How a job has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Completed,
    Failed,
    Cancelled,
    /// Its cancel races with its end.
    CompletedOrCancelled,
}

/// A job that was answered with 202.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) expected: Expected,
    /// Progress events of a whole attempt.
    pub(crate) progress: u64,
}

struct Draft {
    body: Value,
    key: Option<String>,
    expected: Expected,
    progress: u64,
    cancel: bool,
    /// How often the request is sent, with the same key.
    times: u64,
}

/// Everything that was submitted and everybody who listens.
pub(crate) struct Load {
    client: Client,
    dice: Dice,
    keys: u64,
    tasks: JoinSet<()>,
    shared: Arc<Noted>,
    over: CancellationToken,
}

#[derive(Default)]
struct Noted {
    heard: Arc<AtomicU64>,
    accepted: Mutex<Vec<Accepted>>,
    complaints: Mutex<Vec<String>>,
    readers: tokio::sync::Mutex<JoinSet<Reading>>,
}

impl Load {
    pub(crate) fn new(client: Client, dice: Dice) -> Self {
        Self {
            client,
            dice,
            keys: 0,
            tasks: JoinSet::new(),
            shared: Arc::default(),
            over: CancellationToken::new(),
        }
    }

    /// How many events all subscribers have heard.
    pub(crate) fn heard(&self) -> u64 {
        self.shared.heard.load(Ordering::Relaxed)
    }

    /// Submits so many jobs, each in its own time.
    pub(crate) fn submit(&mut self, jobs: u64) {
        for _ in 0..jobs {
            let draft = self.draw();
            let (client, shared) = (self.client.clone(), self.shared.clone());
            let (dice, over) = (self.dice.fork(), self.over.clone());
            self.tasks.spawn(async move {
                let hurry = over.clone();
                let done = submit(client, shared.clone(), draft, dice, over);
                tokio::select! {
                    () = done => {}
                    () = hurry.cancelled() => complain(&shared, "a job was not accepted, or its cancel not answered, until the end".to_owned()),
                }
            });
        }
    }

    fn draw(&mut self) -> Draft {
        let dice = &mut self.dice;
        let progress = dice.between(0, 12);
        let mut payload = json!({ "progress": progress, "sleep_ms": dice.between(0, 1_200) });
        let mut envelope = json!({ "kind": "noop" });
        let (mut expected, mut cancel) = (Expected::Completed, false);
        match dice.below(10) {
            0 => {
                payload["fail"] = json!("network");
                payload["fail_times"] = json!(1);
                envelope["retry"] = json!({ "attempts": 3, "base_ms": 100, "cap_ms": 400 });
            }
            1 => {
                payload["fail"] = json!("invalid_input");
                expected = Expected::Failed;
            }
            2 => {
                payload["sleep_ms"] = json!(600_000);
                (expected, cancel) = (Expected::Cancelled, true);
            }
            3 => (expected, cancel) = (Expected::CompletedOrCancelled, true),
            4 => {
                let later = chrono::Utc::now() + chrono::TimeDelta::milliseconds(900);
                envelope["run_at"] = json!(later);
            }
            5 => envelope["priority"] = json!(5),
            _ => {}
        }
        envelope["payload"] = payload;
        let keyed = dice.chance(40);
        let times = if keyed { dice.between(1, 3) } else { 1 };
        self.keys += 1;
        Draft {
            body: envelope,
            key: keyed.then(|| format!("key {}", self.keys)),
            expected,
            progress,
            cancel,
            times,
        }
    }

    /// A job that completes, submitted now. For those who need one at a certain point.
    pub(crate) async fn probe(&mut self, progress: u64, sleep_ms: u64) -> Result<String, String> {
        self.keys += 1;
        let draft = Draft {
            body: json!({ "kind": "noop", "payload": { "progress": progress, "sleep_ms": sleep_ms } }),
            key: Some(format!("key {}", self.keys)),
            expected: Expected::Completed,
            progress,
            cancel: false,
            times: 1,
        };
        let dice = self.dice.fork();
        let (client, shared, over) = (self.client.clone(), self.shared.clone(), self.over.clone());
        let ids = accept(&client, &shared, &draft, dice, &over).await;
        ids.ok_or_else(|| "a probe was not accepted".to_owned())
    }

    /// Waits until every request has had its answer.
    pub(crate) async fn submitted(&mut self, patience: Duration) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            self.over.cancel();
            while self.tasks.join_next().await.is_some() {}
        }
    }

    /// Waits until every subscriber has heard the end of its job. Returns all that is known.
    pub(crate) async fn finish(
        mut self,
        patience: Duration,
    ) -> (Vec<Accepted>, Vec<Reading>, Vec<String>) {
        self.submitted(patience).await;
        let mut readers = std::mem::take(&mut *self.shared.readers.lock().await);
        let mut readings = Vec::new();
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            match tokio::time::timeout_at(deadline, readers.join_next()).await {
                Ok(Some(reading)) => readings.push(reading.unwrap()),
                Ok(None) => break,
                Err(_) => {
                    self.over.cancel();
                    while let Some(reading) = readers.join_next().await {
                        readings.push(reading.unwrap());
                    }
                    break;
                }
            }
        }
        let accepted = self.shared.accepted.lock().unwrap().clone();
        let complaints = self.shared.complaints.lock().unwrap().clone();
        (accepted, readings, complaints)
    }
}

fn complain(shared: &Noted, complaint: String) {
    shared.complaints.lock().unwrap().push(complaint);
}

async fn submit(
    client: Client,
    shared: Arc<Noted>,
    draft: Draft,
    mut dice: Dice,
    over: CancellationToken,
) {
    tokio::time::sleep(Duration::from_millis(dice.below(150))).await;
    let Some(id) = accept(&client, &shared, &draft, dice.fork(), &over).await else {
        return;
    };
    // The same request again, some time later: it has to be the same job.
    for _ in 1..draft.times {
        tokio::time::sleep(Duration::from_millis(dice.below(2_000))).await;
        let again = accepted_once(&client, &shared, &draft).await;
        if let Some(again) = again
            && again != id
        {
            complain(&shared, format!("the same key gave job {id}, then {again}"));
        }
    }
    if !draft.cancel {
        return;
    }
    tokio::time::sleep(Duration::from_millis(dice.below(1_500))).await;
    loop {
        let path = format!("/api/v1/jobs/{id}/cancel");
        match client.post(&path, &json!({}), None).await {
            // 409: it has ended in another way.
            Ok(reply) if matches!(reply.status, 200 | 202 | 409) => return,
            Ok(reply) if reply.status != 503 => {
                complain(
                    &shared,
                    format!("a cancel was answered with {} {}", reply.status, reply.body),
                );
                return;
            }
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Submits a job until it is accepted, notes it, and lets one or two subscribers follow it. A request without a key whose answer was lost is not
/// sent again by a caller who minds: nobody knows whether it was accepted.
async fn accept(
    client: &Client,
    shared: &Arc<Noted>,
    draft: &Draft,
    mut dice: Dice,
    over: &CancellationToken,
) -> Option<String> {
    let id = accepted_once(client, shared, draft).await?;
    shared.accepted.lock().unwrap().push(Accepted {
        id: id.clone(),
        expected: draft.expected,
        progress: draft.progress,
    });
    for _ in 0..dice.between(1, 2) {
        let reader = follow(
            client.clone(),
            id.clone(),
            dice.fork(),
            shared.heard.clone(),
            over.clone(),
        );
        shared.readers.lock().await.spawn(reader);
    }
    Some(id)
}

async fn accepted_once(client: &Client, shared: &Noted, draft: &Draft) -> Option<String> {
    loop {
        let sent = client.post("/api/v1/jobs", &draft.body, draft.key.as_deref());
        match sent.await {
            Ok(reply) if reply.status == 202 => {
                return reply.body["id"].as_str().map(str::to_owned);
            }
            Ok(reply) if reply.status == 503 => {}
            Ok(reply) => {
                complain(
                    shared,
                    format!("a job was answered with {} {}", reply.status, reply.body),
                );
                return None;
            }
            Err(_) if draft.key.is_none() => return None,
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
