//! A page after a sign-in of which nothing shows what became of it. Pure.

use super::login::{Stage, stage};
use super::words;
use crate::facts::PageFacts;

/// Whether nothing on the page speaks against somebody being in: it works, shows something, asks for nothing, and complains about nothing. Proof of
/// nothing by itself.
#[must_use]
pub fn nothing_speaks_against(now: &PageFacts) -> bool {
    let asks = !matches!(stage(now), Stage::Nothing | Stage::Inside(_))
        || now.fields.iter().any(|field| field.r#type == "password")
        || !now.challenges.is_empty();
    let said = [&now.headings.join(" "), &now.title, &now.text];
    let alerts = now.alerts.iter().map(|alert| &alert.text);
    let complains = said.into_iter().chain(alerts).any(|text| {
        let lower = text.to_lowercase();
        words::any(&lower, words::WRONG)
            || words::any(&lower, words::LOCKED)
            || words::any(&lower, words::NO_ENTRY)
            || words::names_challenge(&lower)
    });
    let works = now.status < 400 && !now.url.starts_with("chrome-error:");
    works && !asks && !complains && !now.text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Alert, Field};

    #[test]
    fn a_page_that_fails_asks_or_complains_speaks_against_it() {
        let things = PageFacts {
            url: "http://x/".into(),
            status: 200,
            text: "One, two, three.".into(),
            ..Default::default()
        };
        assert!(nothing_speaks_against(&things));
        let field = |r#type: &str, autocomplete: &str| Field {
            r#type: r#type.into(),
            autocomplete: autocomplete.into(),
            area: [100.0, 100.0, 200.0, 40.0],
            ..Default::default()
        };
        let with = |change: &dyn Fn(&mut PageFacts)| {
            let mut page = things.clone();
            change(&mut page);
            page
        };
        for page in [
            with(&|page| page.status = 404),
            with(&|page| page.text = " ".into()),
            with(&|page| page.text = "Access denied".into()),
            with(&|page| page.text = "Leider nicht.".into()),
            with(&|page| {
                page.alerts.push(Alert {
                    text: "Wrong password".into(),
                    ..Default::default()
                })
            }),
            with(&|page| page.fields.push(field("password", ""))),
            with(&|page| page.fields.push(field("text", "one-time-code"))),
            with(&|page| page.challenges.push("turnstile".into())),
        ] {
            assert!(!nothing_speaks_against(&page), "{page:?}");
        }
    }
}
