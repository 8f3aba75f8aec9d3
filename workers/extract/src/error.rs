//! Why a document cannot be read.

/// Why nothing could be read. What is read in part is a [`crate::Document`] with warnings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(tag = "code", content = "detail", rename_all = "snake_case")]
pub enum ExtractError {
    /// No extractor knows this type of file.
    #[error("a file of type {0} cannot be read")]
    Unsupported(String),
    /// The file is broken or is not what it says it is.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The file is protected by a password.
    #[error("the file is protected by a password")]
    Protected,
    /// Reading it takes more than is allowed: what, and how much that is.
    #[error("the file takes more than is allowed to read: {0}")]
    TooLarge(String),
}
