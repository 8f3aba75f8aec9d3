//! Where a page links to.

use std::collections::HashMap;

use html5ever::local_name;
use url::Url;

use super::dom::Dom;
use crate::Link;

/// More links than these are not kept.
const MAX_LINKS: usize = 50_000;
/// A longer address is none.
const MAX_ADDRESS: usize = 8 * 1024;
/// The text of a link is cut here.
const MAX_TEXT: usize = 512;

/// An address as a page at `base` means it. None for anything but `http` and `https`.
pub(super) fn absolute(base: Option<&Url>, address: &str) -> Option<Url> {
    let address = address.trim();
    if address.len() > MAX_ADDRESS {
        return None;
    }
    let url = match base {
        Some(base) => base.join(address),
        None => Url::parse(address),
    };
    url.ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

/// The address that links are relative to: the page's own, or what its `<base>` says.
pub(super) fn base(dom: &Dom, url: &str) -> Option<Url> {
    let own = Url::parse(url).ok().filter(|url| !url.cannot_be_a_base());
    let named = dom
        .all(local_name!("base"))
        .find_map(|id| dom.attribute(id, "href"));
    named.and_then(|href| absolute(own.as_ref(), href)).or(own)
}

/// All links, absolute and each once: the first text that says something, and followed unless every one of them says not to.
pub(super) fn links(dom: &Dom, base: Option<&Url>) -> Vec<Link> {
    let mut found: Vec<Link> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for id in 0..dom.len() {
        let Some(name) = dom.name(id) else { continue };
        let address = match *name {
            local_name!("a") | local_name!("area") => dom.attribute(id, "href"),
            local_name!("iframe") | local_name!("frame") => dom.attribute(id, "src"),
            _ => None,
        };
        let Some(url) = address
            .filter(|address| !address.trim().is_empty())
            .and_then(|one| absolute(base, one))
        else {
            continue;
        };
        let mut text = dom.text_of(id);
        if text.is_empty() {
            text = label(dom, id).unwrap_or_default().trim().to_owned();
        }
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        let no_follow = dom.attribute(id, "rel").is_some_and(|rel| {
            rel.split_ascii_whitespace()
                .any(|one| one.eq_ignore_ascii_case("nofollow"))
        });
        let url = String::from(url);
        if let Some(&place) = places.get(&url) {
            let before = &mut found[place];
            before.no_follow &= no_follow;
            if before.text.is_empty() {
                before.text = text;
            }
        } else if found.len() < MAX_LINKS {
            places.insert(url.clone(), found.len());
            found.push(Link {
                url,
                text,
                no_follow,
            });
        }
    }
    found
}

/// What a link without text is called: by itself or by the picture in it.
fn label(dom: &Dom, id: usize) -> Option<&str> {
    ["aria-label", "title"]
        .into_iter()
        .find_map(|name| dom.attribute(id, name))
        .or_else(|| {
            dom.inside(id)
                .filter(|&inside| dom.is(inside, &local_name!("img")))
                .find_map(|inside| dom.attribute(inside, "alt"))
        })
}
