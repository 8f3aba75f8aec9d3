//! How a worker and its extracting child talk: one request and one answer at a time, each a frame with its lengths before it.
//!
//! A request is the length of its head (4 bytes, little-endian), the length of the content (8 bytes), the head as JSON, and the content. An answer is the
//! length of its JSON (4 bytes) and the JSON: a document, or why there is none.

use std::path::PathBuf;

use crate::files::{Hint, Options};
use crate::{Document, ExtractError};

/// What is asked, besides the content.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Head {
    /// What is said of the file.
    pub hint: Hint,
    /// How it is read.
    pub options: Options,
    /// Where the content is, when it is on disk; no content follows then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
}

/// What comes back.
pub type Answer = Result<Document, ExtractError>;

/// Bytes before a request's head.
pub const REQUEST_LENGTHS: usize = 12;
/// Bytes before an answer.
pub const ANSWER_LENGTH: usize = 4;
/// Bytes of a head at most.
pub const HEAD: usize = 1 << 20;
/// Bytes of a request's content at most: the largest file that is read from memory.
pub const CONTENT: u64 = 64 << 20;
/// Bytes of an answer at most.
pub const ANSWER: usize = 128 << 20;

/// A frame that is not one.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It is longer than any may be.
    #[error("a frame of {0} bytes")]
    Long(u64),
    /// It cannot be understood.
    #[error("a frame that is not understood: {0}")]
    Json(#[from] serde_json::Error),
}

/// The beginning of a request: everything but its content.
///
/// # Errors
/// When it is longer than it may be.
pub fn request(head: &Head, content: u64) -> Result<Vec<u8>, WireError> {
    let json = serde_json::to_vec(head)?;
    if json.len() > HEAD || content > CONTENT {
        return Err(WireError::Long(content.max(json.len() as u64)));
    }
    // It is at most HEAD, which fits.
    let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(REQUEST_LENGTHS + json.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&content.to_le_bytes());
    out.extend_from_slice(&json);
    Ok(out)
}

/// The lengths of a request's head and content.
///
/// # Errors
/// When one is longer than it may be.
pub fn request_lengths(bytes: [u8; REQUEST_LENGTHS]) -> Result<(usize, usize), WireError> {
    let [a, b, c, d, rest @ ..] = bytes;
    let head = u32::from_le_bytes([a, b, c, d]) as usize;
    let content = u64::from_le_bytes(rest);
    if head > HEAD || content > CONTENT {
        return Err(WireError::Long(content.max(head as u64)));
    }
    Ok((head, usize::try_from(content).unwrap_or(usize::MAX)))
}

/// An answer as it is sent. One that is too long becomes an error that says so.
///
/// # Errors
/// When it cannot be written as JSON, which a document always can.
pub fn answer(answer: &Answer) -> Result<Vec<u8>, WireError> {
    let mut out = vec![0; ANSWER_LENGTH];
    serde_json::to_writer(&mut out, answer)?;
    if out.len() - ANSWER_LENGTH > ANSWER {
        out.truncate(ANSWER_LENGTH);
        let error: Answer = Err(ExtractError::TooLarge("text".to_owned()));
        serde_json::to_writer(&mut out, &error)?;
    }
    let length = u32::try_from(out.len() - ANSWER_LENGTH).unwrap_or(u32::MAX);
    if let Some(start) = out.get_mut(..ANSWER_LENGTH) {
        start.copy_from_slice(&length.to_le_bytes());
    }
    Ok(out)
}

/// The length of an answer.
///
/// # Errors
/// When it is longer than it may be.
pub fn answer_length(bytes: [u8; ANSWER_LENGTH]) -> Result<usize, WireError> {
    let length = u32::from_le_bytes(bytes) as usize;
    if length > ANSWER {
        return Err(WireError::Long(length as u64));
    }
    Ok(length)
}

/// Reads an answer.
///
/// # Errors
/// When it is none.
pub fn read_answer(json: &[u8]) -> Result<Answer, WireError> {
    Ok(serde_json::from_slice(json)?)
}
