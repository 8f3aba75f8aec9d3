use super::*;

fn named(bytes: &[u8], name: &str) -> FileKind {
    sniff(bytes, &Hint::named(name))
}

fn served(bytes: &[u8], content_type: &str) -> FileKind {
    let hint = Hint {
        content_type: Some(content_type.to_owned()),
        ..Hint::default()
    };
    sniff(bytes, &hint)
}

#[test]
fn content_goes_before_the_name() {
    assert_eq!(named(b"%PDF-1.7\n", "notes.txt"), FileKind::Pdf);
    assert_eq!(named(b"\n\xEF\xBB\xBF%PDF-1.4", "x"), FileKind::Pdf);
    assert_eq!(
        named(b"print('%PDF-1.4')", "a.py"),
        FileKind::Source("python")
    );
    assert_eq!(named(b"{\\rtf1 x}", "letter.doc"), FileKind::Rtf);
    assert_eq!(named(b"<!DOCTYPE html><p>x", "page.pdf"), FileKind::Html);
    assert_eq!(
        named(b"\x89PNG\r\n\x1a\n", "song.mp3"),
        FileKind::Other("image/png")
    );
    assert_eq!(
        named(b"MZ\x90\0\x03\0\0\0", "data.csv"),
        FileKind::Other("application/octet-stream")
    );
    assert_eq!(named(b"{\"a\": 1}", "data.txt"), FileKind::Json);
    assert_eq!(
        named(b"#!/usr/bin/env python3\n", "run"),
        FileKind::Source("python")
    );
}

#[test]
fn names_tell_kinds_of_text_apart() {
    for (name, kind) in [
        ("a.csv", FileKind::Csv),
        ("README.MD", FileKind::Markdown),
        ("c.yml", FileKind::Yaml),
        (
            "https://x.test/dir.d/Makefile",
            FileKind::Source("makefile"),
        ),
        ("lib.rs", FileKind::Source("rust")),
        ("notes", FileKind::Text),
        ("a.b/notes", FileKind::Text),
    ] {
        assert_eq!(named(b"a,b\nc,d\n", name), kind, "{name}");
    }
    let fetched = Hint {
        url: Some("https://x.test/data/list.csv?raw=1#a".to_owned()),
        ..Hint::default()
    };
    assert_eq!(sniff(b"a,b\n", &fetched), FileKind::Csv);
    let host = Hint {
        url: Some("https://docs.rs".to_owned()),
        ..Hint::default()
    };
    assert_eq!(sniff(b"a,b\n", &host), FileKind::Text);
    assert_eq!(served(b"a,b\n", "text/csv; charset=utf-8"), FileKind::Csv);
    assert_eq!(served(b"# x\n", "text/markdown"), FileKind::Markdown);
    assert_eq!(served(b"plain", "text/plain"), FileKind::Text);
}

#[test]
fn texts_say_what_they_are() {
    let mail = b"Received: from a\n\tby b\nFrom: A <a@b.test>\nSubject: x\nDate: now\n\nbody";
    assert_eq!(sniff(mail, &Hint::default()), FileKind::Mail);
    assert_eq!(
        sniff(b"From: here\nTo: there\n\nno mail", &Hint::default()),
        FileKind::Text
    );
    assert_eq!(
        sniff(b"<?xml version='1.0'?><a/>", &Hint::default()),
        FileKind::Xml
    );
    assert_eq!(
        sniff(b"<?xml version='1.0'?><html xmlns='x'/>", &Hint::default()),
        FileKind::Html
    );
    let notebook = b"{\"cells\": [], \"nbformat\": 4}";
    assert_eq!(sniff(notebook, &Hint::default()), FileKind::Notebook);
    // A brace alone makes no JSON.
    assert_eq!(
        sniff(b"{ this is prose }", &Hint::default()),
        FileKind::Text
    );
    assert_eq!(sniff(b"", &Hint::default()), FileKind::Text);
}

#[test]
fn sound_and_film_are_told_apart() {
    assert_eq!(
        sniff(b"\0\0\0\x18ftypM4A \0", &Hint::default()),
        FileKind::Audio("audio/mp4")
    );
    assert_eq!(
        sniff(b"\0\0\0\x18ftypisom\0", &Hint::default()),
        FileKind::Video("video/mp4")
    );
    assert_eq!(
        sniff(b"RIFF\0\0\0\0WAVEfmt ", &Hint::default()),
        FileKind::Audio("audio/wav")
    );
    assert_eq!(
        sniff(b"ID3\x04", &Hint::default()).class(),
        FileClass::Audio
    );
    assert_eq!(
        sniff(b"\xFF\xFBp\0\0\0", &Hint::default()),
        FileKind::Audio("audio/mpeg")
    );
    assert_eq!(sniff(b"\xFF\xFEa\0b\0", &Hint::default()), FileKind::Text);
    let webm = b"\x1A\x45\xDF\xA3...webm....V_VP9...A_OPUS";
    assert_eq!(sniff(webm, &Hint::default()), FileKind::Video("video/webm"));
}

#[test]
fn limits_are_those_of_the_class() {
    assert_eq!(FileKind::Pdf.class().largest(), 50 << 20);
    assert_eq!(FileKind::Csv.class().largest(), 10 << 20);
    assert_eq!(FileKind::Audio("audio/wav").class().largest(), 100 << 20);
    assert_eq!(FileKind::Video("video/mp4").class().largest(), 500 << 20);
}
