//! What a page or a file says: its main content as Markdown, with its headings, code blocks and links.
//!
//! Pure: bytes in, a [`Document`] out. Nothing here asks the network, a database or a clock.

mod chunk;
mod document;
mod error;
mod html;
pub mod markdown;

pub use chunk::{Chunk, ChunkSize, chunks};
pub use document::{CodeBlock, Document, Heading, Link};
pub use error::ExtractError;
pub use html::{Extent, HtmlSource, decode, html};
