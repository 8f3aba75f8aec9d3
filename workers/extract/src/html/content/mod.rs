//! Which part of a page is what the page is about.

mod feeds;
mod hidden;
mod prune;
mod stats;
mod vocabulary;

use html5ever::local_name;

use super::dom::{Dom, Id};
use stats::Stats;

/// What to write of a page.
#[derive(Debug)]
pub(super) struct Selected {
    /// In order, none inside another.
    pub roots: Vec<Id>,
    /// Of each node whether it is left out, with all inside it.
    pub skip: Vec<bool>,
}

/// Everything that shows.
pub(super) fn whole(dom: &Dom) -> Selected {
    Selected {
        roots: vec![body(dom)],
        skip: hidden::hidden(dom),
    }
}

/// The main content. `article`: the page calls itself one.
pub(super) fn main(dom: &Dom, article: bool, title: Option<&str>) -> Selected {
    let mut skip = hidden::hidden(dom);
    let body = body(dom);
    let before = stats::count(dom, &skip);
    prune::furniture(dom, &before, &mut skip, body, article);
    let after = stats::count(dom, &skip);
    feeds::skip(dom, &after, &mut skip, body, article);
    let after = stats::count(dom, &skip);
    let scope = landmark(dom, &after, &skip, body);
    let mut roots = heart(dom, &after, &skip, scope, article, scope != body);
    if !article && let Some(title) = title_of(dom, &skip, scope, &roots, title) {
        roots.insert(0, title);
    }
    for &root in &roots {
        prune::inside(dom, &after, &mut skip, root, article, scope != body);
        if article {
            prune::article(dom, &after, &mut skip, root, title);
        }
    }
    Selected { roots, skip }
}

/// The part of the page that calls itself the main one, if it holds something.
fn landmark(dom: &Dom, stats: &[Stats], skip: &[bool], body: Id) -> Id {
    let named = (body + 1..dom.end(body)).filter(|&id| {
        !skip[id]
            && (dom.is(id, &local_name!("main"))
                || dom
                    .attribute(id, "role")
                    .is_some_and(|role| role.eq_ignore_ascii_case("main")))
    });
    let all = stats[body];
    named
        .max_by_key(|&id| stats[id].text)
        .filter(|&id| {
            stats[id].text > 0
                && (4 * stats[id].text >= all.text || 2 * stats[id].prose >= all.prose)
        })
        .unwrap_or(body)
}

/// The heading that names the page, where it stands before the content and not in it.
fn title_of(dom: &Dom, skip: &[bool], scope: Id, roots: &[Id], title: Option<&str>) -> Option<Id> {
    let mut at = scope + 1;
    let first = *roots.first()?;
    while at < first {
        if skip[at] {
            at = dom.end(at);
            continue;
        }
        if dom.is(at, &local_name!("h1")) {
            let text = dom.text_of(at);
            return Some(at).filter(|_| {
                first >= dom.end(at)
                    && title
                        .is_some_and(|title| title.contains(text.trim_end_matches(['¶', '#', '§'])))
            });
        }
        at += 1;
    }
    None
}

/// The innermost node that holds nearly all the prose of what is around it, all the way down, and what stands beside it
/// and reads like it.
fn heart(
    dom: &Dom,
    stats: &[Stats],
    skip: &[bool],
    body: Id,
    article: bool,
    named_main: bool,
) -> Vec<Id> {
    // A page of links has no prose to go by.
    let sparse =
        4 * stats[body].prose < stats[body].text && (named_main || stats[body].prose < 150);
    // In an article it is the prose that counts; elsewhere all that is no link does.
    let weight = |id: Id| match (sparse, article) {
        (true, _) => stats[id].text,
        (_, true) => stats[id].prose,
        _ => stats[id].text - stats[id].links.min(stats[id].text),
    };
    let nearly = if article { 0.75 } else { 0.85 };
    let named: Vec<Id> = (body + 1..dom.end(body))
        .filter(|&id| {
            !skip[id]
                && dom
                    .attribute(id, "itemprop")
                    .is_some_and(|name| name.contains("articleBody"))
                && stats[id].prose > 200
        })
        .collect();
    if let [named] = named[..]
        && 2 * stats[named].prose >= stats[body].prose
    {
        return vec![named];
    }
    let mut at = body;
    let mut beside = Vec::new();
    let mut step = 0;
    loop {
        let best = dom
            .children(at)
            .filter(|&child| !skip[child] && is_container(dom, child))
            .max_by_key(|&child| weight(child));
        let Some(best) = best.filter(|&best| {
            f64::from(weight(best)) >= nearly * f64::from(weight(at)) && weight(best) > 0
        }) else {
            break;
        };
        if !article
            && dom.children(at).any(|child| {
                child != best && !skip[child] && belongs(dom, stats, skip, child, best)
            })
        {
            break;
        }
        for child in dom.children(at) {
            let other = stats[child];
            if child != best
                && !skip[child]
                && dom.element(child).is_some()
                && other.prose >= 80
                && other.prose * 20 >= stats[best].prose
                && other.link_density() < 0.2
            {
                beside.push((step, child));
            }
        }
        at = best;
        step += 1;
    }
    // Only what is near: at the top of the page it is another part of it.
    let mut beside: Vec<Id> = beside
        .into_iter()
        .filter(|&(of, _)| of + 2 >= step)
        .map(|(_, id)| id)
        .collect();
    beside.push(at);
    beside.sort_unstable();
    beside
}

/// Whether a node belongs to the content that stands beside it: it is its heading, holds the page's title, or is a part
/// of the same kind.
fn belongs(dom: &Dom, stats: &[Stats], skip: &[bool], id: Id, content: Id) -> bool {
    let heading = |id: Id| {
        matches!(
            dom.name(id),
            Some(
                &local_name!("h1")
                    | &local_name!("h2")
                    | &local_name!("h3")
                    | &local_name!("h4")
                    | &local_name!("h5")
                    | &local_name!("h6")
            )
        )
    };
    let Some(element) = dom.element(id) else {
        return false;
    };
    let here = stats[id];
    if here.text == 0 || here.link_density() > 0.5 {
        return false;
    }
    let alike = element
        .attribute("class")
        .is_some_and(|class| !class.is_empty() && dom.attribute(content, "class") == Some(class))
        && dom.is(content, &element.name);
    alike
        || heading(id)
        || dom.inside(id).any(|inside| {
            !skip[inside]
                && heading(inside)
                && (dom.is(inside, &local_name!("h1")) || 3 * stats[inside].text >= 2 * here.text)
        })
}

/// Whether a node can be the main content.
fn is_container(dom: &Dom, id: Id) -> bool {
    matches!(
        dom.name(id),
        Some(
            &local_name!("div")
                | &local_name!("main")
                | &local_name!("article")
                | &local_name!("section")
                | &local_name!("td")
                | &local_name!("tr")
                | &local_name!("tbody")
                | &local_name!("table")
                | &local_name!("center")
                | &local_name!("form")
                | &local_name!("body")
                | &local_name!("span")
                | &local_name!("font")
        )
    ) || dom.name(id).is_some_and(|name| name.contains('-'))
}

fn body(dom: &Dom) -> Id {
    dom.all(local_name!("body")).next().unwrap_or(0)
}
