//! The published shapes of the solver's API: tasks, and what it answers. Pure.

use computetower_browser::Challenge;
use serde::Deserialize;
use serde_json::{Value, json};

/// The kind of a challenge as it is logged and counted.
pub(super) fn kind(challenge: &Challenge) -> &'static str {
    match challenge.kind.as_str() {
        "recaptcha" if challenge.scored => "recaptcha_v3",
        "recaptcha" => "recaptcha_v2",
        "hcaptcha" => "hcaptcha",
        "turnstile" => "turnstile",
        _ => "image",
    }
}

/// The task for a challenge.
pub(super) fn task(challenge: &Challenge, min_score: f64) -> Value {
    let (url, key) = (&challenge.url, &challenge.site_key);
    let mut task = match kind(challenge) {
        "recaptcha_v3" => {
            json!({"type": "RecaptchaV3TaskProxyless", "websiteURL": url, "websiteKey": key, "minScore": min_score,
            "isEnterprise": challenge.enterprise})
        }
        "recaptcha_v2" => {
            let r#type = if challenge.enterprise {
                "RecaptchaV2EnterpriseTaskProxyless"
            } else {
                "RecaptchaV2TaskProxyless"
            };
            let mut task = json!({"type": r#type, "websiteURL": url, "websiteKey": key, "isInvisible": challenge.invisible});
            if !challenge.data.is_empty() && challenge.enterprise {
                task["enterprisePayload"] = json!({"s": challenge.data});
            } else if !challenge.data.is_empty() {
                task["recaptchaDataSValue"] = json!(challenge.data);
            }
            task
        }
        "hcaptcha" => {
            json!({"type": "HCaptchaTaskProxyless", "websiteURL": url, "websiteKey": key, "isInvisible": challenge.invisible})
        }
        "turnstile" => {
            let mut task =
                json!({"type": "TurnstileTaskProxyless", "websiteURL": url, "websiteKey": key});
            if !challenge.data.is_empty() {
                task["data"] = json!(challenge.data);
            }
            task
        }
        _ => json!({"type": "ImageToTextTask", "body": challenge.picture, "case": true}),
    };
    let action = match kind(challenge) {
        "recaptcha_v3" => "pageAction",
        "turnstile" => "action",
        _ => "",
    };
    if !challenge.action.is_empty() && !action.is_empty() {
        task[action] = json!(challenge.action);
    }
    task
}

/// An answer of the solver, of whatever method.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    pub(super) error_id: i64,
    #[serde(default)]
    pub(super) error_code: Option<String>,
    #[serde(default)]
    pub(super) error_description: Option<String>,
    /// A number; some that speak this API give a text.
    #[serde(default)]
    pub(super) task_id: Option<Value>,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) solution: Option<Value>,
    /// In the solver's currency, as a text or a number.
    #[serde(default)]
    pub(super) cost: Option<Value>,
}

impl Reply {
    /// What is wrong, in its own words, shortened.
    pub(super) fn error(&self) -> Option<String> {
        if self.error_id == 0 {
            return None;
        }
        let said = [&self.error_code, &self.error_description];
        let said: Vec<&str> = said.into_iter().flatten().map(String::as_str).collect();
        let text = said.join(": ").chars().take(200).collect::<String>();
        Some(if text.is_empty() {
            format!("error {}", self.error_id)
        } else {
            text
        })
    }

    /// The token, or the text of a picture.
    pub(super) fn answer(&self) -> Option<String> {
        let solution = self.solution.as_ref()?;
        let said = ["token", "gRecaptchaResponse", "text"]
            .iter()
            .find_map(|name| solution[*name].as_str());
        said.filter(|said| !said.is_empty()).map(str::to_owned)
    }

    /// In millionths.
    pub(super) fn cost_micros(&self) -> Option<i64> {
        let cost = match self.cost.as_ref()? {
            Value::String(text) => text.trim().parse::<f64>().ok()?,
            other => other.as_f64()?,
        };
        // A bill that no solver writes is not believed.
        (0.0..1_000.0).contains(&cost).then(|| micros(cost))
    }
}

/// Millionths of an amount below a thousand.
#[expect(
    clippy::cast_possible_truncation,
    reason = "checked by whoever calls: below a thousand million"
)]
pub(super) fn micros(amount: f64) -> i64 {
    (amount * 1_000_000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_solver_answers_is_read_whatever_its_kind() {
        let read = |text: &str| serde_json::from_str::<Reply>(text).unwrap();
        let ready = read(
            r#"{"errorId":0,"status":"ready","solution":{"gRecaptchaResponse":"t","token":"t"},"cost":"0.00299","ip":"1.2.3.4","createTime":1,"endTime":2,"solveCount":1}"#,
        );
        assert_eq!(
            (ready.answer().as_deref(), ready.cost_micros()),
            (Some("t"), Some(2_990))
        );
        let text =
            read(r#"{"errorId":0,"status":"ready","solution":{"text":"x7k2p"},"cost":0.0005}"#);
        assert_eq!(
            (text.answer().as_deref(), text.cost_micros()),
            (Some("x7k2p"), Some(500))
        );
        let wrong = read(
            r#"{"errorId":12,"errorCode":"ERROR_CAPTCHA_UNSOLVABLE","errorDescription":"Workers could not solve"}"#,
        );
        assert_eq!(
            wrong.error().as_deref(),
            Some("ERROR_CAPTCHA_UNSOLVABLE: Workers could not solve")
        );
        let absurd = read(r#"{"errorId":0,"cost":"-5"}"#);
        assert_eq!((absurd.answer(), absurd.cost_micros()), (None, None));
    }
}
