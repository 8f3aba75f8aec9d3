//! Reads files and prints what they say: `cargo run -p computetower-extract --example read -- FILE …`

#![allow(clippy::print_stdout, reason = "it prints")]

use std::path::Path;

use computetower_extract::files::{Hint, Options, extract_file};

fn main() {
    for name in std::env::args().skip(1) {
        match extract_file(Path::new(&name), &Hint::named(&name), &Options::default()) {
            Ok(document) => {
                println!("=== {name}\n{}", document.markdown);
                println!(
                    "--- title {:?}, language {:?}",
                    document.title, document.language
                );
                println!("--- metadata {:?}", document.metadata);
                println!("--- warnings {:?}", document.warnings);
                for heading in &document.headings {
                    println!("--- heading {} {}", heading.level, heading.text);
                }
                println!(
                    "--- {} code blocks, {} links",
                    document.code_blocks.len(),
                    document.links.len()
                );
            }
            Err(error) => println!("=== {name}\n--- error {error}"),
        }
    }
}
