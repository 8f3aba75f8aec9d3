//! Which part of a page is what the page is about.

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
    Selected { roots: vec![body(dom)], skip: hidden::hidden(dom) }
}

/// The main content.
pub(super) fn main(dom: &Dom) -> Selected {
    let mut skip = hidden::hidden(dom);
    let body = body(dom);
    let before = stats::count(dom, &skip);
    prune::furniture(dom, &before, &mut skip, body);
    let after = stats::count(dom, &skip);
    let root = heart(dom, &after, &skip, body);
    prune::inside(dom, &after, &mut skip, root);
    Selected { roots: vec![root], skip }
}

/// The innermost node that holds nearly all the prose of what is around it, all the way down.
fn heart(dom: &Dom, stats: &[Stats], skip: &[bool], body: Id) -> Id {
    let mut at = body;
    loop {
        let here = stats[at];
        let best = dom.children(at).filter(|&child| !skip[child] && is_container(dom, child)).max_by_key(|&child| stats[child].prose);
        match best {
            Some(best) if f64::from(stats[best].prose) >= 0.75 * f64::from(here.prose) && stats[best].prose > 0 => at = best,
            _ => return at,
        }
    }
}

/// Whether a node can be the main content.
fn is_container(dom: &Dom, id: Id) -> bool {
    matches!(
        dom.name(id),
        Some(
            &local_name!("div") | &local_name!("main") | &local_name!("article") | &local_name!("section") | &local_name!("td") | &local_name!("tr")
                | &local_name!("tbody") | &local_name!("table") | &local_name!("center") | &local_name!("form") | &local_name!("body") | &local_name!("span") | &local_name!("font")
        )
    ) || dom.name(id).is_some_and(|name| name.contains('-'))
}

fn body(dom: &Dom) -> Id {
    dom.all(local_name!("body")).next().unwrap_or(0)
}
