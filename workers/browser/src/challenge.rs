//! What a solver has to know of a challenge, and handing its answer to the page, in the way that each kind's published markup wants. Solves nothing itself.

use base64::Engine;
use chromiumoxide::cdp::browser_protocol::page::{
    CaptureScreenshotFormat, CaptureScreenshotParams, Viewport,
};
use chromiumoxide::cdp::js_protocol::runtime::EvaluateParams;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::BrowserError;
use crate::page::Page;

const SCRIPT: &str = include_str!("js/challenge.js");

/// A challenge that stands on a page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Challenge {
    /// `recaptcha`, `hcaptcha`, `turnstile` or `image`.
    pub kind: String,
    /// The page's public key for it; empty for an image.
    #[serde(default)]
    pub site_key: String,
    /// It asks nothing of a person and gives a score (version 3).
    #[serde(default)]
    pub scored: bool,
    /// What the page says that it is for; mostly empty.
    #[serde(default)]
    pub action: String,
    /// What has to be passed on with it; mostly empty.
    #[serde(default)]
    pub data: String,
    /// It shows only when it wants to.
    #[serde(default)]
    pub invisible: bool,
    /// The enterprise edition.
    #[serde(default)]
    pub enterprise: bool,
    /// Address of the page.
    #[serde(default)]
    pub url: String,
    /// The picture (PNG, base64) of an image challenge.
    #[serde(skip)]
    pub picture: String,
}

/// What was done with a solver's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Given {
    /// Fields that hold it now.
    pub filled: u32,
    /// Functions of the page that were told.
    pub called: u32,
    /// The form was submitted: it asked for nothing else.
    pub submitted: bool,
}

impl Page {
    /// What there is to know of a challenge of this kind (as in [`crate::PageFacts::challenges`]); none when the page itself does not have it, but
    /// perhaps a frame of another origin in it.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn challenge(&self, kind: &str) -> Result<Option<Challenge>, BrowserError> {
        if kind == "image" {
            return self.picture().await;
        }
        if !matches!(kind, "recaptcha" | "hcaptcha" | "turnstile") {
            return Ok(None);
        }
        let found: Challenge = self
            .in_page(&format!("{SCRIPT}.look({})", Value::from(kind)))
            .await?;
        Ok(Some(found).filter(|found| !found.site_key.is_empty()))
    }

    /// Hands a token to the page.
    ///
    /// # Errors
    /// [`BrowserError::Crashed`], [`BrowserError::Protocol`].
    pub async fn give_token(
        &self,
        challenge: &Challenge,
        token: &str,
    ) -> Result<Given, BrowserError> {
        let (kind, token) = (Value::from(challenge.kind.as_str()), Value::from(token));
        self.in_page(&format!("{SCRIPT}.give({kind}, {token})"))
            .await
    }

    /// The kinds of challenges that show, those beside other things too; empty where the page does not answer.
    pub async fn challenges(&self) -> Vec<String> {
        let kinds = self.everywhere::<Vec<String>>("challengeKinds", ()).await;
        kinds.into_iter().flatten().collect()
    }

    /// Whether the page holds an answer to a challenge of this kind, in the field that the kind's documentation names.
    pub async fn holds_answer(&self, kind: &str) -> bool {
        if !matches!(kind, "recaptcha" | "hcaptcha" | "turnstile") {
            return false;
        }
        let filled = format!("{SCRIPT}.filled({})", Value::from(kind));
        self.in_page(&filled).await.unwrap_or(false)
    }

    async fn picture(&self) -> Result<Option<Challenge>, BrowserError> {
        let area: Option<[f64; 4]> = self.js("challengePicture", ()).await?;
        let Some([x, y, width, height]) = area else {
            return Ok(None);
        };
        let clip = Viewport::builder()
            .x(x)
            .y(y)
            .width(width)
            .height(height)
            .scale(1.0)
            .build();
        let clip = clip.map_err(|reason| BrowserError::Protocol {
            command: "Page.captureScreenshot".to_owned(),
            reason,
        })?;
        let capture = CaptureScreenshotParams {
            format: Some(CaptureScreenshotFormat::Png),
            clip: Some(clip),
            ..Default::default()
        };
        let data: String = self.call(capture).await?.data.into();
        // It comes as base64 and is wanted as base64; what it is not is not passed on.
        let is_base64 = base64::engine::general_purpose::STANDARD
            .decode(&data)
            .is_ok();
        let url = self.url().await?;
        Ok(is_base64.then_some(Challenge {
            kind: "image".to_owned(),
            site_key: String::new(),
            scored: false,
            action: String::new(),
            data: String::new(),
            invisible: false,
            enterprise: false,
            url,
            picture: data,
        }))
    }

    /// Runs an expression among the page's own scripts. Its answer is the page's word, and no more than that.
    async fn in_page<T: DeserializeOwned>(&self, expression: &str) -> Result<T, BrowserError> {
        let failed = |reason: String| BrowserError::Protocol {
            command: "challenge script".to_owned(),
            reason,
        };
        let evaluate = EvaluateParams {
            return_by_value: Some(true),
            ..EvaluateParams::new(format!("JSON.stringify({expression} ?? null)"))
        };
        let (link, session) = self.link();
        let answer = link
            .call_value(Some(session), evaluate, crate::page::PAGE_LIMIT)
            .await?;
        if let Some(details) = answer.get("exceptionDetails") {
            let text = details.to_string().chars().take(300).collect();
            return Err(failed(text));
        }
        let text = answer
            .pointer("/result/value")
            .and_then(Value::as_str)
            .unwrap_or("null");
        serde_json::from_str(text).map_err(|error| failed(error.to_string()))
    }
}
