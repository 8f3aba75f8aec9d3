//! Separated values, as one table.

use super::{Reading, limits, office};
use crate::{Document, ExtractError};

pub(super) fn document(reading: &Reading<'_>) -> Result<Document, ExtractError> {
    let text = reading.text();
    if let Some(line) = text.text.lines().find(|line| line.len() > limits::LINE) {
        return Err(ExtractError::TooLarge(format!(
            "a line of {} bytes",
            line.len()
        )));
    }
    let markdown = anydoc::to_markdown_bytes(text.text.as_bytes(), anydoc::Format::Csv)
        .map_err(office::failed)?;
    let mut document = Document {
        title: reading.stem(),
        markdown,
        ..Document::default()
    };
    super::text::note_encoding(&mut document, &text);
    Ok(document)
}
