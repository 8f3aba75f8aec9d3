//! A chat without scripts: a question is a form that is posted, and its answer a new document, which comes when the
//! answer is complete. `/reloads/<seconds>` takes at least so long for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::response::Html;
use axum::routing::get;
use serde::Deserialize;

use crate::echo;
use crate::login::escape;
use crate::state::Shared;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/reloads/{seconds}", get(front).post(ask))
}

#[derive(Deserialize)]
struct Question {
    q: String,
}

async fn front() -> Html<String> {
    Html(page(""))
}

async fn ask(
    State(shared): State<Arc<Shared>>,
    Path(seconds): Path<u64>,
    Form(question): Form<Question>,
) -> Html<String> {
    let asked = question.q.replace("\r\n", "\n").trim().to_owned();
    shared.record("reloads").asked.push(asked.clone());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (answer, asked) = (escape(&echo::answer(&asked)), escape(&asked));
    Html(page(&format!(
        "<tr><th>You<td>{asked}<tr><th>Desk<td>{answer}"
    )))
}

fn page(rows: &str) -> String {
    format!(
        "<!doctype html><meta charset=utf-8><title>Enquiries</title><style>td {{ white-space: pre-wrap }}</style>
<h1>Enquiries</h1><table>{rows}</table>
<form method=post><p><label>Your question<br><textarea name=q rows=4 cols=60 required></textarea></label></p>
<p><input type=submit value=Submit></p></form>"
    )
}
