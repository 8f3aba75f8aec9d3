//! Sound and moving pictures: what `ffprobe` tells of them, and with `ffmpeg` the pieces of sound and pictures that others work on. What is said in them is
//! found out by a service, which is not asked here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::process::{self, Bounds, RunError};
use super::{FileKind, Reading};
use crate::markdown::{self, Writer};
use crate::{Document, ExtractError};

/// Containers that are opened. Playlists are not among them: they would have other files and addresses read.
const FORMATS: &str = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,wav,ogg,flac,aac,avi,flv,mpeg,mpegts,mpegvideo,asf,aiff,amr,w64,caf,h264,hevc,m4v";

/// What a probe may take.
const PROBE: Bounds = Bounds {
    time: Duration::from_secs(20),
    output: 4 << 20,
    memory: 2 << 30,
    file: 0,
};

/// What `ffprobe` says, as far as it is used.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Probe {
    format: Format,
    streams: Vec<Stream>,
    chapters: Vec<Chapter>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Format {
    duration: Option<String>,
    format_long_name: Option<String>,
    bit_rate: Option<String>,
    tags: Tags,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stream {
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    channels: Option<u32>,
    sample_rate: Option<String>,
    tags: Tags,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Chapter {
    start_time: String,
    tags: Tags,
}

/// Names differ in case from container to container.
type Tags = std::collections::BTreeMap<String, String>;

fn tag(tags: &Tags, name: &str) -> Option<String> {
    tags.iter()
        .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.trim().is_empty())
        .map(|(_, value)| value.trim().to_owned())
}

pub(super) fn document(reading: &Reading<'_>) -> Result<Document, ExtractError> {
    let mut document = Document::default();
    let kept;
    let path = match reading.path {
        Some(path) => path,
        None => {
            kept = keep(reading.bytes)?;
            kept.path()
        }
    };
    let probe = match probe(path, reading.until) {
        Ok(probe) => probe,
        Err(RunError::Missing(_)) => {
            document.warnings.push(
                "ffprobe is not installed: nothing is known of the file but its type".to_owned(),
            );
            document.title = reading.stem();
            return Ok(document);
        }
        Err(error) => return Err(failed(error)),
    };
    tell(&mut document, &probe);
    let mut out = Writer::default();
    let title = document.title.clone().or_else(|| reading.stem());
    if let Some(title) = &title {
        out.block(&markdown::heading(1, &super::escaped(title)));
    }
    document.title = title;
    if let Some(description) = document.metadata.get("description") {
        out.block(&super::text::lines(description));
    }
    let streams: Vec<String> = probe
        .streams
        .iter()
        .filter_map(line)
        .map(|line| format!("- {line}"))
        .collect();
    out.block(&streams.join("\n"));
    if !probe.chapters.is_empty() {
        out.block("## Chapters");
        let chapters: Vec<String> = probe
            .chapters
            .iter()
            .take(1000)
            .map(|chapter| {
                let title = tag(&chapter.tags, "title").unwrap_or_default();
                format!(
                    "- {} {}",
                    clock(&chapter.start_time),
                    super::escaped(&title)
                )
            })
            .collect();
        out.block(&chapters.join("\n"));
    }
    let speaks = probe
        .streams
        .iter()
        .any(|stream| stream.codec_type.as_deref() == Some("audio"));
    document.warnings.push(if speaks {
        "what is said in it has to be transcribed".to_owned()
    } else {
        "it has no sound to transcribe".to_owned()
    });
    document.markdown = out.finish();
    Ok(document)
}

/// Puts bytes where another program finds them, under a name of ours.
pub(super) fn keep(bytes: &[u8]) -> Result<tempfile::NamedTempFile, ExtractError> {
    use std::io::Write;
    let write = || {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        Ok(file)
    };
    write().map_err(|error: std::io::Error| {
        ExtractError::TooLarge(format!("no room on disk for a copy to look at: {error}"))
    })
}

fn probe(path: &Path, until: Instant) -> Result<Probe, RunError> {
    let bounds = Bounds {
        time: PROBE
            .time
            .min(until.saturating_duration_since(Instant::now())),
        ..PROBE
    };
    let args: [&OsStr; 13] = [
        "-v".as_ref(),
        "error".as_ref(),
        "-format_whitelist".as_ref(),
        FORMATS.as_ref(),
        "-protocol_whitelist".as_ref(),
        "file".as_ref(),
        "-of".as_ref(),
        "json".as_ref(),
        "-show_format".as_ref(),
        "-show_streams".as_ref(),
        "-show_chapters".as_ref(),
        "-i".as_ref(),
        path.as_os_str(),
    ];
    let answer = process::run("ffprobe", &args, b"", bounds)?;
    serde_json::from_slice(&answer).map_err(|error| {
        RunError::Failed(
            "ffprobe".to_owned(),
            format!("its answer cannot be read: {error}"),
        )
    })
}

fn failed(error: RunError) -> ExtractError {
    match error {
        RunError::Time(..) => ExtractError::TooLarge("time to find out what is in it".to_owned()),
        RunError::Output(..) => ExtractError::TooLarge("number of streams and chapters".to_owned()),
        RunError::Missing(program) => {
            ExtractError::Unsupported(format!("sound or film: {program} is not installed"))
        }
        error => ExtractError::Damaged(error.to_string()),
    }
}

fn tell(document: &mut Document, probe: &Probe) {
    document.title = tag(&probe.format.tags, "title");
    let mut note = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            document.metadata.insert(name.to_owned(), value);
        }
    };
    note(
        "author",
        tag(&probe.format.tags, "artist").or_else(|| tag(&probe.format.tags, "author")),
    );
    note("album", tag(&probe.format.tags, "album"));
    note(
        "published",
        tag(&probe.format.tags, "date").or_else(|| tag(&probe.format.tags, "creation_time")),
    );
    note(
        "description",
        tag(&probe.format.tags, "description").or_else(|| tag(&probe.format.tags, "comment")),
    );
    note("duration", probe.format.duration.clone());
    note("container", probe.format.format_long_name.clone());
    note("bit_rate", probe.format.bit_rate.clone());
    note("chapters", Some(probe.chapters.len().to_string()));
    let of = |kind: &str| {
        probe
            .streams
            .iter()
            .filter(|stream| stream.codec_type.as_deref() == Some(kind))
            .count()
            .to_string()
    };
    note("audio_streams", Some(of("audio")));
    note("video_streams", Some(of("video")));
}

/// A stream in a line.
fn line(stream: &Stream) -> Option<String> {
    let kind = stream.codec_type.as_deref()?;
    let mut words = vec![
        kind.to_owned(),
        stream.codec_name.clone().unwrap_or_default(),
    ];
    if let (Some(width), Some(height)) = (stream.width, stream.height) {
        words.push(format!("{width}×{height}"));
    }
    if let Some(rate) = &stream.sample_rate {
        words.push(format!("{rate} Hz"));
    }
    if let Some(channels) = stream.channels {
        words.push(format!("{channels} channels"));
    }
    words.extend(tag(&stream.tags, "language"));
    Some(words.join(" ").trim().to_owned())
}

/// Seconds as people write them.
fn clock(seconds: &str) -> String {
    let whole = seconds
        .split('.')
        .next()
        .and_then(|whole| whole.parse::<u64>().ok())
        .unwrap_or(0);
    format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
}

/// How sound is cut for a service that writes down what is said.
#[derive(Clone, Debug)]
pub struct AudioPieces {
    /// Seconds of one piece.
    pub seconds: u32,
    /// How long all of it may take.
    pub time: Duration,
    /// Bytes of all pieces together.
    pub bytes: u64,
}

impl Default for AudioPieces {
    fn default() -> Self {
        Self {
            seconds: 600,
            time: Duration::from_secs(900),
            bytes: 512 << 20,
        }
    }
}

/// Writes the first sound of a file into `folder`, as MP3 of 16 kHz with one channel, in pieces that follow each other, and returns them in their order.
///
/// # Errors
/// [`ExtractError::Unsupported`] without ffmpeg, [`ExtractError::Damaged`] when there is no sound, [`ExtractError::TooLarge`] beyond the bounds.
pub fn audio_track(
    file: &Path,
    folder: &Path,
    pieces: &AudioPieces,
) -> Result<Vec<PathBuf>, ExtractError> {
    let seconds = pieces.seconds.max(1).to_string();
    let target = folder.join("piece-%05d.mp3");
    let args: [&OsStr; 15] = [
        "-vn".as_ref(),
        "-map".as_ref(),
        "0:a:0".as_ref(),
        "-ac".as_ref(),
        "1".as_ref(),
        "-ar".as_ref(),
        "16000".as_ref(),
        "-b:a".as_ref(),
        "32k".as_ref(),
        "-f".as_ref(),
        "segment".as_ref(),
        "-segment_time".as_ref(),
        seconds.as_ref(),
        "-y".as_ref(),
        target.as_os_str(),
    ];
    ffmpeg(file, &[], &args, pieces.time, pieces.bytes)?;
    let made = made(folder, "piece-", "mp3")?;
    if made.is_empty() {
        return Err(ExtractError::Damaged("there is no sound in it".to_owned()));
    }
    Ok(made)
}

/// Writes pictures of a film into `folder`, at most `number` of them, evenly spread over `duration`, not wider than `width`, as JPEG, in their order. None
/// when it holds no pictures.
///
/// # Errors
/// [`ExtractError::Unsupported`] without ffmpeg, [`ExtractError::TooLarge`] beyond the bounds.
pub fn thumbnails(
    file: &Path,
    folder: &Path,
    duration: Duration,
    number: u32,
    width: u32,
) -> Result<Vec<PathBuf>, ExtractError> {
    let scale = format!("scale='min({width},iw)':-2");
    for at in 0..number {
        let moment = duration.as_secs_f64() * (f64::from(at) + 0.5) / f64::from(number.max(1));
        let moment = format!("{moment:.3}");
        let target = folder.join(format!("thumbnail-{at:05}.jpg"));
        let args: [&OsStr; 10] = [
            "-map".as_ref(),
            "0:v:0".as_ref(),
            "-frames:v".as_ref(),
            "1".as_ref(),
            "-vf".as_ref(),
            scale.as_ref(),
            "-q:v".as_ref(),
            "4".as_ref(),
            "-y".as_ref(),
            target.as_os_str(),
        ];
        match ffmpeg(
            file,
            &["-ss".as_ref(), moment.as_ref()],
            &args,
            Duration::from_secs(60),
            16 << 20,
        ) {
            // No pictures at all, or none so late.
            Err(ExtractError::Damaged(_)) => break,
            done => done?,
        }
    }
    made(folder, "thumbnail-", "jpg")
}

fn ffmpeg(
    file: &Path,
    before: &[&OsStr],
    after: &[&OsStr],
    time: Duration,
    bytes: u64,
) -> Result<(), ExtractError> {
    let mut args: Vec<&OsStr> = [
        "-nostdin",
        "-v",
        "error",
        "-hide_banner",
        "-threads",
        "1",
        "-format_whitelist",
        FORMATS,
        "-protocol_whitelist",
        "file",
    ]
    .map(OsStr::new)
    .into();
    args.extend_from_slice(before);
    args.extend(["-i".as_ref(), file.as_os_str()]);
    args.extend_from_slice(after);
    let bounds = Bounds {
        time,
        output: 1 << 20,
        memory: 4 << 30,
        file: bytes,
    };
    process::run("ffmpeg", &args, b"", bounds)
        .map(drop)
        .map_err(failed)
}

/// The files that were made, in the order of their numbers.
fn made(folder: &Path, start: &str, end: &str) -> Result<Vec<PathBuf>, ExtractError> {
    let read = || {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let ours = path
                .file_name()
                .and_then(OsStr::to_str)
                .is_some_and(|name| name.starts_with(start));
            if ours && path.extension() == Some(end.as_ref()) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    };
    read().map_err(|error: std::io::Error| {
        ExtractError::Damaged(format!("the pieces cannot be read: {error}"))
    })
}

/// Whether a kind is sound or film.
#[must_use]
pub const fn is_media(kind: FileKind) -> bool {
    matches!(kind, FileKind::Audio(_) | FileKind::Video(_))
}
