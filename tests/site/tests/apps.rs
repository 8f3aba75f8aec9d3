//! The apps as their pages' scripts see them, without a browser: the logins hold, and every transport brings the answer.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use computetower_test_site::{Site, echo, hurried};
use serde_json::{Value, json};
use std::fmt::Write;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn cookie(&self, name: &str) -> Option<String> {
        self.head
            .lines()
            .filter_map(|line| line.strip_prefix("set-cookie: "))
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|rest| rest.split(';').next().unwrap_or_default().to_owned())
            .next()
    }
}

/// One request on a connection of its own. The body is as it came, chunk sizes included.
async fn request(
    site: &Site,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    let address = site.base.strip_prefix("http://").unwrap();
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text.push_str("\r\n");
    text.push_str(body);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let all = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = all.split_once("\r\n\r\n").unwrap();
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn ask(site: &Site, shape: &str, question: &str) -> Reply {
    let body = json!({"message": question}).to_string();
    request(site, "POST", &format!("/{shape}/api/ask"), &[JSON], &body).await
}

#[tokio::test]
async fn a_classic_login_needs_its_token_and_the_right_password() {
    let site = Site::start_with(hurried()).await;
    let closed = request(&site, "GET", "/classic-sse/", &[], "").await;
    assert_eq!(closed.status, 303);
    assert!(closed.head.contains("location: /classic-sse/login"));

    let page = request(&site, "GET", "/classic-sse/login", &[], "").await;
    let csrf = page.cookie("csrf").unwrap();
    assert!(page.body.contains(&csrf));
    let cookie = format!("csrf={csrf}");
    let form = |csrf: &str, password: &str| {
        format!("csrf={csrf}&email=Ada%40example.test&password={password}")
    };
    let right = "S3cret+%26+so%2Bon+%2541";

    let without = request(
        &site,
        "POST",
        "/classic-sse/login",
        &[FORM],
        &form(&csrf, right),
    )
    .await;
    assert_eq!(without.status, 403);
    let headers = [FORM, ("cookie", &*cookie)];
    let wrong = request(
        &site,
        "POST",
        "/classic-sse/login",
        &headers,
        &form(&csrf, "guess"),
    )
    .await;
    assert!(wrong.body.contains("role=\"alert\"") && wrong.cookie("session").is_none());
    let entered = request(
        &site,
        "POST",
        "/classic-sse/login",
        &headers,
        &form(&csrf, right),
    )
    .await;
    let session = format!("session={}", entered.cookie("session").unwrap());

    let user = "Ada@example.test".to_owned();
    assert_eq!(
        site.logins("classic-sse"),
        [(user.clone(), false), (user, true)]
    );
    let open = request(&site, "GET", "/classic-sse/", &[("cookie", &*session)], "").await;
    assert_eq!((open.status, site.pages_served("classic-sse")), (200, 1));
    site.sign_everyone_out("classic-sse");
    let closed = request(&site, "GET", "/classic-sse/", &[("cookie", &*session)], "").await;
    assert_eq!(closed.status, 303);
}

#[tokio::test]
async fn a_stream_of_deltas_joins_to_the_answer() {
    let site = Site::start_with(hurried()).await;
    let reply = ask(&site, "open-sse", "markdown please").await;
    let text: String = reply
        .body
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| Some(event["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(text, echo::answer("markdown please"));
    assert_eq!(site.asked("open-sse"), ["markdown please"]);
}

#[tokio::test]
async fn refusals_have_their_status_and_a_cut_answer_no_end() {
    let site = Site::start_with(hurried()).await;
    assert_eq!(ask(&site, "open-sse", "an error please").await.status, 500);
    assert_eq!(ask(&site, "open-sse", "ratelimit").await.status, 429);
    let cut = ask(&site, "open-sse", "cut it").await;
    assert!(cut.body.contains("data: ") && !cut.body.contains("[DONE]"));
    assert_eq!(ask(&site, "classic-sse", "hello").await.status, 401);
    assert_eq!(site.asked("classic-sse"), Vec::<String>::new());
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_answer() {
    let site = Site::start_with(hurried()).await;
    let address = site.base.strip_prefix("http://").unwrap();
    let body = json!({"message": "a long slow stall"}).to_string();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /open-sse/api/ask HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut some = [0; 64];
    assert!(stream.read(&mut some).await.unwrap() > 0);
    drop(stream);
    while site.stopped("open-sse") == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_shape_has_its_page_and_its_own_name() {
    use computetower_test_site::{shape::Login, shapes::SHAPES};
    let site = Site::start_with(hurried()).await;
    for shape in SHAPES {
        assert_eq!(
            SHAPES
                .iter()
                .filter(|other| other.name == shape.name)
                .count(),
            1
        );
        let start = match shape.login {
            Login::None => format!("/{}/", shape.name),
            _ => format!("/{}/login", shape.name),
        };
        let page = request(&site, "GET", &start, &[], "").await;
        assert_eq!(page.status, 200, "{start}");
        assert!(!page.body.contains("{{"), "{start} has a placeholder left");
    }
    assert_eq!(
        request(&site, "GET", "/no-such-shape/", &[], "")
            .await
            .status,
        404
    );
}
