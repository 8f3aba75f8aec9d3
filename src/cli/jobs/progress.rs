//! A job's events on the screen: a bar for a person at a terminal, lines for everything else.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::cli::{Failure, out};

/// An event as it was heard.
pub(super) struct WatchedEvent {
    /// Its number.
    pub(super) number: i64,
    /// What it is called.
    pub(super) name: String,
    /// Its fields.
    pub(super) data: Value,
}

/// How events are shown.
pub(super) enum Drawn {
    /// Not at all.
    Nothing,
    /// One JSON object a line.
    Json,
    /// One plain line each.
    Lines,
    /// A bar, with what matters above it.
    Bar(ProgressBar),
}

impl Drawn {
    /// What fits where standard output goes.
    pub(super) fn for_watching(json: bool) -> Self {
        if json {
            return Drawn::Json;
        }
        if !std::io::stdout().is_terminal() {
            return Drawn::Lines;
        }
        let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stdout());
        // The template is a constant of ours; were it wrong, the bar would look plainer.
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {elapsed}  {msg}")
        {
            bar.set_style(style);
        }
        Drawn::Bar(bar)
    }

    /// Shows an event.
    pub(super) fn event(&self, event: &WatchedEvent) -> Result<(), Failure> {
        match self {
            Drawn::Nothing => Ok(()),
            Drawn::Json => {
                out::json(&json!({ "id": event.number, "event": event.name, "data": event.data }))
            }
            Drawn::Lines => out::line(&line(event)),
            Drawn::Bar(bar) => {
                match event.name.as_str() {
                    "progress" => {
                        bar.set_position(percent(&event.data));
                        bar.set_message(out::cell(&event.data["message"]));
                    }
                    // Pieces of an answer are many and small.
                    "chunk" => bar.set_message("answering"),
                    _ => bar.suspend(|| out::line(&line(event)))?,
                }
                Ok(())
            }
        }
    }

    /// Says that the connection broke and is made again.
    pub(super) fn cut(&self) {
        match self {
            Drawn::Nothing => {}
            // On standard error, where it is no event.
            Drawn::Json | Drawn::Lines => {
                tracing::warn!("the stream of events was cut; connecting again");
            }
            Drawn::Bar(bar) => bar.set_message("the connection was cut; connecting again"),
        }
    }

    /// Leaves the screen as it was, but for the lines.
    pub(super) fn finish(&self) {
        if let Drawn::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn percent(data: &Value) -> u64 {
    // 0 to 100, and what is not is drawn as if it were.
    data["percent"]
        .as_f64()
        .unwrap_or_default()
        .clamp(0.0, 100.0) as u64
}

/// An event on one line: what a person wants to know of it.
fn line(event: &WatchedEvent) -> String {
    let data = &event.data;
    let said = match event.name.as_str() {
        "queued" => format!("dispatch {}", out::cell(&data["dispatch"])),
        "started" => format!(
            "attempt {} on {}",
            out::cell(&data["attempt"]),
            out::cell(&data["worker"])
        ),
        "progress" => format!(
            "{:3} % {}: {}",
            percent(data),
            out::cell(&data["phase"]),
            out::cell(&data["message"])
        ),
        "step" => format!(
            "{} ({} ms) {}",
            out::cell(&data["kind"]),
            out::cell(&data["duration_ms"]),
            out::cell(&data["detail"])
        ),
        "chunk" => out::cell(&data["text"]),
        "validation" => format!(
            "{}: {}",
            out::cell(&data["subject"]),
            out::cell(&data["observation"])
        ),
        "retrying" => format!("at {}: {}", out::cell(&data["at"]), failure(data)),
        "failed" | "intervention_needed" => failure(data),
        "completed" => out::cell(&data["result"]),
        "cancelled" | "paused" | "resumed" => String::new(),
        _ => out::cell(data),
    };
    format!("{:>5}  {:10} {said}", event.number, out::plain(&event.name))
        .trim_end()
        .to_owned()
}

fn failure(data: &Value) -> String {
    let failure = &data["failure"];
    format!(
        "{}: {}",
        out::cell(&failure["code"]),
        out::cell(&failure["message"])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_one_line_whatever_it_holds() {
        let bodies = [
            ("started", json!({"attempt": 1, "worker": "w\u{1b}[31m"})),
            (
                "progress",
                json!({"percent": 250.0, "phase": "x", "message": "a\nb"}),
            ),
            ("chunk", json!({"text": "one\ntwo"})),
            ("failed", json!({})),
            ("something new", json!([1])),
        ];
        let lines: Vec<String> = bodies
            .into_iter()
            .map(|(name, data)| {
                line(&WatchedEvent {
                    number: 7,
                    name: name.to_owned(),
                    data,
                })
            })
            .collect();
        assert_eq!(
            lines,
            [
                "    7  started    attempt 1 on w [31m",
                "    7  progress   100 % x: a b",
                "    7  chunk      one two",
                "    7  failed     -: -",
                "    7  something new [1]",
            ]
        );
    }
}
