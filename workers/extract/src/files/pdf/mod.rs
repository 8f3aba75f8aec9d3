//! PDF: text with its headings, tables and columns; scanned pages one by one through tesseract where it is installed. A page that cannot be read costs no other.

mod ocr;
mod streams;

use std::collections::{BTreeMap, BTreeSet};

use pdf_inspector::{MarkdownOptions, OCR_REASON_NO_TEXT, PdfError, PdfOptions, PdfProcessResult};

use super::Reading;
use crate::{Document, ExtractError};

pub(super) fn document(reading: &Reading<'_>) -> Result<Document, ExtractError> {
    streams::check(reading.bytes)?;
    let options = PdfOptions::new().markdown(MarkdownOptions {
        // Underlines as HTML say nothing to whoever searches.
        detect_underline: false,
        ..MarkdownOptions::default()
    });
    let whole =
        pdf_inspector::process_pdf_mem_with_options(reading.bytes, options).map_err(failed)?;
    let mut document = described(&whole);
    let scanned: BTreeSet<u32> = whole.pages_needing_ocr.iter().copied().collect();
    document.markdown = if scanned.is_empty() {
        whole.markdown.unwrap_or_default()
    } else {
        let empty = whole
            .ocr_reasons_by_page
            .iter()
            .filter(|page| {
                page.reasons
                    .iter()
                    .all(|reason| reason == OCR_REASON_NO_TEXT)
            })
            .map(|page| page.page)
            .collect();
        by_page(reading, &mut document, &scanned, &empty)?
    };
    // Pages of such fonts count as scanned where they can be told apart.
    if whole.has_encoding_issues && scanned.is_empty() {
        document.warnings.push(
            "a font does not say which letters its signs are: some text may be wrong".to_owned(),
        );
    }
    if document.markdown.trim().is_empty() && document.warnings.is_empty() {
        document.warnings.push("there is no text in it".to_owned());
    }
    Ok(document)
}

/// The text page by page, with what tesseract reads on those that are scanned. `empty` pages may be blank: that nothing is read there is no failure.
fn by_page(
    reading: &Reading<'_>,
    document: &mut Document,
    scanned: &BTreeSet<u32>,
    empty: &BTreeSet<u32>,
) -> Result<String, ExtractError> {
    let pages = pdf_inspector::extract_pages_markdown_mem(reading.bytes, None).map_err(failed)?;
    let mut eyes = ocr::Eyes::open(reading);
    let mut unread: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    let mut read = 0_u32;
    let mut out = String::new();
    for page in pages.pages {
        let number = page.page + 1;
        let mut text = page.markdown;
        if scanned.contains(&number) {
            match eyes.read(number) {
                Ok(seen) if !seen.trim().is_empty() => {
                    read += 1;
                    text = seen;
                }
                Ok(_) if empty.contains(&number) => {}
                Ok(_) => drop(
                    unread
                        .entry("no text was found on them".to_owned())
                        .or_default()
                        .insert(number),
                ),
                Err(why) => drop(unread.entry(why).or_default().insert(number)),
            }
        }
        let text = text.trim();
        if !text.is_empty() {
            if !out.is_empty() {
                out.push_str("\n\n");
            }
            out.push_str(text);
        }
    }
    out.push('\n');
    if read > 0 {
        document
            .metadata
            .insert("pages_read_from_pictures".to_owned(), read.to_string());
    }
    for (why, pages) in unread {
        let which = if pages.len() == 1 { "page" } else { "pages" };
        document.warnings.push(format!(
            "{which} {}: scanned and not read: {why}",
            ranges(&pages)
        ));
    }
    Ok(out)
}

/// `2, 5-7, 12`.
fn ranges(pages: &BTreeSet<u32>) -> String {
    let mut out: Vec<(u32, u32)> = Vec::new();
    for &page in pages {
        match out.last_mut() {
            Some((_, last)) if *last + 1 == page => *last = page,
            _ => out.push((page, page)),
        }
    }
    let words: Vec<String> = out
        .into_iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    words.join(", ")
}

fn described(whole: &PdfProcessResult) -> Document {
    let mut document = Document {
        title: whole.title.clone().filter(|title| is_title(title)),
        ..Document::default()
    };
    for (key, value) in [
        ("author", &whole.author),
        ("description", &whole.subject),
        ("keywords", &whole.keywords),
        ("generator", &whole.creator),
        ("producer", &whole.producer),
    ] {
        if let Some(value) = value {
            document.metadata.insert(key.to_owned(), value.clone());
        }
    }
    for (key, value) in [
        ("published", &whole.creation_date),
        ("modified", &whole.mod_date),
    ] {
        if let Some(date) = value.as_deref().and_then(date) {
            document.metadata.insert(key.to_owned(), date);
        }
    }
    document
        .metadata
        .insert("pages".to_owned(), whole.page_count.to_string());
    document
}

/// Some programs put the name of a file where the title belongs.
fn is_title(title: &str) -> bool {
    let title = title.trim();
    let lower = title.to_lowercase();
    !title.is_empty()
        && !lower.starts_with("microsoft word - ")
        && !lower.starts_with("untitled")
        && ![".doc", ".docx", ".tex", ".dvi", ".indd", ".qxd", ".pdf"]
            .iter()
            .any(|end| lower.ends_with(end))
}

/// `D:20240115103000+01'00'` as `2024-01-15T10:30:00+01:00`; the day alone where there is no more.
fn date(text: &str) -> Option<String> {
    let text = text.trim().strip_prefix("D:").unwrap_or(text.trim());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let part = |from: usize, to: usize| text.get(from..to).filter(|_| digits >= to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (Some(hour), Some(minute), Some(second)) = (part(8, 10), part(10, 12), part(12, 14)) else {
        return Some(format!("{year}-{month}-{day}"));
    };
    let zone = text.get(digits..).unwrap_or("").replace('\'', "");
    let zone = match (zone.get(..1), zone.get(1..3), zone.get(3..5)) {
        (Some("Z"), ..) => "Z".to_owned(),
        (Some(sign @ ("+" | "-")), Some(hours), minutes) => {
            format!("{sign}{hours}:{}", minutes.unwrap_or("00"))
        }
        _ => String::new(),
    };
    Some(format!(
        "{year}-{month}-{day}T{hour}:{minute}:{second}{zone}"
    ))
}

fn failed(error: PdfError) -> ExtractError {
    match error {
        PdfError::Encrypted => ExtractError::Protected,
        error => ExtractError::Damaged(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_pages_are_told_as_people_write_them() {
        assert_eq!(
            date("D:20240115103000+01'00'").as_deref(),
            Some("2024-01-15T10:30:00+01:00")
        );
        assert_eq!(
            date("D:20240115103000Z").as_deref(),
            Some("2024-01-15T10:30:00Z")
        );
        assert_eq!(date("20240115").as_deref(), Some("2024-01-15"));
        assert_eq!(date("D:2024"), None);
        assert_eq!(date("yesterday"), None);
        assert_eq!(ranges(&[2, 5, 6, 7, 12].into()), "2, 5-7, 12");
    }

    #[test]
    fn names_of_files_are_no_titles() {
        assert!(is_title("On Lisp"));
        for wrong in ["", "Microsoft Word - x", "thesis.dvi", "Untitled-1"] {
            assert!(!is_title(wrong));
        }
    }
}
