//! What has to hold after every case.

use std::collections::{BTreeMap, HashMap};

use computetower_jobs::Queue;
use serde_json::Value;

use crate::client::{Reading, Seen};
use crate::load::{Accepted, Expected};
use crate::plan::Role;
use crate::platform::{LANE, Platform};
use crate::wait::{Checked, until_within};

/// What was found.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) broken: Vec<String>,
    /// Jobs whose numbers have a hole; allowed, as long as no event is missing.
    pub(crate) holes: usize,
}

/// Compares what callers were told, what subscribers saw and what is recorded. `forgetful` allows that more was heard than is recorded: Redis lost
/// its data together with the worker that had said it.
pub(crate) async fn jobs(
    platform: &Platform,
    accepted: &[Accepted],
    readings: &[Reading],
    forgetful: bool,
) -> Checked<Findings> {
    let mut findings = Findings::default();
    let rows = by_id(
        platform
            .rows("select id, state, attempt, result, lease_token, worker_id, state = 'running' as running from jobs")
            .await?,
        "id",
    );
    let attempts = platform
        .rows("select job_id, attempt, outcome, ended_at is null as open from job_attempts order by job_id, attempt")
        .await?;
    let attempts = by_id(attempts, "job_id");
    let effects = platform
        .rows("select job_id, name from job_effects where done_at is not null")
        .await?;
    let mut seen_by: HashMap<&str, Vec<&Reading>> = HashMap::new();
    for reading in readings {
        seen_by.entry(&reading.job).or_default().push(reading);
        findings.broken.extend(reading.complaints.iter().cloned());
    }
    // A noop has no effect outside; what stands for it is its result. An effect that was recorded all the same was nobody's.
    if !effects.is_empty() {
        findings
            .broken
            .push(format!("effects out of nowhere: {effects:?}"));
    }
    for (id, row) in &rows {
        let row = &row[0];
        let state = row["state"].as_str().unwrap_or_default();
        let told = accepted.iter().find(|job| job.id == *id);
        let mut broken = Vec::new();
        if !matches!(state, "completed" | "failed" | "cancelled") || !row["lease_token"].is_null() {
            broken.push(format!("is left {state}, lease {}", row["lease_token"]));
        }
        one_end(
            row,
            state,
            attempts.get(id).map_or(&[][..], Vec::as_slice),
            &mut broken,
        );
        if let Some(told) = told {
            let fits = match told.expected {
                Expected::Completed => state == "completed",
                Expected::Failed => state == "failed",
                Expected::Cancelled => state == "cancelled",
                Expected::CompletedOrCancelled => matches!(state, "completed" | "cancelled"),
            };
            if !fits {
                broken.push(format!("ended as {state}, expected {:?}", told.expected));
            }
        }
        match platform.client.replay(id).await {
            Err(error) => broken.push(error),
            Ok(events) => {
                findings.holes += usize::from(
                    events
                        .iter()
                        .zip(1..)
                        .any(|(event, number)| event.id != number),
                );
                told_once(&events, state, told, forgetful, &mut broken);
                for reading in seen_by.get(id.as_str()).into_iter().flatten() {
                    same(reading, &events, forgetful, &mut broken);
                }
            }
        }
        findings
            .broken
            .extend(broken.into_iter().map(|what| format!("job {id} {what}")));
    }
    for job in accepted.iter().filter(|job| !rows.contains_key(&job.id)) {
        findings
            .broken
            .push(format!("job {} was accepted and is not there", job.id));
    }
    Ok(findings)
}

fn by_id(rows: Vec<Value>, column: &str) -> BTreeMap<String, Vec<Value>> {
    let mut map: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in rows {
        let id = row[column].as_str().unwrap_or_default().to_owned();
        map.entry(id).or_default().push(row);
    }
    map
}

/// The record has one end, by the last attempt.
fn one_end(row: &Value, state: &str, attempts: &[Value], broken: &mut Vec<String>) {
    for attempt in attempts.iter().filter(|attempt| attempt["open"] == true) {
        broken.push(format!("has an attempt that never ended: {attempt}"));
    }
    let ends: Vec<&Value> = attempts
        .iter()
        .filter(|attempt| attempt["outcome"] == "completed" || attempt["outcome"] == "failed")
        .collect();
    let wanted = usize::from(matches!(state, "completed" | "failed"));
    // A job that lost too many workers, or whose deadline passed, would fail between attempts; none of these does.
    if ends.len() != wanted || ends.iter().any(|end| end["outcome"] != state) {
        broken.push(format!("is {state}, and its attempts ended as {ends:?}"));
    }
    if state == "completed"
        && (row["result"]["attempt"] != row["attempt"]
            || ends.iter().any(|end| end["attempt"] != row["attempt"]))
    {
        broken.push(format!(
            "has the result {} of another attempt than the last, {}",
            row["result"], row["attempt"]
        ));
    }
}

/// The events tell one end, and every attempt's progress once and in order; all of it for the attempt that completed.
fn told_once(
    events: &[Seen],
    state: &str,
    told: Option<&Accepted>,
    forgetful: bool,
    broken: &mut Vec<String>,
) {
    let finals: Vec<&str> = events
        .iter()
        .filter(|event| event.is_final())
        .map(|event| event.name.as_str())
        .collect();
    if finals != [state] || !events.last().is_some_and(Seen::is_final) {
        broken.push(format!(
            "is {state}, and its events tell the ends {finals:?}"
        ));
    }
    if events.windows(2).any(|pair| pair[0].id >= pair[1].id) {
        broken.push("has numbers that do not rise".to_owned());
    }
    let (mut attempt, mut progress) = (0, 0);
    let mut of_attempt = Vec::new();
    for event in events {
        match event.name.as_str() {
            "started" => {
                let next = event.data["attempt"].as_i64().unwrap_or_default();
                if next <= attempt {
                    broken.push(format!("began attempt {next} after {attempt}"));
                }
                (attempt, progress) = (next, 0);
                // Of an attempt that was cut off together with Redis some is known, and some is not.
                if !forgetful {
                    broken.append(&mut of_attempt);
                }
                of_attempt.clear();
            }
            "progress" => {
                progress += 1;
                let said = event.data["message"].as_str().unwrap_or_default();
                if !said.starts_with(&format!("{progress} of ")) {
                    of_attempt.push(format!(
                        "said {said:?} as its progress number {progress} of attempt {attempt}"
                    ));
                }
            }
            "completed" => {
                if let Some(told) = told
                    && told.progress != progress
                {
                    broken.push(format!(
                        "completed after {progress} of {} progress events",
                        told.progress
                    ));
                }
            }
            _ => {}
        }
    }
    if !forgetful || state == "completed" {
        broken.append(&mut of_attempt);
    }
}

/// A subscriber saw what is on record: nothing more, nothing less, nothing twice.
fn same(reading: &Reading, events: &[Seen], forgetful: bool, broken: &mut Vec<String>) {
    if !reading.complaints.is_empty() {
        return;
    }
    if reading
        .events
        .windows(2)
        .any(|pair| pair[0].id >= pair[1].id)
    {
        broken.push("was heard with numbers that do not rise".to_owned());
    }
    // What is recorded under a number is what was heard under it, all the same.
    let recorded = |seen: &&Seen| !forgetful || events.iter().any(|event| event.id == seen.id);
    let heard: Vec<&Seen> = reading.events.iter().filter(recorded).collect();
    if heard.iter().copied().eq(events) {
        return;
    }
    let numbers = |events: &[Seen]| events.iter().map(|event| event.id).collect::<Vec<_>>();
    let other = reading
        .events
        .iter()
        .zip(events)
        .find(|(seen, recorded)| seen != recorded);
    broken.push(format!(
        "was seen over {} connections as {:?}, recorded as {:?}; first difference {other:?}",
        reading.connections,
        numbers(&reading.events),
        numbers(events)
    ));
}

/// How long Redis may take to be tidy again: a dead worker is noticed within seconds, also when Postgres was restarted.
const TIDY: std::time::Duration = std::time::Duration::from_secs(60);

/// Once all is done, Redis holds what lives: no message, nothing of a worker that is gone, and beside that only what goes by itself.
pub(crate) async fn redis(platform: &Platform, jobs: usize) -> Vec<String> {
    let found = tokio::sync::Mutex::new(Vec::new());
    let tidy = until_within(TIDY, "Redis is tidy", || async {
        let left = leftovers(platform, jobs)
            .await
            .unwrap_or_else(|error| vec![format!("Redis: {error}")]);
        let clean = left.is_empty();
        *found.lock().await = left;
        clean
    });
    match tidy.await {
        Ok(()) => Vec::new(),
        Err(_) => found.into_inner(),
    }
}

async fn leftovers(platform: &Platform, jobs: usize) -> redis::RedisResult<Vec<String>> {
    let mut redis = platform.redis.connect().await?;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut redis).await?;
    let holders: usize = redis::cmd("SCARD")
        .arg(format!("{LANE}:holders"))
        .query_async(&mut redis)
        .await?;
    let mut left = Vec::new();
    let mut passing = 0;
    for key in &keys {
        let expires: i64 = redis::cmd("TTL").arg(key).query_async(&mut redis).await?;
        match expires {
            0..=3_600 => passing += 1,
            -2 => {}
            // A worker lives that was given a message and knows nothing of it, or one is gone.
            _ if key.contains(":inflight") => left.push(format!("{key} holds a message")),
            -1 if [":data", ":active", ":front"]
                .iter()
                .any(|end| key.ends_with(end)) =>
            {
                left.push(format!("{key} is there after all is done"));
            }
            -1 => {}
            _ => left.push(format!("{key} would stay for {expires} s")),
        }
    }
    // A stream and a fence for each job, until they expire; a cap, the mark of a backlog and a count for each queue; and what little there is besides.
    if passing > 2 * jobs + 3 * Queue::ALL.len() + 2 {
        left.push(format!("{passing} keys that expire for {jobs} jobs"));
    }
    let living = platform
        .members
        .iter()
        .filter(|member| member.role == Role::Worker)
        .count();
    if holders > living {
        left.push(format!(
            "{holders} processes hold messages, and {living} live"
        ));
    }
    if keys.len() > 2 * jobs + 40 {
        left.push(format!("{} keys for {jobs} jobs", keys.len()));
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(list: &[(i64, &str, Value)]) -> Vec<Seen> {
        let seen = |(id, name, data): &(i64, &str, Value)| Seen {
            id: *id,
            name: (*name).to_owned(),
            data: data.clone(),
        };
        list.iter().map(seen).collect()
    }

    fn whole() -> Vec<Seen> {
        told(&[
            (1, "queued", json!({ "dispatch": 1 })),
            (2, "started", json!({ "attempt": 1 })),
            (3, "progress", json!({ "message": "1 of 2" })),
            (4, "progress", json!({ "message": "2 of 2" })),
            (5, "completed", json!({})),
        ])
    }

    fn complaints(events: &[Seen]) -> usize {
        let job = Accepted {
            id: String::new(),
            expected: Expected::Completed,
            progress: 2,
        };
        let mut broken = Vec::new();
        told_once(events, "completed", Some(&job), false, &mut broken);
        broken.len()
    }

    #[test]
    fn what_is_missing_or_doubled_in_the_record_is_noticed() {
        assert_eq!(complaints(&whole()), 0);
        for missing in 2..5 {
            let mut events = whole();
            events.remove(missing);
            assert!(complaints(&events) > 0, "without {missing}");
        }
        for doubled in 1..5 {
            let mut events = whole();
            events.insert(doubled, events[doubled].clone());
            assert!(complaints(&events) > 0, "{doubled} twice");
        }
    }

    #[test]
    fn what_a_subscriber_missed_or_heard_twice_or_otherwise_is_noticed() {
        let complaints = |events: Vec<Seen>, forgetful| {
            let reading = Reading {
                job: String::new(),
                events,
                connections: 1,
                complaints: Vec::new(),
            };
            let mut broken = Vec::new();
            same(&reading, &whole(), forgetful, &mut broken);
            broken.len()
        };
        assert_eq!(complaints(whole(), false), 0);
        for forgetful in [false, true] {
            for at in 0..5 {
                let (mut missed, mut twice, mut other) = (whole(), whole(), whole());
                missed.remove(at);
                twice.insert(at, twice[at].clone());
                other[at].data["more"] = json!(true);
                for events in [missed, twice, other] {
                    assert!(complaints(events, forgetful) > 0);
                }
            }
        }
        let mut more = whole();
        more[4].id = 6;
        more.insert(4, more[3].clone());
        more[4].id = 5;
        assert!(
            complaints(more, true) > 0,
            "another event under a number that is recorded"
        );
    }

    #[test]
    fn a_second_end_is_noticed() {
        let row = json!({ "attempt": 2, "result": { "attempt": 2 } });
        let ended = |outcomes: &[&str]| {
            let attempts: Vec<Value> = (1..)
                .zip(outcomes)
                .map(|(number, outcome)| json!({ "attempt": number, "outcome": outcome, "open": false }))
                .collect();
            let mut broken = Vec::new();
            one_end(&row, "completed", &attempts, &mut broken);
            broken.len()
        };
        assert_eq!(ended(&["queued", "completed"]), 0);
        assert!(ended(&["completed", "completed"]) > 0);
        assert!(ended(&["completed", "queued"]) > 0);
        assert!(ended(&["queued", "queued"]) > 0);
    }
}
