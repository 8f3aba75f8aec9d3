//! Which control of a page chooses its model, and what it offers. Pure; scores with reasons.

use serde::{Deserialize, Serialize};

use super::{Scored, words};

/// Below this a control is not taken for the one that chooses the model.
pub const PICKER_THRESHOLD: i32 = 35;
/// A list with more than so many entries is another list.
const MOST: usize = 120;

const MODEL: &[&str] = &[
    "model", "modell", "modèle", "modele", "modelo", "modello", "модель", "модел", "模型", "モデル", "모델", "نموذج", "मॉडल", "llm",
];
const SIZES: &[&str] = &[
    "mini", "nano", "small", "medium", "large", "lite", "light", "fast", "turbo", "flash", "instant", "pro", "plus", "max", "ultra", "instruct",
    "thinking", "reasoning", "preview", "auto",
];
const OTHER: &[&str] = &[
    "language", "sprache", "langue", "idioma", "lingua", "язык", "语言", "言語", "theme", "design", "colour", "color", "appearance", "sort", "order by",
    "filter", "country", "region", "currency", "time zone", "timezone", "voice", "stimme", "font", "size", "attach", "upload", "file", "emoji", "share",
    "account", "profile", "konto", "user menu", "history", "export", "temperature", "page size", "per page", "notification", "feedback", "date",
];
const ACTIONS: &[&str] = &[
    "log out", "logout", "sign out", "sign in", "log in", "abmelden", "settings", "einstellungen", "preferences", "profile", "rename", "delete", "löschen",
    "share", "teilen", "archive", "help", "upgrade", "download", "copy", "edit", "upload", "new chat", "report", "pin", "export", "feedback", "privacy",
];

/// A control that chooses one of several things, or opens a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Picker {
    /// Finds it again.
    pub locator: String,
    /// `select`, `listbox`, `menu` and the like; empty for a plain button.
    pub opens: String,
    /// What it shows as chosen.
    pub shown: String,
    /// What it says about itself, in lower case.
    pub words: String,
    /// Text that stands just before it, in lower case.
    pub near: String,
    /// What a native select offers.
    pub options: Vec<String>,
    /// What it stands in.
    pub context: Vec<String>,
    /// Disabled.
    pub disabled: bool,
    /// Pixels between it and the chat box.
    pub gap: f64,
    /// Part of a form that is not the chat's.
    pub form: bool,
}

/// Controls that may choose the model, best first, all above the threshold.
#[must_use]
pub fn pickers(found: &[Picker]) -> Vec<Scored> {
    let mut choices: Vec<Scored> = found
        .iter()
        .enumerate()
        .map(|(index, picker)| judge(index, picker))
        .filter(|choice| choice.score >= PICKER_THRESHOLD)
        .collect();
    choices.sort_by_key(|choice| (std::cmp::Reverse(choice.score), choice.index));
    choices
}

fn judge(index: usize, picker: &Picker) -> Scored {
    let mut choice = Scored::new(index);
    let shown = picker.shown.to_lowercase();
    if is_worded(picker) {
        choice.add(30, "worded as a model");
    } else if words::any(&picker.near, MODEL) {
        choice.add(20, "stands behind the word model");
    }
    if looks_like_model(&picker.shown) {
        choice.add(15, "shows what looks like a model's name");
    }
    match picker.opens.as_str() {
        "" => choice.add(-5, "opens nothing, by its markup"),
        _ => choice.add(15, "offers a list"),
    }
    if picker.opens == "select" {
        if picker.options.len() < 2 || picker.options.len() > MOST {
            choice.add(-40, "no choice of a few");
        } else if most(&picker.options, looks_like_model) {
            choice.add(20, "most of its options look like models");
        }
    }
    if words::any(&format!("{} {}", picker.words, shown), OTHER) || words::any(&picker.near, OTHER) {
        choice.add(-40, "worded as something else");
    }
    if picker.gap < 160.0 {
        choice.add(8, "near the box");
    }
    for (place, points) in [("header", 5), ("article", -40), ("log", -40), ("footer", -15), ("dialog", -10)] {
        if picker.context.iter().any(|context| context == place) {
            choice.add(points, place);
        }
    }
    if picker.form {
        choice.add(-25, "in a form of its own");
    }
    if picker.disabled {
        choice.add(-20, "disabled");
    }
    choice
}

/// Whether it says of itself that it chooses the model.
#[must_use]
pub fn is_worded(picker: &Picker) -> bool {
    words::any(&picker.words, MODEL) || words::any(&picker.shown.to_lowercase(), MODEL)
}

/// The models among the entries of a list, in its order; none where it is a list of something else.
#[must_use]
pub fn offered(entries: &[String], worded: bool) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        let entry = entry.trim();
        let fits = (1..=60).contains(&entry.chars().count()) && entry.chars().any(char::is_alphanumeric);
        if fits && !words::said(&entry.to_lowercase(), ACTIONS) && !names.iter().any(|name| name == entry) {
            names.push(entry.to_owned());
        }
    }
    // Some pages have a line like "Manage models" among them, but no more than that.
    let left_out = entries.len().saturating_sub(names.len());
    let plausible = names.len() >= 2 && names.len() <= MOST && left_out <= names.len() / 2 + 1;
    (plausible && (worded || most(&names, looks_like_model))).then_some(names)
}

fn most(list: &[String], test: impl Fn(&str) -> bool) -> bool {
    let fitting = list.iter().filter(|entry| test(entry)).count();
    !list.is_empty() && fitting * 2 >= list.len()
}

/// Whether a text could be a model's name: few words, and a version or a size among them.
#[must_use]
pub fn looks_like_model(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let length = text.chars().count();
    if !(2..=50).contains(&length) || text.split_whitespace().count() > 6 {
        return false;
    }
    if text.contains(['%', '€', '$', '£', '@']) || text.contains("://") {
        return false;
    }
    let parts: Vec<&str> = text.split(|c: char| c.is_whitespace() || "-_()/:".contains(c)).filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| part.len() == 4 && part.chars().all(|c| c.is_ascii_digit())) {
        return false;
    }
    let named = parts.iter().any(|part| part.chars().filter(|c| c.is_alphabetic()).count() >= 2);
    let version = |part: &&str| {
        let digits = part.chars().filter(char::is_ascii_digit).count();
        (1..=3).contains(&digits) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') && part.len() <= 8
    };
    named && (parts.iter().any(version) || parts.iter().any(|part| SIZES.contains(part)))
}

/// Which of the models a control shows, by its text; none where that cannot be told.
#[must_use]
pub fn current<'n>(names: &'n [String], shown: &str) -> Option<&'n str> {
    let key = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let shown = key(shown);
    let keys: Vec<String> = names.iter().map(|name| key(name)).collect();
    if let Some(at) = keys.iter().position(|name| *name == shown && !name.is_empty()) {
        return names.get(at).map(String::as_str);
    }
    // Words around the name: the longest that is in it, for one name may begin with another.
    let inside = (0..names.len()).filter(|at| !keys[*at].is_empty() && shown.contains(&keys[*at]));
    let longest = inside.max_by_key(|at| keys[*at].len());
    if let Some(at) = longest {
        return names.get(at).map(String::as_str);
    }
    // A part of it that no other has.
    let mut around = (0..names.len()).filter(|at| shown.len() >= 3 && keys[*at].contains(&shown));
    match (around.next(), around.next()) {
        (Some(at), None) => names.get(at).map(String::as_str),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picker(opens: &str, words: &str, shown: &str, options: &[&str]) -> Picker {
        Picker {
            locator: format!("{words}{shown}"),
            opens: opens.to_owned(),
            words: words.to_owned(),
            shown: shown.to_owned(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            gap: 500.0,
            ..Picker::default()
        }
    }

    #[test]
    fn the_control_that_chooses_the_model_is_told_from_others() {
        let found = [
            picker("select", "language", "English", &["English", "Deutsch"]),
            picker("select", "sort models by", "Newest", &["Newest", "Oldest"]),
            picker("menu", "account", "Ada", &[]),
            picker("", "", "New chat", &[]),
            picker("menu", "modell auswählen", "Parrot 2.1", &[]),
            picker("select", "", "Parrot 2.1", &["Parrot 2.1", "Parrot mini", "Echo"]),
            picker("", "", "Plan 2 days", &[]),
        ];
        let order: Vec<usize> = pickers(&found).iter().map(|choice| choice.index).collect();
        assert_eq!(order, [4, 5]);
    }

    #[test]
    fn a_list_of_something_else_offers_no_models() {
        let list = |entries: &[&str]| entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
        assert_eq!(offered(&list(&["Settings", "Log out"]), true), None);
        assert_eq!(offered(&list(&["Red", "Green", "Blue"]), false), None);
        assert_eq!(offered(&list(&["Parrot 2"]), true), None);
        assert_eq!(
            offered(&list(&["Parrot 2", "Parrot 2", "Parrot 2 mini", "Settings"]), false),
            Some(list(&["Parrot 2", "Parrot 2 mini"]))
        );
        assert_eq!(offered(&list(&["Owl", "Raven"]), true), Some(list(&["Owl", "Raven"])));
    }

    #[test]
    fn what_is_shown_is_matched_whole_or_not_at_all() {
        let names: Vec<String> = ["Parrot 2", "Parrot 2 mini", "Owl"].map(str::to_owned).to_vec();
        assert_eq!(current(&names, "Parrot 2"), Some("Parrot 2"));
        assert_eq!(current(&names, "Model: parrot-2-mini ▾"), Some("Parrot 2 mini"));
        assert_eq!(current(&names, "mini"), Some("Parrot 2 mini"));
        assert_eq!(current(&names, "Parrot"), None);
        assert_eq!(current(&names, ""), None);
    }

    #[test]
    fn names_with_a_version_or_a_size_look_like_models() {
        for name in ["Parrot-4o", "Owl 3.5 mini", "raven-70b-instruct", "Owl (fast)"] {
            assert!(looks_like_model(name), "{name}");
        }
        for other in ["12:30", "1 January 2026", "50 %", "English", "2", "Read all of the terms and conditions 2"] {
            assert!(!looks_like_model(other), "{other}");
        }
    }
}
