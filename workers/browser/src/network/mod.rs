//! The traffic of one page while it answers: tapped, cut into messages, taken apart into text, and matched with what
//! the page shows. Sends nothing and changes nothing.

mod address;
pub(crate) mod decode;
pub(crate) mod recipe;
pub(crate) mod tap;
