//! What is around the content, and what is in it without belonging to it.

use html5ever::{LocalName, local_name};

use super::stats::Stats;
use super::vocabulary::named;
use crate::html::class;
use crate::html::dom::{Dom, Id, is_block};

/// Skips what is around the content, wherever that is: by element, by role, by name.
pub(super) fn furniture(dom: &Dom, stats: &[Stats], skip: &mut [bool], body: Id, article: bool) {
    let discussion = !article && is_discussion(dom, stats, skip, body);
    let all = stats[body];
    let mut at = body + 1;
    let end = dom.end(body);
    // The ends of the articles and main parts that are open.
    let mut content_end = 0;
    while at < end {
        if skip[at] {
            at = dom.end(at);
            continue;
        }
        let Some(element) = dom.element(at) else {
            at += 1;
            continue;
        };
        if matches!(element.name, local_name!("pre") | local_name!("code")) {
            at = dom.end(at);
            continue;
        }
        let here = stats[at];
        // Nothing that holds most of what the page says is around it.
        let most = 2 * here.prose > all.prose && (5 * here.text > 2 * all.text || here.prose > 600);
        let role = element.attribute("role").unwrap_or_default();
        let dropped = match element.name {
            local_name!("nav") => true,
            local_name!("footer") => !most,
            local_name!("header") => {
                !most
                    && at >= content_end
                    && !(here.prose > 150
                        && here.link_density() < 0.2
                        && !dom
                            .inside(at)
                            .any(|inside| dom.is(inside, &local_name!("nav"))))
            }
            local_name!("aside") => !most && !is_note(dom, at),
            local_name!("button")
            | local_name!("select")
            | local_name!("textarea")
            | local_name!("input")
            | local_name!("dialog")
            | local_name!("label") => true,
            local_name!("form") => !most && here.prose < 400,
            local_name!("main") | local_name!("article") => {
                content_end = content_end.max(dom.end(at));
                false
            }
            _ => false,
        };
        let by_role = match role {
            "navigation" | "search" | "menu" | "menubar" | "dialog" | "alertdialog" | "toolbar"
            | "tooltip" | "tree" => true,
            "banner" | "contentinfo" | "complementary" => !most,
            "main" => {
                content_end = content_end.max(dom.end(at));
                false
            }
            _ => false,
        };
        if element
            .attribute("itemprop")
            .is_some_and(|name| name.contains("articleBody"))
        {
            content_end = content_end.max(dom.end(at));
        }
        let named = named(dom, at, article || !is_headed(dom, at));
        // In the middle of a text, a name alone does not outweigh that it reads like the text.
        let text_like = at < content_end && here.prose > 200 && here.link_density() < 0.2;
        let by_name = !most
            && holds(&element.name)
            && !is_note(dom, at)
            && at != body
            && ((named.furniture && !text_like)
                || (named.comments && !discussion)
                || (named.related && here.link_density() > 0.3));
        if dropped || by_role || by_name || (here.text < 300 && is_pager(dom, at, &here)) {
            skip[at] = true;
            at = dom.end(at);
            continue;
        }
        at += 1;
    }
}

/// Skips what stands in the content without being it: lists of links, unless they are what the page is; in an article
/// what is said about it.
pub(super) fn inside(
    dom: &Dom,
    stats: &[Stats],
    skip: &mut [bool],
    root: Id,
    article: bool,
    named_main: bool,
) {
    let mut found = Vec::new();
    let mut at = root + 1;
    while at < dom.end(root) {
        if skip[at] {
            at = dom.end(at);
            continue;
        }
        let here = stats[at];
        let dropped = match dom.name(at) {
            Some(
                &(local_name!("ul")
                | local_name!("ol")
                | local_name!("div")
                | local_name!("section")
                | local_name!("p")
                | local_name!("table")),
            ) => {
                let about = || {
                    let named = named(dom, at, true);
                    named.about && !named.content
                };
                // Who names the main part puts no navigation in it, but lists of what is further down.
                let list = here.link_density() > 0.6 && here.prose < 80 && here.link_count > 1;
                (list && (article || !named_main))
                    || leads_down(dom, at, &here)
                    || (article && here.prose < 100 && about())
            }
            Some(&(local_name!("pre") | local_name!("code"))) => {
                at = dom.end(at);
                continue;
            }
            _ => false,
        };
        if dropped {
            found.push(at);
            at = dom.end(at);
            continue;
        }
        at += 1;
    }
    let sum: u32 = found.iter().map(|&id| stats[id].text).sum();
    if article || 3 * sum < stats[root].text {
        for id in found {
            skip[id] = true;
        }
    }
}

/// Elements whose name says what is in them: boxes, not lines of text.
fn holds(name: &LocalName) -> bool {
    let line = matches!(
        *name,
        local_name!("h1")
            | local_name!("h2")
            | local_name!("h3")
            | local_name!("h4")
            | local_name!("h5")
            | local_name!("h6")
            | local_name!("dt")
            | local_name!("dd")
            | local_name!("dl")
            | local_name!("body")
            | local_name!("main")
    );
    !line && (is_block(name) || name.contains('-') || *name == local_name!("span"))
}

/// Whether an element begins with a heading that its id repeats.
fn is_headed(dom: &Dom, id: Id) -> bool {
    let Some(name) = dom.attribute(id, "id") else {
        return false;
    };
    let heading = dom.inside(id).take(12).find(|&inside| {
        matches!(
            dom.name(inside),
            Some(
                &(local_name!("h1")
                    | local_name!("h2")
                    | local_name!("h3")
                    | local_name!("h4")
                    | local_name!("h5")
                    | local_name!("h6"))
            )
        )
    });
    heading.is_some_and(|heading| {
        let text = dom.text_of(heading).to_lowercase();
        class::words(name).any(|word| text.contains(&*word))
    })
}

/// Whether what readers wrote is what the page is about: a third of its prose or more.
fn is_discussion(dom: &Dom, stats: &[Stats], skip: &[bool], body: Id) -> bool {
    let mut sum = 0_u64;
    let mut at = body + 1;
    while at < dom.end(body) {
        let element = dom.element(at).filter(|_| !skip[at]);
        if skip[at]
            || matches!(
                element.map(|element| &element.name),
                Some(
                    &(local_name!("pre")
                        | local_name!("code")
                        | local_name!("nav")
                        | local_name!("footer"))
                )
            )
        {
            at = dom.end(at);
        } else if element.is_some_and(|element| holds(&element.name))
            && stats[at].prose > 0
            && named(dom, at, true).comments
        {
            sum += u64::from(stats[at].prose);
            at = dom.end(at);
        } else {
            at += 1;
        }
    }
    3 * sum >= u64::from(stats[body].prose)
}

/// Whether a list only leads to places on the same page.
fn leads_down(dom: &Dom, id: Id, here: &Stats) -> bool {
    let named = || {
        ["class", "id"]
            .into_iter()
            .any(|name| class::any_word(dom.attribute(id, name), &["toc", "contents"]))
    };
    here.link_count > 1
        && (here.link_density() > 0.8 || (here.link_density() > 0.5 && named()))
        && dom
            .inside(id)
            .filter_map(|inside| dom.attribute(inside, "href"))
            .all(|href| href.starts_with('#'))
}

/// Whether a block only leads to the pages before and after.
fn is_pager(dom: &Dom, id: Id, here: &Stats) -> bool {
    if here.link_count < 2
        || here.link_density() < 0.3
        || 3 * here.prose > here.text
        || !dom.name(id).is_some_and(is_block)
    {
        return false;
    }
    // What has headings or paragraphs is more than that.
    let more = |inside: Id| {
        matches!(
            dom.name(inside),
            Some(
                &(local_name!("h1")
                    | local_name!("h2")
                    | local_name!("p")
                    | local_name!("main")
                    | local_name!("article"))
            )
        )
    };
    if dom.inside(id).any(more) {
        return false;
    }
    let mut ways = 0;
    for link in dom
        .inside(id)
        .filter(|&inside| dom.is(inside, &local_name!("a")))
    {
        let text = dom.text_of(link).to_lowercase();
        let text = text.trim_matches(|one: char| !one.is_alphanumeric());
        let way = matches!(
            text,
            "prev"
                | "previous"
                | "next"
                | "up"
                | "back"
                | "previous page"
                | "next page"
                | "previous topic"
                | "next topic"
        ) || dom.attribute(link, "rel").is_some_and(|rel| {
            rel.split_ascii_whitespace()
                .any(|one| matches!(one, "prev" | "next"))
        }) || matches!(dom.attribute(link, "accesskey"), Some("p" | "n"));
        ways += usize::from(way);
    }
    ways >= 2 || (ways == 1 && here.text < 60)
}

/// Skips what an article has around its text: its title (the document has it), captions, lines that lead elsewhere.
pub(super) fn article(
    dom: &Dom,
    stats: &[Stats],
    skip: &mut [bool],
    root: Id,
    title: Option<&str>,
) {
    let mut at = root + 1;
    while at < dom.end(root) {
        if skip[at] {
            at = dom.end(at);
            continue;
        }
        let here = stats[at];
        let dropped = match dom.name(at) {
            Some(&local_name!("h1")) => {
                title.is_some_and(|title| title.contains(&*dom.text_of(at)))
            }
            Some(&local_name!("figcaption")) => true,
            Some(&(local_name!("figure") | local_name!("picture"))) => {
                !dom.inside(at).any(|inside| {
                    matches!(
                        dom.name(inside),
                        Some(
                            &(local_name!("pre")
                                | local_name!("table")
                                | local_name!("blockquote")
                                | local_name!("p"))
                        )
                    )
                })
            }
            Some(
                &(local_name!("p")
                | local_name!("h2")
                | local_name!("h3")
                | local_name!("h4")
                | local_name!("h5")
                | local_name!("div")),
            ) => {
                (here.link_count == 1 && here.text < 250 && leads_elsewhere(dom, stats, skip, at))
                    || captions(dom, at, &here)
            }
            Some(
                &(local_name!("span")
                | local_name!("small")
                | local_name!("cite")
                | local_name!("section")
                | local_name!("ul")),
            ) => captions(dom, at, &here),
            _ => false,
        };
        if dropped {
            skip[at] = true;
            at = dom.end(at);
            continue;
        }
        at += 1;
    }
}

fn captions(dom: &Dom, id: Id, here: &Stats) -> bool {
    here.text < 1200
        && class::any_word(
            dom.attribute(id, "class"),
            &[
                "caption",
                "captions",
                "credit",
                "credits",
                "photographer",
                "gallery",
                "slideshow",
                "carousel",
                "slider",
                "imagecaption",
                "lightbox",
            ],
        )
}

/// Whether a block is but a link to somewhere else, with or without a label before it (`Read more: …`).
fn leads_elsewhere(dom: &Dom, stats: &[Stats], skip: &[bool], id: Id) -> bool {
    let here = stats[id];
    let free = here.text - here.links.min(here.text);
    if here.links < 15 || here.link_density() < 0.5 {
        return false;
    }
    if free <= 3 {
        return true;
    }
    let label: String = dom
        .inside(id)
        .take_while(|&inside| {
            !(dom.is(inside, &local_name!("a")) && dom.attribute(inside, "href").is_some())
        })
        .filter(|&inside| !skip[inside])
        .filter_map(|inside| dom.text(inside))
        .collect();
    let label = label.trim();
    label.chars().filter(|one| !one.is_whitespace()).count() as u32 + 3 >= free
        && (label.ends_with([':', '>', '»', '|', '-', '–', '—'])
            || label.len() < 3
            || !label.contains(char::is_lowercase))
}

/// Whether an aside belongs to the text: a hint, a footnote.
fn is_note(dom: &Dom, id: Id) -> bool {
    matches!(
        dom.attribute(id, "role"),
        Some("note" | "doc-footnote" | "doc-endnotes" | "doc-tip" | "doc-notice")
    ) || class::any_word(
        dom.attribute(id, "class"),
        &[
            "admonition",
            "admonitionblock",
            "callout",
            "footnote",
            "footnotes",
            "note",
            "warning",
            "tip",
            "caution",
            "important",
            "hint",
            "topic",
        ],
    )
}
