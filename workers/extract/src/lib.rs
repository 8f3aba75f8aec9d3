//! What a page or a file says: its main content as Markdown, with its headings, code blocks and links.
//!
//! Bytes in, a [`Document`] out. Nothing here asks the network or a database. Programs that read pictures and sound are run where they are installed.

pub mod child;
mod chunk;
mod document;
mod error;
pub mod files;
mod html;
pub mod markdown;
pub mod wire;

pub use chunk::{Chunk, ChunkSize, chunks, without_code_blocks};
pub use document::{CodeBlock, Document, Heading, Link};
pub use error::ExtractError;
pub use files::extract;
pub use html::{Extent, HtmlSource, decode, html};
