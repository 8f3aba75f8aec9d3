//! In which encoding a text is written, and the text.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// A text that was bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The text, without a byte order mark.
    pub text: String,
    /// The encoding's name (`UTF-8`, `Shift_JIS`).
    pub encoding: &'static str,
    /// Some bytes mean nothing in it; each is a U+FFFD in the text.
    pub is_broken: bool,
}

/// How much of a text the detector reads, in bytes: more makes it no surer.
const ENOUGH: usize = 512 << 10;

/// Reads a text. A byte order mark decides; then valid UTF-8; then what is said of it, if it fits; then what it looks like.
#[must_use]
pub fn decode(bytes: &[u8], said: Option<&str>) -> Decoded {
    let with = |encoding: &'static Encoding| {
        let (text, encoding, is_broken) = encoding.decode(bytes);
        Decoded {
            text: text.into_owned(),
            encoding: encoding.name(),
            is_broken,
        }
    };
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return with(encoding);
    }
    let said = said.and_then(|label| Encoding::for_label(label.as_bytes()));
    // Bytes of ISO-2022-JP are ASCII, and so valid UTF-8; only its escapes tell.
    let escapes = bytes
        .windows(2)
        .any(|pair| pair == b"\x1b$" || pair == b"\x1b(");
    if !escapes && is_utf8(bytes) {
        return with(UTF_8);
    }
    if let Some(encoding) = wide(bytes) {
        return with(encoding);
    }
    if let Some(encoding) = said {
        let read = with(encoding);
        if !read.is_broken {
            return read;
        }
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes.get(..ENOUGH).unwrap_or(bytes), true);
    let read = with(detector.guess(None, Utf8Detection::Allow));
    match said {
        // Neither fits all of it: whoever wrote it knows better than a guess.
        Some(encoding) if read.is_broken => with(encoding),
        _ => read,
    }
}

/// Valid, but for a character that the end cuts in two.
fn is_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && error.valid_up_to() + 4 > bytes.len(),
    }
}

/// UTF-16 without a byte order mark: in text with Latin letters, spaces or line ends, every second byte is often zero, and always the same second one.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let pairs = bytes
        .get(..4096.min(bytes.len()))
        .unwrap_or(bytes)
        .chunks_exact(2);
    let all = pairs.len();
    let (mut first, mut second) = (0_usize, 0_usize);
    for pair in pairs {
        match pair {
            [0, other] if *other != 0 => first += 1,
            [other, 0] if *other != 0 => second += 1,
            [0, 0] => return None,
            _ => {}
        }
    }
    let many = |zeros: usize| all >= 2 && zeros * 10 >= all;
    match (first, second) {
        (0, zeros) if many(zeros) => Some(UTF_16LE),
        (zeros, 0) if many(zeros) => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether bytes are no text: they hold what no encoding of text does.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    if Encoding::for_bom(bytes).is_some() {
        return false;
    }
    if bytes.contains(&0) {
        return wide(bytes).is_none();
    }
    let controls = bytes
        .iter()
        .filter(|byte| {
            **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0C | 0x1B | 0x08)
        })
        .count();
    controls * 50 > bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(bytes: &[u8], said: Option<&str>) -> (String, &'static str) {
        let decoded = decode(bytes, said);
        assert!(!decoded.is_broken, "{decoded:?}");
        (decoded.text, decoded.encoding)
    }

    #[test]
    fn texts_of_the_last_century_are_read() {
        let japanese = "名前,年齢,住所\n佐藤太郎,30,東京\n三木英子,25,大阪\n髙橋淳,35,名古屋\n";
        let german = "Straße, Müller, Äpfel und Öl: das größte Übel für Köche.";
        let russian = "Привет, мир! Это обычный русский текст без всяких хитростей.";
        let korean = "안녕하세요. 이것은 한국어로 쓴 평범한 문장입니다.";
        for (encoding, text) in [
            (encoding_rs::SHIFT_JIS, japanese),
            (
                encoding_rs::EUC_JP,
                japanese.trim_end_matches("髙橋淳,35,名古屋\n"),
            ),
            (
                encoding_rs::ISO_2022_JP,
                "名前,年齢,住所\n佐藤太郎,30,東京\n",
            ),
            (encoding_rs::WINDOWS_1252, german),
            (encoding_rs::WINDOWS_1251, russian),
            (encoding_rs::KOI8_U, russian),
            (encoding_rs::EUC_KR, korean),
            (
                encoding_rs::GB18030,
                "这是一个用旧编码写成的普通中文句子，没有什么特别。",
            ),
            (
                encoding_rs::BIG5,
                "這是一個用舊編碼寫成的普通中文句子，沒有什麼特別。",
            ),
        ] {
            let (bytes, _, lossy) = encoding.encode(text);
            assert!(!lossy);
            assert_eq!(reads(&bytes, None).0, text, "{}", encoding.name());
        }
    }

    #[test]
    fn a_mark_and_valid_utf8_go_before_what_is_said() {
        assert_eq!(reads("größer".as_bytes(), Some("iso-8859-1")).0, "größer");
        assert_eq!(reads(b"\xEF\xBB\xBFa", Some("shift_jis")).0, "a");
        let wide: Vec<u8> = "Größe\r\n1"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(reads(&wide, None), ("Größe\r\n1".to_owned(), "UTF-16LE"));
        let marked: Vec<u8> = [0xFE, 0xFF, 0x6D, 0x4B].into();
        assert_eq!(reads(&marked, None).0, "测");
    }

    #[test]
    fn what_is_said_decides_where_it_fits() {
        let (bytes, _, _) = encoding_rs::ISO_8859_2.encode("Łódź");
        assert_eq!(reads(&bytes, Some("latin2")).0, "Łódź");
        // It is said to be Shift-JIS and cannot be.
        let decoded = decode(b"caf\xE9 \xFF", Some("shift_jis"));
        assert_eq!(decoded.text, "café ÿ");
    }

    #[test]
    fn what_is_no_text_is_known() {
        assert!(is_binary(&[0, 1, 2, 3, 0, 0]));
        assert!(is_binary(&[1, 2, 3, 4, 5, 6, 7]));
        assert!(!is_binary("Grüße\n".as_bytes()));
        assert!(!is_binary(b"\x1b[31mred\x1b[0m"));
        assert!(!is_binary(b""));
    }
}
