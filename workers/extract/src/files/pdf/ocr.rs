//! Scanned pages: `pdftoppm` makes a picture of a page, `tesseract` reads it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::process::{self, Bounds, RunError};
use super::super::{Reading, text};

/// Pixels of the longer side of a page: what 220 dots per inch are on A4. No page, however large it says it is, takes more memory than this.
const PIXELS: &str = "2600";
/// What one program may take for one page.
const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(30),
    output: 32 << 20,
    memory: 1 << 30,
    file: 64 << 20,
};

/// What is needed to read pictures of pages, or why it is not there.
pub(super) struct Eyes {
    ready: Result<Ready, String>,
    until: Instant,
}

struct Ready {
    languages: String,
    file: PathBuf,
    /// Removes the copy of the file at the end.
    _kept: Option<tempfile::NamedTempFile>,
}

impl Eyes {
    pub(super) fn open(reading: &Reading<'_>) -> Self {
        Self {
            ready: ready(reading),
            until: reading.until,
        }
    }

    /// The text on a page, as Markdown. Otherwise why there is none, in words that are the same for all pages it holds for.
    pub(super) fn read(&mut self, page: u32) -> Result<String, String> {
        let ready = self.ready.as_ref().map_err(Clone::clone)?;
        let left = self.until.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(500) {
            return Err("the time for reading pictures is over".to_owned());
        }
        let bounds = Bounds {
            time: BOUNDS.time.min(left),
            ..BOUNDS
        };
        let number = page.to_string();
        let args: [&OsStr; 9] = [
            "-f".as_ref(),
            number.as_ref(),
            "-l".as_ref(),
            number.as_ref(),
            "-gray".as_ref(),
            "-png".as_ref(),
            "-scale-to".as_ref(),
            PIXELS.as_ref(),
            ready.file.as_os_str(),
        ];
        let picture = process::run("pdftoppm", &args, b"", bounds).map_err(|error| why(&error))?;
        let args: [&OsStr; 6] = [
            "stdin".as_ref(),
            "stdout".as_ref(),
            "-l".as_ref(),
            ready.languages.as_ref(),
            "--dpi".as_ref(),
            "220".as_ref(),
        ];
        let seen =
            process::run("tesseract", &args, &picture, bounds).map_err(|error| why(&error))?;
        Ok(text::lines(
            &String::from_utf8_lossy(&seen).replace('\u{c}', ""),
        ))
    }
}

fn ready(reading: &Reading<'_>) -> Result<Ready, String> {
    if !reading.options.ocr {
        return Err("reading pictures is switched off".to_owned());
    }
    let (file, kept) = match reading.path {
        Some(path) => (path.to_owned(), None),
        None => {
            let kept =
                super::super::media::keep(reading.bytes).map_err(|error| error.to_string())?;
            (kept.path().to_owned(), Some(kept))
        }
    };
    Ok(Ready {
        languages: reading.options.ocr_languages.clone(),
        file,
        _kept: kept,
    })
}

fn why(error: &RunError) -> String {
    match error {
        RunError::Time(..) => "it takes too long".to_owned(),
        RunError::Output(..) => "its picture is too large".to_owned(),
        error => error.to_string(),
    }
}
