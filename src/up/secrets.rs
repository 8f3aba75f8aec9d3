//! Files that only their owner may read, and the random words kept in them. Encrypts nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use thiserror::Error;

/// Why a secret could not be kept.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The file could not be read.
    #[error("read the secret {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file could not be written.
    #[error("write the secret {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is there and empty, and another secret would not open what the lost one closed.
    #[error("the secret {path} is empty: restore it from a backup, or delete it to make a new one")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// 256 random bits, in letters that need no escaping in a URL.
pub(super) fn random_word() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// 256 random bits in base64.
pub(super) fn random_key() -> String {
    STANDARD.encode(rand::random::<[u8; 32]>())
}

/// The secret kept in a file; `make` gives it on first use.
pub(super) fn kept(path: &Path, make: fn() -> String) -> Result<String, SecretError> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => Err(SecretError::Empty {
            path: path.to_owned(),
        }),
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = make();
            write_private(path, secret.as_bytes(), None).map_err(|source| SecretError::Write {
                path: path.to_owned(),
                source,
            })?;
            Ok(secret)
        }
        Err(source) => Err(SecretError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Puts a file of mode 0600 in place at once, whatever stood there; `owner` is a user id and a group id.
pub(super) fn write_private(
    path: &Path,
    content: &[u8],
    owner: Option<(u32, u32)>,
) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{:016x}", rand::random::<u64>()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            if let Some((user, group)) = owner {
                fchown(&file, Some(user), Some(group))?;
            }
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&draft, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
        return written;
    }
    // The name must outlive a power cut as well as the content.
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("word");
        let first = kept(&path, random_word).unwrap();
        assert_eq!(kept(&path, random_word).unwrap(), first);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_emptied_secret_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("word");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(
            kept(&path, random_word),
            Err(SecretError::Empty { .. })
        ));
    }

    #[test]
    fn a_link_in_the_way_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::fs::write(&target, "untouched").unwrap();
        let path = folder.path().join("link");
        std::os::unix::fs::symlink(&target, &path).unwrap();
        write_private(&path, b"secret", None).unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "untouched");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "secret");
    }

    #[test]
    fn a_key_is_thirty_two_bytes() {
        assert_eq!(STANDARD.decode(random_key()).unwrap().len(), 32);
    }
}
