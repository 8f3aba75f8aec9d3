//! Reading a source: which job does it, and that it is the only one.

use computetower_jobs::kinds::crawl::CrawlOptions;
use computetower_jobs::{JobId, SourceId, SubmitRequest, TenantId};
use computetower_store::jobs::Submitted;
use computetower_store::knowledge::{Source, SourceKind};
use serde_json::{Value, json};

use crate::api::problem::Problem;
use crate::app::App;
use crate::service::submit::submit_once;

/// What one reading does otherwise than its source says.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Pages that are kept at the most.
    pub max_pages: Option<u32>,
    /// Links between the first page and a page.
    pub max_depth: Option<u32>,
    /// Nothing is taken for unchanged.
    pub full: bool,
    /// One file alone.
    pub key: Option<String>,
}

/// Submits the job that reads a source. `once` makes the same request be the same job.
///
/// # Errors
/// 409 while another job reads it; 422 when the source has neither an address nor files.
pub async fn start(
    app: &App,
    source: &Source,
    reading: &Reading,
    once: Option<(String, Vec<u8>)>,
) -> Result<Submitted, Problem> {
    let tenant = source.tenant;
    if let Some((key, hash)) = &once
        && let Some(before) = app.store().submitted_before(tenant, key, hash).await?
    {
        return Ok(before);
    }
    if let Some(job) = source.job
        && !ended(app, tenant, job).await?
    {
        return Err(computetower_store::StoreError::Conflict(format!(
            "the job {job} reads this source: wait for its end, or cancel it"
        ))
        .into());
    }
    let request = request(app, source, reading).await?;
    let submitted = submit_once(app, tenant, request, once).await?;
    // Should another have been quicker, this job waits until that one has ended.
    let given = app
        .store()
        .give_source(tenant, source.id, submitted.id)
        .await;
    match given {
        Ok(()) | Err(computetower_store::StoreError::Conflict(_)) => Ok(submitted),
        Err(error) => Err(error.into()),
    }
}

async fn request(app: &App, source: &Source, reading: &Reading) -> Result<SubmitRequest, Problem> {
    let (kind, mut payload) = if source.url.is_some() && reading.key.is_none() {
        let payload = json!({"source_id": source.id, "max_pages": reading.max_pages, "max_depth": reading.max_depth});
        ("crawl", payload)
    } else {
        let files = app.store().files(source.tenant, source.id, None, 1).await?;
        if files.is_empty() {
            return Err(Problem::field(
                "source_id",
                "the source has no files yet: upload some first",
            ));
        }
        (
            "ingest",
            json!({"source_id": source.id, "key": reading.key}),
        )
    };
    if let Value::Object(fields) = &mut payload {
        fields.retain(|_, value| !value.is_null());
        if reading.full {
            fields.insert("full".to_owned(), Value::Bool(true));
        }
    }
    let request = json!({ "kind": kind, "payload": payload });
    serde_json::from_value(request).map_err(|error| Problem::field("", error.to_string()))
}

async fn ended(app: &App, tenant: TenantId, job: JobId) -> Result<bool, Problem> {
    match app.store().job(tenant, job).await {
        Ok(row) => Ok(row.state.is_final()),
        // Forgotten long ago.
        Err(computetower_store::StoreError::NotFound(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The source that begins at an address, made where there is none.
///
/// # Errors
/// When storage does not answer.
pub async fn source_at(
    app: &App,
    tenant: TenantId,
    url: &str,
    kind: SourceKind,
    options: CrawlOptions,
) -> Result<SourceId, Problem> {
    if let Some(id) = app.store().source_at(tenant, url).await? {
        return Ok(id);
    }
    let name = url.split_once("://").map_or(url, |(_, rest)| rest);
    let new = computetower_store::knowledge::NewSource {
        name: name.trim_end_matches('/').chars().take(200).collect(),
        kind,
        url: Some(url.to_owned()),
        credential: None,
        options,
    };
    Ok(app.store().add_source(tenant, &new).await?)
}
