//! Sites for a crawler: a shop behind page-N listings, a documentation, sites without end, and sites that mean harm. Each on a port of its own, with what
//! was asked of it counted. What a page says can be changed, and pages can be taken away.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// Products of the shop, and how many a page of its listing names.
pub const PRODUCTS: u32 = 1_000;
const ON_A_PAGE: u32 = 20;
/// Pages of the documentation.
pub const CHAPTERS: u32 = 30;

/// What a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Website {
    /// [`PRODUCTS`] products, found only by going through fifty pages of a listing, each of which names the next alone.
    Shop,
    /// [`CHAPTERS`] chapters with versions, and what documentations have besides: robots.txt, a sitemap, redirects, two names of one page.
    Docs,
    /// Pages without end: a calendar, an empty listing, filters, paths that repeat themselves.
    Endless,
    /// Redirects without end and in a circle, a body of ten gigabytes, private addresses.
    Hostile,
}

/// A running site.
#[derive(Debug)]
pub struct Served {
    /// `http://127.0.0.1:<port>`
    pub base: String,
    state: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Debug)]
struct Shared {
    website: Website,
    pause: Duration,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// How often each path was asked for, and how often the answer was that nothing had changed.
    asked: HashMap<String, u32>,
    unchanged: u32,
    /// The version of each path that has been changed.
    versions: HashMap<String, u32>,
    gone: HashSet<String>,
}

impl Served {
    /// Serves a site on a free port. Each answer takes at least `pause`.
    ///
    /// # Errors
    /// When no port can be bound or no thread started.
    pub fn start(website: Website, pause: Duration) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("test-website")
            .enable_all()
            .build()?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let base = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(Shared {
            website,
            pause,
            told: Mutex::default(),
        });
        let app = Router::new().fallback(answer).with_state(state.clone());
        runtime.spawn(async move {
            let served = match TcpListener::from_std(listener) {
                Ok(listener) => axum::serve(listener, app).await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                tracing::error!(%error, "the test website ended");
            }
        });
        Ok(Self {
            base,
            state,
            runtime: Some(runtime),
        })
    }

    /// How often a path (with its query) was asked for.
    pub fn asked(&self, path: &str) -> u32 {
        self.state.told().asked.get(path).copied().unwrap_or(0)
    }

    /// How many requests there were in all.
    pub fn requests(&self) -> u32 {
        self.state.told().asked.values().sum()
    }

    /// How many of them were answered by saying that nothing has changed.
    pub fn unchanged(&self) -> u32 {
        self.state.told().unchanged
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        let mut told = self.state.told();
        told.asked.clear();
        told.unchanged = 0;
    }

    /// The page says something else from now on.
    pub fn change(&self, path: &str) {
        *self
            .state
            .told()
            .versions
            .entry(path.to_owned())
            .or_default() += 1;
    }

    /// There is no such page any more.
    pub fn remove(&self, path: &str) {
        self.state.told().gone.insert(path.to_owned());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing can panic between two changes of the state.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    if !shared.pause.is_zero() {
        tokio::time::sleep(shared.pause).await;
    }
    let version = {
        let mut told = shared.told();
        *told.asked.entry(path.clone()).or_default() += 1;
        if told.gone.contains(&path) {
            return StatusCode::GONE.into_response();
        }
        told.versions.get(&path).copied().unwrap_or(0)
    };
    match shared.website {
        Website::Shop => shop(&path),
        Website::Docs => docs(&shared, request.headers(), &path, version),
        Website::Endless => endless(&path),
        Website::Hostile => hostile(&path),
    }
}

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>{title}</title></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    );
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

fn none() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// The number in a path like `/shop/product-12.html`.
fn number(path: &str, before: &str) -> Option<u32> {
    path.strip_prefix(before)?
        .strip_suffix(".html")?
        .parse()
        .ok()
}

fn shop(path: &str) -> Response {
    let listing = |page_number: u32| {
        let first = (page_number - 1) * ON_A_PAGE;
        let mut body = String::from("<ul>");
        for product in first..first + ON_A_PAGE {
            body.push_str(&format!(
                "<li><a href='/shop/product-{product}.html'>Product {product}</a></li>"
            ));
        }
        body.push_str("</ul>");
        if first + ON_A_PAGE < PRODUCTS {
            body.push_str(&format!(
                "<a href='/shop/page-{}.html'>next</a>",
                page_number + 1
            ));
        }
        page(&format!("Products, page {page_number}"), &body)
    };
    if path == "/" {
        return page(
            "A shop",
            "<p>Welcome to the shop.</p><a href='/shop/'>All products</a>",
        );
    }
    if path == "/shop/" {
        return listing(1);
    }
    if let Some(page_number) =
        number(path, "/shop/page-").filter(|n| (2..=PRODUCTS / ON_A_PAGE).contains(n))
    {
        return listing(page_number);
    }
    match number(path, "/shop/product-").filter(|product| *product < PRODUCTS) {
        // All but the number is the same on every page.
        Some(product) => page(
            &format!("Product {product}"),
            &format!(
                "<p>This is the product with the number {product}. It is a fine thing that everybody needs, and it comes in a box.</p><p>Price: {product} crowns</p><a href='/'>home</a>"
            ),
        ),
        None => none(),
    }
}

fn docs(shared: &Shared, headers: &HeaderMap, path: &str, version: u32) -> Response {
    let base = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .map_or_else(String::new, |host| format!("http://{host}"));
    match path {
        "/robots.txt" => {
            return format!(
                "User-agent: *\nDisallow: /docs/private/\nSitemap: {base}/docs/sitemap.xml\n"
            )
            .into_response();
        }
        "/docs/sitemap.xml" => {
            let urls = format!(
                "<urlset><url><loc>{base}/docs/orphan.html</loc></url><url><loc>{base}/elsewhere.html</loc></url></urlset>"
            );
            return ([(header::CONTENT_TYPE, "application/xml")], urls).into_response();
        }
        "/docs/old.html" => return Redirect::permanent("/docs/chapter-1.html").into_response(),
        "/docs/moved.html" => return Redirect::temporary("/docs/found.html").into_response(),
        _ => {}
    }
    let etag = format!("\"{path}-{version}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    if known == Some(etag.as_str()) {
        shared.told().unchanged += 1;
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let text = |name: &str| {
        (0..30)
            .map(|n| {
                format!(
                    "Sentence {n} of {name} in version {version} says that {name} {} is so. ",
                    (n * 7919 + name.len() * 31) % 97
                )
            })
            .collect::<String>()
    };
    let response = match path {
        "/docs/" | "/docs/index.html" => {
            let links: String = (1..=CHAPTERS)
                .map(|n| format!("<li><a href='/docs/chapter-{n}.html#top'>Chapter {n}</a></li>"))
                .collect();
            let more = "<a href='index.html'>here</a> <a href='old.html'>old</a> <a href='moved.html'>moved</a> <a href='private/x.html'>private</a> \
                <a href='picture.png'>picture</a> <a href='missing.html'>missing</a> <a href='/about.html'>about</a> <a href='https://other.example/'>other</a> \
                <a href='print.html?utm_source=docs'>print</a> <a href='hidden.html'>hidden</a>";
            page(
                "The manual",
                &format!("<p>{}</p><ul>{links}</ul>{more}", text("the manual")),
            )
        }
        "/docs/orphan.html" => page("Orphan", &format!("<p>{}</p>", text("an orphan"))),
        "/docs/found.html" => page("Found", &format!("<p>{}</p>", text("what was found"))),
        "/docs/hidden.html" => {
            let html = format!(
                "<html><head><title>Hidden</title><meta name=robots content=noindex></head><body><p>{}</p></body></html>",
                text("what is hidden")
            );
            ([(header::CONTENT_TYPE, "text/html")], html).into_response()
        }
        "/docs/print.html" => {
            let html = format!(
                "<html><head><title>Chapter 2</title><link rel=canonical href='/docs/chapter-2.html'></head><body><main><h1>Chapter 2</h1><p>{}</p></main></body></html>",
                text("chapter 2")
            );
            ([(header::CONTENT_TYPE, "text/html")], html).into_response()
        }
        _ => match number(path, "/docs/chapter-").filter(|n| (1..=CHAPTERS).contains(n)) {
            Some(n) => {
                let more = if version > 0 {
                    "<a href='/docs/found.html'>found</a>"
                } else {
                    ""
                };
                page(
                    &format!("Chapter {n}"),
                    &format!(
                        "<p>{}</p><pre><code class='language-rust'>fn chapter() -> u32 {{ {n} }}</code></pre>{more}",
                        text(&format!("chapter {n}"))
                    ),
                )
            }
            None => return none(),
        },
    };
    ([(header::ETAG, etag)], response).into_response()
}

fn endless(path: &str) -> Response {
    let (bare, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = bare.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => page(
            "Endless",
            "<p>There is one good page.</p><a href='/good.html'>good</a> <a href='/calendar/2026/6/'>calendar</a> <a href='/list/'>list</a> <a href='/shop?a=0&b=0&c=0'>shop</a> <a href='/deep/'>deep</a>",
        ),
        ["good.html"] => page(
            "Good",
            "<p>This page is a good one, and the only one here that says anything worth reading at all.</p>",
        ),
        ["calendar", year, month] => {
            let (year, month): (i32, i32) =
                (year.parse().unwrap_or(2026), month.parse().unwrap_or(1));
            let to = |n: i32| {
                format!(
                    "<a href='/calendar/{}/{}/'>go</a>",
                    n.div_euclid(12),
                    n.rem_euclid(12) + 1
                )
            };
            let this = year * 12 + month - 1;
            page(
                &format!("Month {month} of {year}"),
                &format!(
                    "<p>No events in this month.</p>{} {}",
                    to(this - 1),
                    to(this + 1)
                ),
            )
        }
        ["list"] => {
            let number: u32 = query
                .strip_prefix("page=")
                .and_then(|n| n.parse().ok())
                .unwrap_or(1);
            page(
                &format!("Page {number}"),
                &format!(
                    "<p>Nothing was found here. Try another page.</p><a href='/list/?page={}'>next</a>",
                    number + 1
                ),
            )
        }
        ["shop"] => {
            let values: Vec<u32> = query
                .split('&')
                .filter_map(|pair| pair.split('=').nth(1)?.parse().ok())
                .collect();
            let [a, b, c] = values[..] else { return none() };
            let links: String = (0..40).map(|n| format!("<a href='/shop?a={n}&b={b}&c={c}'>a</a><a href='/shop?a={a}&b={n}&c={c}'>b</a><a href='/shop?a={a}&b={b}&c={n}'>c</a>")).collect();
            page(
                "Filters",
                &format!("<p>Two things fit: a thing, and another thing.</p>{links}"),
            )
        }
        ["deep", ..] => page(
            "Deep",
            "<p>A mistake of somebody who forgot a slash.</p><a href='deep/'>deeper</a>",
        ),
        _ => none(),
    }
}

fn hostile(path: &str) -> Response {
    let (bare, _) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = bare.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => page(
            "Hostile",
            "<p>Nothing good comes of these links.</p><a href='/on/1'>on</a> <a href='/circle/a'>circle</a> <a href='/huge'>huge</a> <a href='/inside'>inside</a> <a href='/teapot'>teapot</a>",
        ),
        ["on", number] => {
            let next = number.parse::<u64>().unwrap_or(0) + 1;
            Redirect::temporary(&format!("/on/{next}")).into_response()
        }
        ["circle", "a"] => Redirect::temporary("/circle/b").into_response(),
        ["circle", "b"] => Redirect::temporary("/circle/a").into_response(),
        ["inside"] => {
            Redirect::temporary("http://169.254.169.254/latest/meta-data/").into_response()
        }
        ["teapot"] => StatusCode::IM_A_TEAPOT.into_response(),
        ["huge"] => {
            let pieces = futures::stream::repeat_with(|| Ok::<_, io::Error>(vec![b'x'; 64 * 1024]));
            let headers = [
                (header::CONTENT_TYPE, "text/html"),
                (header::CONTENT_LENGTH, "10737418240"),
            ];
            (headers, Body::from_stream(pieces)).into_response()
        }
        _ => none(),
    }
}
