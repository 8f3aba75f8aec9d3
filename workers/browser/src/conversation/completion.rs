//! When an answer is complete: a fusion of signals, with the one that closed it named. Pure; time is given, not taken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// One look at a page that answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look<'a> {
    /// There is answer text that is more than a placeholder.
    pub(crate) has_text: bool,
    /// The answer differs from the look before.
    pub(crate) changed: bool,
    /// Marks that were not there before the question was sent.
    pub(crate) marks: &'a [String],
    /// A stream that carries this answer, or may, is open.
    pub(crate) stream_open: bool,
    /// The stream that carried exactly this answer has ended.
    pub(crate) stream_ended: bool,
    /// Requests for news of this answer have stopped.
    pub(crate) polling_stopped: bool,
    /// The traffic has more of the answer than the page shows.
    pub(crate) page_behind: bool,
    /// How long the page took to be looked at.
    pub(crate) took: Duration,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    Wait,
    Done(String),
    Stalled(String),
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Unchanged for this long after the last signal has cleared.
    pub(crate) settle: Duration,
    /// Unchanged for this long without any signal.
    pub(crate) quiet: Duration,
    /// Until the first text, when nothing says that the page is at work.
    pub(crate) first: Duration,
    /// Until the first text, when something does.
    pub(crate) first_busy: Duration,
    /// Unchanged for this long although something says "busy": it does not mean this answer.
    pub(crate) stuck: Duration,
    /// The same, when a better signal has cleared meanwhile and only animations and class names are left.
    pub(crate) leftover: Duration,
    /// The whole answer.
    pub(crate) whole: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(400),
            quiet: Duration::from_secs(6),
            first: Duration::from_secs(60),
            first_busy: Duration::from_secs(300),
            stuck: Duration::from_secs(90),
            leftover: Duration::from_secs(8),
            whole: Duration::from_secs(600),
        }
    }
}

#[derive(Debug, Default)]
struct Mark {
    /// It was on while the answer grew, so its end says something about the answer's.
    telling: bool,
    cleared: Option<Instant>,
}

/// Follows one answer.
pub(crate) struct Watcher {
    limits: Limits,
    began: Instant,
    last_change: Instant,
    growths: u32,
    had_text: bool,
    marks: BTreeMap<String, Mark>,
    ignored: BTreeSet<String>,
    closing: BTreeSet<String>,
    stream_cleared: Option<Instant>,
    stream_was_open: bool,
    /// How long the last looks took.
    took: VecDeque<Duration>,
    /// How long the last pauses between two pieces were.
    pauses: VecDeque<Duration>,
}

/// Looks by which a page is judged to be slow.
const LOOKS: usize = 8;
/// A page that is slow to be looked at is slow to draw: it has so many times as long to draw what it has.
const SLOW: u32 = 5;
/// And so many times the usual pause between two pieces.
const PAUSES: u32 = 2;
const LONGEST_SETTLE: Duration = Duration::from_secs(2);

fn note(recent: &mut VecDeque<Duration>, one: Duration) {
    if recent.len() == LOOKS {
        recent.pop_front();
    }
    recent.push_back(one);
}

impl Watcher {
    pub(crate) fn new(
        limits: Limits,
        began: Instant,
        ignored: &[String],
        closing: &[String],
    ) -> Self {
        Self {
            limits,
            began,
            last_change: began,
            growths: 0,
            had_text: false,
            marks: BTreeMap::new(),
            ignored: ignored.iter().cloned().collect(),
            closing: closing.iter().cloned().collect(),
            stream_cleared: None,
            stream_was_open: false,
            took: VecDeque::with_capacity(LOOKS),
            pauses: VecDeque::with_capacity(LOOKS),
        }
    }

    pub(crate) fn look(&mut self, now: Instant, look: &Look<'_>) -> Progress {
        if look.changed {
            if look.has_text && self.had_text {
                note(&mut self.pauses, now - self.last_change);
            }
            self.last_change = now;
            if look.has_text && self.had_text {
                self.growths += 1;
            }
        }
        note(&mut self.took, look.took);
        let grew = look.changed && look.has_text && self.had_text;
        self.had_text |= look.has_text;
        for name in look.marks {
            let mark = self.marks.entry(name.clone()).or_default();
            mark.cleared = None;
            mark.telling |= grew || self.closing.contains(name) && self.had_text;
        }
        for (name, mark) in &mut self.marks {
            if mark.cleared.is_none() && !look.marks.contains(name) {
                mark.cleared = Some(now);
            }
        }
        if look.stream_open {
            self.stream_was_open = true;
            self.stream_cleared = None;
        } else if self.stream_cleared.is_none() && (look.stream_ended || self.stream_was_open) {
            self.stream_cleared = Some(now);
        }
        self.judge(now, look)
    }

    fn judge(&mut self, now: Instant, look: &Look<'_>) -> Progress {
        let still = now - self.last_change;
        let on: Vec<String> = look
            .marks
            .iter()
            .filter(|mark| !self.ignored.contains(*mark))
            .cloned()
            .collect();
        let busy = !on.is_empty() || look.stream_open;
        if !self.had_text {
            let waited = now - self.began;
            let limit = if busy {
                self.limits.first_busy
            } else {
                self.limits.first
            };
            return if waited > limit {
                Progress::Stalled("the first words".to_owned())
            } else {
                Progress::Wait
            };
        }
        if now - self.began > self.limits.whole {
            return Progress::Stalled("the end of the answer".to_owned());
        }
        if busy {
            let weak = !look.stream_open && on.iter().all(|mark| is_weak(mark));
            let better = look.stream_ended
                || self
                    .marks
                    .iter()
                    .any(|(name, mark)| mark.telling && mark.cleared.is_some() && !is_weak(name));
            if weak && better && still > self.limits.leftover {
                self.ignored.extend(on);
                return Progress::Wait;
            }
            if still > self.limits.stuck {
                // It has said "busy" for far too long over a finished text: it means something else here.
                self.ignored.extend(on);
                return Progress::Done("quiet".to_owned());
            }
            return Progress::Wait;
        }
        if look.page_behind && still < self.limits.quiet {
            return Progress::Wait;
        }
        // The signal that cleared last closes the answer.
        let mut closing: Option<(Instant, String)> = None;
        for (name, mark) in &self.marks {
            if let (true, Some(cleared), false) =
                (mark.telling, mark.cleared, self.ignored.contains(name))
                && closing.as_ref().is_none_or(|(at, _)| cleared >= *at)
            {
                closing = Some((cleared, format!("busy_cleared:{name}")));
            }
        }
        if look.stream_ended
            && let Some(cleared) = self.stream_cleared
            && closing.as_ref().is_none_or(|(at, _)| cleared >= *at)
        {
            closing = Some((cleared, "stream_end".to_owned()));
        }
        if closing.is_none() && look.polling_stopped {
            closing = Some((self.last_change, "polling_stopped".to_owned()));
        }
        let settle = self.settle(look);
        match closing {
            Some((cleared, signal)) if still >= settle && now - cleared >= settle / 2 => {
                Progress::Done(signal)
            }
            Some(_) => Progress::Wait,
            None if still >= self.limits.quiet => Progress::Done("quiet".to_owned()),
            None => Progress::Wait,
        }
    }

    /// How long an answer must be unchanged: longer where the page draws slowly, unless the traffic says that all of it is there.
    fn settle(&self, look: &Look<'_>) -> Duration {
        let usual = self.limits.settle;
        if look.stream_ended {
            return usual;
        }
        let slowest = self.took.iter().max().copied().unwrap_or_default();
        let mut pauses: Vec<Duration> = self.pauses.iter().copied().collect();
        pauses.sort_unstable();
        // The usual one: a single long silence says nothing of the pace.
        let pause = pauses.get(pauses.len().saturating_sub(1) / 2);
        let pause = pause.copied().unwrap_or_default();
        let needed = (slowest * SLOW).max(pause * PAUSES).min(LONGEST_SETTLE);
        usual.max(needed)
    }

    /// Marks that were on while the answer grew and have cleared since.
    pub(crate) fn closing_marks(&self) -> Vec<String> {
        self.marks
            .iter()
            .filter(|(_, mark)| mark.telling && mark.cleared.is_some())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Marks that came with the answer and never cleared.
    pub(crate) fn lasting_marks(&self) -> Vec<String> {
        self.marks
            .iter()
            .filter(|(_, mark)| mark.cleared.is_none())
            .map(|(name, _)| name.clone())
            .collect()
    }
}

/// Animations and class names decorate many things, and a send control may look ready long after its box was emptied; controls and declared states
/// mean what they say.
pub(super) fn is_weak(mark: &str) -> bool {
    ["anim:", "class:", "look:", "smil:"]
        .iter()
        .any(|kind| mark.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Play {
        watcher: Watcher,
        start: Instant,
    }

    impl Play {
        fn new() -> Self {
            let start = Instant::now();
            let limits = Limits {
                stuck: Duration::from_secs(20),
                ..Limits::default()
            };
            Self {
                watcher: Watcher::new(limits, start, &[], &[]),
                start,
            }
        }

        fn at(&mut self, ms: u64, changed: bool, has_text: bool, marks: &[&str]) -> Progress {
            let marks: Vec<String> = marks.iter().map(|&mark| mark.to_owned()).collect();
            let look = Look {
                has_text,
                changed,
                marks: &marks,
                ..Look::default()
            };
            self.watcher
                .look(self.start + Duration::from_millis(ms), &look)
        }
    }

    #[test]
    fn a_stall_under_a_busy_mark_does_not_close() {
        let mut play = Play::new();
        play.at(100, false, false, &["stop:button"]);
        play.at(300, true, true, &["stop:button"]);
        play.at(400, true, true, &["stop:button"]);
        assert_eq!(play.at(4400, false, true, &["stop:button"]), Progress::Wait);
        play.at(4500, true, true, &["stop:button"]);
        assert_eq!(play.at(4600, false, true, &[]), Progress::Wait);
        assert_eq!(
            play.at(5000, false, true, &[]),
            Progress::Done("busy_cleared:stop:button".to_owned())
        );
        assert_eq!(play.watcher.closing_marks(), ["stop:button"]);
    }

    #[test]
    fn a_mark_that_goes_with_the_first_words_says_nothing_about_the_end() {
        let mut play = Play::new();
        play.at(100, false, false, &["class:typing"]);
        play.at(300, true, true, &[]);
        play.at(400, true, true, &[]);
        assert_eq!(play.at(3000, false, true, &[]), Progress::Wait);
        assert_eq!(
            play.at(6500, false, true, &[]),
            Progress::Done("quiet".to_owned())
        );
    }

    #[test]
    fn marks_that_never_clear_are_given_up_and_remembered() {
        let mut play = Play::new();
        play.at(100, true, true, &["anim:div"]);
        play.at(200, true, true, &["anim:div"]);
        assert_eq!(play.at(15_000, false, true, &["anim:div"]), Progress::Wait);
        assert_eq!(
            play.at(21_000, false, true, &["anim:div"]),
            Progress::Done("quiet".to_owned())
        );
        assert_eq!(play.watcher.lasting_marks(), ["anim:div"]);
    }

    #[test]
    fn an_open_stream_holds_the_answer_open_and_its_end_closes_it() {
        let mut play = Play::new();
        let look = |open, ended, changed| Look {
            has_text: true,
            changed,
            stream_open: open,
            stream_ended: ended,
            ..Look::default()
        };
        let start = play.start;
        let at = |ms| start + Duration::from_millis(ms);
        play.watcher.look(at(100), &look(true, false, true));
        assert_eq!(
            play.watcher.look(at(7000), &look(true, false, false)),
            Progress::Wait
        );
        play.watcher.look(at(7100), &look(true, false, true));
        play.watcher.look(at(7200), &look(false, true, false));
        assert_eq!(
            play.watcher.look(at(7600), &look(false, true, false)),
            Progress::Done("stream_end".to_owned())
        );
    }

    #[test]
    fn an_animation_that_outlasts_the_stop_button_is_given_up_early() {
        let mut play = Play::new();
        play.at(100, true, true, &["stop:b", "anim:dot"]);
        play.at(200, true, true, &["stop:b", "anim:dot"]);
        assert_eq!(play.at(7900, false, true, &["anim:dot"]), Progress::Wait);
        play.at(8300, false, true, &["anim:dot"]);
        assert_eq!(
            play.at(8400, false, true, &["anim:dot"]),
            Progress::Done("busy_cleared:stop:b".to_owned())
        );
    }

    #[test]
    fn a_page_that_draws_slowly_is_given_time_for_its_last_words() {
        fn slow(ms: u64, took: u64, marks: &[String], changed: bool) -> (Duration, Look<'_>) {
            let look = Look {
                has_text: true,
                changed,
                marks,
                took: Duration::from_millis(took),
                ..Look::default()
            };
            (Duration::from_millis(ms), look)
        }
        let stop = ["stop:b".to_owned()];
        for (took, closed_at) in [(10, 900), (300, 2000)] {
            let mut play = Play::new();
            for ms in [300, 400, 500] {
                let (at, look) = slow(ms, took, &stop, true);
                play.watcher.look(play.start + at, &look);
            }
            let mut closed = None;
            for ms in (600..4000).step_by(100) {
                let (at, look) = slow(ms, took, &[], false);
                if let Progress::Done(_) = play.watcher.look(play.start + at, &look) {
                    closed = Some(ms);
                    break;
                }
            }
            assert_eq!(closed, Some(closed_at), "looks of {took} ms");
        }
    }

    #[test]
    fn a_send_control_that_looks_ready_is_given_up_for_a_better_sign() {
        let mut play = Play::new();
        play.at(100, true, true, &["progress:p", "look:send"]);
        play.at(200, true, true, &["progress:p", "look:send"]);
        assert_eq!(play.at(7900, false, true, &["look:send"]), Progress::Wait);
        play.at(8300, false, true, &["look:send"]);
        assert_eq!(
            play.at(8400, false, true, &["look:send"]),
            Progress::Done("busy_cleared:progress:p".to_owned())
        );
        assert_eq!(play.watcher.lasting_marks(), ["look:send"]);
        // Without one it may be all that the page shows of being busy.
        let mut play = Play::new();
        play.at(100, true, true, &["look:send"]);
        play.at(200, true, true, &["look:send"]);
        assert_eq!(play.at(15_000, false, true, &["look:send"]), Progress::Wait);
    }

    #[test]
    fn no_first_words_within_the_limit_is_a_stall() {
        let mut play = Play::new();
        assert_eq!(play.at(59_000, false, false, &[]), Progress::Wait);
        assert_eq!(play.at(61_000, false, false, &["stop:b"]), Progress::Wait);
        assert!(matches!(
            play.at(62_000, false, false, &[]),
            Progress::Stalled(_)
        ));
    }
}
