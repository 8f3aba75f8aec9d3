//! How long a page says to wait.

/// A number of seconds or minutes named in a text.
pub(super) fn seconds_in(text: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let mut words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .peekable();
    while let Some(word) = words.next() {
        if let (Ok(number), Some(unit)) = (word.parse::<u64>(), words.peek()) {
            let factor = match unit.chars().next() {
                Some('s') => 1,
                Some('m') => 60,
                Some('h') => 3600,
                _ => continue,
            };
            return Some(number.saturating_mul(factor));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn waits_named_by_a_page_are_understood() {
        assert_eq!(
            super::seconds_in("Too many requests. Try again in 30 seconds."),
            Some(30)
        );
        assert_eq!(super::seconds_in("Please wait 2 minutes"), Some(120));
        assert_eq!(super::seconds_in("Too many requests"), None);
    }
}
