//! What of HTTP/1.1 a load generator reads: the head of an answer, and where its body ends. Nothing here touches a socket.

/// Bytes that are no HTTP/1.1 answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what came back is not an HTTP/1.1 answer: {0}")]
pub(super) struct Malformed(&'static str);

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) body: Body,
    /// Bytes of the head itself, the empty line included.
    pub(super) length: usize,
}

/// Where a body ends, and how far it has been read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes are left.
    Length(usize),
    /// In chunks, each with its length before it.
    Chunked(Chunk),
    /// With the connection.
    UntilClose,
}

/// What comes next in a body of chunks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// A line with a length.
    Size,
    /// So many bytes of the chunk.
    Data(usize),
    /// The line break after a chunk.
    Break,
    /// Lines up to an empty one.
    Trailer,
    /// Nothing.
    End,
}

/// Reads the head once all of it is there.
pub(super) fn head(received: &[u8]) -> Result<Option<Head>, Malformed> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text =
        std::str::from_utf8(&received[..end]).map_err(|_| Malformed("a head that is not text"))?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or(Malformed("no status line"))?;
    let mut body = match status {
        100..=199 | 204 | 304 => Body::Length(0),
        _ => Body::UntilClose,
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return Err(Malformed("a header without a colon"));
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            body = Body::Length(
                value
                    .parse()
                    .map_err(|_| Malformed("a Content-Length that is no number"))?,
            );
        } else if name.eq_ignore_ascii_case("transfer-encoding")
            && value.eq_ignore_ascii_case("chunked")
        {
            body = Body::Chunked(Chunk::Size);
        }
    }
    Ok(Some(Head {
        status,
        body,
        length: end + 4,
    }))
}

impl Body {
    /// Moves what of the body has come from `received` to `out`. Tells whether the body has ended.
    pub(super) fn read(
        &mut self,
        received: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<bool, Malformed> {
        let (taken, ended) = self.advance(received, out)?;
        received.drain(..taken);
        Ok(ended)
    }

    fn advance(&mut self, received: &[u8], out: &mut Vec<u8>) -> Result<(usize, bool), Malformed> {
        let mut at = 0;
        let chunk = match self {
            Body::UntilClose => {
                out.extend_from_slice(received);
                return Ok((received.len(), false));
            }
            Body::Length(left) => {
                at = received.len().min(*left);
                out.extend_from_slice(&received[..at]);
                *left -= at;
                return Ok((at, *left == 0));
            }
            Body::Chunked(chunk) => chunk,
        };
        loop {
            let rest = &received[at..];
            match chunk {
                Chunk::Data(left) => {
                    let part = rest.len().min(*left);
                    out.extend_from_slice(&rest[..part]);
                    at += part;
                    *left -= part;
                    if *left > 0 {
                        return Ok((at, false));
                    }
                    *chunk = Chunk::Break;
                }
                Chunk::End => return Ok((at, true)),
                Chunk::Size | Chunk::Break | Chunk::Trailer => {
                    let Some(line) = rest.iter().position(|byte| *byte == b'\n') else {
                        return Ok((at, false));
                    };
                    at += line + 1;
                    let line = rest[..line].trim_ascii();
                    *chunk = match chunk {
                        Chunk::Size => match size(line)? {
                            0 => Chunk::Trailer,
                            size => Chunk::Data(size),
                        },
                        Chunk::Trailer if line.is_empty() => Chunk::End,
                        Chunk::Break if line.is_empty() => Chunk::Size,
                        Chunk::Break => return Err(Malformed("a chunk longer than it said")),
                        _ => Chunk::Trailer,
                    };
                }
            }
        }
    }
}

fn size(line: &[u8]) -> Result<usize, Malformed> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok())
        .ok_or(Malformed("a chunk without a length"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads an answer that comes in pieces of these sizes; gives status, body and whether it ended.
    fn read_in_pieces(bytes: &[u8], sizes: &[usize]) -> (u16, Vec<u8>, bool) {
        let (mut received, mut out, mut seen, mut ended) = (Vec::new(), Vec::new(), None, false);
        let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            received.extend_from_slice(piece);
            rest = after;
            if seen.is_none()
                && let Some(head) = head(&received).unwrap()
            {
                received.drain(..head.length);
                seen = Some(head);
            }
            if let Some(head) = &mut seen {
                ended = head.body.read(&mut received, &mut out).unwrap();
            }
        }
        (seen.unwrap().status, out, ended)
    }

    proptest! {
        #[test]
        fn a_body_is_the_same_however_it_is_cut(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6), sizes in prop::collection::vec(1_usize..30, 1..8)) {
            let whole = chunks.concat();
            let mut chunked = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for chunk in &chunks {
                chunked.extend_from_slice(format!("{:x};why=not\r\n", chunk.len()).as_bytes());
                chunked.extend_from_slice(chunk);
                chunked.extend_from_slice(b"\r\n");
            }
            chunked.extend_from_slice(b"0\r\nTrailer: x\r\n\r\n");
            prop_assert_eq!(read_in_pieces(&chunked, &sizes), (202, whole.clone(), true));
            let mut plain = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", whole.len()).into_bytes();
            plain.extend_from_slice(&whole);
            prop_assert_eq!(read_in_pieces(&plain, &sizes), (200, whole, true));
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = head(&bytes);
            let (mut received, mut out) = (bytes, Vec::new());
            let _ = Body::Chunked(Chunk::Size).read(&mut received, &mut out);
        }
    }

    #[test]
    fn what_is_not_http_is_said() {
        for bytes in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 abc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nnothing\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        ] {
            assert!(head(bytes.as_bytes()).is_err(), "{bytes}");
        }
        assert_eq!(head(b"HTTP/1.1 200 OK\r\n").unwrap(), None);
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        assert_eq!(
            read_in_pieces(b"HTTP/1.1 200 OK\r\n\r\nabc", &[7]),
            (200, b"abc".to_vec(), false)
        );
        assert_eq!(
            head(b"HTTP/1.1 204 No Content\r\n\r\n")
                .unwrap()
                .unwrap()
                .body,
            Body::Length(0)
        );
    }
}
