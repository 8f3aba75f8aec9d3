//! `crawl` jobs, on sites made for them.

use std::collections::BTreeMap;
use std::time::Duration;

use computetower_jobs::kinds::crawl::CrawlOptions;
use computetower_jobs::{JobId, Queue, SourceId};
use computetower_store::knowledge::{
    DocumentFilter, FrontierFilter, NewSource, SourceChange, SourceKind,
};
use computetower_test_site::websites::{CHAPTERS, PRODUCTS, Served, Website};
use serde_json::{Value, json};
use sqlx::Row;

use crate::support::{TestApp, WorkerProcess, until};

fn serve(website: Website) -> Served {
    Served::start(website, Duration::ZERO).unwrap()
}

async fn source(app: &TestApp, kind: SourceKind, url: &str, options: CrawlOptions) -> SourceId {
    let new = NewSource {
        name: "a site".to_owned(),
        kind,
        url: Some(url.to_owned()),
        credential: None,
        options,
    };
    app.store.add_source(app.tenant, &new).await.unwrap()
}

/// Crawls and gives the job as it ended.
async fn crawl(app: &TestApp, source: SourceId) -> Value {
    let client = app.client();
    let id = client.submit("crawl", json!({ "source_id": source })).await;
    let job = client.ended(&id).await;
    adds_up(app, &id).await;
    job
}

/// Each address that was discovered is in one state, none is in hand, and the totals are those of the rows.
async fn adds_up(app: &TestApp, job: &str) {
    let job = JobId(job.parse().unwrap());
    let totals = app
        .store
        .crawl_totals(app.tenant, job)
        .await
        .unwrap()
        .unwrap();
    let rows =
        sqlx::query("select state, count(*) as n from frontier where job_id = $1 group by state")
            .bind(job.0)
            .fetch_all(&mut app.database().await)
            .await
            .unwrap();
    let counted: BTreeMap<String, i64> = rows
        .iter()
        .map(|row| (row.get("state"), row.get("n")))
        .collect();
    let count = |state: &str| counted.get(state).copied().unwrap_or(0);
    for (state, total) in [
        ("queued", totals.queued),
        ("running", totals.running),
        ("done", totals.done),
        ("failed", totals.failed),
        ("skipped", totals.skipped),
        ("external", totals.external),
    ] {
        assert_eq!(count(state), total, "{state} of {totals:?}");
    }
    assert_eq!(
        totals.discovered,
        totals.queued + totals.running + totals.done + totals.failed + totals.skipped,
        "{totals:?}"
    );
}

/// The addresses of all documents that are there, without the site's own.
async fn documents(app: &TestApp, source: SourceId, site: &Served) -> Vec<String> {
    let mut filter = DocumentFilter {
        limit: 200,
        ..DocumentFilter::default()
    };
    let mut all = Vec::new();
    loop {
        let page = app
            .store
            .documents(app.tenant, source, filter)
            .await
            .unwrap();
        all.extend(
            page.documents
                .iter()
                .map(|document| document.key.strip_prefix(&site.base).unwrap().to_owned()),
        );
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return all,
        }
    }
}

/// Why addresses ended as they did, by path.
async fn fates(app: &TestApp, job: &Value, site: &Served) -> BTreeMap<String, String> {
    let id = JobId(job["id"].as_str().unwrap().parse().unwrap());
    let filter = FrontierFilter {
        limit: 1_000,
        ..FrontierFilter::default()
    };
    let page = app
        .store
        .crawl_pages(app.tenant, id, &filter)
        .await
        .unwrap();
    let path = |url: &str| url.strip_prefix(&site.base).unwrap_or(url).to_owned();
    page.rows
        .iter()
        .map(|row| {
            (
                path(&row.url),
                row.reason.clone().unwrap_or_else(|| row.state.clone()),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_behind_fifty_pages_of_a_listing_is_found_whole_within_two_links() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let site = serve(Website::Shop);
    let options = CrawlOptions {
        max_depth: Some(2),
        ..CrawlOptions::default()
    };
    let source = source(&app, SourceKind::Website, &site.base, options).await;
    let job = crawl(&app, source).await;
    assert_eq!(job["state"], "completed", "{job}");
    let found = documents(&app, source, &site).await;
    let products = found
        .iter()
        .filter(|path| path.contains("product-"))
        .count();
    assert_eq!(products, PRODUCTS as usize, "{job}");
    assert_eq!(job["result"]["counts"]["failed"], 0, "{job}");
    for product in 0..PRODUCTS {
        assert_eq!(site.asked(&format!("/shop/product-{product}.html")), 1);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_documentation_is_read_once_and_then_only_what_has_changed() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let site = serve(Website::Docs);
    let source = source(
        &app,
        SourceKind::Documentation,
        &format!("{}/docs/", site.base),
        CrawlOptions::default(),
    )
    .await;
    let first = crawl(&app, source).await;
    assert_eq!(first["state"], "completed", "{first}");
    let fates = fates(&app, &first, &site).await;
    for (path, expected) in [
        ("/docs/", "done"),
        ("/docs/chapter-7.html", "done"),
        ("/docs/orphan.html", "done"),
        ("/docs/found.html", "done"),
        ("/docs/index.html", "duplicate"),
        ("/docs/old.html", "redirect"),
        ("/docs/moved.html", "redirect"),
        ("/docs/print.html", "canonical"),
        ("/docs/hidden.html", "no_index"),
        ("/docs/private/x.html", "robots"),
        ("/docs/picture.png", "file_type"),
        ("/docs/missing.html", "not_found"),
        ("/about.html", "out_of_scope"),
        ("https://other.example/", "external"),
    ] {
        assert_eq!(
            fates.get(path).map(String::as_str),
            Some(expected),
            "{path}: {fates:?}"
        );
    }
    assert_eq!(
        site.asked("/docs/private/x.html")
            + site.asked("/docs/picture.png")
            + site.asked("/about.html"),
        0
    );
    let pages = u64::from(CHAPTERS) + 3;
    assert_eq!(first["result"]["counts"]["new"], pages, "{first}");

    site.forget();
    let second = crawl(&app, source).await;
    let counts = &second["result"]["counts"];
    assert_eq!(
        (&counts["new"], &counts["changed"], &counts["gone"]),
        (&json!(0), &json!(0), &json!(0)),
        "{second}"
    );
    assert_eq!(
        (counts["unchanged"].as_u64(), u64::from(site.unchanged())),
        (Some(pages), pages),
        "{second}"
    );

    for chapter in [3, 4, 5] {
        site.change(&format!("/docs/chapter-{chapter}.html"));
    }
    site.remove("/docs/chapter-9.html");
    let third = crawl(&app, source).await;
    let counts = &third["result"]["counts"];
    assert_eq!(
        (&counts["new"], &counts["changed"], &counts["gone"]),
        (&json!(0), &json!(3), &json!(1)),
        "{third}"
    );
    assert!(
        !documents(&app, source, &site)
            .await
            .contains(&"/docs/chapter-9.html".to_owned())
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_without_end_end() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let site = serve(Website::Endless);
    let source = source(
        &app,
        SourceKind::Website,
        &site.base,
        CrawlOptions::default(),
    )
    .await;
    let job = crawl(&app, source).await;
    assert_eq!(job["state"], "completed", "{job}");
    assert!(
        documents(&app, source, &site)
            .await
            .contains(&"/good.html".to_owned())
    );
    assert!(
        site.requests() < 2_500,
        "{} requests: {job}",
        site.requests()
    );
    assert!(
        job["result"]["reasons"]["skipped"]["trap"].as_u64() > Some(0),
        "{job}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_harm_has_its_reason() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let site = serve(Website::Hostile);
    let all = source(
        &app,
        SourceKind::Website,
        &site.base,
        CrawlOptions::default(),
    )
    .await;
    let job = crawl(&app, all).await;
    assert_eq!(job["state"], "completed", "{job}");
    let fates = fates(&app, &job, &site).await;
    for (path, expected) in [
        ("/on/1", "too_many_redirects"),
        ("/circle/a", "redirect_loop"),
        ("/huge", "too_large"),
        ("/inside", "redirect"),
        ("/teapot", "refused"),
        ("http://169.254.169.254/latest/meta-data/", "external"),
    ] {
        assert_eq!(
            fates.get(path).map(String::as_str),
            Some(expected),
            "{path}: {fates:?}"
        );
    }
    // A start that leads inside is followed as far as the guard.
    let inside = source(
        &app,
        SourceKind::Website,
        &format!("{}/inside", site.base),
        CrawlOptions::default(),
    )
    .await;
    let client = app.client();
    let id = client.submit("crawl", json!({ "source_id": inside })).await;
    let failing = client
        .events_until(&id, 0, |event| {
            matches!(event.name.as_str(), "retrying" | "failed")
        })
        .await;
    let failure = failing.last().unwrap().data.to_string();
    assert!(failure.contains("private_address"), "{failure}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_pages_as_were_asked_for_are_kept_and_nothing_is_marked_as_gone() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let site = serve(Website::Docs);
    let options = CrawlOptions {
        max_pages: Some(10),
        ..CrawlOptions::default()
    };
    let source = source(
        &app,
        SourceKind::Documentation,
        &format!("{}/docs/", site.base),
        options,
    )
    .await;
    let job = crawl(&app, source).await;
    assert_eq!(
        (&job["state"], &job["result"]["counts"]["done"]),
        (&json!("completed"), &json!(10)),
        "{job}"
    );
    assert!(
        job["result"]["reasons"]["skipped"]["page_limit"].as_u64() > Some(10),
        "{job}"
    );
    // The rest is found by the next crawl that may have it, although what led to it has not changed.
    let change = SourceChange {
        options: Some(CrawlOptions::default()),
        ..SourceChange::default()
    };
    app.store
        .change_source(app.tenant, source, &change)
        .await
        .unwrap();
    let job = crawl(&app, source).await;
    assert_eq!(
        job["result"]["counts"]["done"],
        u64::from(CHAPTERS) + 3,
        "{job}"
    );
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_whose_workers_are_killed_misses_no_page_and_keeps_none_twice() {
    let mut app = TestApp::without_workers().await;
    app.start_dispatcher();
    let site = Served::start(Website::Shop, Duration::from_millis(40)).unwrap();
    let source = source(
        &app,
        SourceKind::Website,
        &site.base,
        CrawlOptions::default(),
    )
    .await;
    let client = app.client();
    let mut worker = WorkerProcess::start(&app, "knowledge").await;
    let id = client.submit("crawl", json!({ "source_id": source })).await;
    let job = JobId(id.parse().unwrap());
    for kill in 1..=5_i64 {
        until("the crawl gets on", || async {
            let totals = app.store.crawl_totals(app.tenant, job).await.unwrap();
            totals.is_some_and(|totals| totals.done >= kill * 120)
        })
        .await;
        worker.kill();
        worker = WorkerProcess::start(&app, "knowledge").await;
    }
    let ended = client.ended(&id).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    adds_up(&app, &id).await;
    let mut found = documents(&app, source, &site).await;
    let all = found.len();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), all, "a page is kept twice");
    let products = found
        .iter()
        .filter(|path| path.contains("product-"))
        .count();
    assert_eq!(products, PRODUCTS as usize);
    let again = site.requests() - u32::try_from(all).unwrap();
    assert!(again < 5 * 200, "{again} pages were asked for again");
    worker.kill();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_can_be_paused_its_scope_edited_and_resumed() {
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let site = Served::start(Website::Shop, Duration::from_millis(40)).unwrap();
    let source = source(
        &app,
        SourceKind::Website,
        &site.base,
        CrawlOptions::default(),
    )
    .await;
    let client = app.client();
    let id = client.submit("crawl", json!({ "source_id": source })).await;
    let job = JobId(id.parse().unwrap());
    until("the crawl gets on", || async {
        let totals = app.store.crawl_totals(app.tenant, job).await.unwrap();
        totals.is_some_and(|totals| totals.done >= 100)
    })
    .await;
    // 200 when it stands still already, 202 when its worker was told.
    let paused = client
        .post(&format!("/api/v1/jobs/{id}/pause"), json!({}))
        .await;
    assert!(matches!(paused.status, 200 | 202));
    until("the crawl stands still", || async {
        client.job(&id).await["state"] == "paused"
    })
    .await;
    adds_up(&app, &id).await;
    // Products of which the number ends with a seven are not wanted after all.
    let options = CrawlOptions {
        exclude: vec!["/shop/product-*7.html".to_owned()],
        ..CrawlOptions::default()
    };
    let change = SourceChange {
        options: Some(options),
        ..SourceChange::default()
    };
    app.store
        .change_source(app.tenant, source, &change)
        .await
        .unwrap();
    assert_eq!(
        client
            .post(&format!("/api/v1/jobs/{id}/resume"), json!({}))
            .await
            .status,
        200
    );
    let ended = client.ended(&id).await;
    assert_eq!(ended["state"], "completed", "{ended}");
    adds_up(&app, &id).await;
    let excluded = ended["result"]["reasons"]["skipped"]["excluded"]
        .as_u64()
        .unwrap_or(0);
    let found = documents(&app, source, &site).await;
    let products = found
        .iter()
        .filter(|path| path.contains("product-"))
        .count() as u64;
    assert!((50..=100).contains(&excluded), "{ended}");
    assert_eq!(products + excluded, u64::from(PRODUCTS), "{ended}");
    app.stop().await;
}
