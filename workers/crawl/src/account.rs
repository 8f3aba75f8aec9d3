//! What became of each address that was discovered. All of them together are the account of a crawl.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The stable word.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $($name::$variant => $word,)* } }
        }
    };
}

reasons! {
    /// Why a page was left out on purpose.
    Skipped {
        /// Another address has the same content.
        Duplicate = "duplicate",
        /// The page names another address as its own.
        Canonical = "canonical",
        /// The address leads on to another one.
        Redirect = "redirect",
        /// robots.txt asks to stay away.
        Robots = "robots",
        /// The page asks not to be kept.
        NoIndex = "no_index",
        /// A rule of the scope excludes it, or none includes it.
        Excluded = "excluded",
        /// It lies outside of the path that is crawled.
        OutOfScope = "out_of_scope",
        /// It is further from the start than is followed.
        Depth = "depth",
        /// As many pages as were asked for are there.
        PageLimit = "page_limit",
        /// It belongs to pages without end that bring nothing new.
        Trap = "trap",
        /// It is no text: a picture, a program, an archive.
        FileType = "file_type",
        /// Its text is made by scripts.
        NeedsScripts = "needs_scripts",
    }
}

reasons! {
    /// Why a page could not be had.
    Failed {
        /// There is no such page (404, 410).
        NotFound = "not_found",
        /// It is not for us (401, 403).
        Forbidden = "forbidden",
        /// Another answer that says no (4xx).
        Refused = "refused",
        /// The server failed (5xx), again and again.
        ServerError = "server_error",
        /// The server asked to slow down, again and again.
        RateLimited = "rate_limited",
        /// The answer took too long.
        Timeout = "timeout",
        /// No connection, or it broke.
        Connection = "connection",
        /// The name leads to no address.
        Dns = "dns",
        /// The answer is no HTTP, or cannot be unpacked.
        BadAnswer = "bad_answer",
        /// It is larger than is read.
        TooLarge = "too_large",
        /// It leads in a circle.
        RedirectLoop = "redirect_loop",
        /// It leads on more than ten times.
        TooManyRedirects = "too_many_redirects",
        /// It leads to a private address.
        PrivateAddress = "private_address",
        /// robots.txt could not be asked for.
        RobotsUnreachable = "robots_unreachable",
        /// What came cannot be read.
        Unreadable = "unreadable",
        /// The worker ended each time it worked on it.
        WorkerLost = "worker_lost",
    }
}

/// How many addresses are in which state. `discovered = queued + running + done + failed + skipped`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All that were found within the site.
    pub discovered: u64,
    /// Wait for their turn.
    pub queued: u64,
    /// Are being worked on.
    pub running: u64,
    /// Are kept.
    pub done: u64,
    /// Could not be had.
    pub failed: u64,
    /// Were left out on purpose.
    pub skipped: u64,
    /// Lead elsewhere: counted, not followed, and not among those discovered.
    pub external: u64,
}

impl Totals {
    /// Whether each address that was discovered is in exactly one state.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.discovered == self.queued + self.running + self.done + self.failed + self.skipped
    }

    /// How much of what is known has ended, from 0 to 100.
    #[must_use]
    pub fn percent(&self) -> f32 {
        let ended = self.done + self.failed + self.skipped;
        if self.discovered == 0 {
            return 0.0;
        }
        (ended as f32 / self.discovered as f32 * 100.0).min(100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_means_two_things() {
        let mut words: Vec<&str> = Skipped::ALL.iter().map(|reason| reason.name()).collect();
        words.extend(Failed::ALL.iter().map(|reason| reason.name()));
        let all = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all);
    }
}
