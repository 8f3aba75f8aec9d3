//! When two Markdown texts say the same: the rules of `docs/answers.md`, and nothing else. Two texts are equal byte by byte after these, or differ.

/// A text in its normal form.
pub fn normal(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\u{a0}', " ");
    let text: String = text.chars().filter(|c| *c != '\u{200b}').collect();
    let lines: Vec<&str> = text.split('\n').collect();
    blocks(&lines).join("\n\n")
}

fn blocks(lines: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim_end();
        if line.trim().is_empty() {
            at += 1;
        } else if let Some((mark, language)) = fence(line) {
            let indent = line.len() - line.trim_start().len();
            let close = |line: &str| {
                let line = line.trim();
                line.len() >= mark.len() && line.chars().all(|c| mark.starts_with(c))
            };
            let end = (at + 1..lines.len()).find(|i| close(lines[*i]));
            let end = end.unwrap_or(lines.len());
            let code: Vec<&str> = lines[at + 1..end]
                .iter()
                .map(|line| {
                    line.get(indent..)
                        .filter(|_| line[..indent.min(line.len())].trim().is_empty())
                        .unwrap_or(line)
                })
                .collect();
            let code = code.join("\n");
            out.push(format!(
                "```{language}\n{}\n```",
                code.trim_end_matches('\n')
            ));
            at = end + 1;
        } else if is_rule(line) {
            out.push("---".to_owned());
            at += 1;
        } else if let Some(heading) = heading(line) {
            out.push(heading);
            at += 1;
        } else if line.trim_start().starts_with('>') {
            let end = run_of(lines, at, |line| line.trim_start().starts_with('>'));
            let inner: Vec<&str> = lines[at..end]
                .iter()
                .map(|line| {
                    let line = line.trim_start().trim_start_matches('>');
                    line.strip_prefix(' ').unwrap_or(line)
                })
                .collect();
            let inner = blocks(&inner).join("\n\n");
            let quoted: Vec<String> = inner
                .split('\n')
                .map(|line| format!("> {line}").trim_end().to_owned())
                .collect();
            out.push(quoted.join("\n"));
            at = end;
        } else if is_row(line) && lines.get(at + 1).is_some_and(|next| is_delimiter(next)) {
            let end = run_of(lines, at, is_row);
            out.push(table(&lines[at..end]));
            at = end;
        } else if marker(line).is_some() {
            let (list, end) = list(lines, at);
            out.push(list);
            at = end;
        } else {
            let end = run_of(lines, at + 1, |line| {
                !line.trim().is_empty()
                    && fence(line).is_none()
                    && heading(line).is_none()
                    && !line.trim_start().starts_with('>')
                    && marker(line).is_none()
                    && !is_rule(line)
            });
            let words: Vec<&str> = lines[at..end].iter().map(|line| line.trim()).collect();
            out.push(inline(&words.join(" ")));
            at = end;
        }
    }
    out
}

fn run_of(lines: &[&str], from: usize, fits: impl Fn(&str) -> bool) -> usize {
    (from..lines.len())
        .find(|at| !fits(lines[*at]))
        .unwrap_or(lines.len())
}

fn fence(line: &str) -> Option<(String, String)> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.chars().take_while(|c| *c == mark).count();
    let rest = &line[length..];
    if length < 3 || rest.contains('`') {
        return None;
    }
    let language = rest.split_whitespace().next().unwrap_or_default();
    Some((mark.to_string().repeat(length), language.to_lowercase()))
}

fn is_rule(line: &str) -> bool {
    let marks: Vec<char> = line.chars().filter(|c| !c.is_whitespace()).collect();
    marks.len() >= 3
        && matches!(marks[0], '-' | '*' | '_')
        && marks.iter().all(|mark| *mark == marks[0])
}

fn heading(line: &str) -> Option<String> {
    let line = line.trim();
    let level = line.chars().take_while(|c| *c == '#').count();
    let text = line.get(level..)?.strip_prefix(' ')?;
    let text = text.trim().trim_end_matches('#').trim_end();
    (1..=6)
        .contains(&level)
        .then(|| format!("{} {}", "#".repeat(level), inline(text)))
}

fn is_row(line: &str) -> bool {
    line.contains('|') && !line.trim().is_empty()
}

fn is_delimiter(line: &str) -> bool {
    line.contains('-')
        && line
            .trim()
            .chars()
            .all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

fn table(lines: &[&str]) -> String {
    let rows: Vec<Vec<String>> = lines
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != 1)
        .map(|(_, line)| {
            let line = line.trim().replace("\\|", "\u{1}");
            let line = line.strip_prefix('|').unwrap_or(&line);
            let line = line.strip_suffix('|').unwrap_or(line);
            let cell = |cell: &str| inline(cell.trim()).replace('\u{1}', "\\|");
            line.split('|').map(cell).collect()
        })
        .collect();
    let width = rows.first().map_or(0, Vec::len);
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let mut out: Vec<String> = rows.iter().map(|row| line(row)).collect();
    out.insert(1.min(out.len()), line(&vec!["---".to_owned(); width]));
    out.join("\n")
}

/// Depth of the line, its marker in normal form, and what follows.
fn marker(line: &str) -> Option<(usize, String, &str)> {
    let rest = line.trim_start();
    let indent = line.len() - rest.len();
    let mark = rest.chars().next()?;
    if matches!(mark, '-' | '*' | '+' | '•') {
        let text = rest[mark.len_utf8()..].strip_prefix(' ')?;
        return Some((indent, "-".to_owned(), text.trim()));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let text = rest.get(digits..)?;
    let text = text.strip_prefix(['.', ')'])?.strip_prefix(' ')?;
    (1..=9)
        .contains(&digits)
        .then(|| (indent, format!("{}.", &rest[..digits]), text.trim()))
}

/// Items one to a line, nested ones indented by two blanks for each level; what follows an item's first line belongs to it.
fn list(lines: &[&str], from: usize) -> (String, usize) {
    let mut out: Vec<String> = Vec::new();
    let mut levels: Vec<usize> = Vec::new();
    let mut at = from;
    while at < lines.len() {
        let line = lines[at].trim_end();
        if line.is_empty() {
            // A blank line ends the list unless it goes on behind it.
            let next = lines[at..].iter().find(|line| !line.trim().is_empty());
            let goes_on = next.is_some_and(|next| marker(next).is_some() || next.starts_with("  "));
            if !goes_on {
                break;
            }
            at += 1;
            continue;
        }
        let Some((indent, mark, text)) = marker(line) else {
            if !line.starts_with(' ') {
                break;
            }
            if let Some(last) = out.last_mut() {
                last.push(' ');
                last.push_str(&inline(line.trim()));
            }
            at += 1;
            continue;
        };
        while levels.last().is_some_and(|level| indent < *level) {
            levels.pop();
        }
        if levels.last().is_none_or(|level| indent > level + 1) {
            levels.push(indent);
        }
        out.push(format!(
            "{}{mark} {}",
            "  ".repeat(levels.len() - 1),
            inline(text)
        ));
        at += 1;
    }
    (out.join("\n"), at)
}

/// Words with one way to write emphasis, links and escapes, and single blanks between them. Code stays as it is.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        out.push_str(&words(&rest[..start]));
        let ticks = rest[start..].chars().take_while(|c| *c == '`').count();
        let mark = "`".repeat(ticks);
        let inner = &rest[start + ticks..];
        match inner.find(&mark) {
            Some(end) => {
                let code = inner[..end].trim();
                out.push_str(&format!("{mark}{code}{mark}"));
                rest = &inner[end + ticks..];
            }
            None => {
                out.push_str(&mark);
                rest = inner;
            }
        }
    }
    out.push_str(&words(rest));
    out.trim().to_owned()
}

fn words(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| letters[at]);
        let after = letters.get(at + 1).copied();
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match letter {
            '\\' if after.is_some_and(|c| c.is_ascii_punctuation()) => {}
            '_' if !(word(before) && word(after)) => out.push('*'),
            c if c.is_whitespace() => {
                if !out.ends_with(' ') || out.is_empty() {
                    out.push(' ');
                }
            }
            c => out.push(*c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[track_caller]
    fn same(a: &str, b: &str) {
        assert_eq!(normal(a), normal(b));
    }

    #[test]
    fn ways_to_write_the_same_are_equal() {
        same("one  two \r\nthree\n", "one two three");
        same("Text:\n* a\n* b", "Text:\n\n- a\n- b\n");
        same("1) one\n\n2) two", "1. one\n2. two");
        same("- a\n  - b\n- c", "- a\n    - b\n- c");
        same("__bold__ and _slanted_", "**bold** and *slanted*");
        same("## Title ##\ntext", "## Title\n\ntext");
        same(
            "|a|b|\n|:-|-:|\n|1|2|",
            "| a | b |\n| --- | --- |\n| 1 | 2 |",
        );
        same("~~~Python\nx = 1\n~~~", "```python\nx = 1\n```");
        same("2 \\* 3", "2 * 3");
        same("> a\n> b", "> a b");
        same("***", "---");
    }

    #[test]
    fn what_says_something_else_differs() {
        for (a, b) in [
            ("one two", "onetwo"),
            ("**bold**", "bold"),
            ("```\n  x\n```", "```\nx\n```"),
            ("```py\nx\n```", "```\nx\n```"),
            ("1. one", "2. one"),
            ("# a", "## a"),
            ("- a\n- b", "- a\n  - b"),
            ("snake_case_name", "snake*case*name"),
            ("a\n\nb", "a b"),
            ("`a  b`", "`a b`"),
        ] {
            assert_ne!(normal(a), normal(b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn the_normal_form_is_its_own() {
        let text = "# T\n\nA **b** `c`\n\n- x\n  1. y\n\n```py\n\n  z\n```\n\n| a |\n| --- |\n| b |\n\n> q";
        assert_eq!(normal(text), text);
        assert_eq!(normal(&normal(text)), normal(text));
    }
}
