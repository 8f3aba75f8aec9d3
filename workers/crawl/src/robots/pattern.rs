//! A path of a rule: `*` is any text, `$` at the end is the end.
//!
//! Rules and addresses are compared in one form: percent-encoded where browsers differ about it, and a star or dollar of an address encoded, too.

/// Stars of one rule; who writes more means nothing.
const MOST_STARS: usize = 100;
/// Longer ones match no address that is followed.
const LONGEST: usize = crate::address::LONGEST * 3;

/// A path of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    /// As it is compared, without what says that it goes to the end. Runs of stars are one.
    text: String,
    /// The path has to end where the pattern does.
    to_the_end: bool,
    /// The length of the folder whose index file it names.
    folder: Option<usize>,
}

impl Pattern {
    /// `None` for what can match nothing, or is no rule that anybody means.
    pub(super) fn new(text: &str) -> Option<Self> {
        let (text, to_the_end) = match text.strip_suffix('$') {
            Some(body) => (body, true),
            None => (text, false),
        };
        let text = normal(text, false);
        let pattern = Self {
            folder: text
                .rfind('/')
                .filter(|at| text[at + 1..].starts_with("index.htm"))
                .map(|at| at + 1),
            text,
            to_the_end,
        };
        let is_meant = pattern.text.len() <= LONGEST && pattern.stars() <= MOST_STARS;
        is_meant.then_some(pattern)
    }

    pub(super) fn stars(&self) -> usize {
        self.text.bytes().filter(|byte| *byte == b'*').count()
    }

    /// How much the rule weighs for a path, if it matches: its length. A rule that allows a folder's index file allows the folder's own address, too.
    pub(super) fn weight(&self, path: &str, allow: bool) -> Option<usize> {
        if self.matches(path) {
            return Some(self.text.len() + usize::from(self.to_the_end));
        }
        let folder = self.folder.and_then(|end| self.text.get(..end));
        let is_folder = allow && folder == Some(path);
        is_folder.then(|| path.len() + 1)
    }

    fn matches(&self, path: &str) -> bool {
        let (first, others) = match self.text.split_once('*') {
            Some((first, others)) => (first, Some(others)),
            None => (self.text.as_str(), None),
        };
        let Some(mut rest) = path.strip_prefix(first) else {
            return false;
        };
        let Some(others) = others else {
            return !self.to_the_end || rest.is_empty();
        };
        let (middle, last) = match others.rsplit_once('*') {
            Some((middle, last)) => (Some(middle), last),
            None => (None, others),
        };
        for piece in middle.into_iter().flat_map(|middle| middle.split('*')) {
            // The first place is as good as any later one.
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        if self.to_the_end {
            rest.ends_with(last)
        } else {
            rest.contains(last)
        }
    }
}

/// An address's path and query in the form in which rules are compared.
pub(super) fn of_address(path: &str) -> String {
    normal(path, true)
}

/// One form for what is written in several: what URLs encode somewhere is encoded, what needs no encoding is not. A star of a rule stays one.
fn normal(text: &str, is_address: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'*' if !is_address => {
                if !out.ends_with('*') {
                    out.push('*');
                }
            }
            b'*' | b'$' => encode(&mut out, byte),
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b'\'' | b'['
            | b']' => {
                encode(&mut out, byte);
            }
            byte if byte.is_ascii_graphic() => out.push(char::from(byte)),
            byte => encode(&mut out, byte),
        }
    }
    crate::address::plain(&out)
}

fn encode(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    for digit in [byte >> 4, byte & 15] {
        out.push(char::from(DIGITS[usize::from(digit)]));
    }
}
