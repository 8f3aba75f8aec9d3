use proptest::prelude::*;

use super::*;
use crate::chunk::blocks::{closes, opens};

const SMALL: ChunkSize = ChunkSize {
    usual: 120,
    with_fence: 160,
    most: 400,
    least: 20,
};

fn document(markdown: &str) -> Document {
    Document {
        markdown: markdown.to_owned(),
        ..Document::default()
    }
}

fn balanced(text: &str) -> bool {
    let mut open = None;
    for line in text.lines() {
        open = match open {
            Some(fence) if closes(line, fence) => None,
            Some(fence) => Some(fence),
            None => opens(line),
        };
    }
    open.is_none()
}

#[test]
fn passages_stand_under_their_headings() {
    let mut document = document(
        "# Guide\n\n## Install `it`\n\nRun the installer, and wait until it has ended.\n\n## Use\n\n### Start\n\nPress the button that says so.\n\n# Other\n\nText of another part.\n",
    );
    document.headings = vec![
        heading(1, "Guide", Some("guide")),
        heading(2, "Install it", None),
        heading(2, "Use", Some("use")),
        heading(3, "Start", None),
    ];
    let found = chunks(&document, SMALL);
    let seen: Vec<(Vec<&str>, Option<&str>)> = found
        .iter()
        .map(|chunk| {
            let path = chunk.heading_path.iter().map(String::as_str).collect();
            (path, chunk.anchor.as_deref())
        })
        .collect();
    assert_eq!(
        seen,
        [
            (vec!["Guide", "Install it"], Some("guide")),
            (vec!["Guide", "Use", "Start"], Some("use")),
            (vec!["Other"], None),
        ]
    );
    assert!(
        found[0].text.starts_with("# Guide\n\n## Install"),
        "{}",
        found[0].text
    );
}

fn heading(level: u8, text: &str, anchor: Option<&str>) -> Heading {
    Heading {
        level,
        text: text.to_owned(),
        anchor: anchor.map(str::to_owned),
    }
}

#[test]
fn a_fence_stays_whole_with_what_looks_like_headings_in_it() {
    let code = "# not a heading\n\nline = 1\n".repeat(8);
    let text =
        format!("# A\n\nSee:\n\n```python\n{code}```\n\nAfter that there is more to read.\n");
    let found = chunks(&document(&text), SMALL);
    let with = found
        .iter()
        .find(|chunk| chunk.text.contains("```python"))
        .map(|chunk| chunk.text.as_str());
    assert!(with.is_some_and(|text| text.contains(&code)), "{found:#?}");
    assert!(found.iter().all(|chunk| chunk.heading_path == ["A"]));
}

#[test]
fn a_fence_beyond_all_bounds_is_cut_into_fences() {
    let code = "let x = 1;\n".repeat(100);
    let text = format!("1. Do:\n\n   ~~~rust\n{code}   ~~~\n");
    let found = chunks(&document(&text), SMALL);
    assert!(found.len() > 2);
    for chunk in &found {
        assert!(balanced(&chunk.text), "{}", chunk.text);
        assert!(chunk.text.len() <= SMALL.most + 40);
    }
}

#[test]
fn rows_of_a_table_keep_its_head() {
    let rows = (0..20)
        .map(|row| format!("| {row} | some value of the row |\n"))
        .collect::<String>();
    let text = format!("# T\n\n| a | b |\n| --- | --- |\n{rows}");
    let found = chunks(&document(&text), SMALL);
    assert!(found.len() > 3);
    for (number, chunk) in found.iter().enumerate() {
        assert!(
            chunk.text.contains("| a | b |\n| --- | --- |\n"),
            "{number}: {}",
            chunk.text
        );
    }
    for row in 0..20 {
        let line = format!("| {row} | some");
        assert_eq!(
            found
                .iter()
                .filter(|chunk| chunk.text.contains(&line))
                .count(),
            1
        );
    }
}

#[test]
fn little_under_a_heading_goes_with_the_next() {
    let text = "# M\n\n## a\n\nShort.\n\n## b\n\nShort, too, but not so very short.\n\n## c\n\nThe last one of them is long enough.\n";
    let found = chunks(&document(text), SMALL);
    let paths: Vec<&[String]> = found.iter().map(|chunk| &*chunk.heading_path).collect();
    assert_eq!(
        paths,
        [&["M".to_owned()][..], &["M".to_owned(), "c".to_owned()]]
    );
}

#[test]
fn a_text_can_do_without_its_code() {
    let text = "Do\n\n```sh\n# run\nls\n```\n\nor not.\n";
    assert_eq!(without_code_blocks(text), "Do\n\n\nor not.\n");
}

#[test]
fn headings_lose_their_marks() {
    assert_eq!(
        plain("## [`os.path`](https://x/y) \\*args **now** ##"),
        "os.path *args now"
    );
    assert_eq!(plain("# ![logo](l.png) C#"), "C#");
    assert_eq!(plain("# a [b"), "a [b");
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("```".to_owned()),
        Just("~~~~ sh".to_owned()),
        Just("   ```rust".to_owned()),
        Just("> ```".to_owned()),
        Just("| a | b |".to_owned()),
        Just("|---|---|".to_owned()),
        Just("- item".to_owned()),
        "#{1,7} [a-z]{0,9}",
        "[a-zé字 .]{0,60}",
        "\\PC{0,30}",
        "[x字]{100,900}",
    ]
}

proptest! {
    #[test]
    fn passages_together_are_the_text_and_no_fence_is_left_open(lines in prop::collection::vec(line(), 0..60), end in prop::bool::ANY) {
        let mut text = lines.join("\n");
        if end { text.push('\n'); }
        let found = chunks(&document(&text), SMALL);
        let mut at = 0;
        for chunk in &found {
            prop_assert!(text[at..chunk.place.start].trim().is_empty(), "{:?} is lost", &text[at..chunk.place.start]);
            prop_assert!(chunk.text.contains(&text[chunk.place.clone()]));
            prop_assert!(chunk.place.len() <= SMALL.most + SMALL.usual + 8, "{}", chunk.place.len());
            at = chunk.place.end;
        }
        prop_assert!(text[at..].trim().is_empty());
        // A text that leaves one open itself is not mended, unless it is cut.
        if balanced(&text) {
            for chunk in &found {
                prop_assert!(balanced(&chunk.text), "{:?}", chunk.text);
            }
        }
    }
}

#[test]
fn a_heading_that_does_not_end_is_cut_before_its_passages() {
    let long = "word ".repeat(2_000);
    let text = format!("# {long}\n\n{}", "A sentence of it. ".repeat(400));
    let document = Document {
        markdown: text,
        ..Document::default()
    };
    let found = chunks(&document, ChunkSize::default());
    assert!(found.len() > 2);
    for chunk in &found {
        assert!(
            chunk
                .heading_path
                .iter()
                .all(|heading| heading.len() <= 300)
        );
    }
}
