//! One document, written by pandoc, LibreOffice and LaTeX in every format they know (`golden/make.sh`): what it says has to be found again, whole and in order.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;
use std::process::Command;

use computetower_extract::files::{FileKind, Hint, Options, extract, extract_file, sniff};
use computetower_extract::{Document, ExtractError};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// Reads a file of the folder, without being told its name.
fn read(name: &str) -> Document {
    let bytes = std::fs::read(golden(name)).unwrap();
    extract(&bytes, &Hint::default(), &Options::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The Markdown holds all of these, one after the other.
fn holds(name: &str, document: &Document, wanted: &[&str]) {
    let mut rest = document.markdown.as_str();
    for text in wanted {
        let Some((_, after)) = rest.split_once(text) else {
            panic!("{name}: {text:?} is not in\n{}", document.markdown);
        };
        rest = after;
    }
}

/// What every format of the handbook keeps.
const PROSE: [&str; 6] = [
    "An opening paragraph with umlauts — Straße, Öl, Äpfel — and",
    "Installing the tool",
    "設定の方法",
    "日本語の段落です。設定ファイルを編集します。",
    "Deeper heading",
    "ends with the word finis.",
];
const TABLE: [&str; 3] = [
    "| timeout | 30 | Seconds to wait |",
    "| max_size | 1024 | Größe in Kilobyte |",
    "| name_case | lower |",
];
const CODE: [&str; 2] = [
    "def answer(question):\n",
    "return {\"value\": 42, \"q\": question}",
];

fn level_of(document: &Document, text: &str) -> Option<u8> {
    document
        .headings
        .iter()
        .find(|heading| heading.text == text)
        .map(|heading| heading.level)
}

#[test]
fn word_processors_write_the_handbook() {
    for name in [
        "pandoc.docx",
        "pandoc.odt",
        "pandoc.epub",
        "office.docx",
        "office.rtf",
        "office.doc",
    ] {
        let document = read(name);
        holds(name, &document, &PROSE);
        holds(name, &document, &TABLE);
        holds(name, &document, &CODE);
        holds(
            name,
            &document,
            &[
                "- First item",
                "- Second item",
                "  - Nested item",
                "1. Step one",
                "2. Step two",
            ],
        );
        assert_eq!(document.title.as_deref(), Some("Golden Handbook"), "{name}");
        for (text, level) in [
            ("Installing the tool", 2),
            ("設定の方法", 2),
            ("Deeper heading", 3),
        ] {
            assert_eq!(level_of(&document, text), Some(level), "{name}: {text}");
        }
        let code: Vec<&str> = document
            .code_blocks
            .iter()
            .map(|code| code.text.as_str())
            .collect();
        assert_eq!(
            code,
            ["def answer(question):\n    return {\"value\": 42, \"q\": question}"],
            "{name}"
        );
        assert!(
            document
                .links
                .iter()
                .any(|link| link.url == "https://example.org/tool" && link.text == "the project"),
            "{name}"
        );
        assert!(
            document.warnings.is_empty(),
            "{name}: {:?}",
            document.warnings
        );
    }
    for name in ["pandoc.docx", "pandoc.odt", "pandoc.epub", "office.docx"] {
        let document = read(name);
        assert_eq!(
            document.metadata.get("author").map(String::as_str),
            Some("Grüße Müller"),
            "{name}"
        );
        assert_eq!(document.language.as_deref(), Some("en"), "{name}");
    }
    // Pandoc's rich text has no styles for lists and code; the words are there.
    let document = read("pandoc.rtf");
    holds("pandoc.rtf", &document, &PROSE);
    holds("pandoc.rtf", &document, &TABLE);
    assert_eq!(level_of(&document, "Deeper heading"), Some(3));
}

#[test]
fn slides_keep_their_order() {
    for name in ["pandoc.pptx", "office.odp"] {
        let document = read(name);
        holds(name, &document, &PROSE);
        holds(name, &document, &TABLE);
        holds(
            name,
            &document,
            &[
                "Get it from [the project](https://example.org/tool)",
                "42",
                "First item",
                "Nested item",
                "1. Step one",
            ],
        );
        assert_eq!(document.title.as_deref(), Some("Golden Handbook"), "{name}");
    }
}

#[test]
fn tables_of_every_program_are_tables() {
    let rows = [
        "| City | Year | Size | Note |",
        "| --- |",
        "| München | 2024 | 310.7 | large, old |",
        "| 東京 | 2025 | 2194 | 首都 |",
        "| Łódź | 2023 | 293.2 | said \"yes\" |",
    ];
    for name in ["office.xlsx", "office.ods", "office.xls"] {
        holds(name, &read(name), &rows);
    }
    let csv = std::fs::read(golden("sheet.csv")).unwrap();
    let document = extract(&csv, &Hint::named("Sheet of 2024.csv"), &Options::default()).unwrap();
    holds("csv", &document, &rows);
    assert_eq!(document.title.as_deref(), Some("Sheet of 2024"));
    for name in ["book.xlsx", "book.ods"] {
        let document = read(name);
        holds(
            name,
            &document,
            &[
                "## Prices",
                "| Bücher | 12.5 |",
                "| Sum | 25 |",
                "## 倉庫",
                "| 東京 | 7 |",
            ],
        );
        assert_eq!(document.title.as_deref(), Some("Golden Book"), "{name}");
    }
}

#[test]
fn printed_pages_are_read() {
    let document = read("latex-article.pdf");
    holds(
        "latex-article.pdf",
        &document,
        &[
            "# 1 Introduction",
            "umlauts: Straße, Öl, Äpfel. See the project for more words than a line of this page can hold",
            "# 2 Installing the tool",
            "```\ndef answer(question):",
            "- First item",
            "- Second item",
            "## 2.1 Table of settings",
            "|timeout|30|Seconds to wait|",
            "|size|1024|Größe in Kilobyte|",
            "The last paragraph ends with the word finis.",
        ],
    );
    assert_eq!(document.title.as_deref(), Some("Golden Article"));
    assert_eq!(
        document.metadata.get("author").map(String::as_str),
        Some("Grüße Müller")
    );
    assert_eq!(
        document.metadata.get("pages").map(String::as_str),
        Some("1")
    );
    assert!(document.warnings.is_empty(), "{:?}", document.warnings);

    let document = read("latex-columns.pdf");
    holds(
        "latex-columns.pdf",
        &document,
        &[
            "Left",
            "Alpha begins",
            "day twelve",
            "the left column ends",
            "Right",
            "Omega begins",
            "the right column ends",
        ],
    );

    let document = read("office.pdf");
    holds("office.pdf", &document, &PROSE);
    holds(
        "office.pdf",
        &document,
        &[
            "|timeout|30|Seconds to wait|",
            "|max_size|1024|Größe in Kilobyte|",
            "1. Step one",
        ],
    );
}

fn installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn a_scanned_page_costs_no_other() {
    // With the programs or without, the first page is there and nothing is an error.
    let without = Options {
        ocr: false,
        ..Options::default()
    };
    let bytes = std::fs::read(golden("mixed.pdf")).unwrap();
    let document = extract(&bytes, &Hint::default(), &without).unwrap();
    holds(
        "mixed.pdf",
        &document,
        &["The first page of this document is text, and Größe is a word on it."],
    );
    assert_eq!(
        document.warnings,
        ["page 2: scanned and not read: reading pictures is switched off"]
    );

    let bytes = std::fs::read(golden("scanned.pdf")).unwrap();
    let document = extract(&bytes, &Hint::default(), &without).unwrap();
    assert_eq!(document.markdown.trim(), "");
    assert_eq!(
        document.warnings,
        ["page 1: scanned and not read: reading pictures is switched off"]
    );
    let unknown = Options {
        ocr_languages: "klingon".to_owned(),
        ..Options::default()
    };
    let document = extract(&bytes, &Hint::default(), &unknown).unwrap();
    assert!(
        document.warnings[0].starts_with("page 1: scanned and not read: "),
        "{:?}",
        document.warnings
    );

    if !installed("tesseract") || !installed("pdftoppm") {
        eprintln!("tesseract or pdftoppm is not installed: reading pictures is not tested");
        assert!(read("mixed.pdf").warnings[0].contains("is not installed"));
        return;
    }
    for name in ["mixed.pdf", "scanned.pdf"] {
        let document = read(name);
        holds(
            name,
            &document,
            &[
                "Introduction",
                "An opening paragraph",
                "more words than a line of this page can hold",
                "Installing the tool",
                "ends with the word finis",
            ],
        );
        assert!(document.warnings.is_empty(), "{:?}", document.warnings);
        assert_eq!(
            document
                .metadata
                .get("pages_read_from_pictures")
                .map(String::as_str),
            Some("1")
        );
    }
    // Fonts that are pictures of letters and say not which: the same as a scan.
    holds(
        "latex-bitmap.pdf",
        &read("latex-bitmap.pdf"),
        &[
            "Alpha begins",
            "the left column ends",
            "Omega begins",
            "the right column ends",
        ],
    );
}

#[test]
fn what_is_protected_says_so() {
    let bytes = std::fs::read(golden("protected.pdf")).unwrap();
    assert_eq!(
        extract(&bytes, &Hint::default(), &Options::default()),
        Err(ExtractError::Protected)
    );
}

#[test]
fn markdown_notebooks_and_pages_are_read() {
    for (name, hint) in [
        ("source.md", "source.md"),
        ("pandoc.ipynb", ""),
        ("pandoc.html", ""),
    ] {
        let bytes = std::fs::read(golden(name)).unwrap();
        let document = extract(&bytes, &Hint::named(hint), &Options::default()).unwrap();
        holds(
            name,
            &document,
            &[
                "umlauts — Straße, Öl, Äpfel — and",
                "Installing the tool",
                "設定の方法",
                "Deeper heading",
                "finis.",
            ],
        );
        assert_eq!(document.title.as_deref(), Some("Golden Handbook"), "{name}");
        assert_eq!(level_of(&document, "Deeper heading"), Some(3), "{name}");
        let code: Vec<_> = document
            .code_blocks
            .iter()
            .map(|code| (code.language.as_deref(), code.text.as_str()))
            .collect();
        assert_eq!(
            code,
            [(
                Some("python"),
                "def answer(question):\n    return {\"value\": 42, \"q\": question}"
            )],
            "{name}"
        );
        assert!(
            document
                .links
                .iter()
                .any(|link| link.url == "https://example.org/tool"),
            "{name}: {:?}",
            document.links
        );
    }
    let source = read_named("source.md");
    assert_eq!(
        source.metadata.get("author").map(String::as_str),
        Some("Grüße Müller")
    );
    assert_eq!(source.language.as_deref(), Some("en"));
    assert!(!source.markdown.contains("lang: en-GB"));
}

fn read_named(name: &str) -> Document {
    extract_file(&golden(name), &Hint::named(name), &Options::default()).unwrap()
}

#[test]
fn film_and_sound_tell_what_is_in_them() {
    assert_eq!(
        sniff(
            &std::fs::read(golden("film.mp4")).unwrap(),
            &Hint::default()
        ),
        FileKind::Video("video/mp4")
    );
    let film = read_named("film.mp4");
    let sound = read_named("sound.mp3");
    if !installed("ffprobe") {
        eprintln!("ffprobe is not installed: sound and film are not tested");
        assert!(film.warnings[0].contains("ffprobe is not installed"));
        return;
    }
    assert_eq!(film.title.as_deref(), Some("Golden film"));
    holds(
        "film.mp4",
        &film,
        &[
            "# Golden film",
            "video h264 160×120",
            "audio aac",
            "## Chapters",
            "0:00:00 Opening",
            "0:00:01 Installing",
        ],
    );
    assert!(
        film.metadata["duration"].starts_with("3."),
        "{:?}",
        film.metadata
    );
    assert_eq!(film.metadata["author"], "Müller");
    assert_eq!(film.warnings, ["what is said in it has to be transcribed"]);
    assert_eq!(sound.title.as_deref(), Some("Golden sound"));
    assert_eq!(sound.metadata["audio_streams"], "1");
    // From memory it is the same.
    assert_eq!(read("film.mp4"), film);
}

#[test]
fn sound_is_cut_and_pictures_are_taken() {
    use computetower_extract::files::media::{AudioPieces, audio_track, thumbnails};
    if !installed("ffmpeg") {
        eprintln!("ffmpeg is not installed: not tested");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pieces = AudioPieces {
        seconds: 1,
        ..AudioPieces::default()
    };
    let made = audio_track(&golden("film.mp4"), folder.path(), &pieces).unwrap();
    assert!(made.len() >= 3, "{made:?}");
    for piece in &made {
        let document = extract_file(piece, &Hint::default(), &Options::default()).unwrap();
        assert!(
            document.markdown.contains("audio mp3 16000 Hz 1 channels"),
            "{}",
            document.markdown
        );
    }
    let length = std::time::Duration::from_secs(3);
    let pictures = thumbnails(&golden("film.mp4"), folder.path(), length, 2, 80).unwrap();
    assert_eq!(pictures.len(), 2);
    assert!(
        pictures
            .iter()
            .all(|picture| std::fs::read(picture).unwrap().starts_with(&[0xFF, 0xD8]))
    );
    assert_eq!(
        thumbnails(&golden("sound.mp3"), &folder.path().join(""), length, 2, 80).unwrap(),
        pictures,
        "sound has no pictures of its own"
    );
    assert!(matches!(
        audio_track(&golden("source.md"), folder.path(), &pieces),
        Err(ExtractError::Damaged(_))
    ));
    let small = AudioPieces {
        bytes: 100,
        ..AudioPieces::default()
    };
    let other = tempfile::tempdir().unwrap();
    assert!(audio_track(&golden("film.mp4"), other.path(), &small).is_err());
}
