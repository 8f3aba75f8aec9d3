//! Pages of other kinds than documentation: what each is about is kept, what is around it is not.

use computetower_extract::{Document, HtmlSource, html};

fn read(page: &str) -> Document {
    html(
        page.as_bytes(),
        &HtmlSource {
            url: "https://site.example/a/page",
            ..HtmlSource::default()
        },
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Fails unless all of `kept` is in the content and none of `gone` is.
fn assert_content(document: &Document, kept: &[&str], gone: &[&str]) {
    for text in kept {
        assert!(
            document.markdown.contains(text),
            "{text:?} is missing in:\n{}",
            document.markdown
        );
    }
    for text in gone {
        assert!(
            !document.markdown.contains(text),
            "{text:?} is in:\n{}",
            document.markdown
        );
    }
}

const FRAME: [&str; 2] = [
    r#"<html lang="en"><body><div id="top"><div class="site-header"><a href="/">Shop</a><ul class="main-menu"><li><a href="/a">Home page</a></li><li><a href="/b">About us</a></li></ul></div>
<div class="cookie-consent"><p>We use cookies to make this site better for you. Accept them all, or choose which.</p></div><div class="wrap">"#,
    r#"</div><div class="footer-links"><p>Copyright 2024 by the makers of this site, all rights reserved everywhere.</p><a href="/imprint">Imprint</a></div></div></body></html>"#,
];

fn framed(content: &str) -> String {
    format!("{}{content}{}", FRAME[0], FRAME[1])
}

const AROUND: [&str; 4] = ["Home page", "We use cookies", "Copyright 2024", "Imprint"];

fn prose(about: &str) -> String {
    format!(
        "This paragraph tells you about {about}, at some length, so that it reads like a text that somebody wrote. \
         It has several sentences, with commas, and it ends with a full stop about {about}."
    )
}

#[test]
fn a_thread_keeps_the_first_post_and_the_replies() {
    let posts: String = (1..=5)
        .map(|n| {
            format!(
                r#"<div class="post comment" id="p{n}"><div class="post-author"><a href="/u/{n}">user{n}</a></div><div class="post-body"><p>{}</p></div>
                <div class="post-signature">Sent from my telephone number {n}</div></div>"#,
                prose(&format!("engine {n}"))
            )
        })
        .collect();
    let document = read(&framed(&format!(
        r#"<h1>Which engine is best?</h1><div class="thread comments">{posts}</div>
        <div class="sidebar"><h3>Latest threads</h3><ul><li><a href="/t/1">Thread one is here</a></li><li><a href="/t/2">Thread two is here</a></li></ul></div>"#
    )));
    assert_content(
        &document,
        &[
            "Which engine is best?",
            "about engine 1,",
            "about engine 3,",
            "about engine 5.",
        ],
        &[&AROUND[..], &["Thread one", "Sent from my"]].concat(),
    );
}

#[test]
fn an_article_leaves_out_what_readers_wrote_and_other_articles() {
    let text: String = (1..=6)
        .map(|n| format!("<p>{}</p>", prose(&format!("the council, part {n}"))))
        .collect();
    let cards: String = (1..=4)
        .map(|n| format!(r#"<div class="card"><a href="/n/{n}"><img src="x.jpg" alt=""></a><h3><a href="/n/{n}">Other story number {n}</a></h3><p>{}</p></div>"#, prose("another town")))
        .collect();
    let page = framed(&format!(
        r#"<article><h1>Council decides</h1><div class="byline">By Jane Doe</div><div class="share-tools"><a href="/share">Share this</a></div>{text}
        <p>Read more: <a href="/n/9">What the council decided the last time</a></p>
        <blockquote><p>{}</p></blockquote></article>
        <section class="stream">{cards}</section>
        <div id="comments"><h3>Comments</h3><div class="comment"><p>{}</p></div></div>"#,
        prose("a quotation"),
        prose("my opinion"),
    ));
    let document = read(&page.replace(
        "<body>",
        r#"<head><title>Council decides - Paper</title><meta property="og:type" content="article"><meta property="article:published_time" content="2024-05-01T10:00:00Z"><meta name="author" content="Jane Doe"></head><body>"#,
    ));
    assert_content(
        &document,
        &[
            "part 1,",
            "part 6.",
            "> This paragraph tells you about a quotation",
        ],
        &[
            &AROUND[..],
            &[
                "Other story",
                "another town",
                "my opinion",
                "Share this",
                "Jane Doe",
                "the last time",
            ],
        ]
        .concat(),
    );
    assert_eq!(document.title.as_deref(), Some("Council decides"));
    assert_eq!(document.metadata["published"], "2024-05-01T10:00:00Z");
    assert_eq!(document.metadata["author"], "Jane Doe");
}

#[test]
fn a_listing_keeps_its_entries() {
    let cards: String = (1..=12)
        .map(|n| {
            format!(
                r#"<li class="card"><a href="/p/{n}"><img src="{n}.jpg" alt=""></a><h3><a href="/p/{n}">Lamp number {n}</a></h3><span class="price">{n}9.00 EUR</span>
                <p>A lamp of kind {n} for the desk.</p></li>"#
            )
        })
        .collect();
    let document = read(&framed(&format!(
        r#"<h1>Lamps</h1><p>All of our lamps.</p><div class="facets"><h4>Colour</h4><ul><li><a href="?c=r">Red lamps</a></li><li><a href="?c=g">Green lamps</a></li></ul></div>
        <ul class="products">{cards}</ul><div class="pagination"><a href="?p=2">2</a><a href="?p=3">3</a><a href="?p=2">Next page</a></div>"#
    )));
    assert_content(
        &document,
        &[
            "Lamps",
            "[Lamp number 1](https://site.example/p/1)",
            "19.00 EUR",
            "Lamp number 12",
            "A lamp of kind 12 for the desk.",
        ],
        &[&AROUND[..], &["Next page", "Red lamps"]].concat(),
    );
}

#[test]
fn a_product_keeps_its_price_its_table_and_its_description() {
    let document = read(&framed(&format!(
        r#"<div class="product"><div class="gallery"><img src="/l.jpg" alt="The lamp from the side"></div><div class="summary"><h1>Desk lamp</h1><p class="price">49.00 EUR</p>
        <ul><li>Bright and warm</li><li>Runs on batteries</li></ul><button>Add to cart</button></div>
        <div class="tabs"><h2>Description</h2><p>{}</p><p>{}</p><h2>Data</h2><table><tr><th>Weight</th><td>1.2 kg</td></tr><tr><th>Height</th><td>40 cm</td></tr></table></div></div>
        <section class="related-products"><h2>You may also like</h2><ul><li><a href="/p/2">Floor lamp of steel</a></li><li><a href="/p/3">Table lamp of wood</a></li></ul></section>"#,
        prose("the lamp"),
        prose("its light"),
    )));
    assert_content(
        &document,
        &[
            "# Desk lamp",
            "49.00 EUR",
            "Runs on batteries",
            "about its light.",
            "| Weight | 1.2 kg |",
            "![The lamp from the side](https://site.example/l.jpg)",
        ],
        &[&AROUND[..], &["Add to cart", "Floor lamp"]].concat(),
    );
}

#[test]
fn a_page_of_a_service_keeps_all_its_sections() {
    let sections: String = ["planning", "building", "running"]
        .iter()
        .map(|what| format!(r#"<section class="elementor-section"><div class="widget widget-text"><h2>We do {what}</h2><p>{}</p></div></section>"#, prose(what)))
        .collect();
    let document = read(&framed(&format!(
        r#"<div class="hero-banner"><h1>Houses for you</h1><p>We plan, build and run houses, and we have done so for many years.</p></div>{sections}
        <div class="faq"><h2>Questions</h2><details><summary>How long does it take?</summary><p>About a year, sometimes less than that.</p></details></div>"#
    )));
    assert_content(
        &document,
        &[
            "# Houses for you",
            "We plan, build and run",
            "## We do planning",
            "about running.",
            "**How long does it take?**",
            "About a year",
        ],
        &AROUND,
    );
}

#[test]
fn an_index_is_its_links() {
    let links: String = (1..=30)
        .map(|n| format!(r#"<li><a href="/doc/{n}.html">Chapter number {n}</a></li>"#))
        .collect();
    let document = read(&format!(
        r#"<html><body><nav><a href="/">Home page</a></nav><main><h1>Contents</h1><ul>{links}</ul></main><footer>Copyright 2024</footer></body></html>"#
    ));
    assert_content(
        &document,
        &[
            "# Contents",
            "- [Chapter number 1](https://site.example/doc/1.html)",
            "Chapter number 30",
        ],
        &["Home page", "Copyright"],
    );
}

#[test]
fn names_of_sections_are_no_furniture() {
    let document = read(&format!(
        r#"<html><body><div class="body"><div class="section" id="api"><h1>Interface</h1><p>{}</p><div class="section" id="cookies"><h2>Cookies</h2><p>{}</p></div>
        <div class="section" id="navigation-menu"><h2>The navigation menu</h2><p>{}</p></div></div></div></body></html>"#,
        prose("the interface"),
        prose("storing cookies"),
        prose("menus"),
    ));
    assert_content(
        &document,
        &[
            "## Cookies",
            "storing cookies.",
            "## The navigation menu",
            "about menus.",
        ],
        &[],
    );
}

#[test]
fn a_page_that_its_scripts_make_says_so() {
    let page = r#"<html><head><title>App</title><script type="module" src="/main.js"></script></head><body><noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div></body></html>"#;
    let document = read(page);
    assert!(document.needs_scripts);
    assert_eq!(document.markdown, "");
    let with_frame = r#"<html><head><script src="/main.js"></script></head><body><header><nav><a href="/">Home</a><a href="/docs">Documentation</a></nav></header><main id="app"></main></body></html>"#;
    assert!(read(with_frame).needs_scripts);
    assert!(
        !read(&format!(
            "<body><script src=/x.js></script><div id=root></div><p>{}</p><p>{}</p>",
            prose("this"),
            prose("that")
        ))
        .needs_scripts
    );
    assert!(!read("<body><p>Moved <a href=/b>here</a>.").needs_scripts);
}

#[test]
fn what_a_page_says_of_itself() {
    let document = read(
        r##"<html lang="de-AT"><head><base href="/docs/"><title>Seite &amp; mehr</title><link rel="canonical" href="/seite"><meta name="robots" content="NOINDEX, nofollow">
        <meta name="description" content="Eine  Seite"><script type="application/ld+json">{"@graph":[{"@type":"TechArticle","author":[{"name":"A"},{"name":"B"}],"datePublished":"2020-01-02"}]}</script></head>
        <body><a href="a.html">A</a> <a href="/docs/a.html">again</a> <a rel="nofollow ugc" href="https://x.example/">X</a> <a href="javascript:void(0)">no</a> <a href="mailto:a@b.c">no</a>
        <a href="#top"></a><a href="https://x.example/" title="X">X</a><a href="ftp://x.example/">no</a><a href="//y.example/p"><img alt="Picture" src=p.png></a></body></html>"##,
    );
    assert_eq!(document.title.as_deref(), Some("Seite & mehr"));
    assert_eq!(document.language.as_deref(), Some("de"));
    assert_eq!(
        document.canonical.as_deref(),
        Some("https://site.example/seite")
    );
    assert!(document.no_index && document.no_follow);
    assert_eq!(document.metadata["description"], "Eine Seite");
    assert_eq!(
        (
            document.metadata["author"].as_str(),
            document.metadata["published"].as_str()
        ),
        ("A, B", "2020-01-02")
    );
    let links: Vec<(&str, &str, bool)> = document
        .links
        .iter()
        .map(|link| (link.url.as_str(), link.text.as_str(), link.no_follow))
        .collect();
    assert_eq!(
        links,
        [
            ("https://site.example/docs/a.html", "A", false),
            ("https://x.example/", "X", false),
            ("https://site.example/docs/#top", "", false),
            ("https://y.example/p", "Picture", false),
        ],
    );
    let text = "Der schnelle braune Fuchs springt über den faulen Hund, und alle anderen Tiere des Waldes schauen ihm dabei zu.";
    assert_eq!(
        read(&format!("<p>{text}</p><p>{text}</p>"))
            .language
            .as_deref(),
        Some("de")
    );
}
