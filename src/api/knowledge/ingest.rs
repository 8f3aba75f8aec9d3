//! `/knowledge/ingest/start`: an address or a file, read in one request.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json as Answer, Router};
use computetower_jobs::kinds::crawl::CrawlOptions;
use computetower_jobs::{SourceId, TenantId};
use computetower_store::knowledge::SourceKind;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::sources::Started;
use crate::api::auth::Writer;
use crate::api::extract::{JsonBytes, read_json};
use crate::api::problem::{Problem, ProblemBody};
use crate::app::App;
use crate::service::knowledge::start::{self as reading, Reading, source_at};
use crate::service::knowledge::uploads;
use crate::service::urls;

pub(super) fn router() -> Router<App> {
    Router::new().route("/knowledge/ingest/start", post(start))
}

/// What is read: `source_url` or `s3_reference`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"source_type": "documentation", "source_url": "https://docs.example.com/", "options": {"max_pages": 500, "max_depth": 5}}))]
pub(crate) struct IngestRequest {
    /// `documentation`, `website`, `video` or `file`.
    source_type: String,
    /// Where a crawl begins. A source with this address is read again; else one is made.
    #[serde(default)]
    source_url: Option<String>,
    /// A file that was uploaded.
    #[serde(default)]
    s3_reference: Option<S3Reference>,
    /// What the caller knows of the file. What it is, is told by its content.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    file_metadata: Option<Value>,
    #[serde(default)]
    options: IngestOptions,
    /// The caller's own name for this ingestion: the same name and request is the same job, whose id the answer tells.
    #[serde(default)]
    #[schema(max_length = 200)]
    job_id: Option<String>,
}

/// Where a file lies: `key` as an upload or `presigned-url` told it. The rest is not looked at but for `bucket`, which has to be this one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"bucket": "computetower", "key": "01890000-0000-7000-8000-000000000002/knowledge/01890000-0000-7000-8000-000000000021/20260101-000000-a1b2c3-manual.pdf"}))]
pub(crate) struct S3Reference {
    #[serde(default)]
    bucket: Option<String>,
    key: String,
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "taken and not needed: the bucket is this program's own"
    )]
    region: Option<String>,
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "taken and not needed: the bucket is this program's own"
    )]
    endpoint: Option<String>,
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "taken and not needed: the bucket is this program's own"
    )]
    presigned_url: Option<String>,
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "taken and not needed: the bucket is this program's own"
    )]
    expires_at: Option<String>,
}

/// How it is read.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"max_pages": 500, "max_depth": 5, "extract_code_blocks": true}))]
pub(crate) struct IngestOptions {
    /// Pages that are kept at the most.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_pages: Option<u32>,
    /// How many links may lie between the first page and a page.
    #[schema(maximum = 1000)]
    max_depth: Option<u32>,
    /// False leaves code blocks out of what is kept.
    extract_code_blocks: Option<bool>,
    /// True keeps pictures of a video.
    extract_thumbnails: Option<bool>,
}

/// Reads an address or a file: the source is made where there is none.
#[utoipa::path(post, path = "/api/v1/knowledge/ingest/start", tag = "knowledge", security(("api_key" = [])), request_body = IngestRequest,
    responses((status = 202, body = Started), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 409, body = ProblemBody, content_type = "application/problem+json"), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn start(
    State(app): State<App>,
    Writer(caller): Writer,
    JsonBytes(body): JsonBytes,
) -> Result<(StatusCode, Answer<Started>), Problem> {
    let request: IngestRequest = read_json(&body)?;
    let kind: SourceKind = request.source_type.parse().map_err(
        |error: computetower_store::knowledge::sources::UnknownSourceKind| {
            Problem::field("source_type", error.to_string())
        },
    )?;
    if request
        .file_metadata
        .as_ref()
        .is_some_and(|metadata| !metadata.is_object())
    {
        return Err(Problem::field("file_metadata", "must be an object"));
    }
    let once = once(request.job_id.as_deref(), &body)?;
    let (source, key) = match (&request.source_url, &request.s3_reference) {
        (Some(url), None) => (
            at_url(&app, caller.tenant, url, kind, &request.options).await?,
            None,
        ),
        (None, Some(reference)) => {
            let source = of_file(&app, caller.tenant, reference).await?;
            (source, Some(reference.key.clone()))
        }
        _ => {
            return Err(Problem::field(
                "source_url",
                "give either source_url or s3_reference",
            ));
        }
    };
    let source = app.store().source(caller.tenant, source).await?;
    let way = Reading {
        max_pages: request.options.max_pages,
        max_depth: request.options.max_depth,
        full: false,
        key,
    };
    let submitted = reading::start(&app, &source, &way, once).await?;
    let started = Started::new(source.id, submitted);
    Ok((StatusCode::ACCEPTED, Answer(started)))
}

fn once(job_id: Option<&str>, body: &[u8]) -> Result<Option<(String, Vec<u8>)>, Problem> {
    let Some(name) = job_id else { return Ok(None) };
    if !(1..=200).contains(&name.len()) || !name.chars().all(|c| c.is_ascii_graphic()) {
        return Err(Problem::field(
            "job_id",
            "must be 1 to 200 printable characters without spaces",
        ));
    }
    let hash = Sha256::digest(body).to_vec();
    Ok(Some((format!("knowledge:{name}"), hash)))
}

async fn at_url(
    app: &App,
    tenant: TenantId,
    url: &str,
    kind: SourceKind,
    said: &IngestOptions,
) -> Result<SourceId, Problem> {
    if kind == SourceKind::File {
        return Err(Problem::field(
            "source_url",
            "is not for files: upload them, and give s3_reference",
        ));
    }
    let mut url = urls::check(url, app.private_urls())
        .await
        .map_err(|reason| Problem::field("source_url", reason))?;
    url.set_fragment(None);
    let options = CrawlOptions {
        max_pages: said.max_pages,
        max_depth: said.max_depth,
        extract_code_blocks: said.extract_code_blocks,
        extract_thumbnails: said.extract_thumbnails,
        ..CrawlOptions::default()
    };
    options
        .check()
        .map_err(|invalid| Problem::field(format!("options.{}", invalid.field), invalid.reason))?;
    source_at(app, tenant, url.as_str(), kind, options).await
}

/// The source of a file, once the file is known to be there and of a type that is taken.
async fn of_file(
    app: &App,
    tenant: TenantId,
    reference: &S3Reference,
) -> Result<SourceId, Problem> {
    let ours = app.store().objects.bucket();
    if reference
        .bucket
        .as_deref()
        .is_some_and(|bucket| bucket != ours)
    {
        return Err(Problem::field(
            "s3_reference.bucket",
            "is not the bucket that uploads go to",
        ));
    }
    let file = app.store().file(tenant, &reference.key).await?;
    let source = file.source;
    uploads::accept(app, tenant, file).await?;
    Ok(source)
}
