//! How much the streams of a PDF become when they are unpacked, found out before a reader keeps any of it.

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::super::limits;
use super::super::sniff::memory_find;
use crate::ExtractError;

/// How many times larger the best packed data can become.
const DEFLATE: u64 = 1032;
/// How far before its content the name of a stream's packing is looked for, in bytes.
const DICTIONARY: usize = 2048;
const STREAM: &[u8] = b"stream";

/// Refuses a file whose streams become more than anybody needs. Small files cannot, and are not unpacked twice. A stream that is packed more than once is
/// seen once only; what it becomes then is held by the limits of the process.
pub(super) fn check(bytes: &[u8]) -> Result<(), ExtractError> {
    check_within(bytes, limits::STREAMS)
}

fn check_within(bytes: &[u8], most: u64) -> Result<(), ExtractError> {
    if bytes.len() as u64 * DEFLATE < most {
        return Ok(());
    }
    let mut left = most;
    let mut from = 0;
    while let Some(found) = bytes.get(from..).and_then(|rest| memory_find(rest, STREAM)) {
        let at = from + found;
        from = at + STREAM.len();
        let head = bytes
            .get(at.saturating_sub(DICTIONARY)..at)
            .unwrap_or_default();
        if head.ends_with(b"end") || !is_packed(head) {
            continue;
        }
        let content = bytes.get(from..).unwrap_or_default();
        let content = content
            .strip_prefix(b"\r\n")
            .or_else(|| content.strip_prefix(b"\n"))
            .unwrap_or(content);
        let size = unpacked(content, left + 1);
        if size > left {
            return Err(ExtractError::TooLarge(format!(
                "more than {most} bytes unpacked"
            )));
        }
        left -= size;
    }
    Ok(())
}

/// Whether the dictionary right before a stream names deflate.
fn is_packed(head: &[u8]) -> bool {
    let start = head
        .windows(3)
        .rposition(|bytes| bytes == b"obj")
        .unwrap_or(0);
    let dictionary = head.get(start..).unwrap_or_default();
    memory_find(dictionary, b"/FlateDecode").is_some() || memory_find(dictionary, b"/Fl").is_some()
}

/// How many bytes a stream becomes, up to a bound.
fn unpacked(content: &[u8], most: u64) -> u64 {
    let count = |reader: &mut dyn Read| {
        let mut piece = [0_u8; 16 << 10];
        let mut all = 0_u64;
        while all < most {
            match reader.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(read) => all += read as u64,
            }
        }
        all
    };
    match count(&mut ZlibDecoder::new(content)) {
        // Some readers take a stream whose head is broken.
        0 => count(&mut DeflateDecoder::new(
            content.get(2..).unwrap_or_default(),
        )),
        all => all,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pdf(streams: &[Vec<u8>]) -> Vec<u8> {
        let mut out = b"%PDF-1.5\n".to_vec();
        for (at, stream) in streams.iter().enumerate() {
            let mut packer =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
            packer.write_all(stream).unwrap();
            let packed = packer.finish().unwrap();
            write!(
                out,
                "{at} 0 obj\n<</Filter/FlateDecode/Length {}>>\nstream\n",
                packed.len()
            )
            .unwrap();
            out.extend(packed);
            out.extend(b"\nendstream\nendobj\n");
        }
        out
    }

    #[test]
    fn streams_are_counted_together() {
        let bomb = pdf(&[vec![0; 3 << 20], vec![1; 3 << 20]]);
        assert!(matches!(
            check_within(&bomb, 5 << 20),
            Err(ExtractError::TooLarge(_))
        ));
        assert!(check_within(&bomb, 7 << 20).is_ok());
    }
}
