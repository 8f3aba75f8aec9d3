//! Whether two pages say the same: exactly, or nearly.

use sha2::{Digest, Sha256};

/// Words that stand together in one feature.
const SHINGLE: usize = 3;
/// So many bits of 64 may differ between pages that are nearly the same.
const NEAR: u32 = 8;
/// Texts with fewer letters than this say too little to be told apart by it.
const SHORT: usize = 200;

/// What a text is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of the text, byte for byte but for white space.
    pub exact: [u8; 16],
    /// SimHash: nearly the same for nearly the same text.
    pub near: u64,
    /// The text is so short that pages of one site may well share it.
    pub is_short: bool,
}

impl Fingerprint {
    /// Of a page's title and main text.
    #[must_use]
    pub fn of(title: &str, text: &str) -> Self {
        let mut hash = Sha256::new();
        for word in title
            .split_whitespace()
            .chain(["\0"])
            .chain(text.split_whitespace())
        {
            hash.update(word);
            hash.update(" ");
        }
        let mut exact = [0; 16];
        exact.copy_from_slice(&hash.finalize()[..16]);
        Self {
            exact,
            near: simhash(text),
            is_short: text
                .chars()
                .filter(|letter| !letter.is_whitespace())
                .take(SHORT)
                .count()
                < SHORT,
        }
    }

    /// Whether the texts are nearly the same.
    #[must_use]
    pub fn is_near(&self, other: &Self) -> bool {
        self.exact == other.exact
            || !self.is_short && !other.is_short && (self.near ^ other.near).count_ones() <= NEAR
    }
}

/// The same text has the same value in every version of the program: it is stored.
fn simhash(text: &str) -> u64 {
    let words: Vec<u64> = text.split_whitespace().map(word).collect();
    let mut votes = [0_i32; 64];
    let mut vote = |feature: u64| {
        for (bit, vote) in votes.iter_mut().enumerate() {
            *vote += if feature >> bit & 1 == 1 { 1 } else { -1 };
        }
    };
    if words.len() < SHINGLE {
        words.iter().for_each(|word| vote(mixed(*word)));
    }
    for shingle in words.windows(SHINGLE) {
        vote(shingle.iter().fold(0, |hash, word| mixed(hash ^ word)));
    }
    votes.iter().enumerate().fold(
        0,
        |hash, (bit, vote)| if *vote > 0 { hash | 1 << bit } else { hash },
    )
}

/// FNV-1a over the letters and digits.
fn word(text: &str) -> u64 {
    let letters = text
        .bytes()
        .filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    letters.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finalizer of SplitMix64.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(seed: u32) -> String {
        let words: Vec<String> = (0..600)
            .map(|n| format!("w{}", mixed(u64::from(seed) << 32 | n) % 5_000))
            .collect();
        words.join(" ")
    }

    #[test]
    fn what_is_stored_stays_comparable() {
        assert_eq!(
            simhash("The quick brown fox jumps over the lazy dog."),
            6_208_169_293_281_753_812
        );
    }

    proptest! {
        #[test]
        fn a_changed_word_changes_little_and_another_text_much(seed in 0..10_000_u32) {
            let first = text(seed);
            let changed = first.replacen(' ', " changed ", 1);
            let (a, b, c) = (Fingerprint::of("", &first), Fingerprint::of("", &changed), Fingerprint::of("", &text(seed + 10_000)));
            prop_assert!(a.exact != b.exact);
            prop_assert!(a.is_near(&b));
            prop_assert!(!a.is_near(&c));
        }

        #[test]
        fn white_space_says_nothing(words in proptest::collection::vec("[a-zé]{1,6}", 0..40)) {
            let (one, other) = (Fingerprint::of("t", &words.join(" ")), Fingerprint::of("t", &words.join("\n  ")));
            prop_assert_eq!(one, other);
        }
    }
}
