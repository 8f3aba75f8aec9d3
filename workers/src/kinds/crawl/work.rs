//! The pages of a crawl: taken in hand, asked for, judged, written. Many at once, each host at its own pace.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use computetower_crawl::account::{Failed, Skipped};
use computetower_crawl::address::Address;
use computetower_crawl::fetch::Validators;
use computetower_crawl::hosts::{Turn, When};
use computetower_crawl::robots::Access;
use computetower_jobs::Failure;
use computetower_store::knowledge::{Kept, Sync, TakenPage};
use computetower_store::{Store, StoreError};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};

use super::begin::Crawling;
use super::fetch::{Asked, Got, get};
use super::judge::{Batch, judge, lost};
use super::progress::Telling;
use super::{rescope, robots, store};
use crate::context::JobContext;

/// Pages that are asked for or read at once.
const AT_ONCE: usize = 32;
/// More are taken in hand when fewer wait here, so many at a time, of one host not more than `OF_ONE_HOST` beyond what it has.
const LOW: usize = 48;
const TAKE: usize = 128;
const OF_ONE_HOST: usize = 32;
/// A batch is written when it has so many pages or finds, or is so old.
const PAGES: usize = 64;
const FINDS: usize = 4_000;
const OLD: Duration = Duration::from_millis(200);
/// How soon the frontier is asked again that had nothing.
const QUIET: Duration = Duration::from_millis(50);
/// How often it is looked whether somebody has edited the scope.
const LOOK: Duration = Duration::from_secs(2);
/// How long is waited before a robots.txt is asked for again; after the last its host counts as closed.
const ROBOTS_AGAIN: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(8),
    Duration::from_secs(30),
];
/// The longest that a site may put off its robots.txt.
const LONGEST_AGAIN: Duration = Duration::from_secs(300);

/// A page in hand.
struct InHand {
    taken: TakenPage,
    asked: Asked,
}

/// The pages in hand of one host.
#[derive(Default)]
struct Host {
    pages: VecDeque<InHand>,
    /// Its robots.txt is being asked for.
    asking: bool,
    /// Nothing is asked before.
    not_before: Option<Instant>,
}

/// What a task brings.
enum Event {
    Robots { origin: String, access: Access },
    Page(Got),
}

struct Work {
    hosts: HashMap<String, Host>,
    tasks: JoinSet<Event>,
    /// Which page each task has.
    running: HashMap<Id, InHand>,
    batch: Batch,
    batch_since: Instant,
    writing: Option<JoinHandle<Result<Written, StoreError>>>,
    quiet_until: Instant,
    looked: Instant,
    telling: Telling,
}

struct Written {
    kept: Vec<Kept>,
    unchanged: u64,
}

/// Works until no address of the crawl waits any more.
pub(super) async fn all(context: &JobContext, crawling: &mut Crawling) -> Result<(), Failure> {
    let now = Instant::now();
    let mut work = Work {
        hosts: HashMap::new(),
        tasks: JoinSet::new(),
        running: HashMap::new(),
        batch: Batch::default(),
        batch_since: now,
        writing: None,
        quiet_until: now,
        looked: now,
        telling: Telling::new(),
    };
    loop {
        work.refill(context, crawling).await?;
        let wake = work.start(crawling);
        work.write(context, crawling);
        if work.is_idle() {
            match store(context.store.next_page_in(&crawling.sync).await)? {
                None => return Ok(()),
                Some(wait) => {
                    let wait = Duration::from_secs_f64(wait.min(1.0)).max(QUIET);
                    tokio::time::sleep(wait).await;
                }
            }
        } else {
            work.wait(crawling, wake).await?;
        }
        work.telling.tell(context, crawling).await?;
        if work.looked.elapsed() >= LOOK {
            work.looked = Instant::now();
            rescope::look(context, crawling).await?;
        }
    }
}

impl Work {
    /// Nothing is in hand and nothing to be written.
    fn is_idle(&self) -> bool {
        self.tasks.is_empty()
            && self.batch.is_empty()
            && self.writing.is_none()
            && self.hosts.values().all(|host| host.pages.is_empty())
    }

    /// Takes pages in hand where few wait here.
    async fn refill(&mut self, context: &JobContext, crawling: &Crawling) -> Result<(), Failure> {
        let waiting: usize = self
            .hosts
            .values()
            .map(|host| host.pages.len().min(OF_ONE_HOST))
            .sum();
        if waiting >= LOW || Instant::now() < self.quiet_until {
            return Ok(());
        }
        let busy: Vec<String> = self
            .hosts
            .iter()
            .filter(|(_, host)| host.pages.len() >= OF_ONE_HOST)
            .map(|(name, _)| name.clone())
            .collect();
        let taken = context.store.take_pages(&crawling.sync, TAKE, &busy).await;
        let taken = store(taken)?;
        if taken.len() < TAKE {
            self.quiet_until = Instant::now() + QUIET;
        }
        let mut known = known(context, crawling, &taken).await?;
        for page in taken {
            // What stands in the frontier was an address when it was put there.
            let Ok(address) = Address::read(&page.url, None) else {
                let ended = lost(&page, Failed::Unreadable, &mut self.batch);
                self.batch.ended.push(ended);
                continue;
            };
            let asked = Asked {
                address,
                tries: page.tries,
                known: known.remove(&page.url),
            };
            let host = self.hosts.entry(page.host.clone()).or_default();
            host.pages.push_back(InHand { taken: page, asked });
        }
        Ok(())
    }

    /// Starts what may be started. Gives when there may be more.
    fn start(&mut self, crawling: &mut Crawling) -> Instant {
        let mut wake = Instant::now() + OLD;
        let most = crawling.site.scope().max_pages().unwrap_or(u64::MAX);
        if crawling.knowledge.kept >= most {
            self.cut(crawling);
            return wake;
        }
        let names: Vec<String> = self
            .hosts
            .iter()
            .filter(|(_, host)| !host.pages.is_empty())
            .map(|(name, _)| name.clone())
            .collect();
        // One of each host in turn, so that none waits behind another's line.
        let mut going = true;
        while going {
            going = false;
            for name in &names {
                let in_hand = u64::try_from(self.running.len()).unwrap_or(u64::MAX);
                if self.tasks.len() >= AT_ONCE || crawling.knowledge.kept + in_hand >= most {
                    return wake;
                }
                match self.start_one(crawling, name) {
                    Ok(started) => going |= started,
                    Err(later) => wake = wake.min(later),
                }
            }
        }
        wake
    }

    /// Starts one page of a host: whether there was one. `Err` says when to come again.
    fn start_one(&mut self, crawling: &mut Crawling, name: &str) -> Result<bool, Instant> {
        let Some(host) = self.hosts.get_mut(name) else {
            return Ok(false);
        };
        if let Some(later) = host.not_before.filter(|later| *later > Instant::now()) {
            return Err(later);
        }
        if host.pages.is_empty() || host.asking {
            return Ok(false);
        }
        let site = crawling.site.clone();
        if site.robots(name).is_none() {
            let tries = crawling.closed.get(name).copied().unwrap_or_default();
            if usize::try_from(tries).unwrap_or(usize::MAX) > ROBOTS_AGAIN.len() {
                for page in std::mem::take(&mut host.pages) {
                    let lost = Got::Lost(Failed::RobotsUnreachable);
                    self.judge(crawling, page, lost);
                }
                return Ok(false);
            }
            host.asking = true;
            let origin = name.to_owned();
            self.tasks.spawn(async move {
                let access = robots::ask(&site, &origin).await;
                Event::Robots { origin, access }
            });
            return Ok(false);
        }
        if site.hosts.is_given_up(name) {
            for page in std::mem::take(&mut host.pages) {
                self.judge(crawling, page, Got::Lost(Failed::Connection));
            }
            return Ok(false);
        }
        let turn = match site.hosts.turn(name, site.pace(name)) {
            Ok(turn) => turn,
            Err(When::At(at)) => return Err(at),
            // One of ours tells by ending; another crawl's does not.
            Err(_) => return Err(Instant::now() + QUIET),
        };
        let Some(page) = host.pages.pop_front() else {
            return Ok(false);
        };
        match rescope::is_wanted(crawling, &page.asked.address, page.taken.depth) {
            Ok(()) => self.ask(crawling, page, turn),
            Err(reason) => {
                if matches!(reason, Skipped::Trap | Skipped::Depth) {
                    crawling.knowledge.leave(page.taken.key);
                }
                self.judge(crawling, page, Got::Left(reason));
            }
        }
        Ok(true)
    }

    fn ask(&mut self, crawling: &Crawling, page: InHand, turn: Turn) {
        let (site, asked) = (crawling.site.clone(), page.asked.clone());
        let task = self
            .tasks
            .spawn(async move { Event::Page(get(&site, &asked, turn).await) });
        self.running.insert(task.id(), page);
    }

    /// There are as many pages as were asked for: what is in hand and not begun is left out, and so is what waits, once nothing is under way.
    fn cut(&mut self, crawling: &mut Crawling) {
        crawling.knowledge.was_cut = true;
        let hosts = self.hosts.values_mut();
        let left: Vec<InHand> = hosts
            .flat_map(|host| std::mem::take(&mut host.pages))
            .collect();
        for page in left {
            self.judge(crawling, page, Got::Left(Skipped::PageLimit));
        }
    }

    fn judge(&mut self, crawling: &mut Crawling, page: InHand, got: Got) {
        if self.batch.is_empty() {
            self.batch_since = Instant::now();
        }
        judge(
            crawling,
            &page.taken,
            &page.asked.address,
            got,
            &mut self.batch,
        );
        self.telling.ended += 1;
        self.telling.current = page.taken.url;
    }

    /// Waits until something has happened, and heeds it.
    async fn wait(&mut self, crawling: &mut Crawling, wake: Instant) -> Result<(), Failure> {
        let writing = async {
            match &mut self.writing {
                Some(writing) => writing.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            written = writing => {
                self.writing = None;
                self.quiet_until = Instant::now();
                let written = store(written.unwrap_or(Err(StoreError::Interrupted)))?;
                crawling.counts.add(&written.kept);
                crawling.counts.unchanged += written.unchanged;
            }
            Some(ended) = self.tasks.join_next_with_id() => {
                self.ended(crawling, ended);
                while let Some(ended) = self.tasks.try_join_next_with_id() {
                    self.ended(crawling, ended);
                }
            }
            () = tokio::time::sleep_until(wake.into()) => {}
        }
        Ok(())
    }

    fn ended(&mut self, crawling: &mut Crawling, ended: Result<(Id, Event), JoinError>) {
        match ended {
            Ok((_, Event::Robots { origin, access })) => self.robots_came(crawling, origin, access),
            Ok((id, Event::Page(got))) => {
                if let Some(page) = self.running.remove(&id) {
                    self.judge(crawling, page, got);
                }
            }
            // A defect of the program costs one page.
            Err(error) => {
                tracing::error!(error = %error, "a page could not be worked on");
                if let Some(page) = self.running.remove(&error.id()) {
                    self.judge(crawling, page, Got::Lost(Failed::Unreadable));
                }
            }
        }
    }

    fn robots_came(&mut self, crawling: &mut Crawling, origin: String, access: Access) {
        let host = self.hosts.entry(origin.clone()).or_default();
        host.asking = false;
        match access {
            Access::Says(robots) => {
                crawling.closed.remove(&origin);
                crawling.site.keep_robots(&origin, robots);
            }
            Access::Later(asked) => {
                let tries = crawling.closed.entry(origin).or_default();
                let usual = usize::try_from(*tries)
                    .ok()
                    .and_then(|tries| ROBOTS_AGAIN.get(tries));
                let wait = asked.or(usual.copied()).unwrap_or_default();
                host.not_before = Some(Instant::now() + wait.min(LONGEST_AGAIN));
                *tries += 1;
            }
        }
    }

    /// Writes what has come together, while work goes on. One batch after the other.
    fn write(&mut self, context: &JobContext, crawling: &mut Crawling) {
        let is_due = self.batch.ended.len() >= PAGES
            || self.batch.found.len() >= FINDS
            || self.batch_since.elapsed() >= OLD
            || self.tasks.is_empty();
        if self.writing.is_some() || self.batch.is_empty() || !is_due {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let news = std::mem::take(&mut crawling.has_news)
            .then(|| (crawling.phase.clone(), crawling.notes.clone()));
        let cut = crawling.knowledge.was_cut && self.tasks.is_empty();
        let (store, sync) = (context.store.clone(), crawling.sync.clone());
        self.writing = Some(tokio::spawn(async move {
            if let Some((phase, notes)) = news {
                store.note_crawl(&sync, &phase, &notes).await?;
            }
            write(store, sync, batch, cut).await
        }));
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What is half written when the attempt ends is written by the lease or not at all.
        if let Some(writing) = &self.writing {
            writing.abort();
        }
    }
}

/// With what those pages are asked for that are known already.
async fn known(
    context: &JobContext,
    crawling: &Crawling,
    taken: &[TakenPage],
) -> Result<HashMap<String, Validators>, Failure> {
    if !crawling.conditional || taken.is_empty() {
        return Ok(HashMap::new());
    }
    let keys: Vec<String> = taken.iter().map(|page| page.url.clone()).collect();
    let found = context.store.validators(crawling.sync.source, &keys).await;
    let has_any =
        |validators: &Validators| validators.etag.is_some() || validators.last_modified.is_some();
    Ok(store(found)?
        .into_iter()
        .map(|found| {
            let validators = Validators {
                etag: found.etag,
                last_modified: found.last_modified,
            };
            (found.key, validators)
        })
        .filter(|(_, validators)| has_any(validators))
        .collect())
}

/// Documents first: a page counts as done when what it says is kept.
async fn write(
    store: Store,
    sync: Sync,
    mut batch: Batch,
    cut: bool,
) -> Result<Written, StoreError> {
    let mut written = Written {
        kept: Vec::new(),
        unchanged: 0,
    };
    if !batch.documents.is_empty() {
        let documents = std::mem::take(&mut batch.documents);
        written.kept = store.keep_documents(&sync, documents).await?;
    }
    if !batch.unchanged.is_empty() {
        written.unchanged = store.see_documents(&sync, &batch.unchanged).await?;
    }
    if !batch.spared.is_empty() {
        store.see_documents(&sync, &batch.spared).await?;
    }
    store
        .end_pages(&sync, &batch.ended, &batch.found, batch.bytes)
        .await?;
    if !batch.replaced.is_empty() {
        store.replace_pages(&sync, &batch.replaced).await?;
    }
    if cut {
        store.skip_waiting(&sync, Skipped::PageLimit.name()).await?;
    }
    Ok(written)
}
