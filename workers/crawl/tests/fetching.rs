//! Requests to real servers, hostile ones among them.

#![allow(clippy::unwrap_used, reason = "what a test's own server needs")]

use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use computetower_crawl::fetch::{FetchError, FetchSettings, Fetcher, Limit, Request, Validators};
use computetower_crawl::guard::Guard;
use computetower_crawl::hosts::Ended;
use computetower_crawl::robots::RobotsTag;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// What a server does with a request, given its head.
type Serve = fn(String, TcpStream, Arc<AtomicU64>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server and how many bytes of bodies it has sent.
async fn serve(serve: Serve) -> (Url, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let counted = sent.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut byte = [0; 1];
                while !head.ends_with(b"\r\n\r\n") {
                    if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                        return;
                    }
                    head.push(byte[0]);
                }
                serve(
                    String::from_utf8_lossy(&head).to_ascii_lowercase(),
                    stream,
                    counted,
                )
                .await;
            });
        }
    });
    (url, sent)
}

fn fetcher(settings: FetchSettings) -> Fetcher {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Fetcher::new(settings).unwrap()
}

fn at_home() -> FetchSettings {
    FetchSettings {
        guard: Guard {
            loopback: true,
            ..Guard::default()
        },
        ..FetchSettings::default()
    }
}

fn quick() -> FetchSettings {
    FetchSettings {
        idle_timeout: Duration::from_millis(300),
        timeout: Duration::from_millis(900),
        ..at_home()
    }
}

fn plain(url: &Url) -> Request<'_> {
    Request {
        url,
        known: None,
        cookies: None,
        limit: None,
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(body).unwrap();
    packed.finish().unwrap()
}

#[tokio::test]
async fn a_page_comes_unpacked_and_only_once_where_nothing_has_changed() {
    let (url, _) = serve(|head, mut stream, _| {
        Box::pin(async move {
            let same = head.contains("if-none-match: \"7\"") && head.contains("if-modified-since: yesterday");
            let reply = if same {
                answer("304 Not Modified", "etag: \"7\"\r\n", b"")
            } else {
                assert!(head.contains("accept-encoding: ") && !head.contains("cookie") && !head.contains("referer"), "{head}");
                answer("200 OK", "content-type: text/html\r\netag: \"7\"\r\nlast-modified: yesterday\r\ncontent-encoding: gzip\r\nset-cookie: a=b\r\n", &gzip(b"<p>Hello"))
            };
            stream.write_all(&reply).await.unwrap();
        })
    })
    .await;
    let fetcher = fetcher(at_home());
    let first = fetcher.get(&plain(&url)).await.unwrap();
    assert_eq!(
        (first.status, first.body.as_slice()),
        (200, b"<p>Hello".as_slice())
    );
    let second = fetcher
        .get(&Request {
            known: Some(&first.validators),
            ..plain(&url)
        })
        .await
        .unwrap();
    assert_eq!((second.status, second.body.len()), (304, 0));
    assert_eq!(
        first.validators,
        Validators {
            etag: Some("\"7\"".to_owned()),
            last_modified: Some("yesterday".to_owned())
        }
    );
}

#[tokio::test]
async fn redirects_are_told_and_not_followed() {
    let (url, _) = serve(|_, mut stream, _| {
        Box::pin(async move {
            let _ = stream
                .write_all(&answer(
                    "302 Found",
                    "location: http://169.254.169.254/latest#x\r\n",
                    b"",
                ))
                .await;
        })
    })
    .await;
    let told = fetcher(at_home()).get(&plain(&url)).await.unwrap();
    assert_eq!(
        told.location.as_ref().map(Url::as_str),
        Some("http://169.254.169.254/latest#x")
    );
    let next = told.location.unwrap();
    assert_eq!(
        fetcher(at_home()).get(&plain(&next)).await.unwrap_err(),
        FetchError::PrivateAddress
    );
}

#[tokio::test]
async fn private_addresses_are_refused_by_name_and_by_number() {
    let (url, _) = serve(|_, _, _| Box::pin(async { panic!("nobody may come here") })).await;
    let fetcher = fetcher(FetchSettings::default());
    let port = url.port().unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "127.1",
    ] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        assert_eq!(
            fetcher.get(&plain(&url)).await.unwrap_err(),
            FetchError::PrivateAddress,
            "{host}"
        );
    }
    let nowhere = Url::parse("http://nobody.invalid/").unwrap();
    assert_eq!(
        fetcher.get(&plain(&nowhere)).await.unwrap_err(),
        FetchError::Dns
    );
}

#[tokio::test]
async fn what_is_announced_as_too_large_is_not_read() {
    let (url, sent) = serve(|_, mut stream, sent| {
        Box::pin(async move {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\ncontent-length: 10737418240\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            let piece = vec![b'x'; 64 * 1024];
            while stream.write_all(&piece).await.is_ok() {
                sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        })
    })
    .await;
    assert_eq!(
        fetcher(at_home()).get(&plain(&url)).await.unwrap_err(),
        FetchError::TooLarge
    );
    assert!(
        sent.load(Ordering::Relaxed) < 32 * 1024 * 1024,
        "no more than what lay in buffers"
    );
}

#[tokio::test]
async fn a_body_without_end_and_a_bomb_end_at_the_limit() {
    let (url, _) = serve(|_, mut stream, _| {
        Box::pin(async move {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n")
                .await;
            let piece = vec![b'x'; 256 * 1024];
            while stream.write_all(&piece).await.is_ok() {}
        })
    })
    .await;
    assert_eq!(
        fetcher(at_home()).get(&plain(&url)).await.unwrap_err(),
        FetchError::TooLarge
    );
    let cut = fetcher(at_home())
        .get(&Request {
            limit: Some(Limit::Cut(500)),
            ..plain(&url)
        })
        .await
        .unwrap();
    assert_eq!(cut.body.len(), 500);
    let (bomb, _) = serve(|_, mut stream, _| {
        Box::pin(async move {
            let body = gzip(&vec![b' '; 64 * 1024 * 1024]);
            let _ = stream
                .write_all(&answer(
                    "200 OK",
                    "content-type: text/html\r\ncontent-encoding: gzip\r\n",
                    &body,
                ))
                .await;
        })
    })
    .await;
    assert_eq!(
        fetcher(at_home()).get(&plain(&bomb)).await.unwrap_err(),
        FetchError::TooLarge
    );
}

#[tokio::test]
async fn a_server_that_drips_is_left() {
    let (headers, _) = serve(|_, mut stream, _| {
        Box::pin(async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while stream.write_all(b"x-more: yes\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    })
    .await;
    let (body, _) = serve(|_, mut stream, _| {
        Box::pin(async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 1000000\r\n\r\n").await;
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
    })
    .await;
    let (silent, _) = serve(|_, mut stream, _| {
        Box::pin(async move {
            let _ = stream
                .write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\nx",
                )
                .await;
            let _ = stream.read(&mut [0; 1]).await;
        })
    })
    .await;
    for url in [headers, body, silent] {
        assert_eq!(
            fetcher(quick()).get(&plain(&url)).await.unwrap_err(),
            FetchError::Timeout
        );
    }
}

#[tokio::test]
async fn what_is_no_http_or_breaks_off_has_its_class() {
    let (nonsense, _) = serve(|_, mut stream, _| {
        Box::pin(async move {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n\r\n").await;
        })
    })
    .await;
    assert!(matches!(
        fetcher(at_home()).get(&plain(&nonsense)).await.unwrap_err(),
        FetchError::BadAnswer | FetchError::Connection
    ));
    let (broken, _) = serve(|_, mut stream, _| {
        Box::pin(async move {
            let _ = stream
                .write_all(&answer(
                    "200 OK",
                    "content-type: text/html\r\ncontent-encoding: gzip\r\n",
                    b"no gzip at all",
                ))
                .await;
        })
    })
    .await;
    assert_eq!(
        fetcher(at_home()).get(&plain(&broken)).await.unwrap_err(),
        FetchError::BadAnswer
    );
    let (cut, _) = serve(|_, mut stream, _| {
        Box::pin(async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 100\r\n\r\nhalf").await;
        })
    })
    .await;
    assert_eq!(
        fetcher(at_home()).get(&plain(&cut)).await.unwrap_err(),
        FetchError::Connection
    );
    let nobody = Url::parse("http://127.0.0.1:1/").unwrap();
    assert_eq!(
        fetcher(at_home()).get(&plain(&nobody)).await.unwrap_err(),
        FetchError::Connection
    );
}

#[tokio::test]
async fn a_large_body_is_in_the_way_of_others_of_its_origin_until_it_is_dropped() {
    const LARGE: usize = 3 * 1024 * 1024;
    let large: Serve = |_, mut stream, _| {
        Box::pin(async move {
            let body = vec![b'x'; LARGE];
            let _ = stream
                .write_all(&answer("200 OK", "content-type: text/html\r\n", &body))
                .await;
        })
    };
    let ((one, _), (other, _)) = (serve(large).await, serve(large).await);
    let settings = FetchSettings {
        idle_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        ..at_home()
    };
    let fetcher = fetcher(settings.clone());
    let held = fetcher.get(&plain(&one)).await.unwrap();
    assert_eq!(held.body.len(), LARGE);
    let second = tokio::spawn({
        let (fetcher, one) = (fetcher.clone(), one.clone());
        async move { fetcher.get(&plain(&one)).await }
    });
    tokio::pin!(second);
    // Longer than a page may take: the wait is not the server's fault.
    let waited = tokio::time::timeout(settings.timeout * 2, &mut second).await;
    assert!(waited.is_err(), "it waits for the one that is held");
    let elsewhere = fetcher.get(&plain(&other)).await.unwrap();
    assert_eq!(elsewhere.body.len(), LARGE, "another origin does not wait");
    drop(held);
    assert_eq!(second.await.unwrap().unwrap().body.len(), LARGE);
}

#[tokio::test]
async fn what_is_packed_in_another_way_is_no_page() {
    let (url, _) = serve(|head, mut stream, _| {
        Box::pin(async move {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let encoding = path.trim_start_matches('/').replace('_', ", ");
            let mut body = gzip(b"<p>Hello");
            if encoding == "deflate" {
                let mut packed =
                    flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
                packed.write_all(b"<p>Hello").unwrap();
                body = packed.finish().unwrap();
            }
            if encoding == "utf-8" || encoding == "identity" {
                body = b"<p>Hello".to_vec();
            }
            let headers = format!("content-type: text/html\r\ncontent-encoding: {encoding}\r\n");
            let _ = stream.write_all(&answer("200 OK", &headers, &body)).await;
        })
    })
    .await;
    let fetcher = fetcher(at_home());
    for encoding in ["gzip", "deflate", "utf-8", "identity"] {
        let url = url.join(encoding).unwrap();
        let page = fetcher.get(&plain(&url)).await.unwrap();
        assert_eq!(page.body, b"<p>Hello", "{encoding}");
    }
    for encoding in ["x-gzip", "gzip_gzip", "compress"] {
        let url = url.join(encoding).unwrap();
        let error = fetcher.get(&plain(&url)).await.unwrap_err();
        assert_eq!(error, FetchError::BadAnswer, "{encoding}");
        let raw = Request {
            limit: Some(Limit::Cut(500)),
            ..plain(&url)
        };
        assert!(
            fetcher.get(&raw).await.is_ok(),
            "as it comes, for who asks so"
        );
    }
}

#[tokio::test]
async fn only_redirects_lead_on_and_all_robots_tags_are_told() {
    let (url, _) = serve(|head, mut stream, _| {
        Box::pin(async move {
            let status = head[5..8].to_owned();
            let headers =
                "location: /there\r\nx-robots-tag: otherbot: noindex\r\nx-robots-tag: nofollow\r\nset-cookie: a=1; path=/\r\nset-cookie: b=2\r\n";
            let _ = stream
                .write_all(&answer(&format!("{status} Well"), headers, b""))
                .await;
        })
    })
    .await;
    let fetcher = fetcher(at_home());
    for (status, leads) in [
        (301, true),
        (302, true),
        (303, true),
        (307, true),
        (308, true),
        (300, false),
        (304, false),
        (305, false),
    ] {
        let url = url.join(&status.to_string()).unwrap();
        let told = fetcher.get(&plain(&url)).await.unwrap();
        assert_eq!(told.location.is_some(), leads, "{status}");
        let tag = RobotsTag::read(told.robots_tag.as_deref().unwrap(), fetcher.token());
        assert_eq!((tag.no_index, tag.no_follow), (false, true));
        assert_eq!(told.cookies.as_deref(), Some("a=1; b=2"));
        assert_eq!(Ended::of(Ok(&told)), Ended::Answered);
    }
    for (status, ended) in [
        (429, Ended::Patience(None)),
        (503, Ended::Patience(None)),
        (502, Ended::Failing),
        (500, Ended::Failing),
        (404, Ended::Answered),
        (501, Ended::Answered),
    ] {
        let url = url.join(&status.to_string()).unwrap();
        let told = fetcher.get(&plain(&url)).await.unwrap();
        assert_eq!(Ended::of(Ok(&told)), ended, "{status}");
    }
}
