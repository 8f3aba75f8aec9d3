//! The extracting process alone: `child MEMORY SECONDS`.

use std::time::Duration;

use computetower_extract::child::{Limits, serve};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok());
    let (memory, seconds) = (
        numbers.next().unwrap_or(1 << 30),
        numbers.next().unwrap_or(60),
    );
    Ok(serve(Limits {
        memory,
        time: Duration::from_secs(seconds),
    })?)
}
