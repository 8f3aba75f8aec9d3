//! The data folder: where it is, who may enter it, and that only one `up` works in it at a time.
//! What the services keep inside is theirs.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use thiserror::Error;

use super::keeper::{ServiceUser, command_as};

/// The folder taken when root's home cannot be entered by the user that services run as.
const SYSTEM_FOLDER: &str = "/var/lib/computetower";

/// The file that is locked; it also marks the folder as ours.
const LOCK: &str = "up.lock";

/// Why the data folder cannot be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// The folder could not be made or read.
    #[error("use the data folder {path}")]
    Folder {
        /// The folder or a file in it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another `up` works in the folder.
    #[error(
        "computetower is already up in {path}, as {holder}: stop it first, or take another data folder"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// What the lock file says of the other.
        holder: String,
    },
    /// The folder holds things that are not ours.
    #[error(
        "{path} is not empty and not a data folder of computetower: take another one, or an empty one"
    )]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// The folder belongs to another user.
    #[error(
        "the data folder {path} belongs to user id {owner}: run as that user, or take another data folder"
    )]
    OtherOwner {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The unprivileged user cannot get to the folder.
    #[error(
        "user {user}, as whom the private services run, cannot enter {barrier} on the way to the data folder {path}: \
         take a data folder elsewhere ({SYSTEM_FOLDER}, say), or let others through with chmod o+x {barrier}"
    )]
    NoWay {
        /// The unprivileged user.
        user: String,
        /// The first folder that bars the way.
        barrier: PathBuf,
        /// The data folder.
        path: PathBuf,
    },
}

/// The data folder, locked until this is dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    root: PathBuf,
    lock: File,
}

/// Where data is kept when nobody says otherwise: `$XDG_DATA_HOME/computetower`, else `$HOME/.local/share/computetower`;
/// `/var/lib/computetower` when there is no home, or `is_root` and others cannot enter that place, for the private
/// services then run as another user.
#[must_use]
pub fn default_data_dir(
    is_root: bool,
    xdg_data_home: Option<&Path>,
    home: Option<&Path>,
) -> PathBuf {
    let chosen = xdg_data_home
        .filter(|folder| folder.is_absolute())
        .map(Path::to_owned)
        .or_else(|| {
            home.filter(|folder| folder.is_absolute())
                .map(|folder| folder.join(".local/share"))
        });
    match chosen {
        Some(folder) if !is_root || first_barrier(&folder).is_none() => folder.join("computetower"),
        _ => PathBuf::from(SYSTEM_FOLDER),
    }
}

/// The first existing folder on the way to `path`, itself included, that others cannot enter.
fn first_barrier(path: &Path) -> Option<PathBuf> {
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    way.into_iter()
        .find(|folder| {
            std::fs::metadata(folder).is_ok_and(|folder| folder.permissions().mode() & 0o001 == 0)
        })
        .map(Path::to_owned)
}

impl DataDir {
    /// Makes the folder if it is not there, makes it private, and takes the lock. `owner` is our own user id. With a
    /// service user, that user's group may pass through the folder, and nobody else may do anything.
    pub(super) fn open(
        path: &Path,
        owner: u32,
        user: Option<&ServiceUser>,
    ) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError::Folder {
            path: path.to_owned(),
            source,
        };
        let absolute = std::path::absolute(path).map_err(failed)?;
        if let Some(parent) = absolute.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        make_folder(&absolute).map_err(failed)?;
        let root = absolute.canonicalize().map_err(failed)?;
        check_ownership(&root, owner)?;
        let lock = take_lock(&root)?;
        std::fs::set_permissions(&root, PermissionsExt::from_mode(0o700)).map_err(failed)?;
        if let Some(user) = user {
            chown(&root, Some(owner), Some(user.group_id)).map_err(failed)?;
            std::fs::set_permissions(&root, PermissionsExt::from_mode(0o710)).map_err(failed)?;
        }
        for name in ["secrets", "logs"] {
            make_folder(&root.join(name)).map_err(failed)?;
        }
        Ok(Self { root, lock })
    }

    /// The folder, absolute and without links.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The file of one secret.
    pub(super) fn secret(&self, name: &str) -> PathBuf {
        self.root.join("secrets").join(name)
    }

    /// The log of one service.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    /// A private folder of a service, owned by the user that the service runs as.
    pub(super) fn service_folder(
        &self,
        name: &str,
        user: Option<&ServiceUser>,
    ) -> io::Result<PathBuf> {
        let folder = self.root.join(name);
        make_folder(&folder)?;
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700))?;
        if let Some(user) = user {
            chown(&folder, Some(user.user_id), Some(user.group_id))?;
        }
        Ok(folder)
    }

    /// Says in the lock file who holds it, for the one who finds it taken.
    pub(super) fn sign(&mut self, holder: &str) -> io::Result<()> {
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        self.lock.write_all(holder.as_bytes())
    }

    /// Tries the way to the folder as the user who must go it.
    pub(super) async fn check_way(
        &self,
        user: &ServiceUser,
        search_path: &OsStr,
    ) -> Result<(), DataDirError> {
        let tried = command_as(Some(user), Path::new("/bin/sh"), search_path)
            .args(["-c", r#"cd -- "$1""#, "cd"])
            .arg(&self.root)
            .current_dir("/")
            .stderr(Stdio::null())
            .status()
            .await
            .map_err(|source| DataDirError::Folder {
                path: self.root.clone(),
                source,
            })?;
        if tried.success() {
            return Ok(());
        }
        Err(DataDirError::NoWay {
            user: user.name.clone(),
            barrier: self
                .root
                .parent()
                .and_then(first_barrier)
                .unwrap_or_else(|| self.root.clone()),
            path: self.root.clone(),
        })
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

fn check_ownership(root: &Path, owner: u32) -> Result<(), DataDirError> {
    let failed = |source| DataDirError::Folder {
        path: root.to_owned(),
        source,
    };
    let found = std::fs::metadata(root).map_err(failed)?.uid();
    if found != owner {
        return Err(DataDirError::OtherOwner {
            path: root.to_owned(),
            owner: found,
        });
    }
    let mut is_empty = true;
    for entry in std::fs::read_dir(root).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name == LOCK {
            return Ok(());
        }
        // A file system's own folder, when the data folder is a mount of its own.
        is_empty &= name == "lost+found";
    }
    if is_empty {
        return Ok(());
    }
    Err(DataDirError::NotOurs {
        path: root.to_owned(),
    })
}

fn take_lock(root: &Path) -> Result<File, DataDirError> {
    let path = root.join(LOCK);
    let failed = |source| DataDirError::Folder {
        path: path.clone(),
        source,
    };
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = lock.read_to_string(&mut holder);
            let holder = holder.trim();
            Err(DataDirError::InUse {
                path: root.to_owned(),
                holder: if holder.is_empty() {
                    "a process that is starting"
                } else {
                    holder
                }
                .to_owned(),
            })
        }
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn our_id(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().uid()
    }

    #[test]
    fn the_second_to_come_learns_who_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let us = our_id(folder.path());
        let mut first = DataDir::open(&path, us, None).unwrap();
        first.sign("process 42").unwrap();
        assert_eq!(mode(&path), 0o700);
        let error = DataDir::open(&path, us, None).unwrap_err().to_string();
        assert!(error.contains("as process 42"), "{error}");
        drop(first);
        DataDir::open(&path, us, None).unwrap();
    }

    #[test]
    fn a_folder_of_other_things_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photos");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(path.join("one.jpg"), "").unwrap();
        let us = our_id(folder.path());
        assert!(matches!(
            DataDir::open(&path, us, None),
            Err(DataDirError::NotOurs { .. })
        ));
        assert!(matches!(
            DataDir::open(&path, us + 1, None),
            Err(DataDirError::OtherOwner { owner, .. }) if owner == us
        ));
        assert_eq!(mode(&path), 0o755);
        assert!(!path.join(LOCK).exists());
    }

    #[test]
    fn the_default_follows_the_environment_until_root_would_shut_the_services_out() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let share = home.join(".local/share/computetower");
        std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
        assert_eq!(default_data_dir(false, None, Some(&home)), share);
        assert_eq!(
            default_data_dir(true, None, Some(&home)),
            Path::new(SYSTEM_FOLDER)
        );
        assert_eq!(
            default_data_dir(false, Some(Path::new("/x")), Some(&home)),
            Path::new("/x/computetower")
        );
        assert_eq!(
            default_data_dir(false, Some(Path::new("relative")), Some(&home)),
            share
        );
        assert_eq!(
            default_data_dir(false, None, None),
            Path::new(SYSTEM_FOLDER)
        );
        assert_eq!(
            default_data_dir(true, None, Some(Path::new("/usr"))),
            Path::new("/usr/.local/share/computetower")
        );
    }
}
