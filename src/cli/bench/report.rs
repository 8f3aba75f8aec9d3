//! What was measured, as one JSON object or a short table.

use std::fmt::Write;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::cli::{Failure, out};

/// The figures of one run.
pub(super) struct Report {
    measures: Map<String, Value>,
    url: String,
    began: Instant,
}

impl Report {
    pub(super) fn begin(url: String) -> Self {
        Self {
            measures: Map::new(),
            url,
            began: Instant::now(),
        }
    }

    pub(super) fn add(&mut self, measure: &str, figures: Value) {
        self.measures.insert(measure.to_owned(), figures);
    }

    pub(super) fn print(self, as_json: bool) -> Result<(), Failure> {
        if !as_json {
            return out::line(table(&self.measures).trim_end());
        }
        let wall = self.began.elapsed().as_secs_f64();
        let mut whole = self.measures;
        whole.insert("url".to_owned(), json!(self.url));
        whole.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        // What the measuring itself took of the machine.
        whole.insert(
            "generator".to_owned(),
            json!({ "seconds": wall, "cpu_seconds": cpu_seconds() }),
        );
        out::json(&Value::Object(whole))
    }
}

/// One line for each figure under a line for each measure.
fn table(measures: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (measure, figures) in measures {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{measure}");
        for (name, value) in figures.as_object().into_iter().flatten() {
            let value = match value {
                Value::String(value) => value.clone(),
                Value::Null => "-".to_owned(),
                other => other.to_string(),
            };
            let _ = writeln!(text, "  {:<28}{value:>12}", name.replace('_', " "));
        }
    }
    text
}

/// Seconds of a core that this process's only busy thread has had, where the system tells (Linux).
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds: u64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_figure() {
        let mut report = Report::begin("http://127.0.0.1:1".to_owned());
        report.add("latency", json!({ "jobs": 200, "p50_ms": 2.81 }));
        report.add("fanout", json!({ "missed": 0, "p50_ms": null }));
        let text = table(&report.measures);
        let words: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let expected: [&[&str]; 6] = [
            &["fanout"],
            &["missed", "0"],
            &["p50", "ms", "-"],
            &["latency"],
            &["jobs", "200"],
            &["p50", "ms", "2.81"],
        ];
        assert_eq!(words, expected);
    }
}
