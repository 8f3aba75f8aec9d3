//! Pages of a session that stay open between questions: those that show a conversation which may be continued, one that is opened ahead for the next
//! conversation, and one that a later attempt may read on. A page is here, or in the hands of one job; never both.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use computetower_browser::LastTurn;
use computetower_jobs::{JobId, ProviderId, ThreadId};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::browsers::OpenPage;

/// Conversations of one provider that stay open in a session.
const KEPT_PER_PROVIDER: usize = 3;
/// Pages of all kinds that stay open in a session.
const KEPT_PER_SESSION: usize = 8;
/// A page that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(900);
/// How long a page waits for the next attempt of its job.
const PARKED: Duration = Duration::from_secs(180);

/// A page that shows a conversation.
pub(crate) struct KeptPage {
    /// The page.
    pub(crate) page: OpenPage,
    /// The conversation's id, while it can be continued.
    pub(crate) thread: ThreadId,
    /// Whose page it is.
    pub(crate) provider: ProviderId,
    /// What was said last.
    pub(crate) last: LastTurn,
    /// Whether the conversation has an address of its own, so that it can be opened again.
    pub(crate) has_address: bool,
}

/// How long a page is not opened yet that another one stands in for: who asks again right after an answer finds the machine free.
const REFILL_AFTER: Duration = Duration::from_millis(1500);

/// A page being opened, or open, for a conversation that nobody has asked for yet.
pub(crate) struct Spare {
    page: JoinHandle<Option<OpenPage>>,
    wanted: Arc<Notify>,
}

impl Spare {
    /// Opens a page in the background, after a while or as soon as it is wanted.
    fn open(
        opening: impl Future<Output = Option<OpenPage>> + Send + 'static,
        after: Duration,
    ) -> Self {
        let wanted = Arc::new(Notify::new());
        let now = wanted.clone();
        let page = tokio::spawn(async move {
            let _ = tokio::time::timeout(after, now.notified()).await;
            opening.await
        });
        Self { page, wanted }
    }

    /// The page, as soon as it is open.
    pub(crate) async fn page(self) -> Option<OpenPage> {
        self.wanted.notify_one();
        self.page.await.ok().flatten()
    }
}

/// The pages of one provider that were opened ahead, the oldest first.
#[derive(Default)]
struct Spares {
    pages: VecDeque<(Instant, Spare)>,
    /// A question came before the page was ready: with two, one is while the other is being opened.
    hurried: bool,
}

impl Spares {
    /// How long the next page need not be opened: one that is ready stands in for it.
    fn refill_after(&self) -> Duration {
        let ready = self.pages.iter().any(|(_, spare)| spare.page.is_finished());
        if ready { REFILL_AFTER } else { Duration::ZERO }
    }
}

/// The pages of one session that no job works with.
#[derive(Default)]
pub(crate) struct Pages {
    kept: Vec<(Instant, KeptPage)>,
    spares: HashMap<ProviderId, Spares>,
    parked: HashMap<JobId, (Instant, OpenPage)>,
}

impl Pages {
    /// Conversations with a provider that stand on a live page.
    pub(crate) fn threads(&self, provider: ProviderId) -> Vec<ThreadId> {
        self.of(provider).map(|kept| kept.thread).collect()
    }

    fn of(&self, provider: ProviderId) -> impl Iterator<Item = &KeptPage> {
        let kept = self.kept.iter().map(|(_, kept)| kept);
        kept.filter(move |kept| kept.provider == provider)
    }

    /// The page that shows this conversation.
    pub(crate) fn take_thread(&mut self, thread: ThreadId) -> Option<KeptPage> {
        let at = self
            .kept
            .iter()
            .position(|(_, kept)| kept.thread == thread)?;
        Some(self.kept.remove(at).1)
    }

    /// A page whose conversation may be left for a new one: it can be opened again by its address, or there are enough others.
    pub(crate) fn take_leavable(&mut self, provider: ProviderId) -> Option<KeptPage> {
        let many = self.of(provider).count() >= KEPT_PER_PROVIDER;
        let at = self
            .kept
            .iter()
            .position(|(_, kept)| kept.provider == provider && (kept.has_address || many))?;
        Some(self.kept.remove(at).1)
    }

    /// Keeps a page. Those which were used longest ago make room.
    pub(crate) fn keep(&mut self, page: KeptPage) {
        let provider = page.provider;
        self.kept.push((Instant::now(), page));
        while self.of(provider).count() > KEPT_PER_PROVIDER {
            let oldest = self
                .kept
                .iter()
                .position(|(_, kept)| kept.provider == provider);
            oldest.map(|at| self.kept.remove(at));
        }
        while self.open() > KEPT_PER_SESSION && !self.kept.is_empty() {
            self.kept.remove(0);
        }
    }

    fn open(&self) -> usize {
        let ahead: usize = self.spares.values().map(|spares| spares.pages.len()).sum();
        self.kept.len() + ahead + self.parked.len()
    }

    /// The page that was opened ahead, or is just being opened.
    pub(crate) fn take_spare(&mut self, provider: ProviderId) -> Option<Spare> {
        let spares = self.spares.get_mut(&provider)?;
        let (_, spare) = spares.pages.pop_front()?;
        spares.hurried |= !spare.page.is_finished();
        Some(spare)
    }

    /// Whether a page should be opened ahead.
    pub(crate) fn wants_spare(&self, provider: ProviderId) -> bool {
        let (have, hurried) = match self.spares.get(&provider) {
            Some(spares) => (spares.pages.len(), spares.hurried),
            None => (0, false),
        };
        have < 1 + usize::from(hurried) && self.open() < KEPT_PER_SESSION
    }

    /// Opens a page ahead: at once, or where another one is ready, a little later.
    pub(crate) fn open_spare(
        &mut self,
        provider: ProviderId,
        opening: impl Future<Output = Option<OpenPage>> + Send + 'static,
    ) {
        let spares = self.spares.entry(provider).or_default();
        let spare = Spare::open(opening, spares.refill_after());
        spares.pages.push_back((Instant::now(), spare));
    }

    /// Leaves a page to the next attempt of a job.
    pub(crate) fn park(&mut self, job: JobId, page: OpenPage) {
        while self.open() >= KEPT_PER_SESSION {
            let oldest = self.parked.iter().min_by_key(|(_, (since, _))| *since);
            let oldest = oldest.map(|(job, _)| *job);
            match oldest {
                _ if !self.kept.is_empty() => drop(self.kept.remove(0)),
                Some(job) => drop(self.parked.remove(&job)),
                // The rest is on its way already.
                None => break,
            }
        }
        self.parked.insert(job, (Instant::now(), page));
    }

    /// The page that an earlier attempt of the job has left.
    pub(crate) fn unpark(&mut self, job: JobId) -> Option<OpenPage> {
        self.parked.remove(&job).map(|(_, page)| page)
    }

    /// Closes what nobody has used for long.
    pub(crate) fn close_idle(&mut self) {
        self.kept.retain(|(since, _)| since.elapsed() < IDLE);
        self.spares.retain(|_, spares| {
            spares.pages.retain(|(since, _)| since.elapsed() < IDLE);
            !spares.pages.is_empty()
        });
        self.parked.retain(|_, (since, _)| since.elapsed() < PARKED);
    }

    /// Closes all of them.
    pub(crate) fn close_all(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(provider: ProviderId, has_address: bool) -> KeptPage {
        KeptPage {
            page: OpenPage::none(),
            thread: ThreadId::generate(),
            provider,
            last: LastTurn::default(),
            has_address,
        }
    }

    #[test]
    fn a_conversation_that_could_not_be_opened_again_is_left_only_when_there_are_enough() {
        let (one, other) = (ProviderId::generate(), ProviderId::generate());
        let mut pages = Pages::default();
        pages.keep(page(other, true));
        let kept: Vec<KeptPage> = (0..KEPT_PER_PROVIDER).map(|_| page(one, false)).collect();
        let threads: Vec<ThreadId> = kept.iter().map(|kept| kept.thread).collect();
        for (number, kept) in kept.into_iter().enumerate() {
            assert!(pages.take_leavable(one).is_none(), "with {number}");
            pages.keep(kept);
        }
        assert_eq!(pages.threads(one), threads);
        let left = pages.take_leavable(one).map(|kept| kept.thread);
        assert_eq!(left, threads.first().copied(), "the one used longest ago");
        pages.keep(page(one, true));
        let left = pages.take_leavable(one).map(|kept| kept.thread);
        assert_eq!(left, threads.get(1).copied(), "there are enough again");
        let left = pages.take_leavable(one).map(|kept| kept.has_address);
        assert_eq!(left, Some(true));
        assert!(pages.take_leavable(one).is_none());
        assert_eq!(pages.threads(other).len(), 1);
    }

    #[tokio::test]
    async fn whoever_had_to_wait_for_a_page_finds_two_the_next_time() {
        let provider = ProviderId::generate();
        let mut pages = Pages::default();
        assert!(pages.wants_spare(provider));
        pages.open_spare(provider, async { None });
        assert!(!pages.wants_spare(provider));
        while !pages.spares[&provider].pages[0].1.page.is_finished() {
            tokio::task::yield_now().await;
        }
        assert!(pages.take_spare(provider).is_some());
        pages.open_spare(provider, std::future::pending());
        assert!(!pages.wants_spare(provider), "it was ready in time");
        assert!(pages.take_spare(provider).is_some());
        for _ in 0..2 {
            assert!(pages.wants_spare(provider));
            pages.open_spare(provider, async { None });
        }
        assert!(!pages.wants_spare(provider));
    }

    #[tokio::test]
    async fn a_page_that_another_stands_in_for_is_opened_later_or_when_it_is_wanted() {
        let provider = ProviderId::generate();
        let mut pages = Pages::default();
        pages.open_spare(provider, async { None });
        while !pages.spares[&provider].pages[0].1.page.is_finished() {
            tokio::task::yield_now().await;
        }
        assert_eq!(pages.spares[&provider].refill_after(), REFILL_AFTER);
        drop(pages.take_spare(provider));
        assert_eq!(pages.spares[&provider].refill_after(), Duration::ZERO);
        let never = Duration::from_secs(86_400);
        assert!(Spare::open(async { None }, never).page().await.is_none());
    }

    #[test]
    fn pages_make_room_for_each_other_and_are_given_out_once() {
        let mut pages = Pages::default();
        let providers: Vec<ProviderId> = (0..5).map(|_| ProviderId::generate()).collect();
        let mut last = None;
        for provider in &providers {
            for _ in 0..4 {
                let kept = page(*provider, false);
                last = Some(kept.thread);
                pages.keep(kept);
                assert!(pages.threads(*provider).len() <= KEPT_PER_PROVIDER);
                assert!(pages.open() <= KEPT_PER_SESSION);
            }
        }
        assert_eq!(pages.open(), KEPT_PER_SESSION);
        assert!(pages.threads(providers[0]).is_empty());
        assert!(!pages.wants_spare(providers[0]), "there is no room");
        let last = last.unwrap_or_else(ThreadId::generate);
        let first_job = JobId::generate();
        pages.park(first_job, OpenPage::none());
        assert_eq!(
            pages.threads(providers[4]).len(),
            KEPT_PER_PROVIDER,
            "the oldest make room"
        );
        assert_eq!(pages.open(), KEPT_PER_SESSION);
        assert!(pages.take_thread(last).is_some());
        assert!(pages.take_thread(last).is_none());
        assert!(pages.wants_spare(providers[0]));
        for _ in 0..2 * KEPT_PER_SESSION {
            pages.park(JobId::generate(), OpenPage::none());
        }
        assert_eq!(pages.open(), KEPT_PER_SESSION);
        assert!(pages.unpark(first_job).is_none());
        pages.close_all();
        assert_eq!(pages.open(), 0);
    }
}
