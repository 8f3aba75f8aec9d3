//! Trees as browsers make them, and their bounds.

use super::*;

fn shape(text: &str) -> String {
    let dom = parse(text);
    let mut out = String::new();
    for id in 1..dom.len() {
        let node = dom.node(id);
        out.push_str(&" ".repeat(usize::from(node.depth) - 1));
        match &node.kind {
            Kind::Text(text) => out.push_str(&format!("{:?}", &**text)),
            Kind::Element(element) => out.push_str(&element.name),
            Kind::Document => out.push('!'),
        }
        out.push('\n');
    }
    out
}

#[test]
fn nodes_stand_in_document_order() {
    assert_eq!(
        shape(
            "<title>t</title><p>one <b>two</b><!-- no --> three<p>four<template><p>no</template>"
        ),
        "html\n head\n  title\n   \"t\"\n body\n  p\n   \"one \"\n   b\n    \"two\"\n   \" three\"\n  p\n   \"four\"\n   template\n",
    );
    let dom = parse("<div><p>a<p>b</div><div>c</div>");
    let body = dom.all(local_name!("body")).next().unwrap();
    assert_eq!(
        dom.children(body)
            .map(|id| dom.text_of(id))
            .collect::<Vec<_>>(),
        ["a b", "c"]
    );
}

#[test]
fn text_that_a_table_cannot_hold_goes_before_it() {
    let dom = parse("<table>loose<tr><td>cell</table>");
    assert_eq!(dom.text_of(0), "loose cell");
}

#[test]
fn depth_is_bounded_and_text_beyond_it_is_kept() {
    let dom = parse(&format!(
        "{}deep{}<p>after",
        "<div>".repeat(20_000),
        "</div>".repeat(20_000)
    ));
    assert!((0..dom.len()).all(|id| dom.node(id).depth <= MAX_DEPTH + 3));
    assert_eq!(dom.text_of(0), "deep after");
    assert_eq!(dom.node(dom.all(local_name!("p")).next().unwrap()).depth, 3);
}

#[test]
fn elements_left_open_do_not_multiply_without_bound() {
    let page: String = (0..20_000)
        .map(|n| format!("<p><font size={n}>x"))
        .collect();
    let dom = parse(&page);
    assert!(dom.len() < 2 * MAX_NODES, "{}", dom.len());
}
