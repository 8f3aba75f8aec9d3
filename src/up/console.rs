//! One place where the lines of all processes and the banner are written, whole and in turn.
//! It parses no line and keeps none.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::{mpsc, oneshot};

use super::options::Output;

/// A longer line is cut into lines of this many bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// How many lines wait for a slow reader before the processes wait too.
const LINES_WAITING: usize = 1024;

/// How long the last lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Tells process names apart; readable on light and dark.
const COLOURS: [&str; 6] = ["36", "33", "32", "35", "34", "31"];

/// Writes whole lines; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Console {
    lines: mpsc::Sender<Vec<u8>>,
    coloured: bool,
}

/// The thread that writes. It ends once every [`Console`] is gone.
#[derive(Debug)]
pub(super) struct Writer(oneshot::Receiver<()>);

impl Console {
    /// A console that writes to `output` from a thread of its own.
    pub(super) fn open(output: Output) -> (Self, Writer) {
        let (coloured, mut output): (bool, Box<dyn Write + Send>) = match output {
            Output::Stdout => {
                let stdout = std::io::stdout();
                (stdout.is_terminal(), Box::new(stdout))
            }
            Output::Writer(writer) => (false, writer),
        };
        let (lines, mut waiting) = mpsc::channel::<Vec<u8>>(LINES_WAITING);
        let (done, finished) = oneshot::channel();
        std::thread::spawn(move || {
            while let Some(line) = waiting.blocking_recv() {
                // A reader that has gone away must not stop the processes: their lines are drained all the same.
                let _ = output.write_all(&line);
                if waiting.is_empty() {
                    let _ = output.flush();
                }
            }
            let _ = done.send(());
        });
        (Self { lines, coloured }, Writer(finished))
    }

    /// Whether colours reach a person.
    pub(super) fn is_coloured(&self) -> bool {
        self.coloured
    }

    /// Writes one line; the line end is added.
    pub(super) async fn line(&self, text: &[u8]) {
        let mut line = Vec::with_capacity(text.len() + 1);
        line.extend_from_slice(text);
        line.push(b'\n');
        let _ = self.lines.send(line).await;
    }

    /// Copies every line of a process's output, each after `prefix`, until the output ends.
    pub(super) async fn copy(self, prefix: String, output: impl AsyncRead + Unpin) {
        let mut output = BufReader::new(output);
        let mut line = prefix.clone().into_bytes();
        loop {
            match (&mut output)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)
                .await
            {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            self.line(text.strip_suffix(b"\r").unwrap_or(text)).await;
            line.truncate(prefix.len());
        }
    }

    /// `name | `, the name padded to `width` and coloured by its place in the list.
    pub(super) fn prefix(&self, name: &str, width: usize, place: usize) -> String {
        if self.coloured {
            format!(
                "\u{1b}[{}m{name:width$} |\u{1b}[0m ",
                COLOURS[place % COLOURS.len()]
            )
        } else {
            format!("{name:width$} | ")
        }
    }
}

impl Writer {
    /// Waits for the last lines, a bounded time. Every [`Console`] must be gone, or the time runs out.
    pub(super) async fn finish(self) {
        let _ = tokio::time::timeout(LAST_LINES, self.0).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn every_line_stands_after_its_name_even_the_unfinished_last_one() {
        let written = Shared::default();
        let (console, writer) = Console::open(Output::Writer(Box::new(written.clone())));
        let prefix = console.prefix("web.1", 8, 0);
        console.clone().copy(prefix, &b"one\r\n\ntwo"[..]).await;
        drop(console);
        writer.finish().await;
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "web.1    | one\nweb.1    | \nweb.1    | two\n");
    }
}
