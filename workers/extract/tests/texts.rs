//! Texts of every kind: what they say, in which encoding they are written, and what is kept byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use computetower_extract::files::{Hint, Options, extract};
use computetower_extract::{Document, ExtractError};

fn read(bytes: &[u8], name: &str) -> Document {
    extract(bytes, &Hint::named(name), &Options::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn tables_of_other_countries_are_read() {
    let text = "名前,年齢,住所\n佐藤太郎,30,東京\n三木英子,25,大阪\n髙橋淳,35,名古屋\n";
    let (bytes, _, _) = encoding_rs::SHIFT_JIS.encode(text);
    let document = read(&bytes, "people.csv");
    for row in [
        "| 名前 | 年齢 | 住所 |",
        "| 佐藤太郎 | 30 | 東京 |",
        "| 三木英子 | 25 | 大阪 |",
        "| 髙橋淳 | 35 | 名古屋 |",
    ] {
        assert!(
            document.markdown.contains(row),
            "{row} is not in\n{}",
            document.markdown
        );
    }
    assert_eq!(document.metadata["encoding"], "Shift_JIS");
    let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode("Stadt;Größe\nMünchen;310,7\nKöln;405\n");
    let document = read(&bytes, "list.csv");
    assert!(
        document.markdown.contains("| München | 310,7 |"),
        "{}",
        document.markdown
    );
    let tabs = read("a\tb\n\"x | y\"\t\"line\nline\"\n".as_bytes(), "a.tsv");
    assert!(
        tabs.markdown.contains("| x \\| y | line<br>line |"),
        "{}",
        tabs.markdown
    );
}

#[test]
fn wide_and_marked_texts_are_read() {
    let wide: Vec<u8> = std::iter::once(0xFEFF)
        .chain("Größe\r\n東京".encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    let document = read(&wide, "a.txt");
    assert_eq!(document.markdown, "Größe\n東京\n");
    assert_eq!(document.metadata["encoding"], "UTF-16BE");
    let said = Hint {
        content_type: Some("text/plain; charset=\"koi8-r\"".to_owned()),
        ..Hint::default()
    };
    let document = extract(b"\xF0\xD2\xC9\xD7\xC5\xD4", &said, &Options::default()).unwrap();
    assert_eq!(document.markdown, "Привет\n");
}

#[test]
fn data_is_kept_as_it_is_written() {
    let json = "{\n  \"name\": \"x\",\n  \"list\": [1, 2.50, \"ü\"]\n}\n";
    let document = read(json.as_bytes(), "data.json");
    assert_eq!(document.code_blocks.len(), 1);
    assert_eq!(document.code_blocks[0].text, json.trim_end());
    assert_eq!(document.title.as_deref(), Some("x"));
    let lines = read(b"{\"a\": 1}\n{\"a\": 2}\n", "log.jsonl");
    assert_eq!(lines.code_blocks[0].language.as_deref(), Some("jsonl"));
    assert!(lines.warnings.is_empty());
    let commented = read(b"{\n  // a comment\n  \"a\": 1,\n}\n", "tsconfig.json");
    assert!(
        commented.markdown.contains("// a comment") && commented.warnings[0].contains("not valid")
    );
    let yaml = "name: x\nlist:\n  - a: 1\n";
    assert_eq!(
        read(yaml.as_bytes(), "a.yml").code_blocks[0].text,
        yaml.trim_end()
    );
    let xml =
        "<?xml version=\"1.0\"?>\n<root><title>A feed</title><item id=\"1\">ö &lt;</item></root>\n";
    let document = read(xml.as_bytes(), "feed.rss");
    assert_eq!(document.code_blocks[0].text, xml.trim_end());
    assert_eq!(document.title.as_deref(), Some("A feed"));
}

#[test]
fn long_data_stands_under_its_keys() {
    let filler = "x".repeat(3000);
    let json = format!(
        "{{\"info\": {{\"title\": \"Orders\"}}, \"paths\": {{\"/orders\": {{\"get\": \"{filler}\"}}, \"/users\": {{\"post\": \"{filler}\"}}}}, \"version\": 3}}"
    );
    let document = read(json.as_bytes(), "openapi.json");
    let headings: Vec<_> = document
        .headings
        .iter()
        .map(|heading| (heading.level, heading.text.as_str()))
        .collect();
    assert_eq!(headings, [(2, "paths"), (3, "/orders"), (3, "/users")]);
    assert!(
        document.code_blocks[0]
            .text
            .contains("\"title\": \"Orders\"")
            && document.code_blocks[0].text.contains("\"version\": 3")
    );
    for block in &document.code_blocks {
        assert!(
            serde_json::from_str::<serde_json::Value>(&block.text).is_ok(),
            "{}",
            block.text
        );
    }

    let mut yaml = "# Settings\n".to_owned();
    for at in 0..20 {
        yaml.push_str(&format!(
            "part{at}:\n  text: |\n    {}\n",
            "word ".repeat(100)
        ));
    }
    let document = read(yaml.as_bytes(), "a.yaml");
    let again: Vec<&str> = document
        .code_blocks
        .iter()
        .map(|code| code.text.as_str())
        .collect();
    assert_eq!(again.join("\n"), yaml.trim_end());
    assert!(document.headings.len() > 5 && document.headings[0].text.starts_with("part0"));

    let items: String = (0..40)
        .map(|at| format!("  <item name=\"n{at}\">{}</item>\n", "word ".repeat(100)))
        .collect();
    let document = read(format!("<list>\n{items}</list>").as_bytes(), "a.xml");
    assert_eq!(document.headings.len(), 40);
    assert_eq!(document.headings[7].text, "item n7");
}

#[test]
fn source_code_is_kept_with_its_language() {
    let rust = "//! Doc.\n\nfn main() {\n    println!(\"```\");\n}\n";
    let document = read(rust.as_bytes(), "src/main.rs");
    assert_eq!(document.title.as_deref(), Some("main.rs"));
    assert_eq!(document.code_blocks.len(), 1);
    assert_eq!(document.code_blocks[0].text, rust.trim_end());
    assert_eq!(document.code_blocks[0].language.as_deref(), Some("rust"));
    let long: String = (0..100)
        .map(|at| {
            format!(
                "def step_{at}(x):\n    \"\"\"Step {at}.\"\"\"\n    return x + {at}  # {}\n\n\n",
                "why ".repeat(20)
            )
        })
        .collect();
    let document = read(long.as_bytes(), "steps.py");
    assert!(
        document
            .headings
            .iter()
            .any(|heading| heading.text.starts_with("def step_")),
        "{:?}",
        document.headings
    );
    let blocks: String = document
        .code_blocks
        .iter()
        .map(|code| code.text.trim())
        .collect::<Vec<_>>()
        .join("\n\n\n");
    assert_eq!(blocks, long.trim());
}

#[test]
fn notebooks_are_read_in_order() {
    let notebook = serde_json::json!({
        "nbformat": 4, "nbformat_minor": 5,
        "metadata": {"kernelspec": {"display_name": "R 4", "language": "R"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# Über Zahlen\n", "\n", "Text mit *Betonung*."]},
            {"cell_type": "code", "source": "x <- 1:3\nprint(x)", "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["[1] 1 2 3\n"]},
                {"output_type": "execute_result", "data": {"text/plain": "plain", "text/html": "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"}},
                {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo="}},
                {"output_type": "error", "ename": "Error", "evalue": "broken", "traceback": []}
            ]},
            {"cell_type": "code", "source": [], "outputs": []}
        ]
    });
    let document = read(notebook.to_string().as_bytes(), "");
    assert_eq!(document.title.as_deref(), Some("Über Zahlen"));
    assert_eq!(document.code_blocks[0].language.as_deref(), Some("r"));
    let text = &document.markdown;
    let places: Vec<usize> = [
        "# Über Zahlen",
        "```r\nx <- 1:3",
        "[1] 1 2 3",
        "| a | b |",
        "Error: broken",
    ]
    .iter()
    .map(|part| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} is not in\n{text}"))
    })
    .collect();
    assert!(places.is_sorted(), "{text}");
    assert!(!text.contains("iVBOR"));
    assert!(matches!(
        extract(
            b"{\"cells\": 5, \"nbformat\": 4}",
            &Hint::default(),
            &Options::default()
        ),
        Err(ExtractError::Damaged(_))
    ));
}

const MAIL: &str = "Return-Path: <a@example.org>\r\nFrom: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: Team <team@example.org>, x@example.org\r\nSubject: =?iso-8859-1?Q?Gr=FC=DFe?= and news\r\nDate: Thu, 15 Jan 2026 10:30:00 +0100\r\nMIME-Version: 1.0\r\n";

#[test]
fn mail_is_read_with_what_is_attached() {
    let mail = format!(
        "{MAIL}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
        --c\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSch=F6ne Worte\r\n> an earlier line\r\n\
        --c\r\nContent-Type: text/html\r\n\r\n<p>only html</p>\r\n--c--\r\n--b\r\nContent-Type: application/pdf; name=\"../../etc/plan.pdf\"\r\nContent-Disposition: attachment; filename=\"../../etc/plan.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n\
        --b\r\nContent-Type: message/rfc822\r\n\r\nFrom: z@example.org\r\nSubject: Inside\r\n\r\nforwarded text\r\n--b--\r\n"
    );
    let document = read(mail.as_bytes(), "");
    assert_eq!(document.title.as_deref(), Some("Grüße and news"));
    assert_eq!(document.metadata["author"], "Jörg (joerg@example.org)");
    assert_eq!(document.metadata["published"], "2026-01-15T10:30:00+01:00");
    for part in [
        "# Grüße and news",
        "**From:** Jörg (joerg@example.org)",
        "**To:** Team (team@example.org), x@example.org",
        "Schöne Worte",
        "> an earlier line",
        "## Inside",
        "forwarded text",
    ] {
        assert!(
            document.markdown.contains(part),
            "{part} is not in\n{}",
            document.markdown
        );
    }
    assert!(!document.markdown.contains("only html"));
    assert!(
        document.warnings[0].contains("plan.pdf") && document.warnings[0].contains("not read"),
        "{:?}",
        document.warnings
    );

    let page = format!(
        "{MAIL}Content-Type: text/html; charset=utf-8\r\n\r\n<h2>Heading</h2><p>A <a href='https://example.org/x'>link</a> in a page.</p>"
    );
    let document = read(page.as_bytes(), "letter.eml");
    assert!(
        document.markdown.contains("## Heading")
            && document.markdown.contains("[link](https://example.org/x)"),
        "{}",
        document.markdown
    );
}

#[test]
fn what_is_empty_is_an_empty_document() {
    for name in ["a.txt", "a.md", "a.csv", "a.yaml", "a.rs", "a.html"] {
        let document = read(b"", name);
        assert_eq!(document.markdown.trim(), "", "{name}");
    }
}
