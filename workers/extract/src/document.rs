//! What is known of a document once it has been read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A page or a file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What the document calls itself.
    pub title: Option<String>,
    /// Its language as ISO 639-1 (`en`), by what it says of itself or by its text.
    pub language: Option<String>,
    /// The main content as Markdown (CommonMark with GitHub's tables).
    pub markdown: String,
    /// The headings of the main content, in order.
    pub headings: Vec<Heading>,
    /// The code blocks of the main content, in order, byte for byte.
    pub code_blocks: Vec<CodeBlock>,
    /// Where the whole document links to, absolute and without doubles, in order: furniture too, since a crawler follows it.
    pub links: Vec<Link>,
    /// The address that the document names as its own (`rel=canonical`), absolute.
    pub canonical: Option<String>,
    /// The document asks not to be kept (`noindex`).
    pub no_index: bool,
    /// The document asks that its links are not followed (`nofollow`).
    pub no_follow: bool,
    /// The text is made by scripts that have not run: what stands here is little or nothing of it.
    pub needs_scripts: bool,
    /// What else it says of itself: `author`, `published`, `description`, `generator`, `pages`, ….
    pub metadata: BTreeMap<String, String>,
    /// What could not be read of it, in plain words: one entry for a scanned page, a broken sheet, a cut at a limit.
    pub warnings: Vec<String>,
}

/// A heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// Its text, without marks that link to itself.
    pub text: String,
    /// The fragment that leads to it, without `#`.
    pub anchor: Option<String>,
}

/// A code block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeBlock {
    /// As the page names it, in lower case (`rust`, `sh`).
    pub language: Option<String>,
    /// The code, without the newline that ends the block.
    pub text: String,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Absolute, with its fragment.
    pub url: String,
    /// What it reads; empty for a picture without a description.
    pub text: String,
    /// The page asks that it is not followed (`rel=nofollow`).
    pub no_follow: bool,
}
