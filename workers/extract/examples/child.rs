//! The extracting process alone: `child extract --memory=BYTES --seconds=SECONDS`, as `computetower` has it.

use std::time::Duration;

use computetower_extract::child::{Limits, serve};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = |name: &str| {
        let word = std::env::args().find_map(|word| word.strip_prefix(name).map(str::to_owned));
        word.and_then(|word| word.parse().ok())
    };
    let (memory, seconds) = (
        given("--memory=").unwrap_or(1 << 30),
        given("--seconds=").unwrap_or(60),
    );
    Ok(serve(Limits {
        memory,
        time: Duration::from_secs(seconds),
    })?)
}
