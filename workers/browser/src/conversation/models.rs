//! The page's own models: finding the control that chooses them, and choosing one. A choice counts only when the control shows it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::chat_map::{ChatMap, ModelPicker};
use crate::detect::models::{self, Picker};
use crate::error::BrowserError;
use crate::input::Key;
use crate::notes::Notes;
use crate::page::Page;
use crate::view::{frame_of, inside};

/// How long a list may take to open.
const OPENS_WITHIN: Duration = Duration::from_millis(1500);
/// How long the control may take to be there, and to show what was chosen.
const SHOWS_WITHIN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(60);

/// An entry of an opened list.
#[derive(Debug, Clone, Deserialize)]
struct Item {
    locator: String,
    label: String,
    disabled: bool,
    chosen: bool,
}

/// What a control shows.
#[derive(Debug, Deserialize)]
struct Shown {
    text: String,
    disabled: bool,
}

/// Looks for the control that chooses the model, and for what it offers. None where there is none, or it offers no choice.
pub(crate) async fn learn(
    page: &Page,
    map: &ChatMap,
    notes: &Notes,
) -> Result<Option<ModelPicker>, BrowserError> {
    let began = Instant::now();
    let found = look(page, map).await?;
    for choice in models::pickers(&found).into_iter().take(2) {
        let picker = &found[choice.index];
        let (entries, chosen) = match picker.opens.as_str() {
            "select" => (picker.options.clone(), None),
            _ => {
                let items = open(page, map, &picker.locator).await?;
                close(page, map, &picker.locator).await?;
                let chosen = items.iter().find(|item| item.chosen);
                let chosen = chosen.map(|item| item.label.clone());
                (items.into_iter().map(|item| item.label).collect(), chosen)
            }
        };
        let names = models::offered(&entries, models::is_worded(picker));
        notes.step(
            "discover.models",
            json!({"control": picker.locator, "score": choice.score, "reasons": choice.reasons, "offers": entries.len(), "models": names}),
            began,
        );
        if let Some(names) = names {
            let shown = models::current(&names, &picker.shown).map(str::to_owned);
            return Ok(Some(ModelPicker {
                picker: picker.locator.clone(),
                native: picker.opens == "select",
                shown: shown.or(chosen.filter(|chosen| names.contains(chosen))),
                names,
            }));
        }
    }
    Ok(None)
}

/// Has the page show a model, one of those in its map. False when the control is not there: a page may show it only before a conversation.
///
/// # Errors
/// [`BrowserError::ElementNotFound`] when the model cannot be chosen, or the page does not show it afterwards.
pub async fn choose_model(
    page: &Page,
    map: &ChatMap,
    label: &str,
    notes: &Notes,
) -> Result<bool, BrowserError> {
    let Some(known) = &map.models else {
        return Ok(false);
    };
    let began = Instant::now();
    let Some((picker, text)) = control(page, map, known).await? else {
        notes.step(
            "chat.model",
            json!({"model": label, "control": "not there"}),
            began,
        );
        return Ok(false);
    };
    let told = |changed: bool| {
        notes.step(
            "chat.model",
            json!({"model": label, "changed": changed, "control": picker}),
            began,
        );
        Ok(true)
    };
    if models::current(&known.names, &text) == Some(label) {
        return told(false);
    }
    if known.native {
        let done: bool = page.js("chooseOption", (&picker, label)).await?;
        if !done {
            return missing(page, label).await;
        }
    } else {
        let items = open(page, map, &picker).await?;
        let wanted = items
            .iter()
            .find(|item| item.label.trim() == label && !item.disabled);
        let Some(wanted) = wanted else {
            close(page, map, &picker).await?;
            return missing(page, label).await;
        };
        if wanted.chosen {
            close(page, map, &picker).await?;
            return told(false);
        }
        page.click(&wanted.locator).await?;
    }
    let deadline = Instant::now() + SHOWS_WITHIN;
    loop {
        let shown: Option<Shown> = page.js("pickerShows", (&picker,)).await.unwrap_or(None);
        let text = shown.map(|shown| shown.text).unwrap_or_default();
        if models::current(&known.names, &text) == Some(label) {
            return told(true);
        }
        if Instant::now() >= deadline {
            break;
        }
        sleep(LOOK).await;
    }
    // A control that shows no name says in its list what is chosen.
    if !known.native {
        let items = open(page, map, &picker).await?;
        close(page, map, &picker).await?;
        let chosen = items.iter().find(|item| item.chosen);
        if chosen.is_some_and(|item| item.label.trim() == label) {
            return told(true);
        }
    }
    missing(page, label).await
}

async fn missing(page: &Page, label: &str) -> Result<bool, BrowserError> {
    Err(BrowserError::ElementNotFound {
        what: format!("model {label:?} to choose"),
        evidence: page.evidence().await,
    })
}

/// The controls in the document of the chat box.
async fn look(page: &Page, map: &ChatMap) -> Result<Vec<Picker>, BrowserError> {
    let place = frame_of(&map.input).unwrap_or_default();
    let mut found: Vec<Picker> = page.js("pickers", (&map.input,)).await?;
    for picker in &mut found {
        picker.locator = inside(place, &picker.locator);
    }
    Ok(found)
}

/// The control and what it shows: the one that is known, else the likeliest one that shows one of the models.
async fn control(
    page: &Page,
    map: &ChatMap,
    known: &ModelPicker,
) -> Result<Option<(String, String)>, BrowserError> {
    let deadline = Instant::now() + SHOWS_WITHIN;
    loop {
        match page
            .js::<Option<Shown>>("pickerShows", (&known.picker,))
            .await
        {
            Ok(Some(shown)) if !shown.disabled => {
                return Ok(Some((known.picker.clone(), shown.text)));
            }
            Err(error @ BrowserError::Crashed { .. }) => return Err(error),
            _ => {}
        }
        let found = look(page, map).await.unwrap_or_default();
        let moved = models::pickers(&found).into_iter().find_map(|choice| {
            let picker = &found[choice.index];
            let same = (picker.opens == "select") == known.native;
            let shows = models::current(&known.names, &picker.shown).is_some();
            (same && shows && !picker.disabled).then_some(picker)
        });
        if let Some(picker) = moved {
            return Ok(Some((picker.locator.clone(), picker.shown.clone())));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        sleep(LOOK * 3).await;
    }
}

/// Opens a list and returns its entries; none when nothing opened.
async fn open(page: &Page, map: &ChatMap, picker: &str) -> Result<Vec<Item>, BrowserError> {
    let place = frame_of(&map.input).unwrap_or_default();
    page.js::<bool>("noteItems", (&map.input,)).await?;
    match page.click(picker).await {
        Ok(()) => {}
        Err(error @ BrowserError::Crashed { .. }) => return Err(error),
        Err(_) => return Ok(Vec::new()),
    }
    let began = Instant::now();
    let mut last = 0;
    loop {
        sleep(LOOK).await;
        let mut items: Vec<Item> = page.js("newItems", (&map.input,)).await?;
        let calm = !items.is_empty() && items.len() == last;
        if calm || began.elapsed() > OPENS_WITHIN {
            for item in &mut items {
                item.locator = inside(place, &item.locator);
            }
            return Ok(items);
        }
        last = items.len();
    }
}

/// Closes an opened list, without choosing from it.
async fn close(page: &Page, map: &ChatMap, picker: &str) -> Result<(), BrowserError> {
    page.key(Key::Escape, false).await?;
    sleep(LOOK * 3).await;
    let left: Vec<Item> = page.js("newItems", (&map.input,)).await?;
    if !left.is_empty() {
        match page.click(picker).await {
            Err(error @ BrowserError::Crashed { .. }) => return Err(error),
            // What lies over the control now is the list: another Escape is all that is left.
            Ok(()) | Err(_) => sleep(LOOK * 2).await,
        }
    }
    Ok(())
}
