//! `bench-extraction DATA [--half 0|1] [--show N] [--out DIR]`: precision, recall and F1 of main content on the pages of DATA, ours and the peers'.

mod metric;

use std::io::Read;
use std::time::Instant;

use computetower_extract::{HtmlSource, html};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

struct Page {
    id: String,
    url: String,
    truth: String,
    bytes: Vec<u8>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        arguments
            .iter()
            .position(|one| one == name)
            .and_then(|at| arguments.get(at + 1))
    };
    let data = arguments
        .first()
        .filter(|one| !one.starts_with("--"))
        .expect("bench-extraction DATA");
    let half: Option<usize> = option("--half").map(|half| half.parse().expect("0 or 1"));
    let show: usize = option("--show").map_or(0, |count| count.parse().expect("a number"));
    let pages: Vec<Page> = load(data)
        .into_iter()
        .filter(|page| half.is_none_or(|half| half_of(&page.id) == half))
        .collect();
    let bytes: usize = pages.iter().map(|page| page.bytes.len()).sum();
    println!("{} pages, {:.1} MB", pages.len(), bytes as f64 / 1e6);
    println!(
        "{:<22} {:>9} {:>7} {:>7} {:>7} {:>8} {:>8}",
        "", "precision", "recall", "F1", "±", "seconds", "pages/s"
    );
    let ours = run(
        "computetower-extract",
        &pages,
        |page| {
            html(
                &page.bytes,
                &HtmlSource {
                    url: &page.url,
                    ..HtmlSource::default()
                },
            )
            .map(|document| document.markdown)
            .unwrap_or_default()
        },
        plain,
    );
    #[cfg(feature = "peers")]
    peers(&pages);
    if let Some(out) = option("--out") {
        std::fs::create_dir_all(out).expect("a folder");
        for page in &pages {
            let document = html(
                &page.bytes,
                &HtmlSource {
                    url: &page.url,
                    ..HtmlSource::default()
                },
            )
            .expect("a page");
            std::fs::write(format!("{out}/{}.md", page.id), &document.markdown).expect("a file");
            std::fs::write(format!("{out}/{}.truth", page.id), &page.truth).expect("a file");
            std::fs::write(format!("{out}/{}.html", page.id), &page.bytes).expect("a file");
        }
    }
    let mut worst: Vec<(f64, usize)> = ours
        .iter()
        .enumerate()
        .map(|(at, (tp, ..))| (*tp, at))
        .collect();
    worst.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (_, at) in worst.into_iter().take(show) {
        let (tp, fp, fneg) = ours[at];
        println!(
            "{} tp {tp:.3} fp {fp:.3} fn {fneg:.3} {}",
            &pages[at].id[..10],
            pages[at].url
        );
    }
}

/// Which half of the pages one belongs to: by the parity of its name's first byte.
fn half_of(id: &str) -> usize {
    usize::from_str_radix(&id[..2], 16).unwrap_or(0) % 2
}

fn load(data: &str) -> Vec<Page> {
    let truth =
        std::fs::read(format!("{data}/ground-truth.json")).expect("ground-truth.json in DATA");
    let truth: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&truth).expect("JSON");
    truth
        .into_iter()
        .map(|(id, entry)| {
            let file = std::fs::File::open(format!("{data}/html/{id}.html.gz")).expect("the page");
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(file)
                .read_to_end(&mut bytes)
                .expect("gzip");
            let field = |name: &str| {
                entry
                    .get(name)
                    .and_then(|value| value.as_str())
                    .unwrap_or_default()
                    .to_owned()
            };
            Page {
                url: field("url"),
                truth: field("articleBody"),
                id,
                bytes,
            }
        })
        .collect()
}

/// Extracts all pages, then compares, so that the time is that of extraction alone.
fn run(
    name: &str,
    pages: &[Page],
    extract: impl Fn(&Page) -> String,
    text: impl Fn(&str) -> String,
) -> Vec<(f64, f64, f64)> {
    let began = Instant::now();
    let found: Vec<String> = pages.iter().map(extract).collect();
    let seconds = began.elapsed().as_secs_f64();
    let compared: Vec<_> = pages
        .iter()
        .zip(&found)
        .map(|(page, found)| metric::compare(&page.truth, &text(found)))
        .collect();
    let (precision, recall, f1) = metric::scores(&compared);
    println!(
        "{name:<22} {precision:>9.4} {recall:>7.4} {f1:>7.4} {:>7.4} {seconds:>8.2} {:>8.0}",
        metric::spread(&compared),
        pages.len() as f64 / seconds
    );
    compared
}

/// The words of Markdown, without addresses and pictures.
fn plain(markdown: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut out = String::new();
    let mut picture = 0;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::Image { .. }) => picture += 1,
            Event::End(TagEnd::Image) => picture -= 1,
            Event::Text(text) | Event::Code(text) if picture == 0 => out.push_str(&text),
            Event::SoftBreak
            | Event::HardBreak
            | Event::InlineHtml(_)
            | Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::Item
                | TagEnd::TableCell
                | TagEnd::CodeBlock,
            ) => out.push('\n'),
            _ => {}
        }
    }
    out
}

#[cfg(feature = "peers")]
fn peers(pages: &[Page]) {
    let same = |text: &str| text.to_owned();
    run(
        "trafilatura 0.6",
        pages,
        |page| {
            let page = String::from_utf8_lossy(&page.bytes);
            trafilatura::extract(&page, &trafilatura::Options::default())
                .map(|found| found.content_text)
                .unwrap_or_default()
        },
        same,
    );
    run(
        "rs-trafilatura 0.2",
        pages,
        |page| {
            let page = String::from_utf8_lossy(&page.bytes);
            rs_trafilatura::extract(&page)
                .map(|found| found.content_text)
                .unwrap_or_default()
        },
        same,
    );
    run(
        "dom_smoothie 0.19",
        pages,
        |page| {
            let text = String::from_utf8_lossy(&page.bytes);
            let article = dom_smoothie::Readability::new(text.as_ref(), Some(&page.url), None)
                .and_then(|mut reader| reader.parse());
            article
                .map(|found| found.text_content.to_string())
                .unwrap_or_default()
        },
        same,
    );
}
