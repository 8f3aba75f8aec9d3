//! A path of a rule: `*` is any text, `$` at the end is the end.

/// A path of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    /// What stands between the stars.
    pieces: Vec<String>,
    /// The path has to end where the pattern does.
    to_the_end: bool,
    /// How much the rule weighs: its length as written, in bytes.
    weight: usize,
    /// The folder whose index file it names.
    folder: Option<String>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let text = crate::address::plain(&encoded(text));
        let to_the_end = text.ends_with('$');
        let body = text.strip_suffix('$').unwrap_or(&text);
        let folder = text
            .rfind('/')
            .filter(|at| text[at + 1..].starts_with("index.htm"));
        Self {
            pieces: body.split('*').map(str::to_owned).collect(),
            to_the_end,
            weight: text.len(),
            folder: folder.map(|at| text[..=at].to_owned()),
        }
    }

    /// How much the rule weighs for a path, if it matches. A rule that allows a folder's index file allows the folder's own address, too.
    pub(super) fn weight(&self, path: &str, allow: bool) -> Option<usize> {
        if self.matches(path) {
            return Some(self.weight);
        }
        let bare = path.split('?').next().unwrap_or_default();
        let is_folder = allow && bare == path && self.folder.as_deref() == Some(path);
        is_folder.then(|| path.len() + 1)
    }

    fn matches(&self, path: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else {
            return false;
        };
        let Some(mut rest) = path.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some((last, middle)) = others.split_last() else {
            return !self.to_the_end || rest.is_empty();
        };
        for piece in middle {
            // The first place is as good as any later one.
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        if self.to_the_end {
            rest.ends_with(last.as_str())
        } else {
            rest.contains(last.as_str())
        }
    }
}

/// Bytes beyond ASCII as addresses write them.
fn encoded(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            if byte.is_ascii() {
                out.push(char::from(byte))
            } else {
                out.push_str(&format!("%{byte:02X}"))
            }
            out
        })
}
