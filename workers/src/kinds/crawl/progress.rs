//! How far a crawl is, for people.

use std::time::{Duration, Instant};

use computetower_store::knowledge::{Change, CrawlTotals, Kept, Sync, SyncProgress};
use serde_json::{Value, json};

use super::begin::Crawling;
use super::store;
use crate::context::JobContext;
use computetower_jobs::Failure;

/// How often progress is told, and how often it is written into the history.
const TELL: Duration = Duration::from_millis(500);
const WRITE: Duration = Duration::from_secs(2);

/// What became of documents.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) new: u64,
    pub(super) changed: u64,
    pub(super) unchanged: u64,
    pub(super) gone: u64,
}

impl Counts {
    /// What earlier attempts have counted.
    pub(super) fn of(sync: &Sync) -> Self {
        let count = |name: &str| sync.counts[name].as_u64().unwrap_or_default();
        Self {
            new: count("new"),
            changed: count("changed"),
            unchanged: count("unchanged"),
            gone: 0,
        }
    }

    pub(super) fn add(&mut self, kept: &[Kept]) {
        for document in kept {
            match document.change {
                Change::New => self.new += 1,
                Change::Changed => self.changed += 1,
                Change::Unchanged => self.unchanged += 1,
            }
        }
    }
}

/// When progress was told last, and what is said of the pages just now.
pub(super) struct Telling {
    told: Instant,
    written: Instant,
    /// Pages that ended in this attempt.
    pub(super) ended: u64,
    pub(super) current: String,
}

impl Telling {
    pub(super) fn new() -> Self {
        Self {
            told: Instant::now(),
            written: Instant::now(),
            ended: 0,
            current: String::new(),
        }
    }

    /// Tells how far it is, where that is due.
    pub(super) async fn tell(
        &mut self,
        context: &JobContext,
        crawling: &Crawling,
    ) -> Result<(), Failure> {
        if self.told.elapsed() < TELL {
            return Ok(());
        }
        self.told = Instant::now();
        let totals = super::totals(context).await?;
        let rate = self.ended as f64 / crawling.began.elapsed().as_secs_f64().max(0.001);
        context.progress(
            percent(&totals),
            &crawling.phase,
            sentence(&totals, rate, &self.current),
        );
        if self.written.elapsed() >= WRITE {
            self.written = Instant::now();
            let progress = of_sync(crawling, &totals);
            store(context.store.save_sync(&crawling.sync, &progress).await)?;
        }
        Ok(())
    }
}

fn percent(totals: &CrawlTotals) -> f32 {
    let ended = totals.done + totals.failed + totals.skipped;
    (ended as f32 * 100.0 / totals.discovered.max(1) as f32).clamp(0.0, 99.0)
}

fn sentence(totals: &CrawlTotals, rate: f64, current: &str) -> String {
    let ended = totals.done + totals.failed + totals.skipped;
    let left = totals.queued + totals.running;
    let mut text = format!(
        "{ended} of {} addresses, {} pages kept, {:.1} MB",
        totals.discovered,
        totals.done,
        totals.bytes as f64 / 1e6
    );
    if rate > 0.0 {
        text.push_str(&format!(
            ", {rate:.1} a second, about {:.0} s for what is known",
            left as f64 / rate
        ));
    }
    if !current.is_empty() {
        text.push_str(&format!(": {current}"));
    }
    text
}

/// What the history says.
pub(super) fn of_sync(crawling: &Crawling, totals: &CrawlTotals) -> SyncProgress {
    let counts = &crawling.counts;
    SyncProgress {
        phase: crawling.phase.clone(),
        percent: if crawling.phase == "completed" {
            100.0
        } else {
            percent(totals)
        },
        counts: counts_of(totals, counts),
        errors: Vec::new(),
        warnings: if crawling.knowledge.was_cut {
            vec!["As many pages as were asked for are there: others were left out.".to_owned()]
        } else {
            Vec::new()
        },
    }
}

fn counts_of(totals: &CrawlTotals, counts: &Counts) -> Value {
    json!({
        "discovered": totals.discovered, "queued": totals.queued, "running": totals.running, "done": totals.done, "failed": totals.failed,
        "skipped": totals.skipped, "external": totals.external, "bytes": totals.bytes, "new": counts.new, "changed": counts.changed,
        "unchanged": counts.unchanged, "gone": counts.gone,
    })
}
