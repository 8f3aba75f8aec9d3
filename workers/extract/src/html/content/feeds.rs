//! Lists of other pages: cards with a title that is a link, a picture, a line or two.

use std::collections::HashMap;

use html5ever::{LocalName, local_name};

use super::stats::Stats;
use crate::html::dom::{Dom, Id};

/// A longer thing is no card.
const MAX_CARD: u32 = 1200;
/// Fewer cards are no list.
const MIN_CARDS: usize = 3;

/// Skips lists of other pages where the page has a text of its own. On a page that is such a list, it is the content.
pub(super) fn skip(dom: &Dom, stats: &[Stats], skip: &mut [bool], body: Id, article: bool) {
    let mut cards: Vec<Id> = Vec::new();
    let mut at = body + 1;
    while at < dom.end(body) {
        if skip[at] {
            at = dom.end(at);
        } else if is_card(dom, stats, skip, at) {
            cards.push(at);
            at = dom.end(at);
        } else {
            at += 1;
        }
    }
    // Cards of one list look the same.
    let mut alike: HashMap<(&LocalName, &str), usize> = HashMap::new();
    let look = |id: Id| {
        let element = dom.element(id)?;
        Some((
            &element.name,
            element
                .attribute("class")
                .and_then(|class| class.split_ascii_whitespace().next())
                .unwrap_or_default(),
        ))
    };
    for look in cards.iter().filter_map(|&card| look(card)) {
        *alike.entry(look).or_default() += 1;
    }
    let feeds: Vec<Id> = cards
        .into_iter()
        .filter(|&card| {
            look(card)
                .and_then(|look| alike.get(&look))
                .is_some_and(|&count| count >= MIN_CARDS)
        })
        .collect();
    let in_feeds: u64 = feeds.iter().map(|&card| u64::from(stats[card].prose)).sum();
    let outside = u64::from(stats[body].prose).saturating_sub(in_feeds);
    let enough = if article {
        outside >= 400
    } else {
        outside >= 800 && outside >= 3 * in_feeds
    };
    if enough {
        for card in feeds {
            skip[card] = true;
        }
    }
}

/// Whether a node is a card: short, and its heading or its first line is a link to another page.
fn is_card(dom: &Dom, stats: &[Stats], skip: &[bool], id: Id) -> bool {
    let here = stats[id];
    let holder = matches!(
        dom.name(id),
        Some(
            &(local_name!("div")
                | local_name!("li")
                | local_name!("article")
                | local_name!("section")
                | local_name!("a")
                | local_name!("tr")
                | local_name!("td"))
        )
    );
    if !holder || here.text == 0 || here.text > MAX_CARD || here.link_count == 0 || here.links < 8 {
        return false;
    }
    if dom.is(id, &local_name!("a")) {
        return dom.inside(id).any(|inside| is_heading(dom, inside));
    }
    let leads = |link: Id| {
        dom.is(link, &local_name!("a"))
            && dom
                .attribute(link, "href")
                .is_some_and(|href| !href.starts_with('#'))
            && stats[link].text > 0
    };
    let mut headings = dom
        .inside(id)
        .filter(|&inside| !skip[inside] && is_heading(dom, inside))
        .peekable();
    if headings.peek().is_none() {
        return false;
    }
    // One title, not a list of them.
    let mut to: Option<&str> = None;
    for heading in headings {
        let link = dom
            .inside(heading)
            .find(|&inside| leads(inside))
            .or_else(|| {
                dom.ancestors(heading)
                    .take_while(|&around| around != id)
                    .find(|&around| leads(around))
            });
        let Some(href) = link.and_then(|link| dom.attribute(link, "href")) else {
            continue;
        };
        if to.is_some_and(|to| to != href) {
            return false;
        }
        to = Some(href);
    }
    to.is_some()
}

fn is_heading(dom: &Dom, id: Id) -> bool {
    matches!(
        dom.name(id),
        Some(
            &(local_name!("h1")
                | local_name!("h2")
                | local_name!("h3")
                | local_name!("h4")
                | local_name!("h5")
                | local_name!("h6"))
        )
    )
}
