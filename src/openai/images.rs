//! Pictures beside what is asked: as `data:` URLs, or fetched, told by their bytes and not by what is said of them, and kept for the worker that puts
//! them into the page.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use computetower_jobs::TenantId;
use computetower_jobs::kinds::chat::{ChatFile, MAX_FILES};
use computetower_store::objects::chat_files_folder;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::OpenAiError;
use crate::app::App;
use crate::service::fetch::fetch;

/// Pictures of one message. Clients send those of earlier messages each time again.
const MOST: usize = 10;
/// How long fetching all pictures of a request may take.
const FETCHING: Duration = Duration::from_secs(60);
/// Bytes of one picture.
const LARGEST: usize = 10 << 20;

/// A picture as the caller gave it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The field that holds it.
    pub(super) at: String,
    /// To which message of the role user it belongs, counted from 0.
    pub(super) turn: usize,
    pub(super) source: Source,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} of {})", self.at, self.turn)
    }
}

/// Where a picture comes from.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// Shared: a request is copied on its way.
    Bytes(Arc<[u8]>),
    Url(String),
}

/// The picture of a part, in either shape: `image_url` with a `url`, or as a text.
pub(super) fn source(at: &str, part: &Value) -> Result<Source, OpenAiError> {
    let url = part.pointer("/image_url/url").or(part.get("image_url"));
    let Some(url) = url.and_then(Value::as_str) else {
        let why = "A picture must be an image_url: a data: URL, or one that can be fetched.";
        return Err(OpenAiError::unsupported(format!("{at}.image_url"), why));
    };
    let Some(rest) = url.strip_prefix("data:") else {
        return Ok(Source::Url(url.to_owned()));
    };
    let wrong = || {
        let message = "A data: URL must be data:image/…;base64,… with whole base64 behind it.";
        OpenAiError::invalid(format!("{at}.image_url"), message)
    };
    let (_, text) = rest.split_once(";base64,").ok_or_else(wrong)?;
    let bytes = STANDARD.decode(text.trim()).map_err(|_| wrong())?;
    Ok(Source::Bytes(bytes.into()))
}

/// What a picture is, by its first bytes: the ending of its name, and its type.
fn kind_of(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some(("png", "image/png")),
        [0xFF, 0xD8, 0xFF, ..] => Some(("jpg", "image/jpeg")),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(("gif", "image/gif")),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some(("webp", "image/webp")),
        _ => None,
    }
}

/// The first picture that is one too many: of its message, or of the request.
fn too_many(pictures: &[Picture]) -> Option<(&Picture, String)> {
    if let Some(picture) = pictures.get(MAX_FILES) {
        return Some((
            picture,
            format!("There may be at most {MAX_FILES} pictures in a request."),
        ));
    }
    // Those of a message stand together.
    let mut pairs = pictures.iter().zip(pictures.iter().skip(MOST));
    let (_, picture) = pairs.find(|(first, eleventh)| first.turn == eleventh.turn)?;
    Some((
        picture,
        format!("There may be at most {MOST} pictures in a message."),
    ))
}

/// Fetches what has to be fetched, each URL once, and keeps all pictures.
pub(super) async fn keep(
    app: &App,
    tenant: TenantId,
    pictures: &[Picture],
) -> Result<Vec<ChatFile>, OpenAiError> {
    if let Some((picture, message)) = too_many(pictures) {
        return Err(OpenAiError::invalid(picture.at.clone(), message));
    }
    let begun = Instant::now();
    let mut files: Vec<ChatFile> = Vec::new();
    for (at, picture) in pictures.iter().enumerate() {
        let same = pictures[..at]
            .iter()
            .position(|earlier| earlier.source == picture.source);
        if let Some(known) = same.and_then(|same| files.get(same)) {
            let file = ChatFile {
                turn: picture.turn,
                ..known.clone()
            };
            files.push(file);
            continue;
        }
        if begun.elapsed() > FETCHING {
            let seconds = FETCHING.as_secs();
            let message =
                format!("The pictures before this one took more than {seconds} seconds to fetch.");
            return Err(OpenAiError::invalid(
                format!("{}.image_url", picture.at),
                message,
            ));
        }
        files.push(kept(app, tenant, picture).await?);
    }
    Ok(files)
}

/// How long a picture that is to be fetched waits for room.
const FETCH_PATIENCE: Duration = Duration::from_secs(15);

async fn kept(app: &App, tenant: TenantId, picture: &Picture) -> Result<ChatFile, OpenAiError> {
    let refused = |why: &str| {
        OpenAiError::invalid(
            format!("{}.image_url", picture.at),
            format!("The picture {why}."),
        )
    };
    // Those of the body have their place with it.
    let _place = match &picture.source {
        Source::Bytes(_) => None,
        // The room that they need is not known before they come, and mostly far less.
        Source::Url(_) => app.room().take_within(LARGEST, FETCH_PATIENCE).await?,
    };
    let fetched;
    let bytes: &[u8] = match &picture.source {
        Source::Bytes(bytes) => bytes,
        Source::Url(url) => {
            fetched = fetch(url, app.private_urls(), LARGEST)
                .await
                .map_err(|why| refused(&why))?;
            &fetched
        }
    };
    if bytes.len() > LARGEST {
        return Err(refused(&format!("has more than {LARGEST} bytes")));
    }
    let (ending, media) =
        kind_of(bytes).ok_or_else(|| refused("is none: PNG, JPEG, GIF and WebP are taken"))?;
    let digest = Sha256::digest(bytes);
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("{}{sha256}.{ending}", chat_files_folder(tenant));
    let store = app.store();
    store
        .store_object(tenant, None, &key, media, bytes.to_vec())
        .await?;
    Ok(ChatFile {
        turn: picture.turn,
        key,
        name: format!("picture-{}.{ending}", &sha256[..12]),
        sha256,
    })
}

/// The same value without the bytes of its `data:` URLs: what is kept to be looked at need not hold them.
pub(super) fn without_bytes(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("data:") && text.len() > 1_000 => {
            let head = text.split_once(',').map_or("data:", |(head, _)| head);
            Value::String(head.chars().take(100).chain([',']).collect())
        }
        Value::Array(items) => items.iter().map(without_bytes).collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, field)| (name.clone(), without_bytes(field)));
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pictures_are_read_in_both_shapes() {
        let data = "data:image/png;base64,iVBORw0KGgo=";
        for part in [
            json!({"image_url": {"url": data}}),
            json!({"image_url": data}),
        ] {
            let Ok(Source::Bytes(bytes)) = source("x", &part) else {
                panic!("{part}")
            };
            assert_eq!(kind_of(&bytes), Some(("png", "image/png")));
        }
        let url = json!({"image_url": "https://example.com/a.png"});
        assert!(matches!(source("x", &url), Ok(Source::Url(_))));
        for wrong in [
            json!({"file_id": "file-1"}),
            json!({"image_url": "data:image/png,abc"}),
            json!({"image_url": "data:image/png;base64,%"}),
            json!({"image_url": 5}),
        ] {
            assert!(source("x", &wrong).is_err(), "{wrong}");
        }
        assert_eq!(kind_of(b"<svg/>"), None);
        assert_eq!(kind_of(b""), None);
    }

    #[test]
    fn pictures_are_counted_by_message() {
        let of = |turn: usize, count: usize| {
            (0..count).map(move |number| Picture {
                at: format!("{turn}.{number}"),
                turn,
                source: Source::Url("https://example.com/a.png".to_owned()),
            })
        };
        let refused =
            |pictures: Vec<Picture>| too_many(&pictures).map(|(picture, _)| picture.at.clone());
        assert_eq!(refused(of(0, 10).chain(of(1, 10)).collect()), None);
        assert_eq!(
            refused(of(0, 3).chain(of(1, 11)).collect()).as_deref(),
            Some("1.10")
        );
        assert_eq!(
            refused((0..51).flat_map(|turn| of(turn, 2)).collect()).as_deref(),
            Some("50.0")
        );
    }

    #[test]
    fn bytes_are_not_kept_twice() {
        let long = format!("data:image/png;base64,{}", "A".repeat(2_000));
        let kept = without_bytes(&json!([{"image_url": {"url": long}, "text": "x"}]));
        assert_eq!(
            kept,
            json!([{"image_url": {"url": "data:image/png;base64,"}, "text": "x"}])
        );
    }
}
