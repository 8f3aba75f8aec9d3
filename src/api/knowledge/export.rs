//! All documents of a source, told as they are read: never more than a page of them is in memory.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use computetower_jobs::{SourceId, TenantId};
use computetower_store::StoreError;
use computetower_store::knowledge::{Document, DocumentFilter};
use futures::Stream;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::documents::DocumentView;
use crate::app::App;

/// Documents that are read at once.
const PAGE: i64 = 50;
/// Bytes of a file's name in the zip.
const LONGEST_NAME: usize = 180;

fn answer(body: Body, media_type: &'static str, name: &str) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The documents with their Markdown, in order.
fn documents(
    app: App,
    tenant: TenantId,
    source: SourceId,
) -> impl Stream<Item = Result<(Document, String), StoreError>> {
    async_stream::try_stream! {
        let mut filter = DocumentFilter { after: None, limit: PAGE, gone: false, with_markdown: true };
        loop {
            let page = app.store().documents(tenant, source, filter).await?;
            for document in page.documents {
                let markdown = app.store().markdown_of(&document).await?;
                yield (document, markdown);
            }
            match page.next {
                Some(next) => filter.after = Some(next),
                None => break,
            }
        }
    }
}

/// A line of JSON for each document.
pub(super) fn lines(app: App, tenant: TenantId, source: SourceId) -> Response {
    let stream = async_stream::try_stream! {
        for await document in documents(app, tenant, source) {
            let (document, markdown) = document.map_err(broken)?;
            let mut view = DocumentView::from(document);
            view.markdown = Some(markdown);
            let mut line = serde_json::to_vec(&view).map_err(io::Error::other)?;
            line.push(b'\n');
            yield Bytes::from(line);
        }
    };
    let body = Body::from_stream::<_>(boxed(stream));
    answer(body, "application/x-ndjson", &format!("{source}.jsonl"))
}

/// A Markdown file for each document.
pub(super) fn zip(app: App, tenant: TenantId, source: SourceId) -> Response {
    let stream = async_stream::try_stream! {
        let written = Written::default();
        let mut archive = ZipWriter::new_stream(written.clone());
        let mut names = HashSet::new();
        for await document in documents(app, tenant, source) {
            let (document, markdown) = document.map_err(broken)?;
            put(&mut archive, &mut names, &document, &markdown)?;
            yield written.take();
        }
        archive.finish().map_err(io::Error::other)?;
        yield written.take();
    };
    let body = Body::from_stream::<_>(boxed(stream));
    answer(body, "application/zip", &format!("{source}.zip"))
}

fn boxed(
    stream: impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
) -> std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, io::Error>> + Send>> {
    Box::pin(stream)
}

/// The answer has begun: all that is left is to break it off, so that nobody takes it for the whole.
fn broken(error: StoreError) -> io::Error {
    tracing::warn!(error = ?error, "an export was broken off");
    io::Error::other(error)
}

type Archive = ZipWriter<StreamWriter<Written>>;

fn put(
    archive: &mut Archive,
    names: &mut HashSet<String>,
    document: &Document,
    markdown: &str,
) -> io::Result<()> {
    let mut name = file_name(document);
    if !names.insert(name.clone()) {
        name = format!("{}-{}.md", name.trim_end_matches(".md"), document.id);
        names.insert(name.clone());
    }
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    archive
        .start_file(name, options)
        .map_err(io::Error::other)?;
    let mut front = String::from("---\n");
    for (field, value) in [("title", &document.title), ("url", &document.url)] {
        if let Some(value) = value {
            // A string of JSON is a string of YAML.
            front.push_str(&format!(
                "{field}: {}\n",
                serde_json::Value::from(value.as_str())
            ));
        }
    }
    front.push_str("---\n\n");
    archive.write_all(front.as_bytes())?;
    archive.write_all(markdown.as_bytes())
}

/// A name that no program takes for a way out of its folder.
fn file_name(document: &Document) -> String {
    let said = document
        .url
        .as_deref()
        .and_then(|url| url.split_once("://"))
        .map(|(_, rest)| rest)
        .or_else(|| document.key.rsplit('/').next())
        .unwrap_or_default();
    let said = said.split(['?', '#']).next().unwrap_or_default();
    let plain = |c: char| {
        if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') {
            c
        } else {
            '-'
        }
    };
    let parts: Vec<String> = said
        .split('/')
        .map(|part| part.chars().map(plain).collect::<String>())
        .map(|part| part.trim_matches('.').to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    let mut name = parts.join("/");
    if said.ends_with('/') || name.is_empty() {
        name.push_str(if name.is_empty() { "index" } else { "/index" });
    }
    while name.len() > LONGEST_NAME {
        name.pop();
    }
    let name = name
        .trim_end_matches(".html")
        .trim_end_matches(".htm")
        .trim_end_matches('/');
    format!("{name}.md")
}

/// What the archive has written since somebody last took it.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self) -> Bytes {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *written).into()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let named = |url: &str| {
            let mut document = sample();
            document.url = Some(url.to_owned());
            file_name(&document)
        };
        assert_eq!(named("https://a.test/x/y.html?z#q"), "a.test/x/y.md");
        assert_eq!(named("https://a.test/"), "a.test/index.md");
        assert_eq!(
            named("https://a.test/../..//etc/passwd"),
            "a.test/etc/passwd.md"
        );
        assert_eq!(named("https://a.test/a\\b:c"), "a.test/a-b-c.md");
        assert_eq!(named("https://"), "index.md");
    }

    fn sample() -> Document {
        Document {
            id: computetower_jobs::DocumentId::generate(),
            source: SourceId::generate(),
            key: "k".to_owned(),
            url: None,
            title: None,
            language: None,
            content_type: None,
            bytes: 0,
            headings: serde_json::Value::Null,
            links_inside: 0,
            links_outside: serde_json::Value::Null,
            metadata: serde_json::Value::Null,
            warnings: serde_json::Value::Null,
            changed_at: chrono::Utc::now(),
            gone_at: None,
            markdown: None,
            markdown_key: None,
        }
    }
}
