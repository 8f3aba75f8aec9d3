//! What reading a file may take at most.

/// Members of an archive.
pub(crate) const MEMBERS: usize = 20_000;
/// Bytes of one member of an archive, unpacked.
pub(crate) const MEMBER: u64 = 128 << 20;
/// Bytes of all members of an archive together, unpacked.
pub(crate) const UNPACKED: u64 = 400 << 20;
/// How many times larger than packed a member may be, where it is large at all. Text packs to a tenth, tables of the same values to a hundredth.
pub(crate) const RATIO: u64 = 250;
/// From how many bytes on a member is large.
pub(crate) const LARGE: u64 = 16 << 20;
/// Bytes of the streams of a PDF together, unpacked.
pub(crate) const STREAMS: u64 = 600 << 20;
/// Values or elements inside each other.
pub(crate) const NESTING: usize = 1000;
/// Bytes of one line of separated values.
pub(crate) const LINE: usize = 1 << 20;
/// Bytes of the Markdown of a document.
pub(crate) const MARKDOWN: usize = 48 << 20;
/// Headings, code blocks and links of a document that are told.
pub(crate) const HEADINGS: usize = 20_000;
pub(crate) const CODE_BLOCKS: usize = 20_000;
pub(crate) const LINKS: usize = 50_000;
/// Warnings of a document.
pub(crate) const WARNINGS: usize = 200;
/// Bytes of one value of the metadata.
pub(crate) const METADATA: usize = 4 << 10;
