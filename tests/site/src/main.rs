//! The test site by itself, to be tried by hand in a browser.

use std::io::Write;
use std::time::Duration;

use clap::Parser;
use computetower_test_site::{Site, echo, echo::Pace, shapes::SHAPES};

/// Serves chat and login pages of many shapes on 127.0.0.1.
#[derive(Parser)]
struct Arguments {
    /// Port; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Into how many pieces an answer is cut.
    #[arg(long, default_value_t = 12)]
    pieces: usize,
    /// Milliseconds between two pieces.
    #[arg(long, default_value_t = 50)]
    between_ms: u64,
    /// Milliseconds before the first piece.
    #[arg(long, default_value_t = 150)]
    first_ms: u64,
    /// Milliseconds of pause in the middle of an answer to a question with the word "stall".
    #[arg(long, default_value_t = 4000)]
    stall_ms: u64,
    /// Prints what the apps answer to this question, and ends.
    #[arg(long)]
    answer: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let asked = Arguments::parse();
    if let Some(question) = asked.answer {
        return std::io::stdout().write_all(echo::answer(&question).as_bytes());
    }
    let site = Site::bind(
        asked.port,
        Pace {
            pieces: asked.pieces,
            first: Duration::from_millis(asked.first_ms),
            between: Duration::from_millis(asked.between_ms),
            stall: Duration::from_millis(asked.stall_ms),
        },
    )?;
    let line = serde_json::json!({
        "base": site.base,
        "user": Site::user(),
        "password": Site::password(),
        "code": Site::code(),
        "shapes": SHAPES.iter().map(|shape| shape.name).collect::<Vec<_>>(),
    });
    let mut out = std::io::stdout();
    writeln!(out, "SITE {line}")?;
    out.flush()?;
    tokio::signal::ctrl_c().await
}
