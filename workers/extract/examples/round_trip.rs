//! What it costs to have a page read in a child instead of here: `cargo run --release -p computetower-extract --example round_trip -- CHILD PAGE`, where
//! CHILD is the built example `child` (or `computetower` itself). Prints microseconds per page, medians of 3,000.

#![allow(clippy::print_stdout, reason = "it prints")]

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use computetower_extract::extract;
use computetower_extract::files::{Hint, Options};
use computetower_extract::wire::{self, Head};

fn median(
    name: &str,
    mut one: impl FnMut() -> Result<(), Box<dyn std::error::Error>>,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut took = Vec::new();
    for at in 0..3300 {
        let start = Instant::now();
        one()?;
        if at >= 300 {
            took.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    took.sort_by(f64::total_cmp);
    println!(
        "{name}: median {:.0} µs, 90 % under {:.0} µs",
        took[took.len() / 2],
        took[took.len() * 9 / 10]
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (child, page) = (
        words.next().ok_or("which child?")?,
        words.next().ok_or("which page?")?,
    );
    let bytes = std::fs::read(&page)?;
    let head = Head {
        hint: Hint::named(&page),
        options: Options::default(),
        path: None,
    };
    println!("{} bytes", bytes.len());
    median("here", || {
        extract(&bytes, &head.hint, &head.options)?;
        Ok(())
    })?;
    let mut process = Command::new(child)
        .args(["extract", "--memory=1073741824", "--seconds=60"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = process.stdin.take().ok_or("no input")?;
    let mut output = process.stdout.take().ok_or("no output")?;
    median("in a child", || {
        let mut request = wire::request(&head, bytes.len() as u64)?;
        request.extend_from_slice(&bytes);
        input.write_all(&request)?;
        let mut length = [0; wire::ANSWER_LENGTH];
        output.read_exact(&mut length)?;
        let mut json = vec![0; wire::answer_length(length)?];
        output.read_exact(&mut json)?;
        wire::read_answer(&json)??;
        Ok(())
    })?;
    drop(input);
    process.wait()?;
    Ok(())
}
