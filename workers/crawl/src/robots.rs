//! robots.txt, read as Google reads it (RFC 9309, and what google/robotstxt does where that is silent).

mod access;
mod pattern;
mod tag;

pub use access::{Access, LARGEST, access_by_status};
pub use tag::RobotsTag;

use std::time::Duration;

use url::Url;

use pattern::Pattern;

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 2_083 * 8;

/// Rules that are heeded of one group, and stars in all of them: no person writes more, and each is looked at for every link.
const MOST_RULES: usize = 5_000;
const MOST_STARS: usize = 2_000;

/// What a robots.txt says to one crawler.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Robots {
    rules: Vec<Rule>,
    /// How long to wait between two requests, where it says so.
    pub crawl_delay: Option<Duration>,
    /// The sitemaps that it names, as written.
    pub sitemaps: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    allow: bool,
    pattern: Pattern,
}

/// The part of a file that is about one kind of crawler.
#[derive(Default)]
struct Group {
    seen: bool,
    rules: Vec<Rule>,
    stars: usize,
    delay: Option<Duration>,
}

impl Group {
    fn add(&mut self, rule: &Rule) {
        let stars = self.stars + rule.pattern.stars();
        if self.rules.len() < MOST_RULES && stars <= MOST_STARS {
            self.stars = stars;
            self.rules.push(rule.clone());
        }
    }
}

enum Line<'a> {
    Agent(&'a str),
    Rule { allow: bool, path: &'a str },
    Delay(&'a str),
    Sitemap(&'a str),
}

impl Robots {
    /// Reads what a file says to the crawler of that product token (`computetower`). Anything can be read: what is not understood says nothing.
    #[must_use]
    pub fn read(bytes: &[u8], agent: &str) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let (mut ours, mut everybodys) = (Group::default(), Group::default());
        let mut sitemaps = Vec::new();
        // Whose lines follow; and whether a rule has ended the list of agents.
        let (mut is_ours, mut is_everybodys, mut ended) = (false, false, false);
        for line in text.split(['\r', '\n']).filter_map(line) {
            match line {
                Line::Agent(name) => {
                    if ended {
                        (is_ours, is_everybodys, ended) = (false, false, false);
                    }
                    if is_star(name) {
                        is_everybodys = true;
                        everybodys.seen = true;
                    } else if token(name).eq_ignore_ascii_case(agent) {
                        is_ours = true;
                        ours.seen = true;
                    }
                }
                Line::Rule { allow, path } => {
                    ended = true;
                    if path.is_empty() {
                        continue;
                    }
                    let Some(pattern) = Pattern::new(path) else {
                        continue;
                    };
                    let rule = Rule { allow, pattern };
                    if is_ours {
                        ours.add(&rule);
                    }
                    if is_everybodys {
                        everybodys.add(&rule);
                    }
                }
                Line::Delay(text) => {
                    // Who heeds it has to let it end the list of agents: else the agents of the next group, whom everything is forbidden, share this one.
                    ended = true;
                    let seconds = text
                        .parse::<f64>()
                        .ok()
                        .filter(|seconds| (0.0..=86_400.0).contains(seconds));
                    let delay = seconds.map(Duration::from_secs_f64);
                    if is_ours {
                        ours.delay = delay;
                    }
                    if is_everybodys {
                        everybodys.delay = delay;
                    }
                }
                Line::Sitemap(url) => sitemaps.push(url.to_owned()),
            }
        }
        // What is said to us by name counts alone.
        let group = if ours.seen { ours } else { everybodys };
        Self {
            rules: group.rules,
            crawl_delay: group.delay,
            sitemaps,
        }
    }

    /// Whether the crawler may ask for that address: the longest rule that matches says so, and of two as long the one that allows.
    #[must_use]
    pub fn allows(&self, url: &Url) -> bool {
        let path = pattern::of_address(&url[url::Position::BeforePath..url::Position::AfterQuery]);
        let path = if path.is_empty() { "/" } else { path.as_str() };
        let longest = |allow: bool| {
            let of_kind = self.rules.iter().filter(|rule| rule.allow == allow);
            of_kind
                .filter_map(|rule| rule.pattern.weight(path, allow))
                .max()
                .unwrap_or(0)
        };
        let (allowed, refused) = (longest(true), longest(false));
        allowed >= refused
    }
}

/// The directive of a line, if it has one that is known.
fn line(text: &str) -> Option<Line<'_>> {
    let mut end = text.len().min(LONGEST_LINE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text[..end].split('#').next().unwrap_or_default().trim();
    let (key, value) = match text.split_once(':') {
        Some((key, value)) => (key.trim(), value.trim()),
        // A colon that was forgotten, where there are exactly two words.
        None => {
            let (key, value) = text.split_once([' ', '\t'])?;
            let value = value.trim();
            if value.contains([' ', '\t']) {
                return None;
            }
            (key, value)
        }
    };
    let key = key.to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| key.starts_with(word));
    if begins(&["user-agent", "useragent", "user agent"]) {
        Some(Line::Agent(value))
    } else if begins(&["allow"]) {
        Some(Line::Rule {
            allow: true,
            path: value,
        })
    } else if begins(&[
        "disallow",
        "dissallow",
        "dissalow",
        "disalow",
        "diasllow",
        "disallaw",
    ]) {
        Some(Line::Rule {
            allow: false,
            path: value,
        })
    } else if begins(&["crawl-delay", "crawldelay"]) {
        Some(Line::Delay(value))
    } else if begins(&["sitemap", "site-map"]) {
        Some(Line::Sitemap(value))
    } else {
        None
    }
}

fn is_star(name: &str) -> bool {
    name.strip_prefix('*')
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// The product token at the beginning: `Foobot/2.1` is `Foobot`.
fn token(name: &str) -> &str {
    let end = name.find(|c: char| !(c.is_ascii_alphabetic() || c == '-' || c == '_'));
    &name[..end.unwrap_or(name.len())]
}

#[cfg(test)]
mod tests;
