//! `X-Robots-Tag`: what an answer says about itself to crawlers.

/// What it says to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RobotsTag {
    /// The page is not to be kept.
    pub no_index: bool,
    /// Its links are not to be followed.
    pub no_follow: bool,
}

/// Rules that have a value after a colon, and so are no crawler's name.
const WITH_VALUE: &[&str] = &[
    "max-image-preview",
    "max-snippet",
    "max-video-preview",
    "unavailable_after",
];

impl RobotsTag {
    /// Reads all values of the header, a line each, for the crawler of that product token. After `name:` a line is about that crawler alone.
    #[must_use]
    pub fn read(lines: &str, token: &str) -> Self {
        let mut said = Self::default();
        for line in lines.lines() {
            let mut is_for_us = true;
            for element in line.split(',') {
                let mut word = element.trim();
                if let Some((name, rest)) = word.split_once(':') {
                    let name = name.trim();
                    let is_rule = WITH_VALUE
                        .iter()
                        .any(|rule| name.eq_ignore_ascii_case(rule));
                    // Dates have colons, too.
                    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
                    if is_rule || !is_name {
                        continue;
                    }
                    is_for_us = name == "*" || name.eq_ignore_ascii_case(token);
                    word = rest.trim();
                }
                if is_for_us {
                    let is = |rule: &str| word.eq_ignore_ascii_case(rule);
                    said.no_index |= is("noindex") || is("none");
                    said.no_follow |= is("nofollow") || is("none");
                }
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_words_count_that_are_said_to_us() {
        for (lines, no_index, no_follow) in [
            ("noindex", true, false),
            ("NoFollow", false, true),
            ("none", true, true),
            ("noindex, nofollow", true, true),
            ("index, follow, max-image-preview:none", false, false),
            ("max-image-preview: none, max-snippet:-1", false, false),
            ("otherbot: noindex, nofollow", false, false),
            ("otherbot: noindex\nnofollow", false, true),
            ("otherbot: noindex, foobot: nofollow", false, true),
            ("FooBot: noindex", true, false),
            ("*: none", true, true),
            ("unavailable_after: 25 Jun 2010 15:00:00 PST", false, false),
            (
                "unavailable_after: Friday, 25 Jun 2010 15:00:00 PST, noindex",
                true,
                false,
            ),
            ("noindexed, nonesuch", false, false),
            ("", false, false),
        ] {
            let expected = RobotsTag {
                no_index,
                no_follow,
            };
            assert_eq!(RobotsTag::read(lines, "foobot"), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(text in "([a-z]{0,5}|:|,|\n| |noindex|foobot|none|é){0,20}") {
            let _ = RobotsTag::read(&text, "foobot");
        }
    }
}
