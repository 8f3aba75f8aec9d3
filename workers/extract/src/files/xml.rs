//! XML: read one event at a time, entities never replaced, nothing inside each other too deeply.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Reading, limits};
use crate::markdown::{self, Writer};
use crate::{Document, ExtractError};

/// Elements at the top that become headings, and how much text stands under one at least, in bytes: below that headings would only tear a file apart.
const MOST_HEADINGS: usize = 500;
const WORTH: usize = 16 << 10;

/// A file of XML: its source, fenced, in pieces under a heading each where it is long.
pub(super) fn document(reading: &Reading<'_>) -> Result<Document, ExtractError> {
    let text = reading.text();
    let outline = survey(&text.text)?;
    let mut document = Document {
        title: outline.title.clone(),
        ..Document::default()
    };
    document
        .metadata
        .insert("root".to_owned(), outline.root.clone());
    if let Some(why) = &outline.broken {
        document.warnings.push(format!("the XML is broken: {why}"));
    }
    let mut out = Writer::default();
    let source = text.text.as_str();
    if source.len() < WORTH || outline.children.len() < 2 || outline.children.len() > MOST_HEADINGS
    {
        out.block(&markdown::fence(source, Some("xml")));
    } else {
        let mut from = 0;
        for (name, start) in &outline.children {
            piece(&mut out, source.get(from..*start).unwrap_or(""));
            out.block(&markdown::heading(2, &super::escaped(name)));
            from = *start;
        }
        piece(&mut out, source.get(from..).unwrap_or(""));
    }
    document.markdown = out.finish();
    Ok(document)
}

fn piece(out: &mut Writer, source: &str) {
    if !source.trim().is_empty() {
        out.block(&markdown::fence(source, Some("xml")));
    }
}

/// What an XML text is made of.
#[derive(Default)]
struct Survey {
    root: String,
    title: Option<String>,
    /// The elements right inside the root, by what names them, with where each starts.
    children: Vec<(String, usize)>,
    broken: Option<String>,
}

fn survey(text: &str) -> Result<Survey, ExtractError> {
    let mut survey = Survey::default();
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut depth = 0_usize;
    let mut in_title = false;
    loop {
        let start = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                survey.enter(depth, &element, start);
                in_title = depth <= 3 && local(&element) == "title" && survey.title.is_none();
                depth += 1;
                if depth > limits::NESTING {
                    return Err(ExtractError::TooLarge(format!(
                        "more than {} elements inside each other",
                        limits::NESTING
                    )));
                }
            }
            Ok(Event::Empty(element)) => survey.enter(depth, &element, start),
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                in_title = false;
            }
            Ok(Event::Text(piece)) if in_title => {
                let title = piece.xml10_content().map(|text| text.trim().to_owned());
                survey.title = title.ok().filter(|title| !title.is_empty());
            }
            Ok(Event::DocType(declared)) => refuse_bombs(&declared)?,
            Ok(Event::Eof) => return Ok(survey),
            Ok(_) => {}
            Err(error) => {
                survey.broken = Some(error.to_string());
                return Ok(survey);
            }
        }
    }
}

impl Survey {
    fn enter(&mut self, depth: usize, element: &BytesStart<'_>, start: usize) {
        if depth == 0 && self.root.is_empty() {
            self.root = local(element);
        }
        if depth == 1 && self.children.len() <= MOST_HEADINGS {
            let named = ["name", "id", "key", "title"].iter().find_map(|attribute| {
                let value = element.try_get_attribute(attribute).ok().flatten()?;
                Some(String::from_utf8_lossy(&value.value).into_owned())
            });
            let name = local(element);
            self.children.push((
                named.map_or_else(|| name.clone(), |named| format!("{name} {named}")),
                start,
            ));
        }
    }
}

fn local(element: &BytesStart<'_>) -> String {
    String::from_utf8_lossy(element.local_name().as_ref()).into_owned()
}

/// Entities made of entities have one use: to become more than anybody can hold. Ours are never replaced; whoever reads the file after us may do so.
fn refuse_bombs(declared: &[u8]) -> Result<(), ExtractError> {
    let declared = String::from_utf8_lossy(declared);
    let nested = declared.split("<!ENTITY").skip(1).any(|entity| {
        let value = entity.split('>').next().unwrap_or("");
        value
            .match_indices('&')
            .any(|(at, _)| !value[at..].starts_with("&#"))
    });
    if nested {
        return Err(ExtractError::TooLarge(
            "entities made of entities".to_owned(),
        ));
    }
    Ok(())
}

/// The texts of the elements that a small file of properties holds, by their local names: the first of each.
pub(super) fn properties(content: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(content);
    let mut reader = Reader::from_str(&text);
    let mut found = BTreeMap::new();
    let mut open: Option<String> = None;
    let mut value = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                open = Some(local(&element));
                value.clear();
            }
            Ok(Event::Text(piece)) => {
                if let Ok(piece) = piece.xml10_content() {
                    value.push_str(&piece);
                }
            }
            Ok(Event::GeneralRef(reference)) => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    value.push(character);
                } else if let Ok(name) = reference.decode()
                    && let Some(text) = quick_xml::escape::resolve_xml_entity(&name)
                {
                    value.push_str(text);
                }
            }
            Ok(Event::End(_)) => {
                if let Some(name) = open.take() {
                    let value = value.trim();
                    if !value.is_empty() && value.len() <= limits::METADATA {
                        found.entry(name).or_insert_with(|| value.to_owned());
                    }
                }
            }
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_with_their_entities() {
        let found =
            properties(b"<m><dc:title>A &amp; B &#228;</dc:title><x/><dc:title>no</dc:title></m>");
        assert_eq!(found.get("title").map(String::as_str), Some("A & B ä"));
    }
}
