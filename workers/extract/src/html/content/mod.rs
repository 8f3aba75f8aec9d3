//! Which part of a page is what the page is about.

mod hidden;

use html5ever::local_name;

use super::dom::{Dom, Id};

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
    let skip = hidden::hidden(dom);
    let body = body(dom);
    let main = dom.all(local_name!("main")).find(|&id| !skip[id]).unwrap_or(body);
    Selected { roots: vec![main], skip }
}

fn body(dom: &Dom) -> Id {
    dom.all(local_name!("body")).next().unwrap_or(0)
}
