//! What a browser does not show.

use html5ever::local_name;

use crate::html::class;
use crate::html::dom::{Dom, silent};

/// Of each node whether the page hides it: by attribute, by style, or by a class for readers of screens alone.
pub(super) fn hidden(dom: &Dom) -> Vec<bool> {
    let mut skip = vec![false; dom.len()];
    for (id, skip) in skip.iter_mut().enumerate() {
        let Some(element) = dom.element(id) else {
            continue;
        };
        if silent(&element.name) {
            // Formulas are kept in scripts.
            *skip = element.name != local_name!("script")
                || !element
                    .attribute("type")
                    .is_some_and(|kind| kind.starts_with("math/"));
            continue;
        }
        for attribute in &element.attributes {
            let value = &*attribute.value;
            *skip |= match &*attribute.name.local {
                "hidden" => !value.eq_ignore_ascii_case("until-found"),
                "aria-hidden" => value.eq_ignore_ascii_case("true"),
                "style" => hides(value),
                "class" => class::any_name(
                    Some(value),
                    &[
                        "sr-only",
                        "visually-hidden",
                        "screen-reader-text",
                        "visuallyhidden",
                        "noprint",
                    ],
                ),
                _ => false,
            };
        }
    }
    skip
}

fn hides(style: &str) -> bool {
    let style: String = style
        .chars()
        .filter(|one| !one.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase();
    style.contains("display:none") || style.contains("visibility:hidden")
}
