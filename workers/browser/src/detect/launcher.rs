//! Which control opens a chat that is not on the page yet: a bubble in the corner, a button by its words. Pure; scores
//! with reasons.

use super::{Scored, words};
use crate::facts::{Button, PageFacts};
use crate::view::frame_of;

/// Below this a control is not pressed.
pub const THRESHOLD: i32 = 30;

/// What may be pressed: the buttons, then what else lies in the corners. An index of [`launchers`] counts these.
pub fn controls(facts: &PageFacts) -> impl Iterator<Item = &Button> {
    facts.buttons.iter().chain(&facts.corners)
}

/// Controls that may open a chat, best first, all above the threshold.
#[must_use]
pub fn launchers(facts: &PageFacts) -> Vec<Scored> {
    let mut choices: Vec<Scored> = controls(facts)
        .enumerate()
        .filter(|(_, button)| !button.locator.is_empty())
        .map(|(i, button)| judge(facts, button, i))
        .filter(|choice| choice.score >= THRESHOLD)
        .collect();
    choices.sort_by_key(|choice| std::cmp::Reverse((choice.score, choice.index)));
    choices
}

/// What may open the chat and was not pressed yet, by its locator; first what is `known` to have opened it.
pub(crate) fn next<'a>(
    facts: &PageFacts,
    known: impl Iterator<Item = &'a String>,
    pressed: &[String],
) -> Option<String> {
    let known: Vec<&String> = known.collect();
    let controls: Vec<&Button> = controls(facts).collect();
    let likely = launchers(facts);
    let likely = likely.iter().map(|choice| controls[choice.index]);
    let known = controls
        .iter()
        .copied()
        .filter(|button| known.contains(&&button.locator));
    known
        .chain(likely)
        .find(|button| !pressed.contains(&button.locator))
        .map(|button| button.locator.clone())
}

fn judge(facts: &PageFacts, button: &Button, index: usize) -> Scored {
    let mut choice = Scored::new(index);
    let said = format!("{} {}", button.words(), button.classes.to_lowercase());
    let shown = button.words();
    if words::any(&shown, words::LAUNCH) || words::names_new_chat(&shown) {
        choice.add(30, "worded as a chat");
    } else if words::any(&shown, words::HELP) {
        choice.add(15, "worded as help");
    } else if words::any(&said, words::LAUNCH) {
        choice.add(10, "its class names say chat");
    } else if button.text.chars().any(char::is_alphanumeric) {
        choice.add(-15, "worded otherwise");
    }
    if words::any(&said, words::NOT_LAUNCH) {
        choice.add(-45, "worded as something else");
    }
    if shown.trim().chars().count() > 60 {
        choice.add(-20, "says too much for a button");
    }
    let [width, height] = facts.viewport;
    let (x, y) = button.centre();
    let corner = height > 0.0 && y > height - 150.0 && (x > width - 170.0 || x < 130.0);
    if corner {
        let right = x > width - 170.0;
        choice.add(
            if right { 20 } else { 12 },
            if right {
                "in the lower right corner"
            } else {
                "in the lower left corner"
            },
        );
        let [_, _, across, down] = button.area;
        if (36.0..=110.0).contains(&across) && (across - down).abs() < 12.0 {
            choice.add(10, "round or square");
        }
        if frame_of(&button.locator).is_some() {
            choice.add(8, "in a frame of its own");
        }
    } else {
        for place in ["nav", "header", "footer", "article", "log"] {
            if button.is_in(place) {
                choice.add(-15, place);
            }
        }
    }
    if button.popup == "dialog" {
        choice.add(8, "opens a dialog");
    }
    if button.link && !button.href.starts_with('#') && !button.href.is_empty() {
        choice.add(-20, "leads to another page");
    }
    if button.submit {
        choice.add(-30, "submits a form");
    }
    if button.disabled {
        choice.add(-40, "disabled");
    }
    if button.covered {
        choice.add(-20, "something lies over it");
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn button(text: &str, aria: &str, area: [f64; 4]) -> Button {
        Button {
            locator: format!("{text}{aria}{area:?}"),
            text: text.to_owned(),
            aria: aria.to_owned(),
            area,
            ..Default::default()
        }
    }

    fn best(buttons: Vec<Button>, corners: Vec<Button>) -> Option<usize> {
        let facts = PageFacts {
            viewport: [1280.0, 800.0],
            buttons,
            corners,
            ..Default::default()
        };
        launchers(&facts).first().map(|choice| choice.index)
    }

    const MIDDLE: [f64; 4] = [300.0, 300.0, 120.0, 40.0];
    const CORNER: [f64; 4] = [1198.0, 718.0, 60.0, 60.0];

    #[test]
    fn a_chat_is_opened_by_its_words_or_from_the_corner() {
        let other = || button("Add to basket", "", MIDDLE);
        for words in [
            "Chat mit uns",
            "Ask us anything",
            "💬",
            "チャットで相談",
            "Live chat",
            "Neue Unterhaltung",
        ] {
            assert_eq!(
                best(vec![other(), button(words, "", MIDDLE)], Vec::new()),
                Some(1),
                "{words}"
            );
        }
        assert_eq!(
            best(vec![other()], vec![button("", "", CORNER)]),
            Some(1),
            "a bubble without a word"
        );
        let help = button("", "Support", CORNER);
        assert_eq!(
            best(vec![help, button("Chat", "", CORNER)], Vec::new()),
            Some(1)
        );
    }

    #[test]
    fn other_corners_and_other_words_are_left_alone() {
        for (text, aria) in [
            ("", "Back to top"),
            ("🍪", "Cookie settings"),
            ("Buy now", ""),
            ("", "Nach oben"),
        ] {
            assert_eq!(
                best(vec![button(text, aria, CORNER)], Vec::new()),
                None,
                "{text}{aria}"
            );
        }
        assert_eq!(best(vec![button("Help", "", MIDDLE)], Vec::new()), None);
        // It may begin anything: pressing it would make a record of something.
        for text in ["Start new application", "Start over", "New topic"] {
            assert_eq!(
                best(vec![button(text, "", MIDDLE)], Vec::new()),
                None,
                "{text}"
            );
        }
        let mut link = button("Why our chat won", "", MIDDLE);
        (link.link, link.href) = (true, "/blog/chat".to_owned());
        assert_eq!(best(vec![link], Vec::new()), None);
    }
}
