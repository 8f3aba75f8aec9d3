//! `ingest`: reads the files of a knowledge source, each in a process of its own, and keeps what they say. A file that has not changed since it was read
//! is not read again; one that cannot be read is told of, and the others are read all the same.

use std::time::Duration;

use computetower_extract::files::Hint;
use computetower_extract::{ChunkSize, Document, chunks, without_code_blocks};
use computetower_jobs::kinds::ingest::Ingest;
use computetower_jobs::{Failure, FailureCode, Outcome};
use computetower_store::StoreError;
use computetower_store::knowledge::{
    Change, Exploration, KnowledgeFile, NewChunk, NewDocument, Sync, SyncProgress, SyncState,
};
use serde_json::{Value, json};

use crate::classify;
use crate::context::JobContext;
use crate::extraction::{Content, ExtractionError};
use crate::run::would_end;

/// Files that are asked for at once.
const PAGE: i64 = 100;
/// After how long it is tried again when another job reads the source.
const TAKEN: Duration = Duration::from_secs(10);

pub(super) async fn run(context: &JobContext, ingest: &Ingest) -> Outcome {
    let job = &context.job;
    let sync = context
        .store
        .begin_sync(
            job.tenant,
            ingest.source_id,
            (job.id, job.lease),
            ingest.full,
        )
        .await;
    let sync = match sync {
        Ok(sync) => sync,
        Err(error) => return Outcome::Failed(not_begun(&error)),
    };
    let mut reading = Reading {
        context,
        sync,
        with_code: true,
        total: 0,
        counts: Counts::default(),
        errors: Vec::new(),
        warnings: Vec::new(),
        refused: None,
    };
    let done = reading.all(ingest).await.and_then(|()| reading.verdict());
    let (phase, state) = match &done {
        Ok(()) => ("done", Some(SyncState::Completed)),
        Err(failure) if would_end(job, failure) => ("failed", Some(SyncState::Failed)),
        Err(_) => ("waiting", None),
    };
    let progress = reading.progress(phase);
    let written = match state {
        Some(state) => {
            context
                .store
                .finish_sync(&reading.sync, &progress, state)
                .await
        }
        None => context.store.save_sync(&reading.sync, &progress).await,
    };
    match (done, written) {
        (Ok(()), Ok(())) => Outcome::Completed(reading.result()),
        (Err(failure), _) => Outcome::Failed(failure),
        (Ok(()), Err(error)) => Outcome::Failed(classify::store(&error)),
    }
}

fn not_begun(error: &StoreError) -> Failure {
    match error {
        StoreError::Conflict(_) => {
            let mut failure = Failure::new(
                FailureCode::NotReady,
                "Another job reads this source; this one goes on when that has ended.",
            );
            failure.retry_after = Some(TAKEN);
            failure
        }
        error => classify::store(error),
    }
}

#[derive(Default)]
struct Counts {
    done: u32,
    failed: u32,
    new: u32,
    changed: u32,
    unchanged: u32,
    gone: u64,
    chunks: usize,
    bytes: i64,
}

struct Reading<'a> {
    context: &'a JobContext,
    sync: Sync,
    with_code: bool,
    total: usize,
    counts: Counts,
    errors: Vec<String>,
    warnings: Vec<String>,
    /// Why the last file that could not be read could not.
    refused: Option<Failure>,
}

impl Reading<'_> {
    async fn all(&mut self, ingest: &Ingest) -> Result<(), Failure> {
        let store = &self.context.store;
        let failed = |error: StoreError| classify::store(&error);
        let source = store
            .source(self.sync.tenant, ingest.source_id)
            .await
            .map_err(failed)?;
        if source.url.is_some() {
            return Err(Failure::new(
                FailureCode::InvalidInput,
                "This source is a site, which a job of the kind crawl reads; files belong to a source of the kind file.",
            ));
        }
        self.with_code = source.options.extract_code_blocks != Some(false);
        let mut files = Vec::new();
        loop {
            let after = files.last().map(|file: &KnowledgeFile| file.key.clone());
            let page = store
                .files(self.sync.tenant, source.id, after.as_deref(), PAGE)
                .await
                .map_err(failed)?;
            let full = page.len() >= usize::try_from(PAGE).unwrap_or_default();
            files.extend(page);
            if !full {
                break;
            }
        }
        files.retain(|file| file.stored_at.is_some());
        if let Some(key) = &ingest.key {
            files.retain(|file| file.key == *key);
            if files.is_empty() {
                return Err(Failure::new(
                    FailureCode::InvalidInput,
                    "The source has no such file any more.",
                ));
            }
        }
        self.total = files.len();
        for file in files {
            self.tell("reading", &file.filename).await?;
            match self.one(&file).await {
                Ok(()) => self.counts.done += 1,
                // Because of the file: the others may be fine.
                Err(failure) if failure.code == FailureCode::InvalidInput => {
                    self.counts.failed += 1;
                    let told = format!("{}: {}", file.filename, failure.public);
                    self.publish(
                        Exploration::Errors,
                        json!({"file": file.key, "error": told}),
                    );
                    self.errors.push(told);
                    self.refused = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        if ingest.key.is_none() && self.refused.is_none() {
            self.counts.gone = store
                .documents_gone(&self.sync, None)
                .await
                .map_err(failed)?;
        }
        Ok(())
    }

    /// A source of which nothing could be read has failed, by what was wrong with its file.
    fn verdict(&mut self) -> Result<(), Failure> {
        match self.refused.take() {
            Some(failure) if self.counts.done == 0 => Err(failure),
            _ => Ok(()),
        }
    }

    async fn one(&mut self, file: &KnowledgeFile) -> Result<(), Failure> {
        let store = &self.context.store;
        let failed = |error: StoreError| classify::store(&error);
        let known = store
            .validators(self.sync.source, std::slice::from_ref(&file.key))
            .await
            .map_err(failed)?;
        let same =
            |etag: &Option<String>| etag.is_some() && *etag == file.sha256.as_deref().map(hex);
        if !self.sync.full && known.iter().any(|known| same(&known.etag)) {
            store
                .see_documents(&self.sync, std::slice::from_ref(&file.key))
                .await
                .map_err(failed)?;
            self.counts.unchanged += 1;
            return Ok(());
        }
        let here = tempfile::NamedTempFile::new().map_err(|error| no_room(&error))?;
        let copied = store
            .objects
            .copy_to(&file.key, here.path(), accepted(file))
            .await
            .map_err(|error| not_copied(&error))?;
        let read = self
            .context
            .extraction
            .read(Content::File(here.path()), hint(file))
            .await;
        let document = match read {
            Ok(document) => document,
            Err(error @ (ExtractionError::Document(_) | ExtractionError::Child(_))) => {
                return Err(error.failure());
            }
        };
        drop(here);
        for warning in &document.warnings {
            self.warnings.push(format!("{}: {warning}", file.filename));
        }
        let bytes = i64::try_from(copied.bytes).unwrap_or(i64::MAX);
        let digest = hex(&copied.sha256);
        let new = self.document(file, document, bytes, digest).await?;
        self.counts.chunks += new.chunks.len();
        self.counts.bytes += bytes;
        if file.sha256.as_ref() != Some(&copied.sha256) {
            // It was stored past the API, which has not seen all of it.
            let known = KnowledgeFile {
                sha256: Some(copied.sha256),
                ..file.clone()
            };
            store
                .keep_file(self.sync.tenant, &known)
                .await
                .map_err(failed)?;
        }
        let title = new.title.clone();
        let kept = store
            .keep_documents(&self.sync, vec![new])
            .await
            .map_err(failed)?;
        for kept in kept {
            match kept.change {
                Change::New => self.counts.new += 1,
                Change::Changed => self.counts.changed += 1,
                Change::Unchanged => self.counts.unchanged += 1,
            }
            self.publish(
                Exploration::PageCompleted,
                json!({"document_id": kept.id, "key": kept.key, "title": title}),
            );
        }
        Ok(())
    }

    /// The document as it is kept. Cutting a long one takes a moment: not on a thread that others wait for.
    async fn document(
        &self,
        file: &KnowledgeFile,
        mut document: Document,
        bytes: i64,
        digest: String,
    ) -> Result<NewDocument, Failure> {
        let with_code = self.with_code;
        let cut = tokio::task::spawn_blocking(move || {
            if !with_code {
                document.markdown = without_code_blocks(&document.markdown);
            }
            let chunks = chunks(&document, ChunkSize::default());
            (document, chunks)
        });
        let (document, chunks) = cut.await.map_err(|error| {
            Failure::new(
                FailureCode::Unknown,
                "The document could not be cut into passages; the worker's log says why.",
            )
            .with_internal(error.to_string())
        })?;
        Ok(NewDocument {
            key: file.key.clone(),
            url: None,
            title: document.title.or_else(|| Some(file.filename.clone())),
            language: document.language,
            markdown: document.markdown,
            content_type: file.content_type.clone(),
            bytes,
            // What the file holds is its version.
            etag: Some(digest),
            last_modified: None,
            headings: json!(document.headings),
            links_inside: 0,
            links_outside: document.links.into_iter().map(|link| link.url).collect(),
            metadata: document.metadata,
            warnings: document.warnings,
            body: None,
            chunks: chunks
                .into_iter()
                .map(|chunk| NewChunk {
                    heading_path: chunk.heading_path,
                    anchor: chunk.anchor,
                    text: chunk.text,
                    start: i32::try_from(chunk.place.start).unwrap_or(i32::MAX),
                    hash: chunk.hash,
                })
                .collect(),
        })
    }

    fn percent(&self) -> f32 {
        let seen = self.counts.done + self.counts.failed;
        seen as f32 * 100.0 / self.total.max(1) as f32
    }

    async fn tell(&self, phase: &str, filename: &str) -> Result<(), Failure> {
        let seen = self.counts.done + self.counts.failed;
        let message = format!("{filename} ({} of {})", seen + 1, self.total);
        self.context.progress(self.percent(), phase, &*message);
        self.publish(
            Exploration::Progress,
            json!({"phase": phase, "progress": self.percent(), "message": message, "counts": self.counted()}),
        );
        self.context
            .store
            .save_sync(&self.sync, &self.progress(phase))
            .await
            .map_err(|error| classify::store(&error))
    }

    fn publish(&self, about: Exploration, message: Value) {
        self.context
            .store
            .publish_exploration(self.sync.job, about, message);
    }

    fn progress(&self, phase: &str) -> SyncProgress {
        SyncProgress {
            phase: phase.to_owned(),
            percent: self.percent(),
            counts: self.counted(),
            errors: self.errors.clone(),
            warnings: self.warnings.clone(),
        }
    }

    fn counted(&self) -> Value {
        let counts = &self.counts;
        let waiting = self
            .total
            .saturating_sub((counts.done + counts.failed) as usize);
        json!({
            "discovered": self.total, "queued": waiting, "running": 0, "done": counts.done, "failed": counts.failed, "skipped": 0,
            "new": counts.new, "changed": counts.changed, "unchanged": counts.unchanged, "gone": counts.gone,
            "chunks": counts.chunks, "bytes": counts.bytes,
        })
    }

    fn result(&self) -> Value {
        json!({
            "source_id": self.sync.source, "sync_id": self.sync.id, "counts": self.counted(), "errors": self.errors, "warnings": self.warnings,
        })
    }
}

/// Bytes that were there when the file was accepted: who still has the signed address may have put another there.
fn accepted(file: &KnowledgeFile) -> u64 {
    file.bytes
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or_default()
}

fn not_copied(error: &StoreError) -> Failure {
    match error {
        StoreError::Conflict(why) => Failure::new(FailureCode::InvalidInput, why.clone()),
        StoreError::NotFound(_) => Failure::new(
            FailureCode::InvalidInput,
            "The file is not in the bucket any more: upload it again.",
        ),
        error => classify::store(error),
    }
}

fn hint(file: &KnowledgeFile) -> Hint {
    Hint {
        name: Some(file.filename.clone()),
        content_type: file.content_type.clone(),
        url: None,
    }
}

fn no_room(error: &std::io::Error) -> Failure {
    Failure::new(
        FailureCode::Unknown,
        "The worker has no room for a file on its disk; its log says why.",
    )
    .with_internal(error.to_string())
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
