//! Tokens, estimated: a page does not tell.

/// Characters of a token.
pub(super) const CHARACTERS: usize = 4;

/// How many tokens a text has.
pub(super) fn estimate(text: &str) -> usize {
    text.chars().count().div_ceil(CHARACTERS)
}
