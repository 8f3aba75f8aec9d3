//! An answer's text out of the blocks that the page shows after the question: furniture left out, the rest joined as
//! Markdown. Also learns furniture, from two answers or from what the traffic says. Pure.

use serde::Deserialize;

use crate::chat_map::Furniture;
use crate::detect::words;
use crate::network::decode::reduce;

/// A block as the page script reports it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Block {
    /// Markdown.
    #[serde(rename = "m")]
    pub(crate) markdown: String,
    /// `p`, `h`, `list`, `code`, `table`, `quote`, `hr`.
    #[serde(rename = "k")]
    pub(crate) kind: String,
    /// Inline text that opens the block in an element of its own.
    #[serde(rename = "h")]
    pub(crate) head: String,
    /// Tag and class names of its element.
    #[serde(rename = "s")]
    pub(crate) element: String,
    /// Number of the top-level element it came from.
    #[serde(rename = "r")]
    pub(crate) root: u32,
}

const SHORT: usize = 60;

/// The blocks that are part of the answer, with inline heads taken off.
pub(crate) fn content(blocks: &[Block], furniture: &Furniture) -> Vec<Block> {
    let listed = |list: &[String], block: &Block| {
        let text = timeless(&block.markdown);
        list.iter()
            .any(|known| *known == block.markdown || timeless(known) == text)
    };
    let edge = |block: &Block| {
        block.kind == "p"
            && (is_time(&block.markdown) || is_symbol(&block.markdown) || is_timer(&block.markdown))
            || listed(&furniture.leading, block)
            || listed(&furniture.trailing, block)
    };
    let mut kept: Vec<&Block> = blocks
        .iter()
        .filter(|block| {
            (block.kind != "p" || !furniture.elements.contains(&block.element))
                && (block.markdown.chars().count() > SHORT || !listed(&furniture.leading, block))
        })
        .collect();
    while kept.first().is_some_and(|block| edge(block)) {
        kept.remove(0);
    }
    // A note that more is being written is no part of what was written.
    let more = |block: &Block| block.kind == "p" && is_placeholder(&block.markdown);
    while kept
        .last()
        .is_some_and(|block| edge(block) || kept.len() > 1 && more(block))
    {
        kept.pop();
    }
    // Several messages: each may have its own edges.
    let mut out: Vec<Block> = Vec::with_capacity(kept.len());
    for (i, block) in kept.iter().enumerate() {
        let first_of_root = i == 0 || kept[i - 1].root != block.root;
        let last_of_root = i + 1 == kept.len() || kept[i + 1].root != block.root;
        if (first_of_root || last_of_root) && edge(block) {
            continue;
        }
        let mut block = (*block).clone();
        if !block.head.is_empty()
            && furniture.heads.contains(&block.head)
            && let Some(rest) = block.markdown.strip_prefix(&block.head)
        {
            block.markdown = rest.trim_start_matches([':', ' ', '\n']).to_owned();
        }
        if !block.markdown.is_empty() {
            out.push(block);
        }
    }
    out
}

/// Blocks joined as one text.
pub(crate) fn join(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        out.push_str(&block.markdown);
    }
    out
}

/// Whether a text only says that an answer is on its way.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let trimmed = unmarked(text);
    if trimmed.chars().count() > 48 {
        return false;
    }
    let lower = trimmed.to_lowercase();
    if !lower.chars().any(char::is_alphanumeric) || is_timer(&lower) {
        return true;
    }
    let dots = lower.ends_with("...") || lower.ends_with('…');
    let short = lower.split_whitespace().count() <= 4;
    words::any(&lower, words::WAITING) && (dots || short)
}

/// A text with its clock times made equal; without one, itself.
fn timeless(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let colon = |i: usize| {
        letters[i] == ':'
            && i > 0
            && letters[i - 1].is_ascii_digit()
            && letters.get(i + 1).is_some_and(char::is_ascii_digit)
    };
    if !(0..letters.len()).any(colon) {
        return text.to_owned();
    }
    let mut out = String::new();
    for (i, letter) in letters.iter().enumerate() {
        if letter.is_ascii_digit() {
            if i == 0 || !letters[i - 1].is_ascii_digit() {
                out.push('0');
            }
        } else {
            out.push(*letter);
        }
    }
    let noon = ["am", "pm", "AM", "PM"];
    for word in noon {
        out = out
            .replace(&format!("0 {word}"), "0")
            .replace(&format!("0{word}"), "0");
    }
    out
}

/// A stopwatch that runs while an answer is awaited: `0.3s`, `1.2/4.0s`, `queue: 2/5 | 0.8s`.
fn is_timer(text: &str) -> bool {
    let lower = unmarked(text).to_lowercase();
    let seconds = |part: &str| {
        part.strip_suffix('s').is_some_and(|number| {
            number.contains('.')
                && number.chars().any(|c| c.is_ascii_digit())
                && number
                    .chars()
                    .all(|c| c.is_ascii_digit() || matches!(c, '.' | '/' | ' '))
        })
    };
    let stage =
        |part: &str| part.split_whitespace().count() <= 3 && words::any(part, words::WAITING);
    let place = |part: &str| {
        part.split_once(':').is_some_and(|(name, place)| {
            name.chars().all(char::is_alphabetic)
                && place.trim().chars().all(|c| c.is_ascii_digit() || c == '/')
        })
    };
    let mut parts = lower.split('|').map(str::trim);
    lower.chars().count() <= 32
        && lower.split('|').any(|part| seconds(part.trim()))
        && parts.all(|part| seconds(part) || stage(part) || place(part))
}

/// A text without the marks of emphasis around it: names and times around answers are often drawn bold.
fn unmarked(text: &str) -> &str {
    text.trim().trim_matches('*')
}

fn is_symbol(text: &str) -> bool {
    let text = unmarked(text);
    !text.chars().any(char::is_alphanumeric)
        && text.chars().count() <= 4
        && !text.chars().any(is_emoji)
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0x1F300..=0x1FAFF | 0x2600..=0x27BF)
}

/// A time stamp: clock time, date or "just now", and little else.
pub(super) fn is_time(text: &str) -> bool {
    let lower = unmarked(text).to_lowercase();
    if lower.chars().count() > 32 {
        return false;
    }
    let clock = lower
        .split(|c: char| c.is_whitespace() || c == ',')
        .any(|word| {
            let mut parts = word
                .trim_end_matches(|c: char| c.is_alphabetic() || c == '.')
                .split(':');
            let two = |part: Option<&str>| {
                part.is_some_and(|p| {
                    (1..=2).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit())
                })
            };
            two(parts.next()) && two(parts.next()) && word.contains(':')
        });
    let letters = lower.chars().filter(|c| c.is_alphabetic()).count();
    let ago = [
        "just now",
        "now",
        "gerade eben",
        "jetzt",
        "a few seconds ago",
        "刚刚",
        "たった今",
        "à l'instant",
        "ahora",
    ];
    let relative = lower.split_whitespace().count() <= 4
        && lower.starts_with(|c: char| c.is_ascii_digit())
        && (lower.ends_with(" ago") || lower.ends_with("前"));
    clock && letters <= 12 || ago.contains(&lower.as_str()) || relative
}

/// A name, a time, a word or two: what stands around an answer. A sentence is part of one, also when every answer begins with it.
pub(super) fn is_label(text: &str) -> bool {
    let ends_as_sentence = text
        .trim_end()
        .ends_with(['.', ':', '!', '?', ',', ';', '…', '。', '：', '！', '？']);
    is_time(text)
        || text.chars().count() <= SHORT
            && text.split_whitespace().count() <= 5
            && !ends_as_sentence
}

/// What two answers to different questions have in common at their edges is furniture.
pub(crate) fn learn_from_two(first: &[Block], second: &[Block]) -> Furniture {
    let mut furniture = Furniture::default();
    let same = |a: &Block, b: &Block| {
        a.kind == "p"
            && timeless(&a.markdown) == timeless(&b.markdown)
            && a.element == b.element
            && is_label(&a.markdown)
    };
    let most = first.len().min(second.len()).saturating_sub(1);
    let leading = first
        .iter()
        .zip(second)
        .take(most)
        .take_while(|(a, b)| same(a, b))
        .count();
    let trailing = first
        .iter()
        .rev()
        .zip(second.iter().rev())
        .take(most - leading)
        .take_while(|(a, b)| same(a, b))
        .count();
    furniture.leading = first[..leading]
        .iter()
        .map(|block| block.markdown.clone())
        .collect();
    furniture.trailing = first[first.len() - trailing..]
        .iter()
        .map(|block| block.markdown.clone())
        .collect();
    let body = &first[leading..first.len() - trailing];
    for block in first[..leading]
        .iter()
        .chain(&first[first.len() - trailing..])
    {
        add_element(&mut furniture, block, body);
    }
    if let (Some(a), Some(b)) = (first.get(leading), second.get(leading))
        && !a.head.is_empty()
        && a.head == b.head
    {
        furniture.heads.push(a.head.clone());
    }
    furniture
}

/// What stands around the text that the traffic carried is furniture. None when the blocks do not hold that text.
pub(crate) fn learn_from_source(blocks: &[Block], source: &str) -> Option<Furniture> {
    let wanted = reduce(source);
    let reduced: Vec<String> = blocks.iter().map(|block| reduce(&block.markdown)).collect();
    for from in 0..blocks.len() {
        for to in (from + 1..=blocks.len()).rev() {
            let mut text = reduced[from..to].concat();
            let mut furniture = Furniture::default();
            if text != wanted {
                let head = &blocks[from].head;
                let without = text
                    .strip_prefix(reduce(head).as_str())
                    .filter(|_| !head.is_empty());
                let Some(without) = without.filter(|rest| **rest == wanted) else {
                    continue;
                };
                text = without.to_owned();
                furniture.heads.push(head.clone());
            }
            debug_assert_eq!(text, wanted);
            let body = &blocks[from..to];
            let kept = |block: &&Block| {
                !is_time(&block.markdown) && block.markdown.chars().count() <= SHORT
            };
            furniture.leading = blocks[..from]
                .iter()
                .filter(kept)
                .map(|block| block.markdown.clone())
                .collect();
            furniture.trailing = blocks[to..]
                .iter()
                .filter(kept)
                .map(|block| block.markdown.clone())
                .collect();
            for block in blocks[..from].iter().chain(&blocks[to..]) {
                add_element(&mut furniture, block, body);
            }
            return Some(furniture);
        }
    }
    None
}

/// Short blocks that stood below the answer while it was written and are no part of it: notes that more is coming.
pub(crate) fn passing(seen: &[Block], text: &str) -> Vec<String> {
    let whole = reduce(text);
    let mut out: Vec<String> = Vec::new();
    for block in seen {
        let reduced = reduce(&block.markdown);
        let short = block.kind == "p" && block.markdown.chars().count() <= SHORT;
        if short
            && !reduced.is_empty()
            && !whole.contains(&reduced)
            && !out.contains(&block.markdown)
        {
            out.push(block.markdown.clone());
        }
    }
    out
}

/// An element is known by its class names only when no block of the answer itself looks like it.
fn add_element(furniture: &mut Furniture, block: &Block, body: &[Block]) {
    let telling =
        block.element.contains('.') && body.iter().all(|other| other.element != block.element);
    if telling && !furniture.elements.contains(&block.element) {
        furniture.elements.push(block.element.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(markdown: &str, element: &str) -> Block {
        Block {
            markdown: markdown.into(),
            kind: "p".into(),
            head: String::new(),
            element: element.into(),
            root: 0,
        }
    }

    #[test]
    fn names_and_times_around_answers_are_learned_and_left_out() {
        let answer = |text: &str| {
            vec![
                block("Bot", "div.name"),
                block(text, "p"),
                block("12:03", "div.time"),
            ]
        };
        let furniture = learn_from_two(&answer("Red is warm."), &answer("Blue is cold."));
        assert_eq!(furniture.leading, ["Bot"]);
        assert_eq!(join(&content(&answer("Green."), &furniture)), "Green.");
    }

    #[test]
    fn furniture_with_a_clock_in_it_is_known_at_any_time() {
        let answer = |time: &str, text: &str| {
            vec![block(&format!("Echo{time}"), "header"), block(text, "p")]
        };
        let furniture = learn_from_source(&answer("9:59 AM", "Red."), "Red.");
        let content = content(
            &answer("12:03 PM", "Green."),
            &furniture.unwrap_or_default(),
        );
        assert_eq!(join(&content), "Green.");
        let growing = [block("Green", "p"), block("Bot is typing", "div")];
        assert_eq!(
            join(&super::content(&growing, &Furniture::default())),
            "Green"
        );
    }

    #[test]
    fn the_traffic_tells_what_is_furniture() {
        let blocks = vec![
            block("Bot", "span.author"),
            block("Hello", "p"),
            block("there", "p"),
            block("Copy this", "div.tools"),
        ];
        let furniture = learn_from_source(&blocks, "Hello\n\nthere").unwrap();
        assert_eq!(
            (furniture.leading.as_slice(), furniture.trailing.as_slice()),
            (&["Bot".to_owned()][..], &["Copy this".to_owned()][..])
        );
        assert!(learn_from_source(&blocks, "Something else").is_none());
    }

    #[test]
    fn an_answer_that_repeats_itself_is_not_furniture() {
        let answer = vec![block("Yes.", "p")];
        let furniture = learn_from_two(&answer, &answer);
        assert_eq!(join(&content(&answer, &furniture)), "Yes.");
    }

    #[test]
    fn placeholders_and_times_are_told_from_answers() {
        for text in [
            "Thinking…",
            "*Thinking…*",
            "Bot is typing...",
            "...",
            "▌",
            "正在输入",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["The typing pool was loading a long lorry.", "42", "Yes"] {
            assert!(!is_placeholder(text), "{text}");
        }
        assert!(is_time("12:03 PM") && is_time("Today, 9:15") && is_time("**just now**"));
        assert!(!is_time("The ratio is 3:20 in favour of that") && !is_time("42"));
    }

    #[test]
    fn a_sentence_that_every_answer_begins_with_is_no_furniture() {
        let answer = |list: &str| {
            vec![
                block("Helper", "div.name"),
                block("Here is what I can tell:", "p"),
                block(list, "ul"),
            ]
        };
        let furniture = learn_from_two(&answer("- one"), &answer("- two"));
        assert_eq!(furniture.leading, ["Helper"]);
    }

    #[test]
    fn a_running_stopwatch_is_no_answer_and_a_number_is_one() {
        for timer in ["0.0s", "1.2/4.0s", "processing | 0.3s", "queue: 2/5 | 0.8s"] {
            assert!(is_timer(timer) && is_placeholder(timer), "{timer}");
        }
        for answer in ["42", "0.5", "It took 3.2s", "5s", "a | b", "3 | 4"] {
            assert!(!is_timer(answer), "{answer}");
        }
    }
}
