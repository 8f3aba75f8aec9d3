//! Discovering a chat: which field is typed into, how a question is sent, where and how the answer comes, and when it
//! is complete. Ends with a trial: a question with a word of its own, sent and answered.

use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::chat_map::{ChatMap, StreamMethod};
use crate::conversation::assemble::{learn_from_source, learn_from_two};
use crate::conversation::{Conversation, LastTurn, Reading, attach, models, new_chat};
use crate::detect::{chat, launcher, words};
use crate::error::BrowserError;
use crate::eyes::{Eyes, find_box};
use crate::facts::{PageFacts, settled};
use crate::network::recipe::{Mode, Recipe};
use crate::notes::Notes;
use crate::page::Page;
use crate::rest::shows;
use crate::trace::step;

const INPUT_LIMIT: Duration = Duration::from_secs(15);
/// How long a page may take to show its box by itself before something is pressed for it.
const LAUNCH_PATIENCE: Duration = Duration::from_millis(1500);
/// So many boxes that answer nothing are tried before the page is given up.
const MOST_AVOIDED: usize = 3;
/// So many points less than the likeliest box may the one have that was known before.
const LOYALTY: i32 = 30;
/// Texts below an answer that are kept as none of it.
const MOST_FURNITURE: usize = 16;
/// Bytes of a text that may be nothing but a complaint.
const LONGEST_REFUSAL: usize = 300;

/// Finds out how to chat on the page as it stands. What is known already is tried first.
///
/// # Errors
/// [`BrowserError::ElementNotFound`] with `chat input` for a page without one, [`BrowserError::SessionExpired`] for a
/// sign-in form, and what a conversation can fail with.
pub async fn discover_chat(
    page: &Page,
    known: Option<&ChatMap>,
    notes: &Notes,
) -> Result<ChatMap, BrowserError> {
    discover_chat_with(page, known, None, notes).await
}

/// As [`discover_chat`]; where no field scores high enough, `eyes` may point at one, and the trial decides.
///
/// # Errors
/// As [`discover_chat`].
pub async fn discover_chat_with(
    page: &Page,
    known: Option<&ChatMap>,
    eyes: Option<&dyn Eyes>,
    notes: &Notes,
) -> Result<ChatMap, BrowserError> {
    // Boxed: with all that it awaits it is large, and callers await it among others.
    step("discover", Box::pin(discover(page, known, eyes, notes))).await
}

async fn discover(
    page: &Page,
    known: Option<&ChatMap>,
    eyes: Option<&dyn Eyes>,
    notes: &Notes,
) -> Result<ChatMap, BrowserError> {
    let began = Instant::now();
    let mut avoid = known.map_or_else(Vec::new, |map| map.given_up.clone());
    let mut tried = false;
    let (mut map, fresh, mut asked, first) = loop {
        let mut map = find_input(page, known, eyes, &avoid, tried, notes).await?;
        if let Some(known) = known {
            map.inputs.clone_from(&known.inputs);
        }
        // A question that is lost would cost the time of an answer that does not come.
        shows(page, &map.input).await;
        let fresh = page.facts().await?;
        map.attach = Some(attach::look(page, &map.input).await?);
        let mut conversation = Conversation::new(page, &map, notes).learning();
        match Box::pin(trial(page, &mut conversation, 1)).await {
            Ok((asked, first)) => break (conversation.map().clone(), fresh, asked, first),
            Err(error) => {
                // What has left the page may be answered yet, or stand somewhere now.
                let heard_of = !answered_nothing(&error) || conversation.has_left();
                avoid.push(map.input.clone());
                if heard_of || avoid.len() > MOST_AVOIDED || !has_another(&fresh, &avoid) {
                    return Err(error);
                }
                tried = true;
            }
        }
    };
    let mut furniture_known = false;
    if let Some(recipe) = &first.recipe {
        map.recipes.push(recipe.clone());
        map.method = recipe.method;
        furniture_known = true;
    } else if let Some((recipe, source)) = &first.inside
        && let Some(furniture) = learn_from_source(&first.raw, source)
    {
        map.furniture = furniture;
        map.recipes.push(recipe.clone());
        map.method = recipe.method;
        furniture_known = true;
    }
    learn_marks(&mut map, &first);
    // One answer that stands alone and says what the traffic says leaves nothing open; otherwise a second one tells
    // furniture from answer.
    let mut readings = vec![first];
    if !furniture_known {
        let mut conversation = Conversation::new(page, &map, notes).learning();
        let (question, second) = Box::pin(trial(page, &mut conversation, 2)).await?;
        asked = question;
        let passing = std::mem::take(&mut map.furniture.trailing);
        map.furniture = learn_from_two(&readings[0].raw, &second.raw);
        map.furniture.trailing.extend(passing);
        if let Some(recipe) = &second.recipe {
            map.recipes.push(recipe.clone());
            map.method = recipe.method;
        }
        learn_marks(&mut map, &second);
        readings.push(second);
    }
    map.shows_questions = readings.iter().all(|reading| reading.question_seen);
    map.recipes.retain(|recipe: &Recipe| {
        recipe.mode != Mode::Snapshot || recipe.method != StreamMethod::Dom
    });
    avoid.retain(|given_up| *given_up != map.input);
    map.given_up = avoid;
    let mut proved = Conversation::new(page, &map, notes);
    proved.take_in_the_elements().await;
    map = proved.map().clone();
    let closed_well = readings
        .iter()
        .all(|reading| reading.answer.closing_signal != "quiet");
    map.confidence = if closed_well { 0.95 } else { 0.8 };
    for reading in &readings {
        notes.validation(reading.answer.verdict.clone());
    }
    if let Some(reading) = readings.last() {
        let last = LastTurn {
            question: asked,
            answer: reading.answer.text.clone(),
        };
        map.new_chat = new_chat::learn(page, &map, &fresh, &last, notes).await?;
        map.trial = last.question;
        map.trial_answer = last.answer;
    }
    map.models = match models::learn(page, &map, notes).await {
        Ok(models) => models,
        Err(error @ BrowserError::Crashed { .. }) => return Err(error),
        // The chat works without it.
        Err(_) => None,
    };
    notes.step(
        "discover.done",
        json!({"input": map.input, "send": map.send, "method": map.method, "recipes": map.recipes,
               "closing": map.closing, "ignored": map.ignored, "furniture": map.furniture, "new_chat": map.new_chat, "models": map.models, "trials": readings.len()}),
        began,
    );
    Ok(map)
}

/// Whether a box took the question, and nothing came of it.
fn answered_nothing(error: &BrowserError) -> bool {
    matches!(
        error,
        BrowserError::NotSent { .. } | BrowserError::AnswerStalled { received: 0, .. }
    )
}

fn has_another(facts: &PageFacts, avoid: &[String]) -> bool {
    let choices = chat::inputs(facts);
    let mut fields = choices.iter().map(|choice| &facts.fields[choice.index]);
    fields.any(|field| !avoid.contains(&field.locator) && !chat::may_be_another(field, facts))
}

fn learn_marks(map: &mut ChatMap, reading: &Reading) {
    for text in &reading.passing {
        if !map.furniture.trailing.contains(text) {
            map.furniture.trailing.push(text.clone());
        }
    }
    for mark in &reading.closing {
        if !map.closing.contains(mark) {
            map.closing.push(mark.clone());
        }
    }
    // A mark that outlasted one answer says nothing about the next.
    for mark in &reading.lasting {
        if !map.ignored.contains(mark) {
            map.ignored.push(mark.clone());
        }
    }
    map.closing.retain(|mark| !map.ignored.contains(mark));
    map.furniture.trailing.truncate(MOST_FURNITURE);
}

async fn find_input(
    page: &Page,
    known: Option<&ChatMap>,
    eyes: Option<&dyn Eyes>,
    avoid: &[String],
    tried: bool,
    notes: &Notes,
) -> Result<ChatMap, BrowserError> {
    let mut began = Instant::now();
    let mut last: Option<PageFacts> = None;
    let mut pressed: Vec<String> = Vec::new();
    loop {
        let facts = match page.facts().await {
            Ok(facts) => facts,
            Err(error @ BrowserError::Crashed { .. }) => return Err(error),
            Err(error) if began.elapsed() > INPUT_LIMIT => return Err(error),
            Err(_) => {
                sleep(Duration::from_millis(150)).await;
                continue;
            }
        };
        let calm = last.as_ref().is_some_and(|before| settled(before, &facts));
        let mut choices = chat::inputs(&facts);
        if has_another(&facts, avoid) {
            choices.retain(|choice| !avoid.contains(&facts.fields[choice.index].locator));
        }
        if tried {
            // The first was the likeliest: of the others only those that can be nothing else.
            choices.retain(|choice| !chat::may_be_another(&facts.fields[choice.index], &facts));
        }
        let highest = choices.first().map_or(0, |choice| choice.score);
        let best = known
            .and_then(|map| {
                choices.iter().find(|choice| {
                    facts.fields[choice.index].locator == map.input
                        && choice.score + LOYALTY > highest
                })
            })
            .or(choices.first());
        if let Some(best) = best.filter(|_| calm || began.elapsed() > INPUT_LIMIT / 2) {
            let field = &facts.fields[best.index];
            if !field.disabled || began.elapsed() > INPUT_LIMIT {
                let map = ChatMap {
                    url: facts.url.clone(),
                    input: field.locator.clone(),
                    input_kind: field.r#type.clone(),
                    launcher: pressed.last().cloned(),
                    before_launcher: pressed
                        .split_last()
                        .map_or(Vec::new(), |(_, before)| before.to_vec()),
                    reasons: best
                        .reasons
                        .iter()
                        .map(|reason| format!("input: {reason}"))
                        .collect(),
                    ..ChatMap::default()
                };
                notes.step(
                    "discover.input",
                    json!({"locator": map.input, "score": best.score, "reasons": best.reasons}),
                    began,
                );
                return Ok(map);
            }
        }
        let asks_password = facts.fields.iter().any(|field| field.r#type == "password");
        if asks_password && choices.is_empty() && calm && began.elapsed() > Duration::from_secs(2) {
            return Err(BrowserError::SessionExpired {
                evidence: page.evidence().await,
            });
        }
        let quiet = calm && choices.is_empty() && facts.ready != "loading" && !facts.busy;
        let patience = LAUNCH_PATIENCE * if pressed.is_empty() { 1 } else { 3 };
        if quiet
            && !asks_password
            && pressed.len() < 3
            && began.elapsed() > patience
            && let Some(launcher) = launcher::next(
                &facts,
                known.into_iter().flat_map(ChatMap::launchers),
                &pressed,
            )
        {
            page.click(&launcher).await?;
            notes.step("discover.launcher", json!({"button": launcher}), began);
            pressed.push(launcher);
            (began, last) = (Instant::now(), None);
            continue;
        }
        // A page that has been complete and calm for a while has nothing more to show.
        let idle = calm
            && choices.is_empty()
            && facts.ready == "complete"
            && !facts.busy
            && !facts.text.is_empty();
        if began.elapsed() > INPUT_LIMIT || idle && began.elapsed() > INPUT_LIMIT / 2 {
            if let Some(eyes) = eyes
                && !asks_password
                && let Some(map) = find_box(page, &facts, eyes, notes).await
            {
                return Ok(map);
            }
            return Err(BrowserError::ElementNotFound {
                what: "chat input".to_owned(),
                evidence: page.evidence().await,
            });
        }
        last = Some(facts);
        sleep(Duration::from_millis(150)).await;
    }
}

async fn trial(
    page: &Page,
    conversation: &mut Conversation<'_>,
    number: u32,
) -> Result<(String, Reading), BrowserError> {
    let word = word();
    let question = match number {
        1 => format!("Please reply with one short sentence that contains the word {word}."),
        _ => format!("Which letter does {word} begin with? One short sentence, please."),
    };
    conversation.type_question(&question).await?;
    conversation.send().await?;
    // Nobody reads the chunks of a trial, but the channel must not fill up.
    let (chunks, mut unread) = mpsc::channel::<String>(64);
    let drain = tokio::spawn(async move { while unread.recv().await.is_some() {} });
    let reading = conversation.read(&chunks).await;
    drop(chunks);
    drain.abort();
    let reading = reading?;
    // A page may say in the place of an answer that it has none. One that has the word in it is an answer, whatever else it says.
    let said = reading.answer.text.to_lowercase();
    if said.len() < LONGEST_REFUSAL && !said.contains(&word) && words::any(&said, words::FAILED) {
        return Err(BrowserError::PageError {
            text: reading.answer.text,
            in_its_place: false,
            evidence: page.evidence().await,
        });
    }
    Ok((question, reading))
}

/// A word that stands nowhere else on the page.
fn word() -> String {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(7, |time| time.subsec_nanos());
    let consonants = b"bdfgklmnprst";
    let vowels = b"aeiou";
    let mut seed = u64::from(nanos) ^ (u64::from(std::process::id()) << 20);
    let mut word = String::new();
    for i in 0..8_u64 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407 + i);
        let set: &[u8] = if i % 2 == 0 { consonants } else { vowels };
        let at = usize::try_from(seed >> 33).unwrap_or(0) % set.len();
        word.push(char::from(set[at]));
    }
    word
}
