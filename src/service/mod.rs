//! What a caller can ask, once: the API and the OpenAI surface are both thin skins over it.

pub mod links;
pub mod providers;
pub mod submit;
pub mod urls;
