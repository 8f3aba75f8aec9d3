//! Where an answer ends before its end: at a text that the caller named, or after as many tokens as it wants. Pure.

use super::tokens::CHARACTERS;

/// What the caller has said about the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Texts before which the answer ends. None is empty.
    pub(crate) stop: Vec<String>,
    /// Tokens of the answer, as they are counted here.
    pub(crate) tokens: Option<usize>,
}

/// Why an answer ended, as OpenAI names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// By itself, or at a text that the caller named.
    Stop,
    /// There would have been more.
    Length,
    /// Functions are to be called.
    Calls,
}

impl Reason {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Calls => "tool_calls",
        }
    }
}

/// Follows an answer as it comes. What it gives out joins to exactly what [`cut`] makes of the whole.
pub(super) struct Cutter {
    bounds: Bounds,
    /// All that came, without what is behind the end.
    text: String,
    /// Bytes of it that were given out.
    told: usize,
    ended: Option<Reason>,
}

impl Cutter {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            text: String::new(),
            told: 0,
            ended: None,
        }
    }

    /// Takes more of the answer in. Returns what can be told of it: not what may be the beginning of a text to stop at.
    pub(super) fn push(&mut self, more: &str) -> String {
        if self.ended.is_some() {
            return String::new();
        }
        self.text.push_str(more);
        let safe = self.text.len() - self.bounds.begun(&self.text[self.told..]);
        match self.bounds.end_in(&self.text, self.told) {
            // A text to stop at may have begun before that.
            Some((at, Reason::Length)) if safe < at => self.tell(safe),
            Some(end) => self.end(end),
            None => self.tell(safe),
        }
    }

    /// The rest, when no more comes, and why it ended.
    pub(super) fn finish(&mut self) -> (String, Reason) {
        let end = self.bounds.end_in(&self.text, self.told);
        let rest = self.end(end.unwrap_or((self.text.len(), Reason::Stop)));
        (rest, self.ended.unwrap_or(Reason::Stop))
    }

    /// Why it is over already, although more would come.
    pub(super) fn over(&self) -> Option<Reason> {
        self.ended
    }

    /// All that was taken in, without what is behind the end.
    pub(super) fn taken(&self) -> &str {
        &self.text
    }

    /// All that was given out.
    pub(super) fn told(&self) -> &str {
        &self.text[..self.told]
    }

    fn end(&mut self, (at, reason): (usize, Reason)) -> String {
        self.text.truncate(at);
        self.ended.get_or_insert(reason);
        self.tell(at)
    }

    fn tell(&mut self, until: usize) -> String {
        let new = self.text[self.told..until].to_owned();
        self.told = until;
        new
    }
}

/// What is left of a whole answer, and why it ends there.
#[cfg(test)]
fn cut(bounds: &Bounds, text: &str) -> (String, Reason) {
    match bounds.end_in(text, 0) {
        Some((at, reason)) => (text[..at].to_owned(), reason),
        None => (text.to_owned(), Reason::Stop),
    }
}

impl Bounds {
    /// The byte at which a text ends, if it does not end by itself. No text to stop at begins before `from`.
    fn end_in(&self, text: &str, from: usize) -> Option<(usize, Reason)> {
        // The one that is complete first, as if the text were still being written.
        let first = |stop: &String| {
            let at = from + text[from..].find(stop.as_str())?;
            Some((at + stop.len(), at))
        };
        let stop = self.stop.iter().filter_map(first).min();
        let stop = stop.map(|(_, at)| (at, Reason::Stop));
        let length = self.tokens.and_then(|tokens| {
            let (at, _) = text.char_indices().nth(tokens.saturating_mul(CHARACTERS))?;
            Some((at, Reason::Length))
        });
        match (stop, length) {
            (Some(stop), Some(length)) if length.0 <= stop.0 => Some(length),
            (Some(stop), _) => Some(stop),
            (None, length) => length,
        }
    }

    /// How many bytes at the end may be the beginning of a text to stop at.
    fn begun(&self, text: &str) -> usize {
        let longest = |stop: &String| {
            let mut starts = stop.char_indices().map(|(at, _)| at).rev();
            starts.find(|&at| at > 0 && text.ends_with(&stop[..at]))
        };
        self.stop.iter().filter_map(longest).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bounds(stop: &[&str], tokens: Option<usize>) -> Bounds {
        Bounds {
            stop: stop.iter().map(|&text| text.to_owned()).collect(),
            tokens,
        }
    }

    #[test]
    fn the_first_bound_that_is_met_ends_it() {
        let text = "one two three four";
        let end = |stop: &[&str], tokens| cut(&bounds(stop, tokens), text);
        assert_eq!(end(&[], None), (text.to_owned(), Reason::Stop));
        assert_eq!(
            end(&["three", "two"], None),
            ("one ".to_owned(), Reason::Stop)
        );
        assert_eq!(
            end(&["three"], Some(1)),
            ("one ".to_owned(), Reason::Length)
        );
        assert_eq!(end(&["ne"], Some(1)), ("o".to_owned(), Reason::Stop));
        // The one that is complete first counts, also where another begins before it.
        assert_eq!(end(&["two three", "wo"], None).0, "one t");
        // As many as there are is not too many.
        assert_eq!(
            cut(&bounds(&[], Some(1)), "four"),
            ("four".to_owned(), Reason::Stop)
        );
    }

    #[test]
    fn what_may_be_the_beginning_of_a_stop_is_held_back() {
        let mut cutter = Cutter::new(bounds(&["</end>"], None));
        assert_eq!(cutter.push("a</"), "a");
        assert_eq!(cutter.push("b></en"), "</b>");
        assert_eq!(
            (cutter.push("d> more"), cutter.over()),
            (String::new(), Some(Reason::Stop))
        );
        assert_eq!(
            (cutter.push("more"), cutter.told()),
            (String::new(), "a</b>")
        );
    }

    proptest! {
        #[test]
        fn pieces_join_to_what_is_left_of_the_whole(
            pieces in prop::collection::vec("[abé]{0,5}", 0..12),
            stop in prop::collection::vec("[abé]{1,4}", 0..3),
            tokens in prop::option::of(0..8_usize),
        ) {
            let bounds = Bounds { stop, tokens };
            let mut cutter = Cutter::new(bounds.clone());
            let mut told: String = pieces.iter().map(|piece| cutter.push(piece)).collect();
            let (rest, reason) = cutter.finish();
            told.push_str(&rest);
            prop_assert_eq!(cutter.told(), &told);
            prop_assert_eq!((told, reason), cut(&bounds, &pieces.concat()));
        }
    }
}
