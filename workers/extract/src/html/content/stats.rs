//! How much text stands where, and how much of it is links.

use html5ever::local_name;

use crate::html::dom::{Dom, Id, is_block};

/// What is in a node, and in all inside it. Lengths are in characters that are not white space.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    /// Text.
    pub text: u32,
    /// Text of links.
    pub links: u32,
    /// Text that reads like sentences: long, with few links.
    pub prose: u32,
    /// How many links.
    pub link_count: u32,
    /// Commas and ends of sentences.
    pub marks: u32,
    /// Code.
    pub code: u32,
}

impl Stats {
    fn add(&mut self, other: Self) {
        self.text = self.text.saturating_add(other.text);
        self.links = self.links.saturating_add(other.links);
        self.prose = self.prose.saturating_add(other.prose);
        self.link_count = self.link_count.saturating_add(other.link_count);
        self.marks = self.marks.saturating_add(other.marks);
        self.code = self.code.saturating_add(other.code);
    }

    /// How much of the text is links, 0 to 1.
    pub(super) fn link_density(&self) -> f32 {
        if self.text == 0 {
            0.0
        } else {
            self.links as f32 / self.text as f32
        }
    }
}

/// Counts every node that is not skipped.
pub(super) fn count(dom: &Dom, skip: &[bool]) -> Vec<Stats> {
    let mut stats = vec![Stats::default(); dom.len()];
    // What a block holds itself, not inside other blocks.
    let mut own = vec![Stats::default(); dom.len()];
    let mut at = 1;
    // The block that text belongs to, and the end of the link it is in, of every open element.
    let mut blocks: Vec<(Id, Id)> = vec![(0, dom.len())];
    let mut link_end = 0;
    let mut code_end = 0;
    while at < dom.len() {
        if skip[at] {
            at = dom.end(at);
            continue;
        }
        while blocks.last().is_some_and(|&(_, end)| end <= at) {
            blocks.pop();
        }
        let block = blocks.last().map_or(0, |&(block, _)| block);
        if let Some(text) = dom.text(at) {
            let (mut length, mut marks) = (0_u32, 0_u32);
            for one in text.chars() {
                length += u32::from(!one.is_whitespace());
                marks += u32::from(matches!(
                    one,
                    ',' | '.'
                        | ';'
                        | '!'
                        | '?'
                        | '、'
                        | '。'
                        | '，'
                        | '！'
                        | '？'
                        | '،'
                        | '؟'
                        | '।'
                ));
            }
            let here = Stats {
                text: length,
                marks,
                links: if at < link_end { length } else { 0 },
                code: if at < code_end { length } else { 0 },
                ..Stats::default()
            };
            stats[at] = here;
            own[block].add(here);
        } else if let Some(name) = dom.name(at) {
            match *name {
                local_name!("a") if dom.attribute(at, "href").is_some() => {
                    link_end = link_end.max(dom.end(at));
                    stats[at].link_count += 1;
                }
                local_name!("pre") => code_end = code_end.max(dom.end(at)),
                _ => {}
            }
            if is_block(name) {
                blocks.push((at, dom.end(at)));
            }
        }
        at += 1;
    }
    for id in (0..dom.len()).rev() {
        stats[id].prose += prose(dom, id, &own[id]);
        if let Some(parent) = dom.parent(id) {
            let sum = stats[id];
            stats[parent].add(sum);
        }
    }
    stats
}

/// How much of a block's own text counts as prose.
fn prose(dom: &Dom, id: Id, own: &Stats) -> u32 {
    if own.text == 0 {
        return 0;
    }
    let density = own.link_density();
    if density > 0.6 {
        return 0;
    }
    let free = own.text - own.links.min(own.text);
    if own.code > 0 {
        return own.code;
    }
    let weight =
        match dom.name(id) {
            Some(
                &(local_name!("h1")
                | local_name!("h2")
                | local_name!("h3")
                | local_name!("h4")
                | local_name!("h5")
                | local_name!("h6")),
            ) => 0.3,
            Some(
                &(local_name!("li") | local_name!("td") | local_name!("th") | local_name!("dt")),
            ) if own.text < 80 => 0.3,
            _ if own.text < 30 => 0.2,
            _ if own.text < 80 && own.marks == 0 => 0.3,
            _ => 1.0,
        };
    (free as f32 * weight * (1.0 - density)) as u32
}
