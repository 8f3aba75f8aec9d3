//! What an attempt keeps of what it read.

use computetower_jobs::kinds::crawl::CrawlOptions;
use computetower_jobs::{JobKind, SourceId, WorkerId};
use computetower_store::StoreError;
use computetower_store::jobs::{ClaimedJob, NewJob};
use computetower_store::knowledge::{
    Change, DocumentFilter, NewChunk, NewDocument, NewSource, SourceKind, Sync, SyncProgress,
    SyncState, Trigger,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::support::TestApp;

async fn source(app: &TestApp) -> SourceId {
    let new = NewSource {
        name: "docs".to_owned(),
        kind: SourceKind::Documentation,
        url: Some("http://docs.test/".to_owned()),
        credential: None,
        options: CrawlOptions::default(),
    };
    app.store.add_source(app.tenant, &new).await.unwrap()
}

/// A job of the source that runs.
async fn running(app: &TestApp, source: SourceId) -> ClaimedJob {
    let new = NewJob::now(JobKind::Crawl, json!({ "source_id": source }));
    let id = app.store.submit(app.tenant, &new).await.unwrap().id;
    let claimed = app.store.claim(id, 1, WorkerId::generate()).await.unwrap();
    claimed.unwrap()
}

async fn begin(app: &TestApp, source: SourceId, job: &ClaimedJob) -> Result<Sync, StoreError> {
    app.store
        .begin_sync(app.tenant, source, (job.id, job.lease), false)
        .await
}

async fn end(app: &TestApp, sync: &Sync, job: &ClaimedJob) {
    let progress = SyncProgress {
        phase: "done".to_owned(),
        percent: 100.0,
        ..SyncProgress::default()
    };
    app.store
        .finish_sync(sync, &progress, SyncState::Completed)
        .await
        .unwrap();
    let mut database = app.database().await;
    sqlx::query("update jobs set state = 'completed', lease_token = null, finished_at = now() where id = $1")
        .bind(job.id.0)
        .execute(&mut database)
        .await
        .unwrap();
}

fn page(path: &str, texts: &[&str]) -> NewDocument {
    let chunk = |text: &&str| NewChunk {
        heading_path: vec!["Guide".to_owned(), "Part".to_owned()],
        text: (*text).to_owned(),
        hash: Sha256::digest(text.as_bytes()).into(),
        ..NewChunk::default()
    };
    NewDocument {
        key: format!("http://docs.test{path}"),
        url: Some(format!("http://docs.test{path}")),
        title: Some("A page".to_owned()),
        language: Some("en".to_owned()),
        markdown: texts.join("\n\n"),
        etag: Some(format!("\"{}\"", texts.len())),
        chunks: texts.iter().map(chunk).collect(),
        ..NewDocument::default()
    }
}

async fn texts(app: &TestApp, source: SourceId) -> Vec<String> {
    let rows = sqlx::query("select c.text from knowledge_chunks c join knowledge_documents d on d.id = c.document_id where c.source_id = $1 order by d.key, c.number")
        .bind(source.0)
        .fetch_all(&mut app.database().await)
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_is_written_anew_and_what_is_gone_is_marked() {
    let app = TestApp::without_workers().await;
    let source = source(&app).await;
    let job = running(&app, source).await;
    let sync = begin(&app, source, &job).await.unwrap();
    assert_eq!(sync.trigger, Trigger::Initial);
    let pages = vec![
        page("/a", &["one", "two"]),
        page("/b", &["three"]),
        page("/c", &["four\0"]),
    ];
    let kept = app.store.keep_documents(&sync, pages).await.unwrap();
    assert!(kept.iter().all(|kept| kept.change == Change::New) && kept.len() == 3);
    assert_eq!(
        texts(&app, source).await,
        ["one", "two", "three", "four\u{fffd}"]
    );
    end(&app, &sync, &job).await;
    let known = app.store.source(app.tenant, source).await.unwrap();
    assert_eq!((known.documents, known.chunks), (3, 4));
    assert_eq!(known.languages, ["en"]);

    let job = running(&app, source).await;
    let sync = begin(&app, source, &job).await.unwrap();
    assert_eq!(sync.trigger, Trigger::Resync);
    let pages = vec![page("/a", &["one", "two"]), page("/b", &["new", "three"])];
    let mut kept = app.store.keep_documents(&sync, pages).await.unwrap();
    kept.sort_by(|a, b| a.key.cmp(&b.key));
    let changes: Vec<Change> = kept.iter().map(|kept| kept.change).collect();
    assert_eq!(changes, [Change::Unchanged, Change::Changed]);
    assert_eq!(app.store.documents_gone(&sync, None).await.unwrap(), 1);
    assert_eq!(texts(&app, source).await, ["one", "two", "new", "three"]);
    let gone = DocumentFilter {
        limit: 10,
        gone: true,
        ..DocumentFilter::default()
    };
    let gone = app
        .store
        .documents(app.tenant, source, gone)
        .await
        .unwrap()
        .documents;
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].key, "http://docs.test/c");

    // It comes back.
    let kept = app
        .store
        .keep_documents(&sync, vec![page("/c", &["four"])])
        .await
        .unwrap();
    assert_eq!(kept[0].change, Change::New);
    assert_eq!(texts(&app, source).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_lost_its_job_keeps_nothing() {
    let app = TestApp::without_workers().await;
    let source = source(&app).await;
    let job = running(&app, source).await;
    let mut sync = begin(&app, source, &job).await.unwrap();
    sync.lease = computetower_jobs::LeaseToken::generate();
    let refused = [
        app.store
            .keep_documents(&sync, vec![page("/a", &["one"])])
            .await
            .err(),
        app.store.documents_gone(&sync, None).await.err(),
        app.store
            .save_sync(&sync, &SyncProgress::default())
            .await
            .err(),
        app.store
            .see_documents(&sync, &["http://docs.test/a".to_owned()])
            .await
            .err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(StoreError::LeaseLost)), "{error:?}");
    }
    assert_eq!(texts(&app, source).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_reads_a_source_at_a_time_and_its_attempts_are_one_sync() {
    let app = TestApp::without_workers().await;
    let source = source(&app).await;
    let (first, second) = (running(&app, source).await, running(&app, source).await);
    let begun = begin(&app, source, &first).await.unwrap();
    assert!(matches!(
        begin(&app, source, &second).await,
        Err(StoreError::Conflict(_))
    ));
    let again = begin(&app, source, &first).await.unwrap();
    assert_eq!((again.id, again.number), (begun.id, begun.number));
    end(&app, &again, &first).await;
    let sync = begin(&app, source, &second).await.unwrap();
    assert_eq!(sync.number, begun.number + 1);
    let history = app
        .store
        .syncs(app.tenant, Some(source), None, 10)
        .await
        .unwrap();
    let states: Vec<(&str, &str)> = history
        .syncs
        .iter()
        .map(|sync| (sync.trigger.as_str(), sync.state.as_str()))
        .collect();
    assert_eq!(states, [("resync", "running"), ("initial", "completed")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_text_lies_in_the_bucket_and_goes_with_its_source() {
    let app = TestApp::without_workers().await;
    let source = source(&app).await;
    let job = running(&app, source).await;
    let sync = begin(&app, source, &job).await.unwrap();
    let long = "word ".repeat(100_000);
    let kept = app
        .store
        .keep_documents(&sync, vec![page("/long", &[&long])])
        .await
        .unwrap();
    let document = app.store.document(app.tenant, kept[0].id).await.unwrap();
    assert_eq!(document.markdown, None);
    assert_eq!(app.store.markdown_of(&document).await.unwrap(), long);
    let key = document.markdown_key.clone().unwrap();
    let looked = app.store.remove_unnamed_objects().await.unwrap();
    assert_eq!(looked.removed, 0);
    app.store.remove_source(app.tenant, source).await.unwrap();
    let looked = app.store.remove_unnamed_objects().await.unwrap();
    assert_eq!(looked.removed, 1);
    assert_eq!(app.store.objects.find(&key).await.unwrap(), None);
    assert_eq!(texts(&app, source).await, Vec::<String>::new());
}
