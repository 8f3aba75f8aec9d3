//! House rules that neither the compiler nor clippy holds.

use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Files that may be longer than the rest, each with its reason. The list may only shrink.
const LONG: [&str; 0] = [];

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && name != "snapshots" {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|kind| matches!(kind.to_str(), Some("rs" | "js" | "lua" | "sql")))
            {
                found.push(path);
            }
        }
    }
    found
}

fn product() -> Vec<PathBuf> {
    ["jobs", "store", "workers", "src"]
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|path| {
            !path
                .components()
                .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "examples")
        })
        .collect()
}

fn short(path: &Path) -> String {
    path.strip_prefix(ROOT).unwrap().display().to_string()
}

#[test]
fn files_are_short_enough_to_read() {
    let long: Vec<String> = product()
        .iter()
        .filter(|path| !LONG.contains(&short(path).as_str()))
        .filter_map(|path| {
            let lines = std::fs::read_to_string(path).unwrap().lines().count();
            (lines > 600).then(|| format!("{} has {lines} lines: split it by step", short(path)))
        })
        .collect();
    assert_eq!(long, Vec::<String>::new());
}

#[test]
fn no_module_is_a_drawer_for_everything() {
    for path in product() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            !["common", "core", "utils", "helpers", "misc", "types"].contains(&name.as_str()),
            "{}",
            short(&path)
        );
    }
}

#[test]
fn the_browser_knows_no_site() {
    // Brands of chat pages and login services, and addresses: a detector works by structure or not at all.
    let brands = [
        "openai.com",
        "chatgpt",
        "gemini",
        "claude.ai",
        "mistral",
        "perplexity",
        "deepseek",
        "copilot",
        "huggingface",
        "grok",
        "poe.com",
        "gradio",
        "chainlit",
        "nicegui",
        "streamlit",
        "deep-chat",
        "deepchat",
        "open-webui",
        "librechat",
        "quasar",
        "chatscope",
        "shiny",
        "panel-",
        "okta",
        "auth0",
        "keycloak",
        "django",
    ];
    for path in sources("workers")
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
    {
        let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
        for brand in brands {
            assert!(!text.contains(brand), "{} names {brand}", short(&path));
        }
    }
}

#[test]
fn only_the_configuration_reads_the_environment() {
    for path in product() {
        let text = std::fs::read_to_string(&path).unwrap();
        if short(&path) != "src/config.rs" && path.extension().is_some_and(|kind| kind == "rs") {
            for asked in ["env::var(", "env::var_os(", "env::vars"] {
                assert!(
                    !text.contains(asked),
                    "{} reads the environment",
                    short(&path)
                );
            }
        }
    }
}

#[test]
fn every_kind_has_its_files_and_its_docs() {
    for kind in computetower_jobs::JobKind::ALL {
        for file in [
            format!("jobs/src/kinds/{kind}.rs"),
            format!("workers/src/kinds/{kind}.rs"),
        ] {
            assert!(Path::new(ROOT).join(&file).is_file(), "{file} is missing");
        }
        let tested =
            std::fs::read_to_string(Path::new(ROOT).join("tests/it/kinds/mod.rs")).unwrap();
        assert!(
            tested.contains(&format!("mod {kind};")) || tested.contains(&format!("`{kind}`")),
            "{kind} has no test"
        );
    }
}

#[test]
fn every_queue_has_a_process_type() {
    let procfile = std::fs::read_to_string(Path::new(ROOT).join("Procfile")).unwrap();
    for queue in computetower_jobs::Queue::ALL {
        assert!(
            procfile.contains(&format!("--queues {queue}")),
            "no process type of the Procfile takes jobs from {queue}"
        );
    }
    // And the other way round: a queue that is in the Procfile and not in the list is one that somebody forgot to list.
    for word in procfile
        .lines()
        .filter_map(|line| line.split("--queues ").nth(1))
        .flat_map(|rest| {
            rest.split_whitespace()
                .next()
                .unwrap_or_default()
                .split(',')
        })
    {
        assert!(
            word.parse::<computetower_jobs::Queue>().is_ok(),
            "the Procfile names {word}, which is not in Queue::ALL"
        );
    }
}

#[test]
fn the_repository_is_whole_by_itself() {
    for path in product().into_iter().chain(sources("tests")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let outside = ["..", "shared"].join("/");
        assert!(
            !text.contains(&outside),
            "{} reaches outside of the repository",
            short(&path)
        );
    }
}
