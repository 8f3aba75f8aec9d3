//! How callers name what they ask: a provider, an alias, or `provider/model` for one of the models that the provider's page offers. Pure.

/// The provider, and what comes after it.
#[must_use]
pub fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('/') {
        Some((provider, model)) => (provider, Some(model)),
        None => (name, None),
    }
}

/// The name of a page's model for programs: its label with dashes for blanks and signs, so that it needs no escaping.
#[must_use]
pub fn model_id(label: &str) -> String {
    let mut id = String::new();
    for c in label.trim().chars() {
        if c.is_alphanumeric() || "._:+".contains(c) {
            id.push(c);
        } else if !id.ends_with('-') {
            id.push('-');
        }
    }
    id.trim_matches('-').to_owned()
}

/// The label that a caller means: told as it stands on the page, or by its id; upper and lower case are the same.
#[must_use]
pub fn label_of<'l>(labels: &'l [String], asked: &str) -> Option<&'l str> {
    let wanted = [asked.trim().to_lowercase(), model_id(asked).to_lowercase()];
    let exact = labels.iter().find(|label| label.trim() == asked.trim());
    let alike = || {
        labels
            .iter()
            .find(|label| label.trim().to_lowercase() == wanted[0])
    };
    let by_id = || {
        labels
            .iter()
            .find(|label| model_id(label).to_lowercase() == wanted[1] && !wanted[1].is_empty())
    };
    exact.or_else(alike).or_else(by_id).map(String::as_str)
}

/// Whether a provider or an alias may be called so: 1 to 64 letters, digits, dots, dashes or underscores.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_label_is_found_by_its_id_and_by_itself() {
        let labels: Vec<String> = ["GPT-4o mini", "Claude 3.5 (fast)", "写作助手"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(model_id(&labels[0]), "GPT-4o-mini");
        assert_eq!(model_id(&labels[1]), "Claude-3.5-fast");
        for (asked, at) in [
            ("GPT-4o mini", 0),
            ("gpt-4o-mini", 0),
            ("claude-3.5-fast", 1),
            ("写作助手", 2),
        ] {
            assert_eq!(label_of(&labels, asked), Some(labels[at].as_str()));
        }
        assert_eq!(label_of(&labels, "gpt-4o"), None);
        assert_eq!(label_of(&labels, ""), None);
        assert_eq!(split("desk/GPT/4"), ("desk", Some("GPT/4")));
        assert_eq!(split("desk"), ("desk", None));
        assert!(is_name("a.b-c_1") && !is_name("a/b") && !is_name(""));
    }

    proptest! {
        #[test]
        fn every_label_with_letters_is_found_by_its_id(label in "[a-zA-Z0-9 ./()-]{0,20}") {
            let id = model_id(&label);
            if !id.is_empty() {
                prop_assert_eq!(label_of(std::slice::from_ref(&label), &id), Some(label.as_str()));
                prop_assert_eq!(model_id(&id), id);
            }
        }
    }
}
