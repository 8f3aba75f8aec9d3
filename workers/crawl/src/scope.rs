//! Which addresses belong to a crawl.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::account::Skipped;

/// How large a compiled rule may become, in bytes.
const LARGEST_RULE: usize = 256 * 1024;

/// What people say about the extent of a crawl.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeRules {
    /// Only addresses that one of these matches; all where there is none. See [`Scope::new`] for how rules are written.
    pub include: Vec<String>,
    /// None that one of these matches.
    pub exclude: Vec<String>,
    /// Hosts below the one of the start, too.
    pub subdomains: bool,
    /// Only paths that begin so, where no rule includes.
    pub path_prefix: Option<String>,
    /// How many links away from the start, pages of one listing not counted.
    pub max_depth: Option<u32>,
    /// How many pages are kept.
    pub max_pages: Option<u64>,
}

/// A rule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rule {rule:?} cannot be read: {why}")]
pub struct BadRule {
    /// The rule.
    pub rule: String,
    /// Why.
    pub why: String,
}

/// Where an address lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is to be crawled.
    Inside,
    /// It belongs to the site, and is left out.
    Left(Skipped),
    /// It is another site's.
    External,
}

/// The extent of a crawl, ready to be asked.
#[derive(Clone, Debug)]
pub struct Scope {
    sites: Vec<(String, Option<u16>)>,
    /// The start, where a folder was made of it.
    start: Option<Url>,
    subdomains: bool,
    prefixes: Vec<String>,
    include: Vec<Rule>,
    exclude: Vec<Rule>,
    max_depth: Option<u32>,
    max_pages: Option<u64>,
}

#[derive(Clone, Debug)]
struct Rule {
    regex: Regex,
    about: About,
}

/// Which part of an address a rule is for.
#[derive(Clone, Copy, Debug)]
enum About {
    Path,
    PathAndQuery,
    Whole,
}

impl Scope {
    /// The scope of a crawl that begins at `start`.
    ///
    /// A rule is a glob for the path: `*` is a part of it up to the next slash, `**` any text, slashes too. One that holds `?` is for path and query, one that
    /// begins with `http` for the whole address. After `re:` it is a regular expression, found anywhere in the whole address.
    ///
    /// # Errors
    /// The first rule that cannot be read.
    pub fn new(start: &Url, rules: &ScopeRules) -> Result<Self, BadRule> {
        let compiled = |rules: &[String]| {
            rules
                .iter()
                .map(|rule| Rule::new(rule))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            sites: vec![(site(start.host_str().unwrap_or_default()), start.port())],
            start: (rules.path_prefix.is_some() && rules.include.is_empty()).then(|| start.clone()),
            subdomains: rules.subdomains,
            prefixes: match &rules.path_prefix {
                Some(prefix) if rules.include.is_empty() => vec![prefix.clone()],
                _ => vec!["/".to_owned()],
            },
            include: compiled(&rules.include)?,
            exclude: compiled(&rules.exclude)?,
            max_depth: rules.max_depth,
            max_pages: rules.max_pages,
        })
    }

    /// Where an address lies that was found `depth` links from the start.
    #[must_use]
    pub fn place(&self, url: &Url, depth: u32) -> Place {
        if !self.is_own(url) {
            return Place::External;
        }
        if !self
            .prefixes
            .iter()
            .any(|prefix| within(url.path(), prefix))
        {
            return Place::Left(Skipped::OutOfScope);
        }
        let matches = |rules: &[Rule]| rules.iter().any(|rule| rule.matches(url));
        if matches(&self.exclude)
            || !self.include.is_empty() && depth > 0 && !matches(&self.include)
        {
            return Place::Left(Skipped::Excluded);
        }
        if self.max_depth.is_some_and(|most| depth > most) {
            return Place::Left(Skipped::Depth);
        }
        Place::Inside
    }

    /// Whether the address is on one of the crawl's hosts.
    #[must_use]
    pub fn is_own(&self, url: &Url) -> bool {
        let host = site(url.host_str().unwrap_or_default());
        self.sites.iter().any(|(own, port)| {
            let below = || {
                self.subdomains
                    && matches!(url.host(), Some(url::Host::Domain(_)))
                    && host
                        .strip_suffix(own.as_str())
                        .is_some_and(|before| before.ends_with('.'))
            };
            *port == url.port() && (host == *own || below())
        })
    }

    /// Whether it is known better what was meant, once the start has led on to that address: `/3` that leads to `/3/` is a folder, and the scope made
    /// of it only that folder. Then [`Scope::leads_on_to`] is to be told, though the address lies inside.
    #[must_use]
    pub fn is_narrowed_by(&self, url: &Url) -> bool {
        let is_own_folder = |start: &Url| {
            self.is_own(url)
                && url.path().strip_suffix('/') == Some(start.path())
                && start.path().len() > 1
        };
        self.start.as_ref().is_some_and(is_own_folder)
            && self.prefixes.iter().any(|prefix| prefix != url.path())
    }

    /// The start led on to another address: its host, and the folder that it lies in, belong to the site, too.
    pub fn leads_on_to(&mut self, url: &Url) {
        if self.is_narrowed_by(url) {
            self.prefixes = vec![url.path().to_owned()];
        }
        let found = (site(url.host_str().unwrap_or_default()), url.port());
        if !self.sites.contains(&found) {
            self.sites.push(found);
        }
        if !self
            .prefixes
            .iter()
            .any(|prefix| within(url.path(), prefix))
        {
            self.prefixes.push(folder_of(url));
        }
    }

    /// How many pages are kept at most.
    #[must_use]
    pub fn max_pages(&self) -> Option<u64> {
        self.max_pages
    }
}

/// What a documentation lies in, when that is all that its address says.
const FOLDERS: &[&str] = &[
    "api",
    "book",
    "books",
    "doc",
    "docs",
    "documentation",
    "guide",
    "guides",
    "handbook",
    "help",
    "kb",
    "knowledge",
    "knowledge-base",
    "latest",
    "learn",
    "manual",
    "manuals",
    "reference",
    "stable",
    "support",
    "tutorial",
    "tutorials",
    "wiki",
];

/// The folder of a documentation's start: `/docs/guide/intro.html` begins in `/docs/guide/`. Without a slash at its end `/docs` or `/v3` is a folder all
/// the same, and `/introduction` a page at the top.
#[must_use]
pub fn folder_of(start: &Url) -> String {
    let path = start.path();
    let at = path.rfind('/').unwrap_or_default();
    if at == 0 && names_a_folder(path.trim_start_matches('/')) {
        return path.to_owned();
    }
    path.get(..=at).unwrap_or("/").to_owned()
}

fn names_a_folder(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    let version = part.strip_prefix('v').unwrap_or(&part);
    let is_version = version.starts_with(|first: char| first.is_ascii_digit())
        && version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_version || FOLDERS.contains(&part.as_str())
}

/// A host without `www.`, where that leaves more than the end of a name.
fn site(host: &str) -> String {
    match host.strip_prefix("www.") {
        Some(bare) if bare.contains('.') => bare.to_owned(),
        _ => host.to_owned(),
    }
}

/// A prefix ends at a slash: `/docs` holds `/docs` and `/docs/x`, and not `/docs-old`.
fn within(path: &str, prefix: &str) -> bool {
    let bare = prefix.trim_end_matches('/');
    path.strip_prefix(bare)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Rule {
    fn new(rule: &str) -> Result<Self, BadRule> {
        let (text, about) = match rule.strip_prefix("re:") {
            Some(regex) => (regex.to_owned(), About::Whole),
            None if rule.starts_with("http://") || rule.starts_with("https://") => {
                (glob(rule), About::Whole)
            }
            None if rule.contains('?') => (glob(rule), About::PathAndQuery),
            None => (glob(rule), About::Path),
        };
        let regex = RegexBuilder::new(&text).size_limit(LARGEST_RULE).build();
        let regex = regex.map_err(|error| BadRule {
            rule: rule.to_owned(),
            why: error.to_string(),
        })?;
        Ok(Self { regex, about })
    }

    fn matches(&self, url: &Url) -> bool {
        let text = match self.about {
            About::Path => url.path(),
            About::PathAndQuery => &url[url::Position::BeforePath..],
            About::Whole => url.as_str(),
        };
        self.regex.is_match(text)
    }
}

fn glob(rule: &str) -> String {
    let mut text = String::from("^");
    let mut rest = rule;
    while let Some(at) = rest.find('*') {
        text.push_str(&regex::escape(&rest[..at]));
        let stars = rest[at..].len() - rest[at..].trim_start_matches('*').len();
        text.push_str(if stars > 1 { ".*" } else { "[^/]*" });
        rest = &rest[at + stars..];
    }
    text.push_str(&regex::escape(rest));
    text + "$"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn scope(start: &str, rules: ScopeRules) -> Scope {
        Scope::new(&url(start), &rules).unwrap()
    }

    #[test]
    fn a_site_is_its_host_with_its_port() {
        let own = scope("https://www.a.example/", ScopeRules::default());
        assert_eq!(own.place(&url("https://a.example/x"), 1), Place::Inside);
        assert_eq!(own.place(&url("http://a.example/x"), 1), Place::Inside);
        assert_eq!(
            own.place(&url("https://docs.a.example/"), 1),
            Place::External
        );
        assert_eq!(
            own.place(&url("https://a.example:8443/"), 1),
            Place::External
        );
        let below = scope(
            "https://www.a.example/",
            ScopeRules {
                subdomains: true,
                ..ScopeRules::default()
            },
        );
        assert_eq!(
            below.place(&url("https://docs.a.example/"), 1),
            Place::Inside
        );
        assert_eq!(
            below.place(&url("https://nota.example/"), 1),
            Place::External
        );
    }

    #[test]
    fn rules_and_paths_say_what_is_left_out() {
        let rules = ScopeRules {
            include: vec!["/docs/**".to_owned(), "re:/api/v[0-9]+/".to_owned()],
            exclude: vec!["**/print/*".to_owned()],
            max_depth: Some(3),
            ..ScopeRules::default()
        };
        let scope = scope("https://a.example/", rules);
        let place = |path: &str| scope.place(&url(&format!("https://a.example{path}")), 1);
        assert_eq!(place("/docs/a/b"), Place::Inside);
        assert_eq!(place("/api/v2/x"), Place::Inside);
        assert_eq!(
            place("/docs/print/b/c"),
            Place::Inside,
            "one star ends at a slash"
        );
        assert_eq!(place("/blog"), Place::Left(Skipped::Excluded));
        assert_eq!(place("/docs/print/b"), Place::Left(Skipped::Excluded));
        assert_eq!(
            scope.place(&url("https://a.example/docs/a"), 4),
            Place::Left(Skipped::Depth)
        );
        assert_eq!(
            scope.place(&url("https://a.example/"), 0),
            Place::Inside,
            "the start itself is crawled for its links"
        );
    }

    #[test]
    fn a_path_ends_at_a_slash() {
        let start = url("https://a.example/docs/guide/intro.html");
        assert_eq!(folder_of(&start), "/docs/guide/");
        let rules = ScopeRules {
            path_prefix: Some("/docs".to_owned()),
            ..ScopeRules::default()
        };
        let scope = scope("https://a.example/docs", rules);
        assert_eq!(
            scope.place(&url("https://a.example/docs"), 1),
            Place::Inside
        );
        assert_eq!(
            scope.place(&url("https://a.example/docs/x"), 1),
            Place::Inside
        );
        assert_eq!(
            scope.place(&url("https://a.example/docs-old/x"), 1),
            Place::Left(Skipped::OutOfScope)
        );
    }

    #[test]
    fn a_documentation_without_a_slash_at_its_end_is_a_folder() {
        for (start, folder) in [
            ("/docs", "/docs"),
            ("/3", "/3"),
            ("/v2.1", "/v2.1"),
            ("/introduction", "/"),
            ("/index.html", "/"),
            ("/docs/intro", "/docs/"),
            ("/", "/"),
        ] {
            let start = url("https://a.example").join(start).unwrap();
            assert_eq!(folder_of(&start), folder, "{start}");
        }
        // What nobody can know before the start has led on.
        let start = "https://a.example/manual-4.2";
        let rules = ScopeRules {
            path_prefix: Some(folder_of(&url(start))),
            ..ScopeRules::default()
        };
        let mut own = scope(start, rules);
        let led_on = url("https://a.example/manual-4.2/");
        assert_eq!(own.place(&led_on, 0), Place::Inside);
        assert!(own.is_narrowed_by(&led_on));
        assert!(!own.is_narrowed_by(&url("https://a.example/other/")));
        own.leads_on_to(&led_on);
        assert!(!own.is_narrowed_by(&led_on));
        assert_eq!(
            own.place(&url("https://a.example/manual-4.1/"), 1),
            Place::Left(Skipped::OutOfScope)
        );
        for inside in ["/manual-4.2", "/manual-4.2/x"] {
            let inside = url("https://a.example").join(inside).unwrap();
            assert_eq!(own.place(&inside, 1), Place::Inside);
        }
        let mut whole = scope(start, ScopeRules::default());
        assert!(!whole.is_narrowed_by(&led_on));
        whole.leads_on_to(&led_on);
        assert_eq!(whole.place(&url("https://a.example/x"), 1), Place::Inside);
    }

    #[test]
    fn the_end_of_a_name_is_no_site() {
        let rules = ScopeRules {
            subdomains: true,
            ..ScopeRules::default()
        };
        let own = scope("https://www.example/", rules);
        assert_eq!(own.place(&url("https://b.example/"), 1), Place::External);
        assert_eq!(own.place(&url("https://www.example/x"), 1), Place::Inside);
    }

    #[test]
    fn where_the_start_leads_on_to_belongs_to_the_site() {
        let rules = ScopeRules {
            path_prefix: Some("/docs/".to_owned()),
            ..ScopeRules::default()
        };
        let mut scope = scope("https://a.example/docs/", rules);
        scope.leads_on_to(&url("https://docs.b.example/v2/intro"));
        assert_eq!(
            scope.place(&url("https://docs.b.example/v2/x"), 1),
            Place::Inside
        );
        assert_eq!(
            scope.place(&url("https://docs.b.example/v1/x"), 1),
            Place::Left(Skipped::OutOfScope)
        );
        assert_eq!(
            scope.place(&url("https://c.example/v2/x"), 1),
            Place::External
        );
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_said() {
        let rules = ScopeRules {
            exclude: vec!["re:(".to_owned()],
            ..ScopeRules::default()
        };
        assert_eq!(
            Scope::new(&url("https://a.example/"), &rules)
                .unwrap_err()
                .rule,
            "re:("
        );
        let huge = ScopeRules {
            include: vec!["re:(a{1000}){1000}".to_owned()],
            ..ScopeRules::default()
        };
        assert!(Scope::new(&url("https://a.example/"), &huge).is_err());
    }

    proptest! {
        #[test]
        fn a_glob_without_stars_matches_only_itself(path in "/[a-z.+(){}|^$]{0,12}", other in "/[a-z.]{0,12}") {
            let rule = Rule::new(&path).unwrap();
            prop_assert_eq!(rule.regex.is_match(&other), path == other);
            prop_assert!(rule.regex.is_match(&path));
        }
    }
}
