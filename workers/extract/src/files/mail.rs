//! A mailed message: who, when, what about; its text; the names of what is attached. Messages in messages are read, too.

use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};

use super::Reading;
use crate::markdown::{self, Writer};
use crate::{Document, ExtractError};

/// Messages inside each other.
const INSIDE: u8 = 4;

pub(super) fn document(reading: &Reading<'_>) -> Result<Document, ExtractError> {
    let message = MessageParser::default()
        .parse(reading.bytes)
        .ok_or_else(|| ExtractError::Damaged("it is no message".to_owned()))?;
    let mut document = Document {
        title: message.subject().map(|subject| subject.trim().to_owned()),
        ..Document::default()
    };
    let mut note = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            document.metadata.insert(name.to_owned(), value);
        }
    };
    note("author", people(message.from()));
    note(
        "published",
        message.date().map(mail_parser::DateTime::to_rfc3339),
    );
    note("message_id", message.message_id().map(str::to_owned));
    let mut out = Writer::default();
    write(&mut out, &message, 1, &mut document.warnings);
    document.markdown = out.finish();
    Ok(document)
}

fn write(out: &mut Writer, message: &Message<'_>, level: u8, warnings: &mut Vec<String>) {
    if let Some(subject) = message
        .subject()
        .filter(|subject| !subject.trim().is_empty())
    {
        out.block(&markdown::heading(level, &super::escaped(subject)));
    }
    let mut head = Vec::new();
    for (name, value) in [
        ("From", people(message.from())),
        ("To", people(message.to())),
        ("Cc", people(message.cc())),
        (
            "Date",
            message.date().map(mail_parser::DateTime::to_rfc3339),
        ),
    ] {
        if let Some(value) = value {
            head.push(format!("**{name}:** {}", super::escaped(&value)));
        }
    }
    // Two spaces keep the lines apart.
    out.block(&head.join("  \n"));
    body(out, message);
    for attachment in message.attachments() {
        match &attachment.body {
            PartType::Message(inside) if level < INSIDE => write(out, inside, level + 1, warnings),
            _ => {
                let name = attachment.attachment_name().unwrap_or("without a name");
                warnings.push(format!(
                    "the attachment {name:?} ({} bytes) is not read",
                    attachment.len()
                ));
            }
        }
    }
}

/// The text as the sender wrote it; the page instead where there is no text.
fn body(out: &mut Writer, message: &Message<'_>) {
    let mut written = false;
    for part in message.text_bodies() {
        let PartType::Text(text) = &part.body else {
            continue;
        };
        written |= !text.trim().is_empty();
        out.block(&quoted(text));
    }
    if written {
        return;
    }
    for part in message.html_bodies() {
        let PartType::Html(html) = &part.body else {
            continue;
        };
        if let Some(page) = super::page_within(html) {
            out.block(&page);
        }
    }
}

/// The lines of a text; those that quote an earlier message keep their mark.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let depth = line
            .bytes()
            .take_while(|byte| matches!(byte, b'>' | b' '))
            .filter(|byte| *byte == b'>')
            .count();
        let rest = line.trim_start_matches(['>', ' ']);
        for _ in 0..depth.min(8) {
            out.push_str("> ");
        }
        out.push_str(super::text::lines(rest).trim_end());
        out.push('\n');
    }
    out
}

fn people(address: Option<&Address<'_>>) -> Option<String> {
    let people: Vec<String> = address?
        .iter()
        .take(50)
        .filter_map(|person| match (person.name(), person.address()) {
            (Some(name), Some(address)) => Some(format!("{name} ({address})")),
            (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
            (None, None) => None,
        })
        .collect();
    (!people.is_empty()).then(|| people.join(", "))
}
