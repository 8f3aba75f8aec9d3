//! `computetower knowledge`: sources, what was read from them, and search.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use computetower_jobs::{JobId, SourceId};
use futures::StreamExt;
use reqwest::Body;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::client::Api;
use super::jobs::follow_to_end;
use super::{Failure, out};

/// Bytes of a file that are read at once.
const PIECE: usize = 256 * 1024;
/// Characters of a passage that a result shows.
const SHOWN: usize = 300;
const HEAD: [&str; 6] = ["ID", "NAME", "KIND", "DOCUMENTS", "CHUNKS", "SYNCED"];

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the sources, newest first.
    Sources,
    /// Add a site by its address, or files by their paths, and print the source's id. `--wait` reads it at once.
    Add {
        /// An address that begins with http:// or https://, or files.
        #[arg(required = true)]
        what: Vec<String>,
        /// What people call it.
        #[arg(long)]
        name: Option<String>,
        /// Pages that are kept at the most.
        #[arg(long, value_name = "N")]
        max_pages: Option<u32>,
        /// How many links may lie between the first page and a page.
        #[arg(long, value_name = "N")]
        max_depth: Option<u32>,
        /// Read it now and follow that to its end. Exit status: 0 completed, 1 failed or cancelled, 2 not known.
        #[arg(long)]
        wait: bool,
    },
    /// Print the passages that answer a question best.
    Search {
        /// The question, or words: "so written" beside each other, without a word by -word.
        #[arg(allow_hyphen_values = true)]
        question: String,
        /// Only in this source; may be given several times.
        #[arg(long, value_name = "ID", value_delimiter = ',')]
        source: Vec<SourceId>,
        /// Passages at the most, 1 to 100.
        #[arg(long, default_value_t = 5)]
        limit: u32,
    },
    /// Read a source again and print the job's id. Only what has changed is written.
    Sync {
        /// The source.
        id: SourceId,
        /// Read everything anew.
        #[arg(long)]
        full: bool,
        /// Follow it to its end. Exit status: 0 completed, 1 failed or cancelled, 2 not known.
        #[arg(long)]
        wait: bool,
    },
    /// Print all that was read from a source as JSON lines, or write it as a zip of Markdown files.
    Export {
        /// The source.
        id: SourceId,
        /// The zip file to write; it must not exist.
        #[arg(long, value_name = "FILE")]
        zip: Option<PathBuf>,
    },
    /// Remove a source with all that was read from it.
    Delete {
        /// The source.
        id: SourceId,
    },
}

pub(super) async fn run(args: Args, json: bool) -> Result<ExitCode, Failure> {
    let api = Api::from_environment()?;
    match args.action {
        Action::Sources => list(&api, json).await?,
        Action::Add {
            what,
            name,
            max_pages,
            max_depth,
            wait,
        } => {
            let source = if what.len() == 1 && what.iter().all(|what| is_address(what)) {
                let options = json!({ "max_pages": max_pages, "max_depth": max_depth });
                let body = json!({ "kind": "website", "url": what.first(), "name": name, "options": options });
                let path = ["knowledge", "sources"];
                api.post(&path, Some(&body), HeaderMap::new()).await?
            } else {
                add_files(&api, &what, name).await?
            };
            out::made(&source, json)?;
            if wait {
                let id = id_of(&source)?;
                return read(&api, id, false, true, json).await;
            }
        }
        Action::Search {
            question,
            source,
            limit,
        } => search(&api, question, &source, limit, json).await?,
        Action::Sync { id, full, wait } => return read(&api, id, full, wait, json).await,
        Action::Export { id, zip } => export(&api, id, zip.as_deref()).await?,
        Action::Delete { id } => {
            let path = ["knowledge", "sources", &id.to_string()];
            api.delete(&path, &[]).await?;
            out::deleted(json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn id_of(source: &Value) -> Result<SourceId, Failure> {
    let id = source["id"].as_str().and_then(|id| id.parse().ok());
    Ok(id.ok_or("the answer names no source: is the server of another version?")?)
}

/// A source of files, with the files. When one is refused, the source goes again.
async fn add_files(api: &Api, paths: &[String], name: Option<String>) -> Result<Value, Failure> {
    if let Some(address) = paths.iter().find(|path| is_address(path)) {
        return Err(format!("{address}: give one address, or files").into());
    }
    let name = name.or_else(|| paths.first().map(|path| base_name(Path::new(path))));
    let body = json!({ "kind": "file", "name": name });
    let path = ["knowledge", "sources"];
    let source = api.post(&path, Some(&body), HeaderMap::new()).await?;
    let id = id_of(&source)?.to_string();
    for path in paths {
        if let Err(failure) = upload(api, &id, Path::new(path)).await {
            api.delete(&["knowledge", "sources", &id], &[]).await?;
            return Err(failure);
        }
    }
    Ok(source)
}

fn base_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Sends a file as a form, piece by piece.
async fn upload(api: &Api, source: &str, path: &Path) -> Result<(), Failure> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = tokio::fs::File::open(path).await.map_err(told)?;
    if file.metadata().await.map_err(told)?.is_dir() {
        return Err(format!("{}: is a folder: name its files", path.display()).into());
    }
    let boundary = format!("computetower-{}", uuid::Uuid::new_v4().simple());
    let name = base_name(path).replace(['"', '\r', '\n'], "_");
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let form = format!("multipart/form-data; boundary={boundary}");
    let body = async_stream::try_stream! {
        yield head.into_bytes();
        loop {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            piece.truncate(read);
            yield piece;
        }
        yield tail.into_bytes();
    };
    let body: std::pin::Pin<Box<dyn futures::Stream<Item = std::io::Result<Vec<u8>>> + Send>> =
        Box::pin(body);
    let path = ["knowledge", "sources", source, "files"];
    api.send_form(&path, &form, Body::wrap_stream(body)).await?;
    Ok(())
}

async fn list(api: &Api, json: bool) -> Result<(), Failure> {
    let mut sources = Vec::new();
    let mut cursor = None;
    loop {
        let query = [("limit", Some("200".to_owned())), ("cursor", cursor)];
        let mut page = api.get(&["knowledge", "sources"], &query).await?;
        let Value::Array(found) = page["sources"].take() else {
            return Err("the answer holds no sources: is the server of another version?".into());
        };
        sources.extend(found);
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if json {
        return out::json(&json!({ "sources": sources }));
    }
    let fields = ["id", "name", "kind", "documents", "chunks", "synced_at"];
    let row = |source: &Value| fields.map(|field| out::cell(&source[field])).to_vec();
    let rows: Vec<Vec<String>> = sources.iter().map(row).collect();
    out::lines(&out::table(&HEAD, &rows))
}

async fn search(
    api: &Api,
    question: String,
    sources: &[SourceId],
    limit: u32,
    json: bool,
) -> Result<(), Failure> {
    let named: Vec<String> = sources.iter().map(SourceId::to_string).collect();
    let query = [
        ("q", Some(question)),
        ("source", (!named.is_empty()).then(|| named.join(","))),
        ("limit", Some(limit.to_string())),
    ];
    let found = api.get(&["knowledge", "search"], &query).await?;
    if json {
        return out::json(&found);
    }
    for (number, hit) in found["results"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let path: Vec<String> = hit["heading_path"]
            .as_array()
            .into_iter()
            .flatten()
            .map(out::cell)
            .collect();
        out::line(&format!(
            "{}. {}  {}",
            number + 1,
            out::cell(&hit["title"]),
            path.join(" > ")
        ))?;
        if hit["url"].is_string() {
            out::line(&format!("   {}", out::cell(&hit["url"])))?;
        }
        let text: String = out::cell(&hit["text"]).chars().take(SHOWN).collect();
        out::line(&format!("   {text}"))?;
    }
    Ok(())
}

async fn read(
    api: &Api,
    source: SourceId,
    full: bool,
    wait: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    let path = ["knowledge", "sources", &source.to_string(), "sync"];
    let started = api
        .post(&path, Some(&json!({ "full": full })), HeaderMap::new())
        .await?;
    let job: JobId = started["job_id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .ok_or("the answer names no job: is the server of another version?")?;
    if wait {
        return follow_to_end(api, job, json).await;
    }
    if json {
        out::json(&started)?;
    } else {
        out::line(&job.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn export(api: &Api, source: SourceId, zip: Option<&Path>) -> Result<(), Failure> {
    let format = if zip.is_some() { "zip" } else { "jsonl" };
    let path = ["knowledge", "sources", &source.to_string(), "export"];
    let answer = api
        .stream(&path, &[("format", Some(format.to_owned()))])
        .await?;
    let mut into: Box<dyn Write> = match zip {
        None => Box::new(std::io::stdout()),
        Some(path) => {
            let file = std::fs::File::create_new(path);
            Box::new(file.map_err(|error| format!("{}: {error}", path.display()))?)
        }
    };
    let mut pieces = answer.bytes_stream();
    while let Some(piece) = pieces.next().await {
        into.write_all(&piece.map_err(|source| api.cut(source))?)?;
    }
    into.flush()?;
    Ok(())
}
