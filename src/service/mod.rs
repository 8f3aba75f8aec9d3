//! What a caller can ask, once: the API and the OpenAI surface are both thin skins over it.

pub mod batches;
pub mod fetch;
pub mod knowledge;
pub mod links;
pub mod providers;
pub mod schedules;
pub mod sign_in;
pub mod submit;
pub mod urls;
