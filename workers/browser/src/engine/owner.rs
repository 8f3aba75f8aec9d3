//! Whose browser a profile folder is: a marker with the owning process, and the sweep that ends what a dead owner
//! left behind. Starts nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

const MARKER: &str = "computetower-owner.json";

#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    pid: u32,
    /// Clock ticks since boot, so that a pid used again is not taken for the owner.
    started: u64,
}

/// What a sweep found and ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SweepReport {
    /// Profile folders deleted.
    pub profiles_removed: usize,
    /// Chromium processes killed.
    pub processes_killed: usize,
    /// Profile folders left alone because their owner lives.
    pub in_use: usize,
}

/// Writes the marker into `profile` for the running process.
pub(crate) fn mark(profile: &Path) -> io::Result<()> {
    let pid = std::process::id();
    let owner = Owner {
        pid,
        started: start_time(pid).unwrap_or(0),
    };
    fs::write(
        profile.join(MARKER),
        serde_json::to_vec(&owner).map_err(io::Error::other)?,
    )
}

/// Makes a folder for files that a browser under `data_dir` is to be given, which only this user may read. Whoever made it deletes it; when the process
/// dies before that, a later [`sweep`] does. Blocking.
///
/// # Errors
/// When the folder cannot be made, also because there is one of that name.
pub fn make_folder(data_dir: &Path, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(data_dir)?;
    let folder = data_dir.canonicalize()?.join(name);
    let made = fs::DirBuilder::new();
    #[cfg(unix)]
    let made = {
        use std::os::unix::fs::DirBuilderExt;
        let mut made = made;
        made.mode(0o700);
        made
    };
    made.create(&folder)?;
    if let Err(error) = mark(&folder) {
        remove(&folder);
        return Err(error);
    }
    Ok(folder)
}

/// Kills what is left of browsers under `data_dir` whose owner process is gone, and deletes their profile folders.
/// Folders without a marker are left alone. Blocking; meant for start-up.
#[must_use]
pub fn sweep(data_dir: &Path) -> SweepReport {
    let mut report = SweepReport::default();
    let Ok(folders) = fs::read_dir(data_dir) else {
        return report;
    };
    for folder in folders.flatten().map(|entry| entry.path()) {
        let Some(owner) = read_owner(&folder) else {
            continue;
        };
        if start_time(owner.pid) == Some(owner.started) {
            report.in_use += 1;
            continue;
        }
        for pid in processes_of(&folder) {
            if kill(pid) {
                report.processes_killed += 1;
            }
        }
        remove(&folder);
        if !folder.exists() {
            report.profiles_removed += 1;
        }
    }
    report
}

/// Deletes a profile folder; a dying Chromium may still write to it, so it is tried a few times.
pub(crate) fn remove(folder: &Path) {
    for _ in 0..10 {
        match fs::remove_dir_all(folder) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(30)),
        }
    }
    tracing::warn!(folder = %folder.display(), "a browser profile could not be deleted; the next start will try again");
}

/// Kills a whole process group. False when there was none.
pub(crate) fn kill_group(leader: u32) -> bool {
    as_pid(leader).is_some_and(|pid| rustix::process::kill_process_group(pid, Signal::KILL).is_ok())
}

fn kill(pid: u32) -> bool {
    as_pid(pid).is_some_and(|pid| rustix::process::kill_process(pid, Signal::KILL).is_ok())
}

fn as_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn read_owner(folder: &Path) -> Option<Owner> {
    serde_json::from_slice(&fs::read(folder.join(MARKER)).ok()?).ok()
}

/// Field 22 of `/proc/PID/stat`; the command name before it may hold blanks and brackets.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

/// Processes whose command line names the folder as theirs.
fn processes_of(profile: &Path) -> Vec<u32> {
    let wanted = format!("--user-data-dir={}", profile.display());
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let path: PathBuf = format!("/proc/{pid}/cmdline").into();
            fs::read(path).is_ok_and(|line| {
                line.split(|byte| *byte == 0)
                    .any(|word| word == wanted.as_bytes())
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_for_a_browser_go_with_their_owner() {
        let dir = tempfile::tempdir().unwrap();
        let browsers = dir.path().join("browsers");
        let folder = make_folder(&browsers, "files-1").unwrap();
        assert!(make_folder(&browsers, "files-1").is_err());
        fs::write(folder.join("a.png"), "a").unwrap();
        assert_eq!(sweep(&browsers).in_use, 1);
        assert!(folder.join("a.png").exists());
        let gone = Owner {
            pid: std::process::id(),
            started: 1,
        };
        fs::write(folder.join(MARKER), serde_json::to_vec(&gone).unwrap()).unwrap();
        assert_eq!(sweep(&browsers).profiles_removed, 1);
        assert!(!folder.exists());
    }

    #[test]
    fn a_dead_owners_profile_goes_and_a_living_ones_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (mine, dead, foreign) = (
            dir.path().join("mine"),
            dir.path().join("dead"),
            dir.path().join("foreign"),
        );
        for folder in [&mine, &dead, &foreign] {
            fs::create_dir(folder).unwrap();
        }
        mark(&mine).unwrap();
        let gone = Owner {
            pid: std::process::id(),
            started: 1,
        };
        fs::write(dead.join(MARKER), serde_json::to_vec(&gone).unwrap()).unwrap();
        let report = sweep(dir.path());
        assert_eq!(
            report,
            SweepReport {
                profiles_removed: 1,
                processes_killed: 0,
                in_use: 1
            }
        );
        assert!(mine.exists() && !dead.exists() && foreign.exists());
    }
}
