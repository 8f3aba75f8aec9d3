//! Pictures that belong to a question: from the object store into files that the browser can read, and beside the question.

use std::path::PathBuf;

use computetower_browser::Conversation;
use computetower_jobs::kinds::chat::{Chat, ChatFile};
use computetower_jobs::{Failure, FailureCode};
use computetower_store::objects::chat_files_folder;
use sha2::{Digest, Sha256};

use crate::classify;
use crate::context::JobContext;
use crate::notes::failure_of;

/// A folder of files that goes with this.
pub(super) struct Folder {
    path: PathBuf,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(error = %error, "pictures of a question could not be removed");
        }
    }
}

/// Puts the files of what is asked now beside the question. They have to stay until it was sent.
pub(super) async fn put_beside(
    context: &JobContext,
    chat: &Chat,
    known: usize,
    conversation: &mut Conversation<'_>,
) -> Result<Option<Folder>, Failure> {
    let files: Vec<&ChatFile> = chat.files_from(known).collect();
    if files.is_empty() {
        return Ok(None);
    }
    let (folder, paths) = fetched(context, &files).await?;
    match conversation.attach(&paths).await {
        Ok(()) => Ok(Some(folder)),
        Err(error) => Err(failure_of(context, &error).await),
    }
}

async fn fetched(
    context: &JobContext,
    files: &[&ChatFile],
) -> Result<(Folder, Vec<PathBuf>), Failure> {
    let own = chat_files_folder(context.job.tenant);
    // Beside the browsers' own folders: what a process that is killed leaves there is swept up.
    let name = format!("files-{}", context.job.lease.0);
    let path = computetower_browser::make_folder(context.browsers.data_dir(), &name)
        .map_err(|error| kept_nowhere(&error))?;
    let folder = Folder { path };
    let mut paths = Vec::new();
    for (number, file) in files.iter().enumerate() {
        // What a payload says names nobody else's objects.
        if !file.key.starts_with(&own) || file.key.contains("..") {
            return Err(unknown(file));
        }
        let bytes = context.store.objects.find(&file.key).await;
        let bytes = bytes.map_err(|error| classify::store(&error))?;
        let bytes = bytes.ok_or_else(|| unknown(file))?;
        let digest = Sha256::digest(&bytes);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if hex != file.sha256 {
            return Err(unknown(file));
        }
        // Two of the same name are two files all the same.
        let inner = folder.path.join(number.to_string());
        std::fs::create_dir(&inner).map_err(|error| kept_nowhere(&error))?;
        let path = inner.join(&file.name);
        tokio::fs::write(&path, bytes)
            .await
            .map_err(|error| kept_nowhere(&error))?;
        paths.push(path);
    }
    Ok((folder, paths))
}

fn unknown(file: &ChatFile) -> Failure {
    Failure::new(
        FailureCode::InvalidInput,
        format!("files: there is no file of the key {:?}.", file.key),
    )
}

fn kept_nowhere(error: &std::io::Error) -> Failure {
    Failure::new(
        FailureCode::StorageUnavailable,
        "The pictures could not be given to the browser.",
    )
    .with_internal(error.to_string())
}
