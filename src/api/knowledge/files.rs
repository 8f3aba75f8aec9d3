//! `/knowledge/sources/{id}/files` and `/knowledge/presigned-url`: files that are read.

use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json as Answer, Router};
use chrono::{DateTime, Duration, Utc};
use computetower_jobs::SourceId;
use computetower_store::knowledge::{KnowledgeFile, Source};
use computetower_store::objects::PRESIGNED_FOR;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::limit_of;
use crate::api::auth::{Reader, Writer};
use crate::api::extract::{Id, Json, Params};
use crate::api::problem::{Problem, ProblemBody, ProblemCode};
use crate::app::App;
use crate::service::knowledge::uploads;

/// Files of one form.
const MOST_FILES: usize = 100;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route(
            "/knowledge/sources/{id}/files",
            // Each file has a limit of its own, and none of them is held in memory.
            post(upload)
                .layer(DefaultBodyLimit::disable())
                .get(list)
                .delete(remove),
        )
        .route("/knowledge/presigned-url", post(presigned_url))
}

/// A file.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"key": "01890000-0000-7000-8000-000000000002/knowledge/01890000-0000-7000-8000-000000000021/20260101-000000-a1b2c3-manual.pdf",
    "filename": "manual.pdf", "class": "document", "content_type": "application/pdf", "size": 48213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "uploaded_at": "2026-01-01T00:00:00Z"}))]
pub(crate) struct FileView {
    /// In the bucket.
    key: String,
    filename: String,
    /// `video`, `document`, `audio` or `data`.
    class: String,
    /// By its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// In bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<i64>,
    /// In hexadecimal; absent until a file that was stored past this program has been read.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// Absent while the upload is awaited.
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded_at: Option<DateTime<Utc>>,
}

impl From<KnowledgeFile> for FileView {
    fn from(file: KnowledgeFile) -> Self {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            key: file.key,
            filename: file.filename,
            class: file.class,
            content_type: file.content_type,
            size: file.bytes,
            sha256: file.sha256.map(hex),
            uploaded_at: file.stored_at,
        }
    }
}

/// Files of a source.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"files": []}))]
pub(crate) struct FileList {
    files: Vec<FileView>,
    /// Give it as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Refuses files for a source that is read by its address: a crawl would take them for pages that are gone.
fn takes_files(source: &Source) -> Result<(), Problem> {
    match source.url {
        None => Ok(()),
        Some(_) => Err(Problem::field(
            "source_id",
            "is a site; add a source of the kind file for files",
        )),
    }
}

/// A form with files.
#[derive(ToSchema)]
#[schema(example = json!({"file": ["manual.pdf"]}))]
#[expect(dead_code, reason = "only the document reads it")]
pub(crate) struct FileForm {
    /// One or more.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<String>,
}

/// Uploads files: a form with one or more parts `file`. What a file is, is told by its content; a video may have 500 MB, sound 100, a document 50, data
/// and code 10. Files before one that is refused are kept.
#[utoipa::path(post, path = "/api/v1/knowledge/sources/{id}/files", tag = "knowledge", security(("api_key" = [])), params(("id" = SourceId, Path)),
    request_body(content = FileForm, content_type = "multipart/form-data"),
    responses((status = 201, body = FileList), (status = 400, body = ProblemBody, content_type = "application/problem+json"),
              (status = 404, body = ProblemBody, content_type = "application/problem+json"), (status = 413, body = ProblemBody, content_type = "application/problem+json"),
              (status = 415, body = ProblemBody, content_type = "application/problem+json"), (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn upload(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<SourceId>,
    request: Request,
) -> Result<(StatusCode, Answer<FileList>), Problem> {
    takes_files(&app.store().source(caller.tenant, id).await?)?;
    let mut form = Multipart::from_request(request, &app).await.map_err(|_| {
        Problem::new(
            ProblemCode::UnsupportedMediaType,
            "Send a form: Content-Type: multipart/form-data, with its boundary.",
        )
    })?;
    let mut files = Vec::new();
    loop {
        let field = form.next_field().await.map_err(|error| {
            Problem::new(
                ProblemCode::MalformedJson,
                format!("The form cannot be read: {error}"),
            )
        })?;
        let Some(field) = field else { break };
        if field.name() != Some("file") {
            let name = field.name().unwrap_or_default().to_owned();
            return Err(Problem::field(name, "is unknown: parts are called file"));
        }
        if files.len() == MOST_FILES {
            return Err(Problem::field(
                "file",
                format!("must be at most {MOST_FILES} at once"),
            ));
        }
        let file = uploads::receive(&app, caller.tenant, id, field).await?;
        files.push(file.into());
    }
    if files.is_empty() {
        return Err(Problem::field("file", "must be there at least once"));
    }
    let list = FileList {
        files,
        next_cursor: None,
    };
    Ok((StatusCode::CREATED, Answer(list)))
}

/// Which files to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileParams {
    /// 1 to 200, 50 when left out.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists the files of a source, oldest first.
#[utoipa::path(get, path = "/api/v1/knowledge/sources/{id}/files", tag = "knowledge", security(("api_key" = [])), params(("id" = SourceId, Path), FileParams),
    responses((status = 200, body = FileList), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn list(
    State(app): State<App>,
    Reader(caller): Reader,
    Id(id): Id<SourceId>,
    Params(params): Params<FileParams>,
) -> Result<Answer<FileList>, Problem> {
    let limit = limit_of(params.limit)?;
    app.store().source(caller.tenant, id).await?;
    let after = params.cursor.as_deref();
    let files = app.store().files(caller.tenant, id, after, limit).await?;
    let full = i64::try_from(files.len()).is_ok_and(|found| found == limit);
    let next_cursor = files.last().filter(|_| full).map(|last| last.key.clone());
    Ok(Answer(FileList {
        files: files.into_iter().map(FileView::from).collect(),
        next_cursor,
    }))
}

/// Which file.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyParam {
    /// The key of the file.
    key: String,
}

/// Removes a file, what was read of it, and soon after its object.
#[utoipa::path(delete, path = "/api/v1/knowledge/sources/{id}/files", tag = "knowledge", security(("api_key" = [])), params(("id" = SourceId, Path), KeyParam),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Writer(caller): Writer,
    Id(id): Id<SourceId>,
    Params(params): Params<KeyParam>,
) -> Result<StatusCode, Problem> {
    let file = app.store().file(caller.tenant, &params.key).await?;
    if file.source != id {
        return Err(Problem::not_found("file"));
    }
    app.store().remove_file(caller.tenant, &params.key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is to be signed: a new upload into a source, or what was stored before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"source_id": "01890000-0000-7000-8000-000000000021", "filename": "manual.pdf"}))]
pub(crate) struct PresignRequest {
    /// The source into which a file is to be stored.
    #[serde(default)]
    source_id: Option<SourceId>,
    /// What the file is called.
    #[serde(default)]
    #[schema(max_length = 255)]
    filename: Option<String>,
    /// Instead of both: the key of a file, for another address in place of one that has expired.
    #[serde(default)]
    key: Option<String>,
}

/// A signed address.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"bucket": "computetower", "key": "01890000-0000-7000-8000-000000000002/knowledge/01890000-0000-7000-8000-000000000021/20260101-000000-a1b2c3-manual.pdf",
    "method": "PUT", "presigned_url": "https://s3.example.com/computetower/…?X-Amz-Signature=…", "expires_at": "2026-01-01T01:00:00Z"}))]
pub(crate) struct Presigned {
    bucket: String,
    key: String,
    /// `PUT` while the upload is awaited, then `GET`.
    method: &'static str,
    presigned_url: String,
    /// An hour from now.
    expires_at: DateTime<Utc>,
}

/// Signs an address for storing a file without this program in between, or renews one. What was stored is read once `ingest/start` names its key.
#[utoipa::path(post, path = "/api/v1/knowledge/presigned-url", tag = "knowledge", security(("api_key" = [])), request_body = PresignRequest,
    responses((status = 200, body = Presigned), (status = 404, body = ProblemBody, content_type = "application/problem+json"),
              (status = 422, body = ProblemBody, content_type = "application/problem+json")))]
pub(crate) async fn presigned_url(
    State(app): State<App>,
    Writer(caller): Writer,
    Json(request): Json<PresignRequest>,
) -> Result<Answer<Presigned>, Problem> {
    let file = match (request.key, request.source_id, request.filename) {
        (Some(key), None, None) => app.store().file(caller.tenant, &key).await?,
        (None, Some(source), Some(filename)) => {
            takes_files(&app.store().source(caller.tenant, source).await?)?;
            uploads::expect(&app, caller.tenant, source, &filename).await?
        }
        _ => {
            return Err(Problem::field(
                "key",
                "give either key, or source_id and filename",
            ));
        }
    };
    let objects = &app.store().objects;
    let (method, presigned_url) = match file.stored_at {
        None => ("PUT", objects.presigned_put(&file.key).await?),
        Some(_) => ("GET", objects.presigned(&file.key).await?),
    };
    Ok(Answer(Presigned {
        bucket: objects.bucket().to_owned(),
        key: file.key,
        method,
        presigned_url,
        expires_at: Utc::now() + Duration::from_std(PRESIGNED_FOR).unwrap_or_default(),
    }))
}
