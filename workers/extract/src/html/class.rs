//! The words of class names and ids.

/// The words that a class attribute or an id is made of, in lower case: `siteNav-item_2` is `site`, `nav`, `item`.
pub(super) fn words(value: &str) -> impl Iterator<Item = String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut lower = false;
    for one in value.chars() {
        if !one.is_alphabetic() {
            if !word.is_empty() {
                out.push(std::mem::take(&mut word));
            }
            lower = false;
            continue;
        }
        if one.is_uppercase() && lower {
            out.push(std::mem::take(&mut word));
        }
        lower = one.is_lowercase();
        word.extend(one.to_lowercase());
    }
    if !word.is_empty() {
        out.push(word);
    }
    out.into_iter()
}

/// Whether one of the names in a class attribute is one of `names`.
pub(super) fn any_name(value: Option<&str>, names: &[&str]) -> bool {
    value.is_some_and(|value| {
        value
            .split_ascii_whitespace()
            .any(|one| names.iter().any(|name| one.eq_ignore_ascii_case(name)))
    })
}

/// Whether one of the words in a class attribute is one of `wanted` (in lower case).
pub(super) fn any_word(value: Option<&str>, wanted: &[&str]) -> bool {
    value.is_some_and(|value| words(value).any(|word| wanted.contains(&&*word)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_fall_into_words() {
        let words: Vec<String> = super::words("siteNav-item_2 TOC is-Open2x").collect();
        assert_eq!(words, ["site", "nav", "item", "toc", "is", "open", "x"]);
    }
}
