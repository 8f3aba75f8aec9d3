//! How well questions find their page: the library reference of Python's documentation. `TEST_PYTHON_DOCS` names its folder (`…/html/library`, of Debian's
//! `python3-doc`); `cargo nextest run -p computetower --test it --run-ignored only -E 'test(recall)' --no-capture` prints the figures.

use std::collections::HashMap;

use computetower_jobs::Queue;
use serde_json::json;

use super::{files_source, sync, upload};
use crate::support::TestApp;

/// A question, and the page that answers it. Written from what the pages are about, before anything was looked for.
const QUESTIONS: [(&str, &str); 60] = [
    ("How do I parse command line arguments?", "argparse"),
    ("read and write CSV files", "csv"),
    ("parse JSON from a string", "json"),
    ("run a subprocess and capture its output", "subprocess"),
    ("how to create a temporary directory", "tempfile"),
    ("regular expression groups and lookahead", "re"),
    ("compute a SHA-256 digest", "hashlib"),
    ("count elements in a list with Counter", "collections"),
    ("priority queue with a heap", "heapq"),
    ("binary search in a sorted list", "bisect"),
    ("cache the results of a function", "functools"),
    ("generate all permutations of a sequence", "itertools"),
    ("walk a directory tree", "os"),
    ("join two paths", "os.path"),
    ("object oriented filesystem paths", "pathlib"),
    ("send an email over SMTP", "smtplib"),
    ("fetch a URL", "urllib.request"),
    ("split a URL into its components", "urllib.parse"),
    ("simple HTTP server", "http.server"),
    ("low level sockets", "socket"),
    ("wrap a socket with TLS", "ssl"),
    (
        "run coroutines concurrently and gather results",
        "asyncio-task",
    ),
    ("thread pool executor", "concurrent.futures"),
    ("lock between threads", "threading"),
    ("share data between processes", "multiprocessing"),
    ("thread safe queue", "queue"),
    ("date and time arithmetic", "datetime"),
    ("time zones from the IANA database", "zoneinfo"),
    (
        "measure the execution time of small code snippets",
        "timeit",
    ),
    ("profile a program", "profile"),
    ("write log messages to a file", "logging"),
    ("configure logging from a dictionary", "logging.config"),
    ("unit test assertions", "unittest"),
    ("replace objects with mocks in tests", "unittest.mock"),
    ("test the examples in docstrings", "doctest"),
    ("debugger breakpoints", "pdb"),
    ("compress data with gzip", "gzip"),
    ("create a zip archive", "zipfile"),
    ("extract a tar archive", "tarfile"),
    ("copy a file tree", "shutil"),
    ("match filenames with shell wildcards", "fnmatch"),
    ("serialize Python objects", "pickle"),
    ("SQLite database connection and cursor", "sqlite3"),
    ("parse XML with ElementTree", "xml.etree.elementtree"),
    ("parse HTML tags", "html.parser"),
    ("read INI configuration files", "configparser"),
    ("exact decimal arithmetic", "decimal"),
    ("rational numbers", "fractions"),
    ("random choice from a list", "random"),
    ("cryptographically strong random tokens", "secrets"),
    ("mean, median and standard deviation", "statistics"),
    ("enumeration members", "enum"),
    ("dataclass fields with default values", "dataclasses"),
    ("type hints and generics", "typing"),
    ("abstract base classes", "abc"),
    ("context managers for with statements", "contextlib"),
    ("weak references to objects", "weakref"),
    ("inspect the signature of a callable", "inspect"),
    ("abstract syntax tree of source code", "ast"),
    ("read TOML files", "tomllib"),
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python's documentation, and prints figures"]
async fn recall_of_questions_over_the_library_reference() {
    let folder = std::env::var("TEST_PYTHON_DOCS").expect("TEST_PYTHON_DOCS names the folder");
    let app = TestApp::start(&[Queue::Knowledge]).await;
    let client = app.client();
    let source = files_source(&client).await;
    let mut files: Vec<std::path::PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "html"))
        .collect();
    files.sort();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let content = std::fs::read(path).unwrap();
        let reply = upload(&client, &source, &[(&name, &content)]).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
    }
    let begun = std::time::Instant::now();
    let job = sync(&client, &source, json!({})).await;
    assert_eq!(job["state"], "completed", "{job}");
    println!(
        "{} files read in {:.1} s: {}",
        files.len(),
        begun.elapsed().as_secs_f32(),
        job["result"]["counts"]
    );
    let mut names: HashMap<String, String> = HashMap::new();
    let mut cursor = String::new();
    loop {
        let page = client
            .get(&format!(
                "/api/v1/knowledge/sources/{source}/documents?limit=200{cursor}"
            ))
            .await
            .body;
        for document in page["documents"].as_array().unwrap() {
            let key = document["key"].as_str().unwrap();
            let name = key.rsplit('/').next().unwrap().splitn(4, '-').nth(3);
            let name = name.unwrap().trim_end_matches(".html").to_owned();
            names.insert(document["id"].as_str().unwrap().to_owned(), name);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let (mut at_1, mut at_3, mut at_10, mut slowest) = (0, 0, 0, 0.0f32);
    for (question, wanted) in QUESTIONS {
        let asked = std::time::Instant::now();
        let query: String = url_encoded(question);
        let found = client
            .get(&format!(
                "/api/v1/knowledge/search?q={query}&source={source}&limit=10"
            ))
            .await;
        slowest = slowest.max(asked.elapsed().as_secs_f32());
        let results = found.body["results"].as_array().unwrap().clone();
        let pages: Vec<&str> = results
            .iter()
            .map(|hit| names[hit["document_id"].as_str().unwrap()].as_str())
            .collect();
        let rank = pages.iter().position(|page| *page == wanted);
        at_1 += u32::from(rank == Some(0));
        at_3 += u32::from(rank.is_some_and(|rank| rank < 3));
        at_10 += u32::from(rank.is_some());
        if rank.is_none() {
            println!("not found: {question:?} in {wanted}; found {pages:?}");
        }
    }
    let of = |found: u32| found as f32 / QUESTIONS.len() as f32;
    println!(
        "recall@1 {:.2}, recall@3 {:.2}, recall@10 {:.2} of {} questions; the slowest took {:.0} ms",
        of(at_1),
        of(at_3),
        of(at_10),
        QUESTIONS.len(),
        slowest * 1000.0
    );
    assert!(of(at_10) > 0.6, "something is broken");
    app.stop().await;
}

fn url_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
