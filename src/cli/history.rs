//! `computetower history`: what was asked and answered on chat pages.

use std::io::Write;

use clap::Subcommand;
use computetower_jobs::{ConversationId, JobId};
use futures::StreamExt;
use serde_json::{Value, json};

use super::client::Api;
use super::{Failure, out};

/// Exchanges that one request may ask for.
const PAGE: usize = 200;
/// Characters of a question that a row of the list shows.
const SHOWN: usize = 60;
const HEAD: [&str; 4] = ["ID", "AT", "MODEL", "QUESTION"];
/// A moment behind everything that was ever asked.
const FOR_EVER: &str = "9999-12-31T00:00:00Z";

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

/// Which exchanges are meant.
#[derive(clap::Args)]
struct Which {
    /// Only of the provider with this name or id.
    #[arg(long)]
    provider: Option<String>,
    /// Only of this conversation.
    #[arg(long, value_name = "ID")]
    conversation: Option<ConversationId>,
    /// Only those that were answered at or after this moment, for example 2030-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only those that were answered before this moment.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// How many of them.
#[derive(clap::Args)]
struct Many {
    /// At most so many.
    #[arg(long, default_value_t = 50, conflicts_with = "all")]
    limit: usize,
    /// All of them, page by page.
    #[arg(long)]
    all: bool,
}

#[derive(Subcommand)]
enum Action {
    /// List exchanges, the latest first.
    List {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        many: Many,
    },
    /// List those with these words: all of them, "so written" beside each other, `or` between them, without a word by -word.
    Search {
        /// The words.
        #[arg(allow_hyphen_values = true)]
        words: String,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        many: Many,
    },
    /// Show an exchange whole.
    Show {
        /// The exchange: the id of its job.
        id: JobId,
    },
    /// Print exchanges as JSON lines, the latest first.
    Export {
        /// Only those with these words.
        #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
        search: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Delete one exchange, or all that fit. Their jobs stay as long as jobs stay.
    #[command(group(clap::ArgGroup::new("what").required(true).multiple(true)
        .args(["id", "search", "provider", "conversation", "since", "until", "all"])))]
    Delete {
        /// The exchange: the id of its job.
        #[arg(conflicts_with_all = ["search", "provider", "conversation", "since", "until", "all"])]
        id: Option<JobId>,
        /// Those with these words.
        #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
        search: Option<String>,
        #[command(flatten)]
        which: Which,
        /// The whole history.
        #[arg(long, conflicts_with_all = ["search", "provider", "conversation", "since", "until"])]
        all: bool,
    },
}

type Query = Vec<(&'static str, Option<String>)>;

impl Which {
    fn query(self, words: Option<String>) -> Query {
        vec![
            ("q", words),
            ("provider", self.provider),
            ("conversation", self.conversation.map(|id| id.to_string())),
            ("since", self.since),
            ("until", self.until),
        ]
    }
}

pub(super) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let api = Api::from_environment()?;
    match args.action {
        Action::List { which, many } => list(&api, which.query(None), &many, json).await,
        Action::Search { words, which, many } => {
            list(&api, which.query(Some(words)), &many, json).await
        }
        Action::Show { id } => {
            let exchange = api.get(&["chat", "history", &id.to_string()], &[]).await?;
            if json {
                out::json(&exchange)
            } else {
                show(&exchange)
            }
        }
        Action::Export { search, which } => export(&api, &which.query(search)).await,
        Action::Delete { id: Some(id), .. } => {
            api.delete(&["chat", "history", &id.to_string()], &[])
                .await?;
            out::deleted(json)
        }
        Action::Delete {
            search,
            mut which,
            all,
            ..
        } => {
            if all {
                which.until = Some(FOR_EVER.to_owned());
            }
            let done = api
                .delete(&["chat", "history"], &which.query(search))
                .await?;
            if json {
                return out::json(&done);
            }
            out::line(&format!("{} deleted", out::cell(&done["deleted"])))
        }
    }
}

async fn list(api: &Api, which: Query, many: &Many, json: bool) -> Result<(), Failure> {
    let mut left = if many.all { usize::MAX } else { many.limit };
    let mut exchanges = Vec::new();
    let mut cursor = None;
    while left > 0 {
        let mut query = which.clone();
        query.push(("limit", Some(left.min(PAGE).to_string())));
        query.push(("cursor", cursor));
        let mut page = api.get(&["chat", "history"], &query).await?;
        let Value::Array(found) = page["exchanges"].take() else {
            return Err("the answer holds no exchanges: is the server of another version?".into());
        };
        left -= found.len().min(left);
        if json {
            exchanges.extend(found);
        } else {
            // What the list does not show is not kept: an exchange may have megabytes.
            exchanges.extend(found.iter().map(row));
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if json {
        return out::json(&json!({ "exchanges": exchanges }));
    }
    let rows: Vec<Vec<String>> = exchanges
        .iter()
        .map(|row| {
            row.as_array()
                .into_iter()
                .flatten()
                .map(out::cell)
                .collect()
        })
        .collect();
    out::lines(&out::table(&HEAD, &rows))
}

fn row(exchange: &Value) -> Value {
    let question = exchange["question"].as_str().unwrap_or_default();
    let mut shown: String = question.chars().take(SHOWN).collect();
    if shown.len() < question.len() {
        shown.push('…');
    }
    json!([exchange["id"], exchange["at"], exchange["model"], shown])
}

/// For people: what it belongs to, then question and answer with their lines.
fn show(exchange: &Value) -> Result<(), Failure> {
    for name in ["id", "conversation_id", "model", "at"] {
        out::field(name, &exchange[name])?;
    }
    for name in ["question", "answer"] {
        out::line(&format!("\n{name}:"))?;
        let text = exchange[name].as_str().unwrap_or_default();
        for line in text.lines() {
            out::line(&out::plain(line))?;
        }
    }
    Ok(())
}

/// As it comes: a history may be larger than memory.
async fn export(api: &Api, query: &Query) -> Result<(), Failure> {
    let response = api.stream(&["chat", "history", "export"], query).await?;
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|source| api.cut(source))?;
        std::io::stdout().lock().write_all(&piece)?;
    }
    std::io::stdout().lock().flush()?;
    Ok(())
}
