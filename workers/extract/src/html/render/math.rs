//! Formulas, as the TeX they were written in where the page still has it.

use html5ever::local_name;

use super::Render;
use crate::html::class;
use crate::html::dom::Id;

impl Render<'_> {
    /// A formula, if a node is one: `$…$`, or `$$…$$` where it stands alone.
    pub(super) fn math(&self, id: Id) -> Option<String> {
        let dom = self.dom;
        match *dom.name(id)? {
            local_name!("math") => {
                let display = dom.attribute(id, "display") == Some("block");
                let source = dom
                    .inside(id)
                    .filter(|&inside| dom.is(inside, &local_name!("annotation")))
                    .find(|&inside| {
                        dom.attribute(inside, "encoding")
                            .is_some_and(|encoding| encoding.to_ascii_lowercase().contains("tex"))
                    })
                    .map(|inside| dom.text_of(inside))
                    .or_else(|| dom.attribute(id, "alttext").map(str::to_owned))?;
                wrap(&source, display)
            }
            local_name!("script") => {
                let kind = dom.attribute(id, "type")?.to_ascii_lowercase();
                if !kind.starts_with("math/tex") {
                    return None;
                }
                wrap(&dom.text_of(id), kind.contains("mode=display"))
            }
            local_name!("span") | local_name!("div") | local_name!("code") | local_name!("p") => {
                if !class::any_word(
                    dom.attribute(id, "class"),
                    &["math", "tex", "latex", "katex", "arithmatex"],
                ) {
                    return None;
                }
                let mut inside = dom.children(id);
                let text = dom.text(inside.next()?)?.trim();
                if inside.next().is_some() {
                    return None;
                }
                let inner = |open: &str, close: &str| {
                    text.strip_prefix(open)
                        .and_then(|text| text.strip_suffix(close))
                };
                inner("\\(", "\\)")
                    .and_then(|tex| wrap(tex, false))
                    .or_else(|| {
                        inner("\\[", "\\]")
                            .or_else(|| inner("$$", "$$"))
                            .and_then(|tex| wrap(tex, true))
                    })
                    .or_else(|| inner("$", "$").and_then(|tex| wrap(tex, false)))
            }
            _ => None,
        }
    }

    /// Whether a node is what a script drew of the formula that follows it.
    pub(super) fn is_preview(&self, id: Id) -> bool {
        let dom = self.dom;
        dom.attribute(id, "class")
            .is_some_and(|class| class.starts_with("MathJax"))
            && dom.parent(id).is_some_and(|around| {
                // The script follows, perhaps after white space and another drawing.
                let end = dom.end(around);
                std::iter::successors(Some(dom.end(id)).filter(|&at| at < end), |&at| {
                    Some(dom.end(at)).filter(|&at| at < end)
                })
                .take(4)
                .any(|at| {
                    dom.is(at, &local_name!("script"))
                        && dom
                            .attribute(at, "type")
                            .is_some_and(|kind| kind.starts_with("math/tex"))
                })
            })
    }
}

fn wrap(tex: &str, display: bool) -> Option<String> {
    let tex = tex.split_whitespace().collect::<Vec<_>>().join(" ");
    if tex.is_empty() {
        return None;
    }
    Some(if display {
        format!("$${tex}$$")
    } else {
        format!("${tex}$")
    })
}
