//! `/knowledge`: sources, their files and documents, how they are read, and search.

pub mod documents;
pub mod explore;
pub mod export;
pub mod files;
pub mod ingest;
pub mod search;
pub mod sources;

use axum::Router;

use crate::api::problem::Problem;
use crate::app::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .merge(sources::router())
        .merge(files::router())
        .merge(ingest::router())
        .merge(documents::router())
        .merge(explore::router())
        .merge(search::router())
}

/// How many of a list: 1 to 200, 50 when nothing is said.
fn limit_of(said: Option<i64>) -> Result<i64, Problem> {
    let limit = said.unwrap_or(50);
    if (1..=200).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::field("limit", "must be between 1 and 200"))
    }
}
