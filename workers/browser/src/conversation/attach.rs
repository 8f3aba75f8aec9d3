//! Putting files beside a question: into the field that takes them, shown or not, or through the dialog that a button would open. Whether the page
//! has them is proven by what it shows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::dom::{BackendNodeId, SetFileInputFilesParams};
use chromiumoxide::cdp::browser_protocol::page::SetInterceptFileChooserDialogParams;
use chromiumoxide::cdp::js_protocol::runtime::{EvaluateParams, RemoteObjectId};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Conversation;
use crate::chat_map::Attach;
use crate::detect::attach::{FileInput, buttons, entry, inputs};
use crate::error::BrowserError;
use crate::facts::PageFacts;
use crate::page::{PAGE_LIMIT, Page};
use crate::trace::step;
use crate::view::{frame_of, inside};

/// How long a button may take to bring a dialog, a field or a menu.
const DIALOG_LIMIT: Duration = Duration::from_millis(2_500);
/// How long a page may take to show what it was given.
const SHOWN_LIMIT: Duration = Duration::from_secs(20);
/// How long it may take to be done with it.
const TAKEN_LIMIT: Duration = Duration::from_secs(60);

/// What a page shows of files.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Shown {
    named: usize,
    pictures: usize,
    busy: usize,
}

/// Where the page seems to take files, without touching anything.
pub(crate) async fn look(page: &Page, input: &str) -> Result<Attach, BrowserError> {
    let found: Vec<FileInput> = page.js("fileInputs", (input,)).await?;
    let field = inputs(&found)
        .first()
        .map(|choice| found[choice.index].locator.clone());
    let facts = page.facts().await?;
    let button = buttons(&facts, input)
        .first()
        .map(|choice| facts.buttons[choice.index].locator.clone());
    let place = frame_of(input).unwrap_or_default();
    Ok(Attach {
        input: field.map(|local| inside(place, &local)),
        button,
    })
}

impl Conversation<'_> {
    /// Puts files beside the question that will be typed next, and waits until the page shows them.
    ///
    /// # Errors
    /// [`BrowserError::TakesNoFiles`] when nothing was found that takes them, [`BrowserError::NotSent`] when the page does not show them, and what a
    /// page can fail with at any time.
    pub async fn attach(&mut self, files: &[PathBuf]) -> Result<(), BrowserError> {
        step("attach", self.put_beside(files)).await
    }

    async fn put_beside(&mut self, files: &[PathBuf]) -> Result<(), BrowserError> {
        let began = Instant::now();
        let facts = self.resolve_input().await?;
        self.clear_overlays().await?;
        let names: Vec<String> = files.iter().filter_map(|file| stem(file)).collect();
        let before = self.files_shown(&names).await?;
        let by = match self.give_to_a_field(files).await? {
            true => "field",
            false if self.give_by_a_button(&facts, files).await? => "button",
            false => {
                return Err(BrowserError::TakesNoFiles {
                    evidence: self.page.evidence().await,
                });
            }
        };
        let proof = self.taken(&names, before).await?;
        self.notes.step(
            "chat.attached",
            json!({"files": files.len(), "by": by, "proof": proof}),
            began,
        );
        Ok(())
    }

    async fn files_shown(&self, names: &[String]) -> Result<Shown, BrowserError> {
        self.page.js("filesShown", (&self.map.input, names)).await
    }

    /// Waits until the page shows the files, and is done with them.
    async fn taken(&self, names: &[String], before: Shown) -> Result<&'static str, BrowserError> {
        let began = Instant::now();
        let mut proof = None;
        loop {
            let now = self.files_shown(names).await?;
            if now.named > before.named {
                proof = Some("their names are shown");
            } else if now.pictures > before.pictures {
                proof = Some("pictures are shown");
            }
            match proof {
                Some(proof) if now.busy <= before.busy => return Ok(proof),
                Some(_) if began.elapsed() < TAKEN_LIMIT => {}
                None if began.elapsed() < SHOWN_LIMIT => {}
                _ => break,
            }
            sleep(Duration::from_millis(80)).await;
        }
        let reason = match proof {
            Some(_) => "the page is not done with the files that it was given",
            None => "the page does not show the files that it was given",
        };
        Err(BrowserError::NotSent {
            reason: reason.to_owned(),
            evidence: self.page.evidence().await,
        })
    }

    /// Gives the files to the field that fits best, if there is one.
    async fn give_to_a_field(&mut self, files: &[PathBuf]) -> Result<bool, BrowserError> {
        let found: Vec<FileInput> = self.page.js("fileInputs", (&self.map.input,)).await?;
        let Some(best) = inputs(&found).into_iter().next() else {
            return Ok(false);
        };
        let local = &found[best.index].locator;
        let place = self.place().to_owned();
        let view = self.page.view(&place).await?;
        let find = EvaluateParams {
            context_id: Some(view.context),
            ..EvaluateParams::new(format!("__ct.find({})", Value::from(local.as_str())))
        };
        let answer = self.page.ask(&view, find).await?;
        let Some(object) = answer.pointer("/result/objectId").and_then(Value::as_str) else {
            return Ok(false);
        };
        let give = SetFileInputFilesParams {
            object_id: Some(RemoteObjectId::new(object)),
            ..SetFileInputFilesParams::new(paths(files))
        };
        self.page.ask(&view, give).await?;
        let attach = self.map.attach.get_or_insert_default();
        attach.input = Some(inside(&place, local));
        Ok(true)
    }

    /// Presses the buttons that may take files until one opens a dialog, which is answered, or brings a field.
    async fn give_by_a_button(
        &mut self,
        facts: &PageFacts,
        files: &[PathBuf],
    ) -> Result<bool, BrowserError> {
        let view = self.page.view(self.place()).await?;
        let link = self.page.link().0.clone();
        let mut dialogs = link.listen(None, "Page.fileChooserOpened");
        let mut own = link.listen(Some(&view.session), "Page.fileChooserOpened");
        let intercept = |on| SetInterceptFileChooserDialogParams::new(on);
        self.page.ask(&view, intercept(true)).await?;
        let mut given = false;
        'buttons: for choice in buttons(facts, &self.map.input).into_iter().take(2) {
            let locator = facts.buttons[choice.index].locator.clone();
            self.page.click(&locator).await?;
            let mut pressed = Instant::now();
            let mut entered = false;
            while pressed.elapsed() < DIALOG_LIMIT {
                let event = own.try_recv().or_else(|_| dialogs.try_recv());
                if let Ok(event) = event
                    && let Some(node) = event.params.get("backendNodeId").and_then(Value::as_i64)
                {
                    let give = SetFileInputFilesParams {
                        backend_node_id: Some(BackendNodeId::new(node)),
                        ..SetFileInputFilesParams::new(paths(files))
                    };
                    link.call_value(Some(&view.session), give, PAGE_LIMIT)
                        .await?;
                    given = true;
                } else if self.give_to_a_field(files).await? {
                    given = true;
                }
                if given {
                    self.map.attach.get_or_insert_default().button = Some(locator);
                    break 'buttons;
                }
                let now = self.page.facts().await?;
                if !entered && let Some(at) = entry(facts, &now) {
                    self.page.click(&now.buttons[at].locator).await?;
                    (entered, pressed) = (true, Instant::now());
                }
                sleep(Duration::from_millis(60)).await;
            }
        }
        self.page.ask(&view, intercept(false)).await?;
        Ok(given)
    }
}

fn paths(files: &[PathBuf]) -> Vec<String> {
    files
        .iter()
        .map(|file| file.display().to_string())
        .collect()
}

/// The beginning of a file's name: pages shorten long ones.
fn stem(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?;
    Some(stem.chars().take(12).collect())
}
