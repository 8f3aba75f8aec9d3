//! Files that were made to do harm. Each ends in its error or in a document, in bounded memory, without a panic; nothing is written to disk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::io::{Cursor, Write};

use computetower_extract::files::{Hint, Options, extract};
use computetower_extract::{Document, ExtractError};
use flate2::{Compress, Compression, FlushCompress};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn read(bytes: &[u8], name: &str) -> Result<Document, ExtractError> {
    extract(bytes, &Hint::named(name), &Options::default())
}

fn too_large(bytes: &[u8], name: &str) -> String {
    match read(bytes, name) {
        Err(ExtractError::TooLarge(why)) => why,
        other => panic!(
            "{name}: {:?}",
            other.map(|document| document.markdown.len())
        ),
    }
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        let method = if *name == "mimetype" {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        };
        zip.start_file(
            *name,
            SimpleFileOptions::default().compression_method(method),
        )
        .unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const TYPES: &[u8] = br#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#;
const WORD_RELS: &[u8] = br#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;

fn word(body: &str, prolog: &str) -> String {
    format!(
        r#"<?xml version="1.0"?>{prolog}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>"#
    )
}

fn docx(document: &[u8], more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut members = vec![
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", WORD_RELS),
        ("word/document.xml", document),
    ];
    members.extend_from_slice(more);
    archive(&members)
}

fn paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t>{text}</w:t></w:r></w:p>")
}

/// So many times 16 MiB of zeros, packed: pieces that end at a byte can be put one after the other.
fn zeros(times: usize) -> Vec<u8> {
    let mut packer = Compress::new(Compression::best(), false);
    let mut piece = Vec::with_capacity(1 << 20);
    packer
        .compress_vec(&vec![0; 16 << 20], &mut piece, FlushCompress::Full)
        .unwrap();
    assert_eq!(packer.total_in(), 16 << 20);
    let mut out = piece.repeat(times);
    out.extend([3, 0]);
    out
}

#[test]
fn members_that_unpack_to_more_than_anybody_needs() {
    let good = docx(word(&paragraph("Grüße"), "").as_bytes(), &[]);
    assert!(
        read(&good, "").unwrap().markdown.contains("Grüße"),
        "the frame of these tests is a document"
    );

    let why = too_large(&docx(&vec![b' '; 40 << 20], &[]), "x.docx");
    assert!(why.contains("packed"), "{why}");
    // One that nobody would look at is refused as well.
    too_large(
        &docx(
            word(&paragraph("x"), "").as_bytes(),
            &[("word/media/a.bin", &vec![0; 40 << 20])],
        ),
        "x.docx",
    );
}

#[test]
fn a_member_that_lies_about_its_size() {
    // 4 GiB that are said to be 1000 bytes, in the list as in the member's own header.
    let content = zeros(256);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in [
        ("[Content_Types].xml", TYPES),
        ("word/document.xml", &content[..]),
    ] {
        zip.start_file(name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    let mut bytes = zip.finish().unwrap().into_inner();
    for (magic, method, size, name) in [(b"PK\x03\x04", 8, 22, 30), (b"PK\x01\x02", 10, 24, 46)] {
        for at in 0..bytes.len() - 64 {
            if bytes[at..].starts_with(magic) && bytes[at + name..].starts_with(b"word/") {
                bytes[at + method] = 8;
                bytes[at + size..at + size + 4].copy_from_slice(&1000_u32.to_le_bytes());
            }
        }
    }
    too_large(&bytes, "x.docx");
}

#[test]
fn archives_of_many_members_and_archives_in_archives() {
    let names: Vec<String> = (0..20_001).map(|at| format!("word/{at}")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let why = too_large(&archive(&members), "x.docx");
    assert!(why.contains("members"), "{why}");

    // What is inside is not opened: a bomb in it stays what it is.
    let bomb = archive(&[("bomb", &vec![0; 4 << 20])]);
    let nested = docx(
        word(&paragraph("outside"), "").as_bytes(),
        &[("word/embeddings/x.zip", &bomb)],
    );
    assert!(
        read(&nested, "x.docx")
            .unwrap()
            .markdown
            .contains("outside")
    );
    assert!(
        matches!(read(&bomb, "x.zip"), Err(ExtractError::Unsupported(media)) if media == "application/zip")
    );
}

#[test]
fn members_with_names_that_lead_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("written");
    let absolute = outside.to_str().unwrap().to_owned();
    let bytes = docx(
        word(&paragraph("inside"), "").as_bytes(),
        &[
            ("../../../../tmp/computetower-escape", b"x"),
            (&absolute, b"x"),
            ("word/..\\..\\x", b"x"),
        ],
    );
    assert!(read(&bytes, "x.docx").unwrap().markdown.contains("inside"));
    assert!(!outside.exists() && !std::path::Path::new("/tmp/computetower-escape").exists());

    let container = br#"<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="../../../../etc/passwd" media-type="application/oebps-package+xml"/></rootfiles></container>"#;
    let book = archive(&[
        ("mimetype", b"application/epub+zip"),
        ("META-INF/container.xml", container),
    ]);
    assert!(matches!(
        read(&book, "x.epub"),
        Err(ExtractError::Damaged(_))
    ));
}

const LAUGHS: &str = r#"<!DOCTYPE l [<!ENTITY a "ha ha ha ha ha ha ha ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;">]>"#;
const ELSEWHERE: &str = r#"<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]>"#;

#[test]
fn entities_are_never_replaced() {
    let why = too_large(
        format!("<?xml version=\"1.0\"?>{LAUGHS}<l>&f;</l>").as_bytes(),
        "x.xml",
    );
    assert!(why.contains("entities"), "{why}");
    let document = read(
        format!("<?xml version=\"1.0\"?>{ELSEWHERE}<l>&x;</l>").as_bytes(),
        "x.xml",
    )
    .unwrap();
    assert!(!document.markdown.contains("root:"));
    for prolog in [LAUGHS, ELSEWHERE] {
        let entity = if prolog == LAUGHS { "&f;" } else { "&x;" };
        let bytes = docx(
            word(&paragraph(&format!("before {entity} after")), prolog).as_bytes(),
            &[],
        );
        match read(&bytes, "x.docx") {
            Ok(document) => assert!(
                document.markdown.len() < 1000 && !document.markdown.contains("root:"),
                "{}",
                document.markdown
            ),
            Err(error) => assert!(
                matches!(error, ExtractError::Damaged(_) | ExtractError::TooLarge(_)),
                "{error:?}"
            ),
        }
    }
}

#[test]
fn things_inside_things_inside_things() {
    let deep = 10_000;
    let json = format!("{}1{}", "[".repeat(deep), "]".repeat(deep));
    for name in ["x.json", "x.ipynb", ""] {
        let text = if name.is_empty() {
            format!("{{\"nbformat\": 4, \"cells\": {json}}}")
        } else {
            json.clone()
        };
        let why = too_large(text.as_bytes(), name);
        assert!(why.contains("inside each other"), "{name}: {why}");
    }
    let object = format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep));
    too_large(object.as_bytes(), "x.json");
    let braces = format!("[\"{}\"]", "[{".repeat(deep));
    assert!(
        read(braces.as_bytes(), "x.json").is_ok(),
        "in a string they are no values"
    );

    let xml = format!(
        "<?xml version=\"1.0\"?>{}{}",
        "<a>".repeat(deep),
        "</a>".repeat(deep)
    );
    too_large(xml.as_bytes(), "x.xml");
    let body = format!(
        "{}{}",
        "<w:sdt><w:sdtContent>".repeat(deep),
        "</w:sdtContent></w:sdt>".repeat(deep)
    );
    too_large(&docx(word(&body, "").as_bytes(), &[]), "x.docx");
    too_large(
        format!(
            "{{\\rtf1 {}x{}}}",
            "{\\b ".repeat(50_000),
            "}".repeat(50_000)
        )
        .as_bytes(),
        "x.rtf",
    );
    for nested in [
        ">".repeat(50_000),
        "- ".repeat(50_000),
        "[".repeat(200_000),
        "*a _b ".repeat(50_000),
        "`".repeat(200_000),
        "![[](".repeat(30_000),
    ] {
        assert!(read(nested.as_bytes(), "x.md").is_ok());
    }
    let mut mail = String::new();
    for at in 0..200 {
        mail.push_str(&format!("From: a@b.test\r\nTo: c@d.test\r\nSubject: {at}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\nContent-Type: message/rfc822\r\n\r\n"));
    }
    assert!(read(mail.as_bytes(), "x.eml").is_ok());
}

#[test]
fn tables_larger_than_what_is_in_them() {
    let mut line = "value,".repeat(1_000_000);
    assert!(too_large(line.as_bytes(), "x.csv").contains("line"));
    // One wide line among many short ones: filled up, it would be billions of cells.
    line.truncate(900_000);
    let wide = format!("{line}\n{}", "a,b\n".repeat(100_000));
    match read(wide.as_bytes(), "x.csv") {
        Ok(document) => assert!(document.markdown.len() < 50 << 20),
        Err(error) => assert!(matches!(error, ExtractError::TooLarge(_)), "{error:?}"),
    }
    let sheet = br#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>"#;
    let book = br#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>"#;
    let rels = br#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;
    let top = String::from_utf8_lossy(WORD_RELS).replace("word/document.xml", "xl/workbook.xml");
    let bytes = archive(&[
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", top.as_bytes()),
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", rels),
        ("xl/worksheets/sheet1.xml", sheet),
    ]);
    match read(&bytes, "x.xlsx") {
        Ok(document) => assert!(
            document.markdown.len() < 1 << 20,
            "{}",
            document.markdown.len()
        ),
        Err(error) => assert!(matches!(error, ExtractError::TooLarge(_)), "{error:?}"),
    }
}

#[test]
fn broken_and_empty_pdfs() {
    for broken in [&b"%PDF-1.7\n"[..], b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 1 0 R>>\nendobj\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF"] {
        match read(broken, "x.pdf") {
            Err(ExtractError::Damaged(_)) => {}
            Ok(document) => assert!(!document.warnings.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    let whole = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/latex-article.pdf"
    ))
    .unwrap();
    let half = read(&whole[..whole.len() / 2], "x.pdf");
    assert!(
        half.is_ok() || matches!(half, Err(ExtractError::Damaged(_))),
        "{half:?}"
    );
    let blank = b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>\nendobj\nxref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \n0000000105 00000 n \ntrailer\n<</Size 4/Root 1 0 R>>\nstartxref\n166\n%%EOF\n";
    let document = read(blank, "x.pdf").unwrap();
    assert_eq!(document.markdown.trim(), "");
    assert_eq!(document.metadata["pages"], "1");

    // 16 GiB of a page's drawing.
    let mut bomb = b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>\nendobj\n".to_vec();
    let packed = zeros(1024);
    write!(
        bomb,
        "4 0 obj\n<</Filter/FlateDecode/Length {}>>\nstream\n",
        packed.len() + 2
    )
    .unwrap();
    bomb.extend([0x78, 0xDA]);
    bomb.extend(packed);
    bomb.extend(b"\nendstream\nendobj\ntrailer\n<</Size 5/Root 1 0 R>>\n%%EOF\n");
    assert!(too_large(&bomb, "x.pdf").contains("unpacked"));
}

#[test]
fn files_larger_than_their_class() {
    let why = too_large(&vec![b'a'; (10 << 20) + 1], "x.txt");
    assert!(why.contains("data file"), "{why}");
}

/// Golden files with bytes changed, cut and doubled: an error or a document, and nothing else.
#[test]
fn damaged_copies_of_good_files() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    let options = Options {
        ocr: false,
        ..Options::default()
    };
    // Any sequence does; this one is always the same.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap()
    };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.ends_with(".mp4") || name.ends_with(".mp3") {
            continue;
        }
        let good = std::fs::read(&path).unwrap();
        for round in 0..12 {
            let mut bytes = good.clone();
            match round % 3 {
                0 => bytes.truncate(next(good.len())),
                1 => {
                    for _ in 0..=next(20) {
                        let at = next(bytes.len());
                        bytes[at] = u8::try_from(next(256)).unwrap();
                    }
                }
                _ => {
                    let at = next(bytes.len());
                    let piece = bytes[at..(at + next(400)).min(bytes.len())].to_vec();
                    let to = next(bytes.len());
                    bytes.splice(to..to, piece);
                }
            }
            let hint = Hint::named(name);
            let ended = std::panic::catch_unwind(|| {
                extract(&bytes, &hint, &options).map(|document| document.markdown.len())
            });
            assert!(
                ended.is_ok(),
                "{name} in round {round} makes a reader panic"
            );
        }
    }
}
