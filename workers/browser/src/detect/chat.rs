//! Which field a chat is typed into, and which button sends it. Pure; scores with reasons.

use super::{Scored, words};
use crate::facts::{Button, Field, PageFacts};

/// Below this a field is not taken for a chat box.
pub const INPUT_THRESHOLD: i32 = 30;
/// At this a button is pressed before the Enter key is tried.
pub const SEND_THRESHOLD: i32 = 20;

/// Letters that a field's own words have at most, where one of them tells what it is for.
const SHORT_WORDING: usize = 60;

/// Whether a field may rather be for something else than a chat: a note, a search, a form of several fields. Nothing is tried out on such a one.
pub(crate) fn may_be_another(field: &Field, facts: &PageFacts) -> bool {
    let own = [
        &field.name,
        &field.id,
        &field.placeholder,
        &field.label,
        &field.aria,
    ]
    .map(String::as_str)
    .join(" ")
    .to_lowercase();
    let of_a_form = facts.fields.iter().any(|other| {
        field.form.is_some() && other.form == field.form && other.locator != field.locator
    });
    field.r#type == "search"
        || field.is_in("search")
        || of_a_form
        || [words::NOTE, words::SEARCH, words::NEWSLETTER]
            .iter()
            .any(|list| words::any(&own, list))
}

/// Fields that may be the chat box, best first, all above the threshold.
#[must_use]
pub fn inputs(facts: &PageFacts) -> Vec<Scored> {
    let candidates = facts
        .fields
        .iter()
        .filter(|field| field.r#type != "password")
        .count();
    let mut choices: Vec<Scored> = facts
        .fields
        .iter()
        .enumerate()
        .filter_map(|(i, field)| {
            let mut choice = Scored::new(i);
            match field.r#type.as_str() {
                "textarea" => choice.add(30, "text area"),
                "rich" => choice.add(30, "editable area"),
                "editor" => choice.add(30, "code editor"),
                "text" => choice.add(12, "text field"),
                "search" => choice.add(-30, "search field"),
                _ => return None,
            }
            judge_words(field, &mut choice);
            judge_place(field, facts, &mut choice);
            let others = facts.fields.iter().filter(|other| {
                field.form.is_some()
                    && other.form == field.form
                    && other.locator != field.locator
                    && matches!(
                        other.r#type.as_str(),
                        "text" | "email" | "tel" | "url" | "date" | "textarea"
                    )
            });
            let others = i32::try_from(others.count()).unwrap_or(i32::MAX);
            if others > 0 {
                choice.add(-30 - 15 * others.min(4), "one of several fields of a form");
            }
            if candidates == 1 {
                choice.add(10, "the only field");
            }
            Some(choice)
        })
        .filter(|choice| choice.score >= INPUT_THRESHOLD)
        .collect();
    choices.sort_by_key(|choice| std::cmp::Reverse((choice.score, choice.index)));
    choices
}

fn judge_words(field: &Field, choice: &mut Scored) {
    // What stands nearby is too weak a ground to call something a search box.
    let own = [
        &field.name,
        &field.id,
        &field.placeholder,
        &field.label,
        &field.aria,
    ]
    .map(String::as_str)
    .join(" ")
    .to_lowercase();
    if field.role == "textbox" {
        choice.add(5, "role textbox");
    }
    if words::any(&own, words::MESSAGE) {
        choice.add(20, "worded as a message box");
    }
    if words::any(&own, words::SEARCH)
        || field.is_in("search")
        || field.role == "searchbox"
        || field.role == "combobox"
    {
        choice.add(-40, "worded as a search box");
    }
    // "Ask for a code review", "Comment puis-je vous aider ?": a word of it alone says little.
    if words::any(&own, words::NOTE)
        && !words::any(&own, words::MESSAGE)
        && own.trim().chars().count() <= SHORT_WORDING
    {
        choice.add(-25, "worded as a note or feedback");
    }
    if words::any(&own, words::NEWSLETTER) {
        choice.add(-40, "worded as a newsletter");
    }
    if words::any(
        &field.autocomplete,
        &[
            "username", "email", "name", "given", "family", "street", "postal", "cc", "tel",
            "one-time",
        ],
    ) {
        choice.add(-40, "declared as personal data");
    }
    if words::any(
        &own,
        &[
            "email", "e-mail", "username", "password", "title", "subject", "rename",
        ],
    ) {
        choice.add(-20, "worded as another field");
    }
    if (1..100).contains(&field.maxlength) {
        choice.add(-15, "takes few letters");
    }
}

fn judge_place(field: &Field, facts: &PageFacts, choice: &mut Scored) {
    let [width, height] = facts.viewport;
    let (_, y) = field.centre();
    for (place, points) in [
        ("nav", -25),
        ("header", -20),
        ("aside", -15),
        ("article", -30),
        ("log", -10),
    ] {
        if field.is_in(place) {
            choice.add(points, place);
        }
    }
    if height > 0.0 && y > height * 0.5 {
        choice.add(10, "in the lower half");
    }
    if height > 0.0 && y > height * 0.75 {
        choice.add(5, "near the bottom");
    }
    if width > 0.0 && field.area[2] > width * 0.35 {
        choice.add(10, "wide");
    } else if field.area[2] >= 200.0 {
        choice.add(5, "wide enough");
    } else if field.area[2] < 120.0 {
        choice.add(-15, "narrow");
    }
    if field.focused {
        choice.add(8, "has the focus");
    }
    if matches!(field.tag.as_str(), "pre" | "code") {
        choice.add(-25, "a block of code");
    }
    if matches!(field.r#type.as_str(), "rich" | "editor") && field.length > 0 {
        choice.add(-15, "holds text already");
    }
    if field.readonly {
        choice.add(-30, "read-only");
    }
    if field.disabled {
        choice.add(-5, "disabled");
    }
    if facts.buttons.iter().any(|button| {
        words::any(&button.words(), words::SEND) && near(field, button.centre()) < 200.0
    }) {
        choice.add(8, "a send button nearby");
    }
}

/// Distance of a point from a field's edge, in pixels.
fn near(field: &Field, (x, y): (f64, f64)) -> f64 {
    let dx = (field.area[0] - x)
        .max(x - field.area[0] - field.area[2])
        .max(0.0);
    let dy = (field.area[1] - y)
        .max(y - field.area[1] - field.area[3])
        .max(0.0);
    dx.hypot(dy)
}

/// Buttons that may send what was typed, best first. `before` is the page before anything was typed: a button that
/// came to life by the typing is very likely the one.
#[must_use]
pub fn send_buttons(before: Option<&PageFacts>, facts: &PageFacts, input: &str) -> Vec<Scored> {
    let Some(field) = facts.fields.iter().find(|field| field.locator == input) else {
        return Vec::new();
    };
    let mut choices: Vec<Scored> = facts
        .buttons
        .iter()
        .enumerate()
        .filter(|(_, button)| !button.locator.is_empty() && near(field, button.centre()) < 260.0)
        .map(|(i, button)| {
            let mut choice = Scored::new(i);
            let words = button.words();
            let (x, y) = button.centre();
            if field.form.is_some() && button.form == field.form {
                choice.add(12, "in the box's form");
                if button.submit && button.r#type == "submit" {
                    choice.add(8, "submits the form");
                }
            }
            let said = words::any(&words, words::SEND)
                || words::any(&button.classes.to_lowercase(), &["send", "submit"]);
            let other = words::any(&words, words::NOT_SEND);
            if said && !other {
                choice.add(25, "worded as send");
            }
            if other {
                choice.add(-40, "worded as something else");
            }
            if !said && !button.text.is_empty() && button.text.chars().any(char::is_alphanumeric) {
                choice.add(-12, "worded otherwise");
            }
            if button.link {
                choice.add(-25, "a link");
            }
            let distance = near(field, (x, y));
            choice.add(
                if distance < 60.0 {
                    8
                } else if distance < 140.0 {
                    4
                } else {
                    -6
                },
                "distance",
            );
            if x > field.area[0] + field.area[2] * 0.7 && y > field.area[1] - 10.0 {
                choice.add(8, "at the end of the box");
            }
            if y < field.area[1] - 30.0 {
                choice.add(-15, "above the box");
            }
            match before
                .and_then(|before| before.buttons.iter().find(|b| b.locator == button.locator))
            {
                Some(was) if was.disabled && !button.disabled => {
                    choice.add(25, "enabled by typing")
                }
                None if before.is_some() => choice.add(12, "appeared with the typing"),
                _ => {}
            }
            if button.disabled {
                choice.add(-35, "disabled");
            }
            if !button.popup.is_empty() || !button.pressed.is_empty() {
                choice.add(-20, "opens or toggles something");
            }
            for place in ["nav", "header", "aside", "log", "article"] {
                if button.is_in(place) {
                    choice.add(-15, place);
                }
            }
            choice
        })
        .filter(|choice| choice.score > 0)
        .collect();
    choices.sort_by_key(|choice| std::cmp::Reverse((choice.score, choice.index)));
    choices
}

/// Controls that may begin a new conversation, the likeliest first. Lists of conversations come after their control, and hold entries of the same
/// wording: in document order the control is the first.
#[must_use]
pub fn new_chats(facts: &PageFacts) -> Vec<usize> {
    let spoken = |button: &Button| button.words().replace(['-', '_'], " ");
    let mut choices: Vec<(bool, usize)> = facts
        .buttons
        .iter()
        .enumerate()
        .filter(|(_, button)| {
            !button.locator.is_empty()
                && !button.disabled
                && button.text.chars().count() <= 40
                && !button.is_in("dialog")
                && !button.is_in("log")
                && !button.is_in("article")
                && words::any(&spoken(button), words::NEW_CHAT)
        })
        .map(|(index, button)| (button.link, index))
        .collect();
    choices.sort_unstable();
    choices.into_iter().map(|(_, index)| index).collect()
}

/// The button of a dialog that agrees to what was asked for. None where it cannot be told from the one that does not.
pub fn agreeing<'b>(buttons: impl Iterator<Item = &'b Button>) -> Option<&'b Button> {
    let mut found: Vec<&Button> = buttons
        .filter(|button| {
            let words = button.words();
            !button.locator.is_empty()
                && !button.disabled
                && button.is_in("dialog")
                && words::any(&words, words::AGREE)
                && !words::any(&button.text.to_lowercase(), words::DISAGREE)
        })
        .collect();
    match found.len() {
        1 => found.pop(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: &str, words: &str, area: [f64; 4]) -> Field {
        Field {
            locator: words.to_owned(),
            r#type: kind.to_owned(),
            placeholder: words.to_owned(),
            area,
            ..Default::default()
        }
    }

    fn page(fields: Vec<Field>, buttons: Vec<Button>) -> PageFacts {
        PageFacts {
            viewport: [1280.0, 800.0],
            fields,
            buttons,
            ..Default::default()
        }
    }

    #[test]
    fn the_message_box_wins_over_search_and_over_a_box_in_an_answer() {
        let mut inner = field("textarea", "Edit", [300.0, 300.0, 600.0, 80.0]);
        inner.context = vec!["article".to_owned(), "log".to_owned()];
        let facts = page(
            vec![
                field("text", "Search chats", [10.0, 10.0, 200.0, 30.0]),
                inner,
                field("text", "Type a message", [300.0, 740.0, 700.0, 40.0]),
            ],
            Vec::new(),
        );
        assert_eq!(inputs(&facts).first().map(|choice| choice.index), Some(2));
    }

    #[test]
    fn a_question_that_has_a_word_for_notes_in_it_is_no_note() {
        let score = |words: &str| {
            let facts = page(
                vec![field("textarea", words, [300.0, 740.0, 700.0, 40.0])],
                Vec::new(),
            );
            inputs(&facts).first().map_or(0, |choice| choice.score)
        };
        let plain = score("Ask anything");
        for words in ["Comment puis-je vous aider ?", "Ask for a code review"] {
            assert_eq!(score(words), plain, "{words}");
        }
        assert!(score("Feedback") < score("Box"));
    }

    #[test]
    fn nothing_is_tried_out_on_a_field_for_notes_or_of_a_form() {
        let area = [300.0, 740.0, 700.0, 40.0];
        let mut facts = page(
            vec![
                field("textarea", "Write a comment", area),
                field("textarea", "Say something", area),
                field("text", "Search", area),
            ],
            Vec::new(),
        );
        let others = |facts: &PageFacts| -> Vec<bool> {
            let fields = facts.fields.iter();
            fields.map(|field| may_be_another(field, facts)).collect()
        };
        assert_eq!(others(&facts), [true, false, true]);
        facts.fields[1].form = Some(0);
        facts.fields[2].form = Some(0);
        assert_eq!(others(&facts), [true, true, true]);
    }

    #[test]
    fn the_text_of_a_contact_form_is_no_chat_box() {
        let mut fields = vec![
            field("email", "Your e-mail", [300.0, 200.0, 400.0, 40.0]),
            field("textarea", "Your message", [300.0, 500.0, 400.0, 160.0]),
        ];
        for field in &mut fields {
            field.form = Some(0);
        }
        let mut send = Button {
            locator: "b".into(),
            text: "Send".into(),
            form: Some(0),
            submit: true,
            ..Default::default()
        };
        send.area = [300.0, 680.0, 100.0, 40.0];
        assert!(inputs(&page(fields, vec![send])).is_empty());
    }

    fn button(text: &str, context: &[&str]) -> Button {
        Button {
            locator: text.to_owned(),
            text: text.to_owned(),
            context: context.iter().map(|place| (*place).to_owned()).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn a_control_for_a_new_chat_comes_before_a_conversation_of_that_name() {
        let mut icon = button("", &[]);
        icon.locator = "icon".to_owned();
        icon.id = "new-chat-button".to_owned();
        let mut named = button("New chat", &["nav"]);
        named.link = true;
        let facts = page(
            Vec::new(),
            vec![
                button("News", &[]),
                named,
                icon,
                button("Neuer Chat", &["dialog"]),
            ],
        );
        assert_eq!(new_chats(&facts), [2, 1]);
    }

    #[test]
    fn a_dialog_is_agreed_to_only_where_that_is_plain() {
        let cancel = button("Cancel", &["dialog"]);
        let confirm = button("Confirm", &["dialog"]);
        let clear = button("No, start over", &["dialog"]);
        let outside = button("OK", &[]);
        let agreed = |buttons: &[&Button]| {
            agreeing(buttons.iter().copied()).map(|button| button.text.clone())
        };
        assert_eq!(
            agreed(&[&cancel, &confirm, &outside]),
            Some("Confirm".to_owned())
        );
        assert_eq!(agreed(&[&cancel, &clear, &outside]), None);
        assert_eq!(agreed(&[&confirm, &button("Yes", &["dialog"])]), None);
    }

    #[test]
    fn a_lone_search_box_is_no_chat_box() {
        let facts = page(
            vec![field("search", "Search", [300.0, 10.0, 400.0, 30.0])],
            Vec::new(),
        );
        assert!(inputs(&facts).is_empty());
    }

    #[test]
    fn a_nameless_button_that_typing_enables_sends_and_attach_does_not() {
        let input = field("textarea", "Message", [300.0, 700.0, 700.0, 60.0]);
        let icon = |name: &str, x: f64, disabled: bool| Button {
            locator: format!("b{x}"),
            aria: name.to_owned(),
            icon: true,
            disabled,
            area: [x, 710.0, 36.0, 36.0],
            ..Default::default()
        };
        let before = page(
            vec![input.clone()],
            vec![icon("Attach file", 260.0, false), icon("", 1010.0, true)],
        );
        let after = page(
            vec![input],
            vec![icon("Attach file", 260.0, false), icon("", 1010.0, false)],
        );
        let choices = send_buttons(Some(&before), &after, "Message");
        assert_eq!(choices.first().map(|choice| choice.index), Some(1));
        assert!(
            choices[0].score >= SEND_THRESHOLD && choices.iter().all(|choice| choice.index != 0)
        );
    }
}
