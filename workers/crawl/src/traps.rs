//! Pages without end that bring nothing new: calendars, combinations of filters, ever longer paths, endless `page-N`.
//!
//! What a page brings says whether its links are followed, never what its address looks like alone: a listing of a thousand pages whose products are new
//! is followed to its end. A page is *barren* when its text holds hardly a line that the crawl has not seen (digits do not count); points for barren
//! pages add up along the way on which a page was found, and a page that brings something new begins again at none.

mod calendar;
mod listing;

pub use listing::goes_on;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use url::Url;

/// So many points end a way.
pub const MOST_POINTS: u16 = 2_000;
/// A barren page that leads to pages of which nobody knows what they are.
const LEADS_ON: u16 = 10;
/// A barren page that leads to more of what others lead to, as a listing does.
const LISTS: u16 = 1;
/// A barren page that leads to pages of its own shape alone, or a calendar's.
const LEADS_ROUND: u16 = 40;
/// The same text as another page.
const SAME_TEXT: u16 = 200;
/// Folders of pages that are remembered.
const MOST_FOLDERS: usize = 100_000;
/// So many barren combinations of filters of one path in a row end them.
const MOST_COMBINATIONS: u32 = 40;
/// Lines that are remembered. Beyond that the memory is emptied: pages then look newer than they are.
const MOST_LINES: usize = 2_000_000;
/// More parts than a path of a person's making has.
const MOST_PARTS: usize = 24;
/// More parameters than a page needs.
const MOST_PARAMETERS: usize = 12;
/// So often a part, or a sequence of parts, may follow itself.
const MOST_REPEATS: usize = 3;

/// What a crawl knows of the pages it has read, for telling what brings something new.
#[derive(Default)]
pub struct Traps {
    lines: HashSet<u32>,
    /// Barren combinations of filters in a row, by path.
    combinations: HashMap<u64, u32>,
    /// What is known of the pages of a folder.
    folders: HashMap<u64, Folder>,
}

/// The pages of one folder, whatever their names and numbers are.
#[derive(Clone, Copy, Default)]
struct Folder {
    came: u32,
    /// Had a text that no other page has.
    own: u32,
    /// Brought something new.
    new: u32,
}

/// What a page brought.
#[derive(Clone, Copy, Debug)]
pub struct Brought<'a> {
    /// Its main text.
    pub text: &'a str,
    /// Another page has exactly this text.
    pub same_text: bool,
    /// The addresses within the site that nobody had named before.
    pub new_links: &'a [Url],
}

impl Traps {
    /// The points of what a page leads to. `points` are its own.
    pub fn judge(&mut self, page: &Url, points: u16, brought: &Brought<'_>) -> u16 {
        let is_new = self.has_new_lines(brought.text) && !brought.same_text;
        let shape_of_page = shape(page);
        let lists = brought
            .new_links
            .iter()
            .filter(|link| shape(link) != shape_of_page)
            .map(|link| self.costs(link))
            .min();
        self.remember_folders(page, is_new, brought);
        let has_sisters = brought
            .new_links
            .iter()
            .any(|link| path_id(link) == path_id(page));
        if parameters(page) > 1 {
            let in_a_row = self.combinations.entry(path_id(page)).or_default();
            // A listing that is asked for with more than one parameter leads to what it lists; filters only lead to filters.
            if is_new || lists.is_some() && !calendar::is_date(page) {
                *in_a_row = 0;
            } else if has_sisters {
                *in_a_row += 1;
            }
        }
        if is_new {
            return 0;
        }
        let more = match lists {
            _ if brought.same_text => SAME_TEXT,
            Some(costs) if !calendar::is_date(page) => costs,
            _ => LEADS_ROUND,
        };
        points.saturating_add(more)
    }

    /// What it costs a barren page to lead to that address: nothing where such pages bring something new, little where they have texts of their own
    /// or have not come yet, as most have not when a listing is walked.
    fn costs(&self, link: &Url) -> u16 {
        match self.folders.get(&folder(link)) {
            None => LEADS_ON,
            Some(known) if known.came > 0 && known.new.saturating_mul(2) >= known.came => 0,
            Some(known) if known.own.saturating_mul(2) >= known.came => LISTS,
            Some(_) => LEADS_ON,
        }
    }

    /// Remembers what the folder of a page holds, and which folders it names.
    fn remember_folders(&mut self, page: &Url, is_new: bool, brought: &Brought<'_>) {
        for link in std::iter::once(page).chain(brought.new_links) {
            let id = folder(link);
            if self.folders.len() < MOST_FOLDERS || self.folders.contains_key(&id) {
                self.folders.entry(id).or_default();
            }
        }
        if let Some(known) = self.folders.get_mut(&folder(page)) {
            known.came += 1;
            known.own += u32::from(!brought.same_text);
            known.new += u32::from(is_new);
        }
    }

    /// Whether an address that a page with these points for its links names is a trap. `year` is the present one.
    #[must_use]
    pub fn is_trap(&self, url: &Url, points: u16, year: u16) -> bool {
        let combined = || {
            parameters(url) > 1
                && self
                    .combinations
                    .get(&path_id(url))
                    .is_some_and(|row| *row >= MOST_COMBINATIONS)
        };
        points >= MOST_POINTS
            || looks_endless(url)
            // A date alone says nothing: histories and archives have them, too.
            || points > 0 && calendar::is_far_away(url, year)
            || combined()
    }

    /// Remembers the lines of a text; true when enough of them are new.
    fn has_new_lines(&mut self, text: &str) -> bool {
        if self.lines.len() > MOST_LINES {
            self.lines.clear();
        }
        let (mut all, mut new) = (0_usize, 0_usize);
        for line in text.lines() {
            let mut hash = DefaultHasher::new();
            let mut letters = 0;
            for letter in line.chars().filter(|letter| letter.is_alphabetic()) {
                letters += 1;
                letter.to_ascii_lowercase().hash(&mut hash);
            }
            if letters > 0 {
                all += 1;
                // Four bytes are enough: a line that is taken for another costs next to nothing.
                new += usize::from(self.lines.insert(hash.finish() as u32));
            }
        }
        new >= 3 || new * 5 > all
    }
}

/// True for paths and queries that only a machine's mistake makes.
#[must_use]
pub fn looks_endless(url: &Url) -> bool {
    let parts: Vec<&str> = url
        .path()
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    parts.len() > MOST_PARTS || parameters(url) > MOST_PARAMETERS || repeats(&parts)
}

/// Whether a sequence of parts follows itself more than [`MOST_REPEATS`] times, or one part comes more than twice as often.
fn repeats(parts: &[&str]) -> bool {
    let in_a_row = (1..=parts.len() / (MOST_REPEATS + 1)).any(|length| {
        let same = |at: usize| parts[at] == parts[at + length];
        let mut run = 0;
        (0..parts.len() - length).any(|at| {
            run = if same(at) { run + 1 } else { 0 };
            run >= length * MOST_REPEATS
        })
    });
    in_a_row
        || parts
            .iter()
            .any(|part| parts.iter().filter(|other| other == &part).count() > MOST_REPEATS * 2)
}

/// The shape of an address: what numbers, dates and random-looking parts it has does not matter, nor the values of parameters.
#[must_use]
pub fn shape(url: &Url) -> u64 {
    shape_of(url, url.path())
}

/// The shape of the folder in which an address lies.
fn folder(url: &Url) -> u64 {
    let path = url.path();
    shape_of(url, path.rfind('/').map_or("/", |at| &path[..=at]))
}

fn shape_of(url: &Url, path: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    url.host_str().hash(&mut hash);
    for part in path.split('/') {
        let mut in_number = false;
        for letter in part.chars() {
            let is_digit = letter.is_ascii_digit();
            if !is_digit || !in_number {
                (if is_digit { '#' } else { letter }).hash(&mut hash);
            }
            in_number = is_digit;
        }
        '/'.hash(&mut hash);
    }
    let mut names: Vec<&str> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or_default())
        .collect();
    names.sort_unstable();
    names.hash(&mut hash);
    hash.finish()
}

fn parameters(url: &Url) -> usize {
    url.query().map_or(0, |query| query.split('&').count())
}

fn path_id(url: &Url) -> u64 {
    let mut hash = DefaultHasher::new();
    url[..url::Position::AfterPath].hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests;
