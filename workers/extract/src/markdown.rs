//! Writing Markdown: escapes where they are needed and nowhere else, code spans, fences, tables, and blocks inside quotes and lists.

/// Quotes and lists inside one another beyond this are written at this depth.
const MAX_LEVELS: usize = 16;

/// Adds text to a line of Markdown so that it reads as it stands. `out` is what the line has so far: it decides what a
/// character would mean. What begins a line is up to [`escape_line_start`].
pub fn escape_into(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '*', '_', '`', '<', '&', '(', '[', '~']) {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        let mut after = from.chars();
        // `at` is where one of those was found.
        let Some(one) = after.next() else { break };
        let after = after.as_str();
        let next = after.chars().next();
        let before = out.chars().next_back();
        let needed = match one {
            '\\' => next.is_none_or(|next| next.is_ascii_punctuation()),
            '`' => true,
            '*' => {
                next.is_some_and(|next| !next.is_whitespace())
                    || before.is_some_and(|before| !before.is_whitespace())
            }
            // What opens nothing needs no escape, and what closes needs something open.
            '_' => {
                !before.is_some_and(word)
                    && next.is_none_or(|next| !next.is_whitespace())
                    && !alone(before, next)
            }
            '<' => next
                .is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?')),
            '&' => entity(after),
            '(' => before == Some(']'),
            '[' => before == Some('!') || next == Some('^'),
            _ => next == Some('~') || before == Some('~'),
        };
        if needed {
            out.push('\\');
        }
        out.push(one);
        rest = after;
    }
    out.push_str(rest);
}

fn word(one: char) -> bool {
    one.is_alphanumeric() || one == '_'
}

fn alone(before: Option<char>, next: Option<char>) -> bool {
    before.is_none_or(char::is_whitespace) && next.is_none_or(char::is_whitespace)
}

/// Whether what follows an ampersand makes it the beginning of an entity.
fn entity(after: &str) -> bool {
    let name = after.strip_prefix('#').unwrap_or(after);
    let end = name.find(|one: char| !one.is_ascii_alphanumeric());
    end.is_some_and(|end| end > 0 && end < 32 && name[end..].starts_with(';'))
}

/// Whether a line of text would begin something else than text (a heading, a list, a quote, a rule), and where the
/// backslash belongs.
fn line_start(line: &str) -> Option<usize> {
    let first = line.chars().next()?;
    let run = line.len() - line.trim_start_matches(first).len();
    let ends = |at: usize| line[at..].chars().next().is_none_or(char::is_whitespace);
    match first {
        '#' => (run <= 6 && ends(run)).then_some(0),
        '>' => Some(0),
        '-' | '+' => (ends(1)
            || (first == '-' && line.bytes().all(|byte| matches!(byte, b'-' | b' '))))
        .then_some(0),
        '=' => (run == line.trim_end().len()).then_some(0),
        '~' => (run >= 3).then_some(0),
        ':' => ends(1).then_some(0),
        '|' => Some(0),
        '0'..='9' => {
            let digits = line.len()
                - line
                    .trim_start_matches(|one: char| one.is_ascii_digit())
                    .len();
            (digits <= 9 && line[digits..].starts_with(['.', ')']) && ends(digits + 1))
                .then_some(digits)
        }
        _ => None,
    }
}

/// Sees to it that no line of a paragraph begins something else.
pub fn escape_line_start(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.lines().any(|line| line_start(line).is_some()) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 4);
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        match line_start(line) {
            Some(at) => {
                out.push_str(&line[..at]);
                out.push('\\');
                out.push_str(&line[at..]);
            }
            None => out.push_str(line),
        }
    }
    out.into()
}

/// The longest run of `one` in `text`.
fn longest_run(text: &str, one: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for other in text.chars() {
        run = if other == one { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Code within a line. Its white space is made single, as a browser shows it. Empty if there is nothing to show.
pub fn code_span(code: &str) -> String {
    let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
    if code.is_empty() {
        return code;
    }
    let ticks = "`".repeat(if code.contains('`') {
        longest_run(&code, '`') + 1
    } else {
        1
    });
    let space = if code.starts_with('`') || code.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{ticks}{space}{code}{space}{ticks}")
}

/// A code block, with a fence longer than any inside, ending in a newline.
pub fn fence(code: &str, language: Option<&str>) -> String {
    let ticks = "`".repeat(3.max(longest_run(code, '`') + 1));
    let newline = if code.is_empty() || code.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let language = language.unwrap_or_default();
    format!("{ticks}{language}\n{code}{newline}{ticks}\n")
}

/// A line for a heading (1 to 6).
pub fn heading(level: u8, text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    // Closing marks would be taken for decoration.
    let text = match text.trim_end().strip_suffix('#') {
        Some(before) if before.is_empty() || before.ends_with([' ', '#']) => format!("{before}\\#"),
        _ => text,
    };
    format!(
        "{} {}",
        "#".repeat(usize::from(level.clamp(1, 6))),
        text.trim()
    )
}

/// A link. `text` is Markdown already; an address with spaces or odd brackets is put in angle brackets.
pub fn link(text: &str, url: &str) -> String {
    format!("[{text}]({})", destination(url))
}

/// A picture.
pub fn image(alt: &str, url: &str) -> String {
    let mut text = String::new();
    escape_into(&mut text, alt.trim());
    format!("![{}]({})", brackets(&text), destination(url))
}

/// Escapes the brackets of text that goes into a link's.
pub fn brackets(text: &str) -> String {
    if !text.contains(['[', ']']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 4);
    let mut before = ' ';
    for one in text.chars() {
        if matches!(one, '[' | ']') && before != '\\' {
            out.push('\\');
        }
        before = one;
        out.push(one);
    }
    out
}

fn destination(url: &str) -> String {
    let mut open = 0i32;
    let balanced = url.chars().all(|one| {
        open += match one {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        open >= 0
    }) && open == 0;
    let url = url
        .replace(['\n', '\r', '\t'], "")
        .replace('<', "%3C")
        .replace('>', "%3E");
    if balanced && !url.contains(' ') && !url.is_empty() {
        url
    } else {
        format!("<{url}>")
    }
}

/// A table, each row a line. The first row is the head. Cells are Markdown; pipes and line ends in them are seen to.
/// Rows shorter than the longest are filled.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut out = String::new();
    if columns == 0 {
        return out;
    }
    for (at, row) in rows.iter().enumerate() {
        out.push('|');
        for column in 0..columns {
            let cell = row.get(column).map(String::as_str).unwrap_or_default();
            out.push(' ');
            if !cell.is_empty() {
                out.push_str(&table_cell(cell));
                out.push(' ');
            }
            out.push('|');
        }
        out.push('\n');
        if at == 0 {
            out.push('|');
            out.push_str(&" --- |".repeat(columns));
            out.push('\n');
        }
    }
    out
}

/// What a cell may hold: no line ends, and a pipe only escaped.
pub fn table_cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for one in text
        .trim()
        .replace("  \n", "<br>")
        .replace('\n', "<br>")
        .chars()
    {
        if one == '|' && before != '\\' {
            out.push('\\');
        }
        before = if before == '\\' && one == '\\' {
            ' '
        } else {
            one
        };
        out.push(one);
    }
    out
}

/// A document of blocks, some of them inside quotes and lists.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    levels: Vec<Level>,
    /// Levels that were opened beyond the bound, and are not kept.
    beyond: usize,
    /// The next block follows without an empty line.
    tight: bool,
}

#[derive(Debug)]
struct Level {
    /// What stands before the first line, until it is written.
    first: Option<String>,
    /// What stands before the lines after it.
    rest: String,
}

impl Writer {
    /// Opens a quote (`"> "`, `"> "`) or the item of a list (`"- "`, `"  "`).
    pub fn open(&mut self, first: &str, rest: &str) {
        if self.levels.len() >= MAX_LEVELS {
            self.beyond += 1;
            return;
        }
        self.levels.push(Level {
            first: Some(first.to_owned()),
            rest: rest.to_owned(),
        });
    }

    /// Closes what was opened last. What got no block leaves no mark.
    pub fn close(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
        } else {
            self.levels.pop();
        }
    }

    /// No empty line before the next block: it is an item of a tight list.
    pub fn tight(&mut self) {
        self.tight = true;
    }

    /// Writes a block: lines, the last one with or without its newline.
    pub fn block(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if !self.out.is_empty() && !self.tight {
            self.blank();
        }
        self.tight = false;
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            for level in &mut self.levels {
                match level.first.take() {
                    Some(first) => self.out.push_str(&first),
                    None => self.out.push_str(&level.rest),
                }
            }
            self.out.push_str(line);
            if line.is_empty() {
                self.trim_line();
            }
            self.out.push('\n');
        }
    }

    /// An empty line, inside the quotes that have begun.
    fn blank(&mut self) {
        for level in self.levels.iter().take_while(|level| level.first.is_none()) {
            self.out.push_str(&level.rest);
        }
        self.trim_line();
        self.out.push('\n');
    }

    fn trim_line(&mut self) {
        let line = self.out.rfind('\n').map_or(0, |at| at + 1);
        let end = line + self.out[line..].trim_end_matches(' ').len();
        self.out.truncate(end);
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// The document, ending in a newline unless it is empty.
    pub fn finish(self) -> String {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        escape_into(&mut out, text);
        escape_line_start(&out).into_owned()
    }

    #[test]
    fn what_needs_no_escape_gets_none() {
        for text in [
            "snake_case_name and a.b(c)",
            "2 * 3 * 4 = 24",
            "a < b && b > c",
            "AT&T and R&D",
            "[x] and (y)",
            "~5 of 10",
            "C:\\dir",
            "1.5 times",
            "-5 degrees",
            "#hash",
            "100% – “quoted”",
            "it's $5_000",
            "a - b + c",
            "e.g. foo!",
            "x = y",
        ] {
            assert_eq!(escaped(text), text);
        }
    }

    #[test]
    fn what_would_mean_something_is_escaped() {
        for (text, wanted) in [
            ("*args", "\\*args"),
            ("_private", "\\_private"),
            ("__init__", "\\__init__"),
            ("`x`", "\\`x\\`"),
            ("<b>", "\\<b>"),
            ("&amp;", "\\&amp;"),
            ("[a](b)", "[a]\\(b)"),
            ("# no", "\\# no"),
            ("> no", "\\> no"),
            ("- no", "\\- no"),
            ("1. no", "1\\. no"),
            ("---", "\\---"),
            ("===", "\\==="),
            ("~~no~~", "\\~\\~no\\~\\~"),
            ("a\\*b", "a\\\\\\*b"),
        ] {
            assert_eq!(escaped(text), wanted);
        }
    }

    #[test]
    fn code_is_fenced_by_more_than_it_holds() {
        assert_eq!(code_span("a  b\nc"), "`a b c`");
        assert_eq!(code_span("`x`"), "`` `x` ``");
        assert_eq!(code_span("a``b"), "```a``b```");
        assert_eq!(fence("x\n", Some("sh")), "```sh\nx\n```\n");
        assert_eq!(fence("```\nx\n```", None), "````\n```\nx\n```\n````\n");
    }

    #[test]
    fn cells_hold_pipes_and_line_ends() {
        let rows = [
            vec!["a".to_owned(), "b|c".to_owned()],
            vec!["d\ne".to_owned()],
            vec!["x\\|y".to_owned(), "\\\\|".to_owned()],
        ];
        assert_eq!(
            table(&rows),
            "| a | b\\|c |\n| --- | --- |\n| d<br>e | |\n| x\\|y | \\\\\\| |\n"
        );
    }

    #[test]
    fn addresses_that_would_end_early_are_put_in_brackets() {
        assert_eq!(link("x", "https://a/b_(c)"), "[x](https://a/b_(c))");
        assert_eq!(link("x", "https://a/b)"), "[x](<https://a/b)>)");
    }

    #[test]
    fn blocks_stand_in_quotes_and_lists() {
        let mut writer = Writer::default();
        writer.block("one");
        writer.open("- ", "  ");
        writer.block("item");
        writer.block(&fence("a\n\nb", None));
        writer.close();
        writer.open("- ", "  ");
        writer.tight();
        writer.block("next");
        writer.close();
        writer.open("> ", "> ");
        writer.block("quote");
        writer.block("more");
        writer.close();
        writer.block("end");
        assert_eq!(
            writer.finish(),
            "one\n\n- item\n\n  ```\n  a\n\n  b\n  ```\n- next\n\n> quote\n>\n> more\n\nend\n",
        );
    }
}
