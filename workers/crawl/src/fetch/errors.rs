//! What can go wrong with a request, by class.

use crate::account::Failed;
use crate::guard::PrivateAddress;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Its host has a private address that the operator does not allow.
    #[error("the host has a private address")]
    PrivateAddress,
    /// The name of the host leads nowhere.
    #[error("the host is not known")]
    Dns,
    /// No connection, or it broke.
    #[error("no connection, or it broke")]
    Connection,
    /// It took too long.
    #[error("the answer took too long")]
    Timeout,
    /// It is larger than is read.
    #[error("the answer is too large")]
    TooLarge,
    /// It is no HTTP, or cannot be unpacked.
    #[error("the answer cannot be read")]
    BadAnswer,
}

impl FetchError {
    /// By what the client says, never by its words.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(inner) = source {
            if inner.is::<PrivateAddress>() {
                return FetchError::PrivateAddress;
            }
            if inner.is::<super::resolver::NotFound>() {
                return FetchError::Dns;
            }
            source = inner.source();
        }
        if error.is_timeout() {
            FetchError::Timeout
        } else if error.is_builder() || is_packed_badly(error) {
            FetchError::BadAnswer
        } else {
            FetchError::Connection
        }
    }

    /// Whether asking again may help.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            FetchError::Dns | FetchError::Connection | FetchError::Timeout
        )
    }

    /// Under what it is accounted.
    #[must_use]
    pub fn reason(self) -> Failed {
        match self {
            FetchError::PrivateAddress => Failed::PrivateAddress,
            FetchError::Dns => Failed::Dns,
            FetchError::Connection => Failed::Connection,
            FetchError::Timeout => Failed::Timeout,
            FetchError::TooLarge => Failed::TooLarge,
            FetchError::BadAnswer => Failed::BadAnswer,
        }
    }
}

/// Whether it is the unpacker that complains. Whatever else happens to a body is the connection's: HTTP/2 shows no error of the network, but its own.
fn is_packed_badly(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source.filter(|inner| inner.is::<reqwest::Error>()) {
        source = inner.source();
    }
    // The unpacker's errors stand right below the client's; those of the network lie below the ones of HTTP.
    source
        .and_then(|inner| inner.downcast_ref::<std::io::Error>())
        .is_some_and(|io| {
            use std::io::ErrorKind::{
                BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof,
            };
            error.is_decode()
                && !matches!(
                    io.kind(),
                    BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
                )
        })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers over HTTP/2 with the head and the beginning of a body, and then with `end`.
    async fn breaks_with(end: &'static [u8]) -> FetchError {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            // The preface, the client's settings, and its request, in whatever pieces they come.
            let mut asked = Vec::new();
            let is_head = |bytes: &[u8]| {
                let mut at = 24;
                while bytes.len() >= at + 9 {
                    let length = usize::from(bytes[at + 1]) * 256 + usize::from(bytes[at + 2]);
                    if bytes[at + 3] == 1 {
                        return true;
                    }
                    at += 9 + length;
                }
                false
            };
            while !is_head(&asked) {
                let mut piece = [0; 1024];
                let length = stream.read(&mut piece).await.unwrap();
                asked.extend_from_slice(&piece[..length]);
            }
            let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0];
            let head = [0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
            let body = [0, 0, 4, 0, 0, 0, 0, 0, 1, b'h', b'a', b'l', b'f'];
            stream.write_all(&settings).await.unwrap();
            stream.write_all(&head).await.unwrap();
            stream.write_all(&body).await.unwrap();
            stream.write_all(end).await.unwrap();
        });
        let client = reqwest::Client::builder()
            .http2_prior_knowledge()
            .no_proxy()
            .build()
            .unwrap();
        let mut answer = client
            .get(format!("http://{address}/"))
            .send()
            .await
            .unwrap();
        server.await.unwrap();
        loop {
            match answer.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended well"),
                Err(error) => return FetchError::of(&error),
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_over_http2_is_a_broken_connection() {
        const RESET: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        for end in [RESET, b""] {
            let error = breaks_with(end).await;
            assert_eq!(error, FetchError::Connection);
            assert!(error.is_transient());
        }
    }
}
