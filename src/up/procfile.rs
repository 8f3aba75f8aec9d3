//! The Procfile: which process types there are, and how many of each run. Starts nothing.

use thiserror::Error;

/// The most processes of one type that one machine is asked for; more is a slip of the finger.
const MOST_OF_ONE_TYPE: u32 = 256;

/// The type that prepares a release. `up` does that itself, before any process starts.
const RELEASE: &str = "release";

/// The type that answers HTTP.
pub(super) const WEB: &str = "web";

/// One line of a Procfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProcessType {
    /// The word before the colon.
    pub(super) name: String,
    /// What a shell runs.
    pub(super) command: String,
}

/// What is wrong with a Procfile or with the counts asked of it.
#[derive(Debug, Error)]
pub enum ProcfileError {
    /// A line is neither empty, a comment, nor `name: command`.
    #[error("line {line} of the Procfile is not `name: command`: {text}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// The line as it stands.
        text: String,
    },
    /// A name stands on two lines.
    #[error("line {line} of the Procfile names `{name}` a second time")]
    Twice {
        /// Counted from 1.
        line: usize,
        /// The repeated name.
        name: String,
    },
    /// A count was asked for a type that the Procfile lacks.
    #[error("there is no process type `{name}`; the Procfile has: {}", .known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Every name there is.
        known: Vec<String>,
    },
    /// A count that one machine is not asked for.
    #[error("`{name}={count}` is more than {most}, the most of one type on one machine")]
    TooMany {
        /// The process type.
        name: String,
        /// The count asked for.
        count: u32,
        /// The bound.
        most: u32,
    },
}

/// The process types of a Procfile, in its order, without `release`.
pub(super) fn parse(text: &str) -> Result<Vec<ProcessType>, ProcfileError> {
    let mut types: Vec<ProcessType> = Vec::new();
    for (index, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = index + 1;
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((name, command)) = text
            .split_once(':')
            .map(|(name, command)| (name.trim(), command.trim()))
            .filter(|(name, command)| is_name(name) && !command.is_empty())
        else {
            return Err(ProcfileError::Line {
                line,
                text: text.to_owned(),
            });
        };
        if types.iter().any(|known| known.name == name) {
            return Err(ProcfileError::Twice {
                line,
                name: name.to_owned(),
            });
        }
        types.push(ProcessType {
            name: name.to_owned(),
            command: command.to_owned(),
        });
    }
    types.retain(|process| process.name != RELEASE);
    Ok(types)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_')
}

/// Each type with its count: one, unless `counts` says otherwise; the last word on a name holds.
pub(super) fn formation(
    types: Vec<ProcessType>,
    counts: &[(String, u32)],
) -> Result<Vec<(ProcessType, u32)>, ProcfileError> {
    for (name, count) in counts {
        if !types.iter().any(|known| known.name == *name) {
            return Err(ProcfileError::Unknown {
                name: name.clone(),
                known: types.into_iter().map(|known| known.name).collect(),
            });
        }
        // Every `web` on this machine would want the same address.
        let most = if name == WEB { 1 } else { MOST_OF_ONE_TYPE };
        if *count > most {
            return Err(ProcfileError::TooMany {
                name: name.clone(),
                count: *count,
                most,
            });
        }
    }
    Ok(types
        .into_iter()
        .map(|process| {
            let count = counts
                .iter()
                .rev()
                .find(|(name, _)| *name == process.name)
                .map_or(1, |(_, count)| *count);
            (process, count)
        })
        .collect())
}

/// The line that a shell runs for a command: a first word `computetower` becomes `program`, in the shell's own place.
pub(super) fn shell_line(command: &str, program: &str) -> String {
    match command.strip_prefix("computetower") {
        Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => {
            format!("exec {}{rest}", quoted(program))
        }
        _ => command.to_owned(),
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn names(types: &[ProcessType]) -> Vec<&str> {
        types.iter().map(|process| process.name.as_str()).collect()
    }

    #[test]
    fn reads_names_and_commands_and_leaves_out_release() {
        let types = parse(
            "# what runs\r\nrelease: computetower migrate\r\n\r\nweb: computetower web --x a:b\r\n  chat-worker:computetower worker\n",
        )
        .unwrap();
        assert_eq!(names(&types), ["web", "chat-worker"]);
        assert_eq!(types[0].command, "computetower web --x a:b");
    }

    #[test]
    fn says_which_line_is_wrong() {
        for text in [
            "web: a\nno colon",
            "web: a\nspaced name: b",
            "web: a\nempty:",
            "web: a\n: b",
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with("line 2 "), "{error}");
        }
        assert!(matches!(
            parse("web: a\nweb: b").unwrap_err(),
            ProcfileError::Twice { line: 2, .. }
        ));
    }

    #[test]
    fn counts_replace_the_one_of_each() {
        let types = parse("web: a\nchat-worker: b\ndispatcher: c").unwrap();
        let counts = [
            ("chat-worker".to_owned(), 5),
            ("chat-worker".to_owned(), 2),
            ("web".to_owned(), 0),
        ];
        let counted: Vec<u32> = formation(types, &counts)
            .unwrap()
            .into_iter()
            .map(|(_, count)| count)
            .collect();
        assert_eq!(counted, [0, 2, 1]);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let types = parse("release: r\nweb: a\nchat-worker: b").unwrap();
        let error = formation(types, &[("chat".to_owned(), 1)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no process type `chat`; the Procfile has: web, chat-worker"
        );
    }

    #[test]
    fn two_processes_cannot_share_the_address() {
        let types = parse("web: a").unwrap();
        assert!(matches!(
            formation(types, &[("web".to_owned(), 2)]).unwrap_err(),
            ProcfileError::TooMany { most: 1, .. }
        ));
    }

    #[test]
    fn only_the_first_word_becomes_the_program() {
        assert_eq!(
            shell_line("computetower web", "/a b/it's"),
            r"exec '/a b/it'\''s' web"
        );
        assert_eq!(shell_line("computetower", "/p"), "exec '/p'");
        assert_eq!(shell_line("computetowerd web", "/p"), "computetowerd web");
        assert_eq!(shell_line("echo computetower", "/p"), "echo computetower");
    }

    #[test]
    fn the_built_in_procfile_is_one() {
        let types = parse(super::super::BUILT_IN_PROCFILE).unwrap();
        assert!(names(&types).contains(&WEB));
        assert!(!names(&types).contains(&RELEASE));
    }
}
