//! Finds the programs that the private services are made of. Installs nothing.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use thiserror::Error;
use tokio::process::Command;

/// Where system programs stand when `PATH` is a short one.
const SYSTEM: [&str; 7] = [
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/usr/sbin",
    "/sbin",
    "/opt/homebrew/bin",
    "/home/linuxbrew/.linuxbrew/bin",
];

/// Folders with a folder per PostgreSQL version, by the start of that folder's name and what follows it.
const POSTGRES_HOMES: [(&str, &str, &str); 5] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
];

/// The server programs of one PostgreSQL version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PostgresPrograms {
    /// The folder that holds `postgres` and `initdb`.
    pub(super) folder: PathBuf,
    /// As in 15 of 15.18.
    pub(super) major: u32,
}

/// A program that is needed and not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingProgram {
    /// What it is.
    pub what: &'static str,
    /// The Debian and Ubuntu package that brings it.
    pub package: &'static str,
}

/// The private database server.
pub(super) const POSTGRES: MissingProgram = MissingProgram {
    what: "the PostgreSQL server (postgres, initdb)",
    package: "postgresql",
};

/// The private Redis.
pub(super) const REDIS: MissingProgram = MissingProgram {
    what: "redis-server",
    package: "redis-server",
};

/// What changes the user.
pub(super) const SETPRIV: MissingProgram = MissingProgram {
    what: "setpriv, by which root runs services as another user",
    package: "util-linux",
};

/// Every program that is needed and not there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct MissingPrograms(pub Vec<MissingProgram>);

impl fmt::Display for MissingPrograms {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what: Vec<&str> = self.0.iter().map(|missing| missing.what).collect();
        let packages: Vec<&str> = self.0.iter().map(|missing| missing.package).collect();
        write!(
            formatter,
            "not found: {}. On Debian and Ubuntu: apt-get install {}",
            what.join("; "),
            packages.join(" ")
        )
    }
}

/// The first runnable file of one of these names, in `PATH` and then in the system's folders.
pub(super) fn find(names: &[&str], search_path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(search_path)
        .filter(|folder| folder.is_absolute())
        .chain(SYSTEM.iter().map(PathBuf::from))
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|path| is_runnable(path))
}

fn is_runnable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Every PostgreSQL server installed here, the preferred one first: `PATH`, then the newest.
pub(super) async fn installed_postgres(search_path: &OsStr) -> Vec<PostgresPrograms> {
    let mut folders: Vec<PathBuf> = std::env::split_paths(search_path)
        .filter(|folder| folder.is_absolute())
        .filter_map(|folder| {
            folder
                .join("postgres")
                .canonicalize()
                .ok()?
                .parent()
                .map(Path::to_owned)
        })
        .collect();
    for (home, start, end) in POSTGRES_HOMES {
        folders.extend(
            versions_in(Path::new(home), start)
                .into_iter()
                .map(|folder| folder.join(end)),
        );
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut installed = Vec::new();
    for folder in folders {
        if seen.contains(&folder) {
            continue;
        }
        seen.push(folder.clone());
        let postgres = folder.join("postgres");
        if is_runnable(&postgres)
            && is_runnable(&folder.join("initdb"))
            && let Some(major) = version_of(&postgres).await
        {
            installed.push(PostgresPrograms { folder, major });
        }
    }
    installed
}

/// The folders in `home` named `start` and a version, newest first; a name without a version comes last.
fn versions_in(home: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(home) else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let rest = name
                .to_str()?
                .strip_prefix(start)?
                .trim_start_matches('@')
                .to_owned();
            let version = leading_number(&rest);
            (version.is_some() || rest.is_empty()).then(|| (version.unwrap_or(0), entry.path()))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, path)| path).collect()
}

async fn version_of(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// 15 of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_version(text: &str) -> Option<u32> {
    leading_number(text.split_once("(PostgreSQL)")?.1.trim_start())
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn reads_the_version_that_postgres_prints() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 19beta2"), Some(19));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn newer_versions_come_first_and_other_names_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        for name in [
            "postgresql@9",
            "postgresql",
            "postgresql@17",
            "postgresql-tools",
            "redis",
        ] {
            std::fs::create_dir(home.path().join(name)).unwrap();
        }
        let found: Vec<_> = versions_in(home.path(), "postgresql")
            .into_iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(found, ["postgresql@17", "postgresql@9", "postgresql"]);
    }

    #[test]
    fn everything_missing_is_told_at_once() {
        assert_eq!(
            MissingPrograms(vec![POSTGRES, REDIS]).to_string(),
            "not found: the PostgreSQL server (postgres, initdb); redis-server. On Debian and Ubuntu: apt-get install postgresql redis-server"
        );
    }

    #[test]
    fn a_file_that_cannot_be_run_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a-program-of-the-test");
        std::fs::write(&path, "").unwrap();
        let search = folder.path().as_os_str();
        assert_eq!(find(&["a-program-of-the-test"], search), None);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(
            find(&["other", "a-program-of-the-test"], search),
            Some(path)
        );
    }
}
