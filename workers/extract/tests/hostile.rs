//! Pages that mean harm: read in bounded time and memory, and never a panic.

use computetower_extract::{Extent, HtmlSource, html};
use proptest::prelude::*;

fn read(page: &[u8]) -> computetower_extract::Document {
    let main = html(
        page,
        &HtmlSource {
            url: "https://evil.example/x",
            ..HtmlSource::default()
        },
    )
    .unwrap_or_else(|error| panic!("{error}"));
    html(
        page,
        &HtmlSource {
            url: "",
            extent: Extent::Whole,
            ..HtmlSource::default()
        },
    )
    .unwrap_or_else(|error| panic!("{error}"));
    main
}

#[test]
fn a_million_elements_inside_one_another() {
    for tag in [
        "div",
        "span",
        "ul><li",
        "blockquote",
        "table><tr><td",
        "b",
        "a href=x",
        "pre",
        "dl><dd",
        "section id=x class='note'",
    ] {
        let count = if tag == "div" { 1_000_000 } else { 3_000 };
        let page = format!("{}<p>deep down", format!("<{tag}>").repeat(count));
        assert!(
            read(page.as_bytes()).markdown.contains("deep down"),
            "{tag}"
        );
    }
}

#[test]
fn elements_left_open_again_and_again() {
    let page: String = (0..20_000)
        .map(|n| format!("<p><font size={n}><a href={n}><i>x"))
        .collect();
    assert!(read(page.as_bytes()).markdown.len() < 64 * 1024 * 1024);
    let page = format!("<pre>{}", "<span>a</span>\n".repeat(50_000));
    read(page.as_bytes());
    let page = "<span class=MathJax>a</span>".repeat(50_000);
    read(page.as_bytes());
    let page = "<table><div><b>".repeat(20_000);
    read(page.as_bytes());
    let page = "</x><div></div></div>".repeat(50_000);
    read(page.as_bytes());
}

#[test]
fn huge_attributes_and_pages() {
    let long = "a ".repeat(500_000);
    let document = read(
        format!("<p class='{long}' id='{long}' title='{long}'>text <a href='/{long}'>link</a>")
            .as_bytes(),
    );
    assert_eq!(document.markdown, "text link\n");
    let attributes: String = (0..10_000).map(|n| format!(" a{n}={n}")).collect();
    assert_eq!(
        read(format!("<p{attributes}>text").as_bytes()).markdown,
        "text\n"
    );
    let page = format!(
        "<p>{}</p>\n",
        "A line of some words that goes on and on. ".repeat(120)
    )
    .repeat(10_000);
    assert!(page.len() > 50_000_000);
    let document =
        html(page.as_bytes(), &HtmlSource::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(document.warnings.len(), 1, "{:?}", document.warnings);
    assert!(document.markdown.len() < 12_000_000);
}

#[test]
fn spans_do_not_multiply_text() {
    let cell = format!(
        "<td colspan=1000 rowspan=60000>{}</td>",
        "word ".repeat(2000)
    );
    let page = format!(
        "<table><tr><th>a</th><th>b</th></tr>{}</table>",
        format!("<tr>{cell}{cell}</tr>").repeat(50)
    );
    let document = read(page.as_bytes());
    assert!(
        document.markdown.len() < 2_000_000,
        "{}",
        document.markdown.len()
    );
}

#[test]
fn bytes_that_are_no_text() {
    assert!(read(b"<p>a\0b").markdown.starts_with('a'));
    assert_eq!(read(b"").markdown, "");
    read(&[0xff; 100_000]);
    read(&[0; 100_000]);
    let utf16: Vec<u8> = "<p>grüß</p>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        read(&[&[0xff, 0xfe][..], &utf16].concat()).markdown,
        "grüß\n"
    );
}

fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "<div>",
            "</div>",
            "<p>",
            "</p>",
            "<table>",
            "<tr>",
            "<td colspan=3>",
            "<td rowspan=2>",
            "<th>",
            "</table>",
            "<caption>",
            "<ul>",
            "<ol start=7>",
            "<li>",
            "</li>",
            "</ul>",
            "<pre>",
            "<pre class='brush: x'>",
            "</pre>",
            "<code>",
            "</code>",
            "<b>",
            "</b>",
            "<i>",
            "</i>",
            "<a href=#x>",
            "<a href='http://a/ b'>",
            "</a>",
            "<br>",
            "<hr>",
            "<img alt='[x]' src=y>",
            "<h1>",
            "<h2 id=a>",
            "</h2>",
            "<dl>",
            "<dt>",
            "<dd>",
            "<blockquote>",
            "</blockquote>",
            "<svg>",
            "<math>",
            "<annotation encoding=tex>",
            "</math>",
            "<select>",
            "<option>",
            "<template>",
            "</template>",
            "<form>",
            "<sup>",
            "<a href=#n id=r>",
            "<li id=n>",
            "<div class='admonition note'>",
            "<div role=main>",
            "<main>",
            "<article>",
            "<nav>",
            "<details>",
            "<summary>",
            "<script>",
            "</script>",
            "<style>",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<frameset>",
            "<plaintext>",
            "<textarea>",
            "</body>",
            "<body class=x>",
            "<base href='//'>",
            "<meta charset=x>",
            "&amp;",
            "&#0;",
            "&#x1F600;",
            "|",
            "`",
            "```",
            "*",
            "_",
            "[",
            "](",
            "\\",
            "\n",
            "\t",
            "$",
            "1. ",
            "- ",
            "# ",
            "> ",
            "\u{a0}",
            "\u{200b}",
            "¶",
        ])
        .prop_map(str::to_owned),
        "[a-zäß漢 ]{0,12}",
    ];
    prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read(&bytes);
    }

    #[test]
    fn any_soup_of_tags_is_read(page in soup()) {
        let document = read(page.as_bytes());
        prop_assert_eq!(document.headings.iter().filter(|one| one.level == 0 || one.level > 6).count(), 0);
        // The same page, read again, says the same.
        prop_assert_eq!(document, read(page.as_bytes()));
    }
}
