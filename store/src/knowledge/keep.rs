//! Keeping what was read: many documents in one transaction, held to the attempt that read them. What has not changed is only noted as seen.

use std::collections::{BTreeMap, HashMap};

use computetower_jobs::DocumentId;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::StoreError;
use crate::knowledge::words::{Rules, search_vector};
use crate::knowledge::{Sync, hold};

/// Main content that is longer, in bytes, lies in the bucket.
pub const IN_POSTGRES: usize = 256 * 1024;
/// Addresses outside of the source that are kept of one document.
const MOST_OUTSIDE: usize = 200;
/// Between two headings of a path on their way to Postgres. Extractors leave no control characters in headings; one that was there is a space.
const BETWEEN: char = '\u{1f}';

/// A document that was read.
#[derive(Clone, Debug, Default)]
pub struct NewDocument {
    /// What it is within its source, at most 2,048 bytes: the canonical address of a page, the key of a file.
    pub key: String,
    /// Where it can be read.
    pub url: Option<String>,
    /// What it calls itself.
    pub title: Option<String>,
    /// ISO 639-1.
    pub language: Option<String>,
    /// The main content.
    pub markdown: String,
    /// What it is.
    pub content_type: Option<String>,
    /// Of the body as it came.
    pub bytes: i64,
    /// What the server named its version.
    pub etag: Option<String>,
    /// When the server said it had changed.
    pub last_modified: Option<String>,
    /// A list of `{level, text, anchor}`.
    pub headings: Value,
    /// How many links lead into the source.
    pub links_inside: i32,
    /// Addresses outside; the first 200 are kept.
    pub links_outside: Vec<String>,
    /// What else it says of itself.
    pub metadata: BTreeMap<String, String>,
    /// What could not be read of it.
    pub warnings: Vec<String>,
    /// Where its body as it came lies.
    pub body: Option<BodyPlace>,
    /// Its passages, in order.
    pub chunks: Vec<NewChunk>,
}

/// Where a body lies: an object that holds many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyPlace {
    /// The object.
    pub key: String,
    /// Where in it.
    pub start: i64,
    /// How long.
    pub bytes: i32,
}

/// A passage of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewChunk {
    /// The headings above it, outermost first.
    pub heading_path: Vec<String>,
    /// The fragment of the innermost that has one.
    pub anchor: Option<String>,
    /// The passage, Markdown.
    pub text: String,
    /// Where it begins in the document's Markdown, in bytes.
    pub start: i32,
    /// SHA-256 of heading path and text.
    pub hash: [u8; 32],
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was not there before, or was gone.
    New,
    /// It says something else now.
    Changed,
    /// It says the same.
    Unchanged,
}

/// A document that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub key: String,
    /// Its id.
    pub id: DocumentId,
    /// What became of it.
    pub change: Change,
}

/// What is known of a document that was read before.
struct Known {
    id: Uuid,
    hash: Vec<u8>,
    gone: bool,
    markdown_key: Option<String>,
}

/// A document on its way: what it becomes, and under which id.
struct Row {
    id: Uuid,
    change: Change,
    hash: Vec<u8>,
    markdown_key: Option<String>,
    new: NewDocument,
    vectors: Vec<String>,
}

impl Store {
    /// Keeps documents, each with its passages, in one transaction. Of two with the same key the later counts. The answer has one entry for each key, in
    /// no order.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when the attempt no longer owns the job: then nothing is kept.
    pub async fn keep_documents(
        &self,
        sync: &Sync,
        documents: Vec<NewDocument>,
    ) -> Result<Vec<Kept>, StoreError> {
        let documents: HashMap<String, NewDocument> = documents
            .into_iter()
            .map(|document| (document.key.clone(), document))
            .collect();
        let known = self.known(sync, &documents).await?;
        let mut rows = prepare(sync, documents, &known).await?;
        let mut unnamed = Vec::new();
        for row in &mut rows {
            let before = known
                .get(&row.new.key)
                .and_then(|known| known.markdown_key.clone());
            if row.change == Change::Unchanged {
                row.markdown_key = before;
                continue;
            }
            unnamed.extend(before);
            if row.new.markdown.len() > IN_POSTGRES {
                let key = markdown_key(sync, row.id, &row.hash);
                let body = std::mem::take(&mut row.new.markdown).into_bytes();
                self.store_object(
                    sync.tenant,
                    None,
                    &key,
                    "text/markdown; charset=utf-8",
                    body,
                )
                .await?;
                row.markdown_key = Some(key);
            }
        }
        let mut tx = self.system.begin().await?;
        hold(&mut tx, sync.job, sync.lease).await?;
        write_documents(&mut tx, sync, &rows).await?;
        write_chunks(&mut tx, sync, &rows).await?;
        if !unnamed.is_empty() {
            sqlx::query!(
                "update stored_objects set look_at = now() where key = any($1)",
                &unnamed
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| Kept {
                key: row.new.key,
                id: DocumentId(row.id),
                change: row.change,
            })
            .collect())
    }

    async fn known(
        &self,
        sync: &Sync,
        documents: &HashMap<String, NewDocument>,
    ) -> Result<HashMap<String, Known>, StoreError> {
        let keys: Vec<String> = documents.keys().cloned().collect();
        let rows = sqlx::query!(
            r#"select id, key, content_hash, gone_at is not null as "gone!", markdown_key
               from knowledge_documents where source_id = $1 and key = any($2)"#,
            sync.source.0,
            &keys
        )
        .fetch_all(&self.system)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let known = Known {
                    id: row.id,
                    hash: row.content_hash,
                    gone: row.gone,
                    markdown_key: row.markdown_key,
                };
                (row.key, known)
            })
            .collect())
    }
}

/// What becomes of a document that says this.
fn change(known: Option<&Known>, hash: &[u8], full: bool) -> Change {
    match known {
        None => Change::New,
        Some(known) if known.gone => Change::New,
        Some(known) if known.hash != hash || full => Change::Changed,
        Some(_) => Change::Unchanged,
    }
}

/// The words of hundreds of passages take milliseconds: not on a thread that others wait for.
async fn prepare(
    sync: &Sync,
    documents: HashMap<String, NewDocument>,
    known: &HashMap<String, Known>,
) -> Result<Vec<Row>, StoreError> {
    let rows: Vec<Row> = documents
        .into_values()
        .map(|mut new| {
            clean(&mut new);
            let hash = content_hash(&new);
            let before = known.get(&new.key);
            Row {
                id: before.map_or_else(Uuid::now_v7, |known| known.id),
                change: change(before, &hash, sync.full),
                hash,
                markdown_key: None,
                new,
                vectors: Vec::new(),
            }
        })
        .collect();
    let (tenant, source) = (sync.tenant, sync.source);
    let done = tokio::task::spawn_blocking(move || {
        let mut rows = rows;
        for row in rows
            .iter_mut()
            .filter(|row| row.change != Change::Unchanged)
        {
            let rules = Rules::of(row.new.language.as_deref());
            let title = row.new.title.as_deref().unwrap_or_default();
            for chunk in &row.new.chunks {
                let mut headings = vec![title];
                headings.extend(chunk.heading_path.iter().map(String::as_str));
                headings.dedup();
                let vector = search_vector(tenant, source, &headings, &chunk.text, &rules);
                row.vectors.push(vector);
            }
        }
        rows
    });
    done.await.map_err(|_| StoreError::Interrupted)
}

/// Takes out what Postgres does not take: NUL.
fn clean(new: &mut NewDocument) {
    let plain = |text: &mut String| {
        if text.contains('\0') {
            *text = text.replace('\0', "\u{fffd}");
        }
    };
    plain(&mut new.markdown);
    for text in [
        &mut new.url,
        &mut new.title,
        &mut new.language,
        &mut new.content_type,
        &mut new.etag,
        &mut new.last_modified,
    ]
    .into_iter()
    .flatten()
    {
        plain(text);
    }
    plain_json(&mut new.headings);
    new.links_outside.truncate(MOST_OUTSIDE);
    new.links_outside.iter_mut().for_each(plain);
    new.warnings.iter_mut().for_each(plain);
    if new
        .metadata
        .iter()
        .any(|(name, value)| name.contains('\0') || value.contains('\0'))
    {
        new.metadata = std::mem::take(&mut new.metadata)
            .into_iter()
            .map(|(name, value)| {
                (
                    name.replace('\0', "\u{fffd}"),
                    value.replace('\0', "\u{fffd}"),
                )
            })
            .collect();
    }
    for chunk in &mut new.chunks {
        plain(&mut chunk.text);
        if let Some(anchor) = &mut chunk.anchor {
            plain(anchor);
        }
        for heading in &mut chunk.heading_path {
            if heading.contains(['\0', BETWEEN]) {
                *heading = heading.replace(['\0', BETWEEN], " ");
            }
        }
    }
}

fn plain_json(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(items) => items.iter_mut().for_each(plain_json),
        Value::Object(fields) => fields.values_mut().for_each(plain_json),
        _ => {}
    }
}

fn content_hash(new: &NewDocument) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(new.title.as_deref().unwrap_or_default());
    hash.update([0]);
    hash.update(&new.markdown);
    hash.finalize().to_vec()
}

fn markdown_key(sync: &Sync, id: Uuid, hash: &[u8]) -> String {
    use std::fmt::Write;
    let mut short = String::new();
    for byte in hash.iter().take(8) {
        // Writing to a string does not fail.
        let _ = write!(short, "{byte:02x}");
    }
    format!(
        "{}/knowledge/{}/markdown/{id}-{short}.md",
        sync.tenant, sync.source
    )
}

/// A document that has not changed keeps what it said, and gets the server's newest word of its version.
async fn write_documents(
    tx: &mut PgConnection,
    sync: &Sync,
    rows: &[Row],
) -> Result<(), StoreError> {
    let texts = |of: fn(&NewDocument) -> &Option<String>| -> Vec<Option<String>> {
        rows.iter().map(|row| of(&row.new).clone()).collect()
    };
    let jsons = |of: fn(&NewDocument) -> Value| -> Vec<Value> {
        rows.iter().map(|row| of(&row.new)).collect()
    };
    let markdown: Vec<Option<&str>> = rows
        .iter()
        .map(|row| {
            row.markdown_key
                .is_none()
                .then_some(row.new.markdown.as_str())
        })
        .collect();
    let headings = jsons(|new| {
        if new.headings.is_null() {
            serde_json::json!([])
        } else {
            new.headings.clone()
        }
    });
    sqlx::query!(
        "insert into knowledge_documents as d (id, tenant_id, source_id, key, url, title, language, markdown, markdown_key, content_hash, content_type,
                bytes, etag, last_modified, headings, links_inside, links_outside, metadata, warnings, pack_key, pack_start, pack_bytes, seen)
         select i.id, $1, $2, i.key, i.url, i.title, i.language, i.markdown, i.markdown_key, i.content_hash, i.content_type,
                i.bytes, i.etag, i.last_modified, i.headings, i.links_inside, i.links_outside, i.metadata, i.warnings, i.pack_key, i.pack_start,
                i.pack_bytes, $3
         from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::text[], $13::bigint[],
                     $14::text[], $15::text[], $16::jsonb[], $17::int[], $18::jsonb[], $19::jsonb[], $20::jsonb[], $21::text[], $22::bigint[], $23::int[])
              as i (id, key, url, title, language, markdown, markdown_key, content_hash, content_type, bytes, etag, last_modified, headings, links_inside,
                    links_outside, metadata, warnings, pack_key, pack_start, pack_bytes)
         on conflict on constraint knowledge_documents_key do update set
                url = excluded.url, title = excluded.title, language = excluded.language, markdown = excluded.markdown,
                markdown_key = excluded.markdown_key, content_hash = excluded.content_hash, content_type = excluded.content_type,
                bytes = excluded.bytes, etag = excluded.etag, last_modified = excluded.last_modified, headings = excluded.headings,
                links_inside = excluded.links_inside, links_outside = excluded.links_outside, metadata = excluded.metadata, warnings = excluded.warnings,
                pack_key = excluded.pack_key, pack_start = excluded.pack_start, pack_bytes = excluded.pack_bytes, seen = excluded.seen, gone_at = null,
                changed_at = case when d.content_hash = excluded.content_hash and d.gone_at is null then d.changed_at else now() end",
        sync.tenant.0,
        sync.source.0,
        sync.number,
        &rows.iter().map(|row| row.id).collect::<Vec<_>>(),
        &rows.iter().map(|row| row.new.key.clone()).collect::<Vec<_>>(),
        &texts(|new| &new.url) as &[Option<String>],
        &texts(|new| &new.title) as &[Option<String>],
        &texts(|new| &new.language) as &[Option<String>],
        &markdown as &[Option<&str>],
        &rows.iter().map(|row| row.markdown_key.clone()).collect::<Vec<_>>() as &[Option<String>],
        &rows.iter().map(|row| row.hash.clone()).collect::<Vec<_>>(),
        &texts(|new| &new.content_type) as &[Option<String>],
        &rows.iter().map(|row| row.new.bytes).collect::<Vec<_>>(),
        &texts(|new| &new.etag) as &[Option<String>],
        &texts(|new| &new.last_modified) as &[Option<String>],
        &headings,
        &rows.iter().map(|row| row.new.links_inside).collect::<Vec<_>>(),
        &jsons(|new| serde_json::json!(new.links_outside)),
        &jsons(|new| serde_json::json!(new.metadata)),
        &jsons(|new| serde_json::json!(new.warnings)),
        &rows.iter().map(|row| row.new.body.as_ref().map(|body| body.key.clone())).collect::<Vec<_>>() as &[Option<String>],
        &rows.iter().map(|row| row.new.body.as_ref().map(|body| body.start)).collect::<Vec<_>>() as &[Option<i64>],
        &rows.iter().map(|row| row.new.body.as_ref().map(|body| body.bytes)).collect::<Vec<_>>() as &[Option<i32>]
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The passages of what is new or changed, in place of those before.
async fn write_chunks(tx: &mut PgConnection, sync: &Sync, rows: &[Row]) -> Result<(), StoreError> {
    let changed: Vec<&Row> = rows
        .iter()
        .filter(|row| row.change != Change::Unchanged)
        .collect();
    let replaced: Vec<Uuid> = changed.iter().map(|row| row.id).collect();
    if replaced.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "delete from knowledge_chunks where document_id = any($1)",
        &replaced
    )
    .execute(&mut *tx)
    .await?;
    let (mut ids, mut numbers, mut paths, mut anchors) = (vec![], vec![], vec![], vec![]);
    let (mut texts, mut starts, mut hashes, mut vectors) = (vec![], vec![], vec![], vec![]);
    for row in changed {
        for (number, (chunk, vector)) in row.new.chunks.iter().zip(&row.vectors).enumerate() {
            ids.push(row.id);
            numbers.push(i32::try_from(number).unwrap_or(i32::MAX));
            paths.push(chunk.heading_path.join(&BETWEEN.to_string()));
            anchors.push(chunk.anchor.as_deref());
            texts.push(chunk.text.as_str());
            starts.push(chunk.start);
            hashes.push(chunk.hash.as_slice());
            vectors.push(vector.as_str());
        }
    }
    sqlx::query!(
        "insert into knowledge_chunks (document_id, number, tenant_id, source_id, heading_path, anchor, text, start, hash, search)
         select i.document_id, i.number, $1, $2, string_to_array(i.heading_path, E'\\x1f'), i.anchor, i.text, i.start, i.hash, i.search::tsvector
         from unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[], $8::int[], $9::bytea[], $10::text[])
              as i (document_id, number, heading_path, anchor, text, start, hash, search)",
        sync.tenant.0,
        sync.source.0,
        &ids,
        &numbers,
        &paths,
        &anchors as &[Option<&str>],
        &texts as &[&str],
        &starts,
        &hashes as &[&[u8]],
        &vectors as &[&str]
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_is_unchanged_unless_all_is_read_anew() {
        let known = |gone| Known {
            id: Uuid::now_v7(),
            hash: vec![1],
            gone,
            markdown_key: None,
        };
        assert_eq!(change(None, &[1], false), Change::New);
        assert_eq!(change(Some(&known(true)), &[1], false), Change::New);
        assert_eq!(change(Some(&known(false)), &[1], false), Change::Unchanged);
        assert_eq!(change(Some(&known(false)), &[1], true), Change::Changed);
        assert_eq!(change(Some(&known(false)), &[2], false), Change::Changed);
    }

    #[test]
    fn nothing_is_kept_that_postgres_does_not_take() {
        let mut new = NewDocument {
            markdown: "a\0b".to_owned(),
            title: Some("\0".to_owned()),
            headings: serde_json::json!([{"text": "x\0"}]),
            metadata: BTreeMap::from([("k\0".to_owned(), "v\0".to_owned())]),
            chunks: vec![NewChunk {
                heading_path: vec!["a\u{1f}b".to_owned()],
                text: "\0".to_owned(),
                ..NewChunk::default()
            }],
            ..NewDocument::default()
        };
        clean(&mut new);
        let all = format!("{new:?}");
        assert!(!all.contains("\\0") && !all.contains("\\u{1f}"), "{all}");
    }
}
