//! Which characters the bytes of a page stand for.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// As far into a page as its `<meta charset>` is looked for. The standard says 1,024 bytes; many pages are late.
const META_WITHIN: usize = 4096;
/// As many bytes as the guess is made from: no page needs more, and it costs time.
const GUESS_FROM: usize = 64 * 1024;

/// The text of a page, by (in this order) its byte order mark, its content type, what it says of itself, and what its
/// bytes look like. A page that claims an encoding which its bytes do not fit is read as UTF-8 if they fit that.
pub fn decode<'a>(
    bytes: &'a [u8],
    content_type: Option<&str>,
) -> (Cow<'a, str>, &'static Encoding) {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return (
            encoding.decode_without_bom_handling(&bytes[mark..]).0,
            encoding,
        );
    }
    let claimed = content_type
        .and_then(charset_of)
        .and_then(label)
        .or_else(|| in_meta(bytes));
    if claimed.is_none_or(|claimed| claimed == UTF_8 || claimed == WINDOWS_1252)
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return (Cow::Borrowed(text), UTF_8);
    }
    if let Some(claimed) = claimed {
        let (text, wrong) = claimed.decode_without_bom_handling(bytes);
        if !wrong {
            return (text, claimed);
        }
        // A few broken bytes are a blemish of the page; many mean that it names the wrong encoding.
        let broken = text
            .chars()
            .filter(|&one| one == char::REPLACEMENT_CHARACTER)
            .count();
        if broken * 200 <= bytes.len() {
            return (text, claimed);
        }
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(
        &bytes[..bytes.len().min(GUESS_FROM)],
        bytes.len() <= GUESS_FROM,
    );
    let guess = detector.guess(None, Utf8Detection::Allow);
    (guess.decode_without_bom_handling(bytes).0, guess)
}

/// The value of `charset` in a content type.
fn charset_of(content_type: &str) -> Option<&str> {
    let at = find(content_type.as_bytes(), b"charset")?;
    let rest = content_type[at + 7..]
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let rest = rest.trim_start_matches(['"', '\'']);
    rest.split(['"', '\'', ';', ' ', ',', '>', '/'])
        .next()
        .filter(|name| !name.is_empty())
}

fn label(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.as_bytes())
}

/// What a page says of itself, in a `<meta>` or an XML declaration. UTF-16 there cannot be true, or it could not be read.
fn in_meta(bytes: &[u8]) -> Option<&'static Encoding> {
    let mut rest = &bytes[..bytes.len().min(META_WITHIN)];
    if rest.starts_with(b"<?xml")
        && let Some(end) = find(rest, b"?>")
        && let Some(at) = find(&rest[..end], b"encoding")
    {
        let value = String::from_utf8_lossy(&rest[at + 8..end]).into_owned();
        let name = value
            .trim_start_matches([' ', '=', '"', '\''])
            .split(['"', '\'', ' '])
            .next()?;
        return label(name).map(readable);
    }
    while let Some(at) = find(rest, b"<meta") {
        rest = &rest[at + 5..];
        let end = rest
            .iter()
            .position(|&byte| byte == b'>')
            .unwrap_or(rest.len());
        let tag = String::from_utf8_lossy(&rest[..end]);
        if let Some(encoding) = charset_of(&tag).and_then(label) {
            return Some(readable(encoding));
        }
    }
    None
}

fn readable(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16LE || encoding == UTF_16BE {
        UTF_8
    } else {
        encoding
    }
}

/// Where `needle` (in lower case) begins, whatever the case.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_goes_before_what_is_claimed() {
        let (text, encoding) = decode(
            b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9f",
            Some("text/html; charset=windows-1251"),
        );
        assert_eq!((text.as_ref(), encoding), ("grüß", UTF_8));
        let (text, _) = decode(b"\xff\xfeg\0r\0", None);
        assert_eq!(text, "gr");
    }

    #[test]
    fn the_content_type_goes_before_the_meta() {
        let page = b"<meta charset=utf-8><p>\xcf\xf0\xe8\xe2\xe5\xf2";
        assert!(
            decode(page, Some("text/html; Charset=\"windows-1251\""))
                .0
                .ends_with("Привет")
        );
        let page = b"<META http-equiv=Content-Type content='text/html; charset=koi8-r'><p>\xf0\xd2\xc9\xd7\xc5\xd4";
        assert!(decode(page, Some("text/html")).0.ends_with("Привет"));
        let page = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><p>gr\xfc\xdf";
        assert!(decode(page, None).0.ends_with("grüß"));
    }

    #[test]
    fn a_wrong_claim_is_not_believed() {
        let page = "<meta charset=utf-8><p>".as_bytes().iter().copied();
        let text =
            "ある日の暮方の事である。一人の下人が、羅生門の下で雨やみを待っていた。".repeat(4);
        let (shift_jis, ..) = encoding_rs::SHIFT_JIS.encode(&text);
        let page: Vec<u8> = page.chain(shift_jis.iter().copied()).collect();
        assert!(decode(&page, None).0.ends_with("待っていた。"));
    }

    #[test]
    fn nothing_said_is_guessed() {
        let text = "Съешь же ещё этих мягких французских булок, да выпей чаю. ".repeat(3);
        let (bytes, ..) = encoding_rs::WINDOWS_1251.encode(&text);
        assert_eq!(decode(&bytes, None).0, text);
    }

    #[test]
    fn broken_bytes_in_a_page_are_marked_and_the_rest_is_read() {
        let mut page = "<meta charset=utf-8><p>".to_owned().into_bytes();
        page.extend("größer ".repeat(100).into_bytes());
        page.push(0xff);
        assert!(decode(&page, None).0.contains("größer"));
    }
}
