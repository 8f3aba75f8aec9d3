//! What is around the content, and what is in it without belonging to it.

use html5ever::local_name;

use super::stats::Stats;
use super::vocabulary::named;
use crate::html::class;
use crate::html::dom::{Dom, Id};

/// Skips what is around the content, wherever that is: by element, by role, by name.
pub(super) fn furniture(dom: &Dom, stats: &[Stats], skip: &mut [bool], body: Id) {
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
        let here = stats[at];
        // Nothing that holds most of what the page says is around it.
        let most = f64::from(here.prose) > 0.5 * f64::from(all.prose) && all.prose > 0;
        let role = element.attribute("role").unwrap_or_default();
        let dropped = match element.name {
            local_name!("nav") => true,
            local_name!("footer") => !most,
            local_name!("header") => !most && at >= content_end,
            local_name!("aside") => !most && !is_note(dom, at),
            local_name!("button") | local_name!("select") | local_name!("textarea") | local_name!("input") | local_name!("dialog") | local_name!("label") => true,
            local_name!("form") => !most && here.prose < 400,
            local_name!("main") | local_name!("article") => {
                content_end = content_end.max(dom.end(at));
                false
            }
            _ => false,
        };
        let by_role = match role {
            "navigation" | "search" | "menu" | "menubar" | "dialog" | "alertdialog" | "toolbar" | "tooltip" | "tree" => true,
            "banner" | "contentinfo" | "complementary" => !most,
            "main" => {
                content_end = content_end.max(dom.end(at));
                false
            }
            _ => false,
        };
        let named = named(dom, at);
        let by_name = !most && !is_note(dom, at) && at != body && (named.furniture || (named.comments) || (named.related && here.link_density() > 0.3));
        if dropped || by_role || by_name {
            skip[at] = true;
            at = dom.end(at);
            continue;
        }
        at += 1;
    }
}

/// Skips what stands in the content without being it.
pub(super) fn inside(dom: &Dom, stats: &[Stats], skip: &mut [bool], root: Id) {
    let mut at = root + 1;
    while at < dom.end(root) {
        if skip[at] {
            at = dom.end(at);
            continue;
        }
        let here = stats[at];
        let dropped = match dom.name(at) {
            Some(&(local_name!("ul") | local_name!("ol") | local_name!("div") | local_name!("section") | local_name!("p") | local_name!("table"))) => {
                let named = named(dom, at);
                here.link_density() > 0.6 && here.prose < 80 && here.link_count > 1 || (named.about && here.prose < 100 && !named.content)
            }
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

/// Whether an aside belongs to the text: a hint, a footnote.
fn is_note(dom: &Dom, id: Id) -> bool {
    matches!(dom.attribute(id, "role"), Some("note" | "doc-footnote" | "doc-endnotes" | "doc-tip" | "doc-notice"))
        || class::any_word(
            dom.attribute(id, "class"),
            &["admonition", "admonitionblock", "callout", "footnote", "footnotes", "note", "warning", "tip", "caution", "important", "hint", "topic"],
        )
}
