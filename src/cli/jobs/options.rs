//! What `jobs submit` and the job of a schedule have in common.

use serde_json::{Map, Value, json};

use crate::cli::{Failure, input};

/// How a job is to be done. What is left out is left to the server.
#[derive(clap::Args)]
pub(in crate::cli) struct JobOptions {
    /// What the kind takes: JSON, @FILE, or - for standard input; {} when left out.
    #[arg(
        long,
        value_name = "JSON",
        allow_hyphen_values = true,
        requires = "kind"
    )]
    payload: Option<String>,
    /// -100 to 100; higher goes first.
    #[arg(long, allow_negative_numbers = true, requires = "kind")]
    priority: Option<i16>,
    /// How long one attempt may run, in milliseconds.
    #[arg(long, value_name = "MS", requires = "kind")]
    timeout_ms: Option<i64>,
    /// What limits may name: jobs with the same key can be limited together.
    #[arg(long, value_name = "KEY", requires = "kind")]
    limit_key: Option<String>,
    /// How often it is tried, the first time included. The three --retry options come together; the kind's own policy without them.
    #[arg(long, value_name = "N", requires_all = ["kind", "retry_base_ms", "retry_cap_ms"])]
    retry_attempts: Option<u32>,
    /// Milliseconds before the second attempt; doubles from there.
    #[arg(long, value_name = "MS", requires = "retry_attempts")]
    retry_base_ms: Option<u64>,
    /// The longest wait between two attempts, in milliseconds.
    #[arg(long, value_name = "MS", requires = "retry_attempts")]
    retry_cap_ms: Option<u64>,
}

impl JobOptions {
    /// A submission of this kind, with what was said.
    pub(in crate::cli) fn submission(&self, kind: &str) -> Result<Map<String, Value>, Failure> {
        let payload = self.payload.as_deref();
        let payload = payload.map(|given| input::json("--payload", given));
        let retry = self.retry_attempts.map(|attempts| {
            json!({ "attempts": attempts, "base_ms": self.retry_base_ms, "cap_ms": self.retry_cap_ms })
        });
        let said = [
            ("kind", Some(Value::from(kind))),
            ("payload", payload.transpose()?),
            ("priority", self.priority.map(Value::from)),
            ("timeout_ms", self.timeout_ms.map(Value::from)),
            ("limit_key", self.limit_key.as_deref().map(Value::from)),
            ("retry", retry),
        ];
        Ok(said
            .into_iter()
            .filter_map(|(field, value)| Some((field.to_owned(), value?)))
            .collect())
    }
}
