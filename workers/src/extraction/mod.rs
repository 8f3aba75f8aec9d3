//! Reading pages and files in processes of their own, so that a hostile one costs itself and nothing else.
//!
//! A few children live long and each takes one document at a time: a page is read in about the time that a call would take, and what goes wrong is known to be
//! of this document. They are started when they are needed, replaced when they die, and end with the worker.

mod child;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use computetower_extract::files::{Hint, Options};
use computetower_extract::wire::{self, Head};
use computetower_extract::{Document, ExtractError};
use computetower_jobs::{Failure, FailureCode};
use tokio::sync::Semaphore;

use child::{Child, Ended};

/// How documents are read.
#[derive(Clone, Debug)]
pub struct ExtractionSettings {
    /// The program whose `extract` command the children are: this one.
    pub program: PathBuf,
    /// Children at most, which is documents at once.
    pub children: usize,
    /// How long a document may take; its child is killed then.
    pub deadline: Duration,
    /// Bytes of address space of a child, and of each program that it runs.
    pub memory: u64,
    /// After how many documents a child makes room for a fresh one: what parsers leave behind goes with it.
    pub documents: u32,
    /// The languages of scanned pages, as tesseract names them (`eng+deu`).
    pub ocr_languages: String,
    /// All that a child knows of its environment: where programs are, and where temporary files go.
    pub environment: Vec<(String, String)>,
}

impl Default for ExtractionSettings {
    fn default() -> Self {
        Self {
            // What runs now, even when the file has been replaced by a newer one since.
            program: PathBuf::from("/proc/self/exe"),
            children: std::thread::available_parallelism().map_or(2, usize::from),
            deadline: Duration::from_secs(120),
            memory: 1 << 30,
            documents: 500,
            ocr_languages: "eng".to_owned(),
            environment: vec![("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())],
        }
    }
}

/// Where the content of a document is.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// In memory: pages and small files.
    Bytes(&'a [u8]),
    /// In a file that nobody else writes: large files, sound and film.
    File(&'a Path),
}

/// Why a document could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ExtractionError {
    /// Because of the document: trying again gives the same.
    #[error(transparent)]
    Document(#[from] ExtractError),
    /// No child could be started or spoken to, which says nothing of the document.
    #[error("no process to read documents in: {0}")]
    Child(#[source] std::io::Error),
}

impl ExtractionError {
    /// What it means for a job whose one document this is.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            ExtractionError::Document(error) => {
                Failure::new(FailureCode::InvalidInput, advice(error))
                    .with_internal(error.to_string())
            }
            ExtractionError::Child(error) => Failure::new(
                FailureCode::Unknown,
                "The worker could not start a process to read documents in; its log says why.",
            )
            .with_internal(error.to_string()),
        }
    }
}

/// What people are told.
fn advice(error: &ExtractError) -> String {
    match error {
        ExtractError::Unsupported(media) => {
            format!(
                "Files of type {media} cannot be read. Convert it to PDF, a format of Office, HTML or text."
            )
        }
        ExtractError::Damaged(why) => format!(
            "The file is damaged ({why}). Check that it opens elsewhere, and upload it again."
        ),
        ExtractError::Protected => {
            "The file is protected by a password. Remove it, and upload the file again.".to_owned()
        }
        ExtractError::TooLarge(what) => format!(
            "Reading the file takes more than is allowed ({what}). Split it or make it smaller."
        ),
    }
}

/// The children of this worker.
#[derive(Debug)]
pub struct Extraction {
    settings: ExtractionSettings,
    options: Options,
    /// Places for documents.
    room: Semaphore,
    /// Children that have nothing to do, the one that rested least last.
    idle: Mutex<Vec<Child>>,
}

impl Extraction {
    /// A pool without children yet.
    #[must_use]
    pub fn new(settings: ExtractionSettings) -> Self {
        let options = Options {
            ocr_languages: settings.ocr_languages.clone(),
            // Enough is left to put together what was read.
            tool_time: settings.deadline.mul_f64(0.7),
            ..Options::default()
        };
        Self {
            room: Semaphore::new(settings.children.max(1)),
            idle: Mutex::new(Vec::new()),
            options,
            settings,
        }
    }

    /// Reads a document in a child, as soon as one is free. Dropped before it is done, it kills its child.
    ///
    /// # Errors
    /// [`ExtractionError::Document`] when the document cannot be read or its child did not survive it, [`ExtractionError::Child`] when there is none.
    pub async fn read(
        &self,
        content: Content<'_>,
        hint: Hint,
    ) -> Result<Document, ExtractionError> {
        let mut head = Head {
            hint,
            options: self.options.clone(),
            path: None,
        };
        let bytes = match content {
            Content::Bytes(bytes) => bytes,
            Content::File(path) => {
                head.path = Some(path.to_owned());
                &[]
            }
        };
        let start = wire::request(&head, bytes.len() as u64)
            .map_err(|_| ExtractError::TooLarge(format!("{} bytes at once", bytes.len())))?;
        // The pool is never closed; were it, there would be no child.
        let _place = self
            .room
            .acquire()
            .await
            .map_err(|_| ExtractionError::Child(std::io::ErrorKind::BrokenPipe.into()))?;
        let mut child = self.child()?;
        let asked = child.ask(start, bytes);
        match tokio::time::timeout(self.settings.deadline, asked).await {
            Ok(Ok(answer)) => {
                if child.served() < self.settings.documents {
                    self.idle().push(child);
                } else {
                    child.release();
                }
                Ok(answer?)
            }
            Ok(Err(error)) => Err(explain(child.end().await, error)),
            Err(_) => {
                tracing::warn!(hint = ?head.hint, "a document took too long; its process is killed");
                Err(ExtractError::TooLarge("time".to_owned()).into())
            }
        }
    }

    /// A child that rests and lives, or a new one.
    fn child(&self) -> Result<Child, ExtractionError> {
        loop {
            let Some(mut child) = self.idle().pop() else {
                return Child::start(&self.settings).map_err(ExtractionError::Child);
            };
            if child.lives() {
                return Ok(child);
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Child>> {
        // Nothing is done under the lock that could panic half-way.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process ids of the children that rest, for operators and tests.
    #[must_use]
    pub fn resting(&self) -> Vec<u32> {
        self.idle().iter().filter_map(Child::id).collect()
    }

    /// Lets go of the children that rest; they end by themselves. Those at work end with their documents.
    pub fn shut_down(&self) {
        for child in self.idle().drain(..) {
            child.release();
        }
    }
}

impl Drop for Extraction {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// What the end of a child in the middle of a document says of the document.
fn explain(ended: Ended, error: std::io::Error) -> ExtractionError {
    tracing::warn!(?ended, error = %error, "a process that read a document died");
    let why = match ended {
        Ended::Time => ExtractError::TooLarge("time".to_owned()),
        Ended::Memory => ExtractError::TooLarge("memory".to_owned()),
        Ended::Nesting => ExtractError::TooLarge("nesting".to_owned()),
        Ended::Disk => ExtractError::TooLarge("room on disk".to_owned()),
        Ended::Crash(how) => ExtractError::Damaged(format!("no reader survives it: {how}")),
        // It lives and speaks nonsense, or was never ours to speak to.
        Ended::Unclear => return ExtractionError::Child(error),
    };
    why.into()
}
