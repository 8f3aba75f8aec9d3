//! JSON that a command is given: as it stands, in a file, or on standard input.

use std::fs::File;
use std::io::Read;

use serde_json::Value;

use super::Failure;
use crate::api::BODY_LIMIT;

/// What was read, and what to call the place where it stood.
pub(super) struct Given {
    pub(super) text: String,
    pub(super) place: String,
}

/// Reads a file, or standard input for `-`. `option` is what the person typed, for the errors.
pub(super) fn file(option: &str, named: &str) -> Result<Given, Failure> {
    let (place, read) = if named == "-" {
        ("standard input", whole(std::io::stdin().lock()))
    } else {
        (named, File::open(named).and_then(whole))
    };
    let bytes = read.map_err(|error| format!("{option}: {place} cannot be read: {error}"))?;
    if bytes.len() > BODY_LIMIT {
        return Err(format!(
            "{option}: {place} holds more than {BODY_LIMIT} bytes, the most that one request may have: split it"
        )
        .into());
    }
    let text =
        String::from_utf8(bytes).map_err(|_| format!("{option}: {place} is not UTF-8 text"))?;
    Ok(Given {
        text,
        place: place.to_owned(),
    })
}

/// Reads JSON: as it stands, `@FILE`, or `-` for standard input.
pub(super) fn json(option: &str, given: &str) -> Result<Value, Failure> {
    let Given { text, place } = match (given, given.strip_prefix('@')) {
        ("-", _) => file(option, "-")?,
        (_, Some(named)) => file(option, named)?,
        (text, None) => Given {
            text: text.to_owned(),
            place: "it".to_owned(),
        },
    };
    serde_json::from_str(&text)
        .map_err(|error| format!("{option}: {place} is not JSON: {error}").into())
}

/// All of it, unless it is more than a request may hold: then one byte more than that.
fn whole(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // 4 MiB fit into 64 bits on every machine.
    let most = u64::try_from(BODY_LIMIT).unwrap_or(u64::MAX);
    from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
