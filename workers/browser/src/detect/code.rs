//! Which field takes a code from elsewhere: an app's, or one that was sent. Pure.

use super::login::takes_a_name;
use super::words;
use crate::facts::{Field, PageFacts};

/// Where a code from elsewhere goes.
#[derive(Debug, Clone, PartialEq)]
pub struct CodeField {
    /// The field; of several that take a digit each, the first.
    pub field: String,
    /// Several fields take a digit each.
    pub split: bool,
    /// The code of an authenticator app may be meant: nothing says that one was sent.
    pub by_app: bool,
}

/// The field of a page that asks for a code; none where it does not.
#[must_use]
pub fn code_field(facts: &PageFacts) -> Option<CodeField> {
    let page = format!(
        "{} {} {}",
        facts.title,
        facts.headings.join(" "),
        facts.text
    )
    .to_lowercase();
    let page: String = page.chars().take(2_000).collect();
    let by_app = words::any(&page, words::APP) || !words::any(&page, words::SENT);
    let found = |field: &Field, split| {
        Some(CodeField {
            field: field.locator.clone(),
            split,
            by_app,
        })
    };
    let takes_one = |field: &&Field| {
        takes_a_name(field)
            && (field.maxlength == 1
                // Boxes for a digit each, told by their width where they have no limit.
                || field.maxlength == 0 && field.area[2] > 0.0 && field.area[2] <= 80.0 && field.inputmode == "numeric")
    };
    let boxes: Vec<&Field> = facts.fields.iter().filter(takes_one).collect();
    if (4..=10).contains(&boxes.len()) {
        return found(boxes[0], true);
    }
    let declared = facts.fields.iter().find(|field| {
        field.autocomplete.contains("one-time-code") && !field.disabled && !field.readonly
    });
    if let Some(field) = declared {
        return found(field, false);
    }
    let mut texts = facts.fields.iter().filter(|field| {
        takes_a_name(field) && !field.is_in("search") && !words::any(&field.words(), words::SEARCH)
    });
    const BARE: &[&str] = &[
        "code",
        "kod",
        "código",
        "codice",
        "コード",
        "码",
        "碼",
        "코드",
        "код",
    ];
    const OTHER: &[&str] = &[
        "zip",
        "postal",
        "postcode",
        "plz",
        "promo",
        "coupon",
        "voucher",
        "gutschein",
        "country",
        "invit",
        "邮政",
        "郵便",
        "우편",
    ];
    let called = |field: &Field| {
        let words = field.words();
        words::any(&words, words::CODE) || words::any(&words, BARE) && !words::any(&words, OTHER)
    };
    let named = |field: &&Field| {
        called(field)
            && (field.inputmode == "numeric"
                || field.r#type == "number"
                || (4..=10).contains(&field.maxlength))
    };
    if let Some(field) = texts.clone().find(named) {
        return found(field, false);
    }
    // The only field of a page that speaks of a code, and not of a name.
    match (texts.next(), texts.next()) {
        (Some(only), None)
            if (words::any(&page, words::CODE) || words::any(&page, words::SENT))
                && only.r#type != "email"
                && !words::any(&only.autocomplete, &["username", "email"])
                && !words::any(&only.words(), words::MESSAGE)
                && called(only) =>
        {
            found(only, false)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, maxlength: u64, inputmode: &str) -> Field {
        Field {
            locator: name.to_owned(),
            tag: "input".to_owned(),
            r#type: "text".to_owned(),
            name: name.to_owned(),
            maxlength,
            inputmode: inputmode.to_owned(),
            area: [100.0, 200.0, 300.0, 40.0],
            ..Default::default()
        }
    }

    fn page(fields: Vec<Field>, text: &str) -> PageFacts {
        PageFacts {
            fields,
            text: text.to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn digits_in_fields_of_their_own_are_one_code() {
        let boxes = (0..6)
            .map(|place| field(&format!("d{place}"), 1, ""))
            .collect();
        let found = code_field(&page(boxes, "")).unwrap();
        assert!(found.split && found.field == "d0");
        let narrow = |place: u32| Field {
            area: [100.0 + f64::from(place) * 50.0, 200.0, 40.0, 40.0],
            ..field(&format!("d{place}"), 0, "numeric")
        };
        assert!(
            code_field(&page((0..6).map(narrow).collect(), "")).is_some_and(|found| found.split)
        );
    }

    #[test]
    fn a_code_is_told_from_other_short_fields() {
        for (fields, text) in [
            (vec![field("code", 6, "numeric")], "Enter it"),
            (vec![field("otp", 0, "numeric")], ""),
            (
                vec![field("code", 0, "")],
                "Öffnen Sie Ihre App für die Zwei-Faktor-Anmeldung",
            ),
            (
                vec![field("code", 0, "")],
                "Nous vous avons envoyé un message",
            ),
            (vec![field("確認コード", 6, "")], ""),
        ] {
            assert!(
                code_field(&page(fields.clone(), text)).is_some(),
                "{fields:?} {text}"
            );
        }
        for (fields, text) in [
            (vec![field("zip code", 5, "numeric")], "Where do you live?"),
            (vec![field("promo code", 8, "")], "Your basket"),
            (vec![field("email", 0, "")], "We sent newsletters to many"),
            (
                vec![field("q", 0, "")],
                "Two-factor authentication: how to set it up",
            ),
            (vec![field("first", 1, ""), field("second", 1, "")], ""),
        ] {
            assert_eq!(
                code_field(&page(fields.clone(), text)),
                None,
                "{fields:?} {text}"
            );
        }
    }
}
