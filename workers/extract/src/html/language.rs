//! Which language a code block is in, where the page says so.

use html5ever::local_name;

use super::dom::{Dom, Id};

/// Names that stand alone as a class on code (`<code class="python">`). Only names that mean nothing else there.
const NAMES: &[&str] = &[
    "ada",
    "asm",
    "awk",
    "bash",
    "bat",
    "c",
    "clojure",
    "cmake",
    "coffeescript",
    "console",
    "cpp",
    "c++",
    "cs",
    "csharp",
    "css",
    "csv",
    "cypher",
    "d",
    "dart",
    "diff",
    "dockerfile",
    "dos",
    "elixir",
    "elm",
    "erlang",
    "fish",
    "fortran",
    "fsharp",
    "go",
    "golang",
    "gradle",
    "graphql",
    "groovy",
    "haskell",
    "hcl",
    "html",
    "http",
    "ini",
    "java",
    "javascript",
    "js",
    "json",
    "json5",
    "jsonc",
    "jsx",
    "julia",
    "kotlin",
    "latex",
    "less",
    "lisp",
    "lua",
    "makefile",
    "markdown",
    "matlab",
    "nginx",
    "nim",
    "nix",
    "objectivec",
    "ocaml",
    "pascal",
    "perl",
    "php",
    "plaintext",
    "plpgsql",
    "postgresql",
    "powershell",
    "prolog",
    "properties",
    "protobuf",
    "ps1",
    "py",
    "pycon",
    "python",
    "python3",
    "r",
    "rb",
    "ruby",
    "rust",
    "sass",
    "scala",
    "scheme",
    "scss",
    "sh",
    "shell",
    "shellsession",
    "sql",
    "swift",
    "tcl",
    "terraform",
    "tex",
    "toml",
    "ts",
    "tsx",
    "typescript",
    "vb",
    "verilog",
    "vhdl",
    "vim",
    "wasm",
    "xml",
    "yaml",
    "yml",
    "zig",
    "zsh",
];

/// What follows `highlight-` and the like without being a language.
const NO_NAMES: &[&str] = &[
    "none",
    "default",
    "auto",
    "wrapper",
    "container",
    "source",
    "lines",
    "line",
    "block",
    "code",
    "body",
    "content",
    "inner",
    "section",
    "area",
    "group",
    "tabs",
    "switch",
    "switcher",
    "icon",
    "copy",
    "title",
    "header",
    "example",
    "undefined",
    "null",
    "nohighlight",
];

/// Languages that people speak: as `lang` of a `<pre>` they say nothing of the code.
const SPOKEN: &[&str] = &[
    "en", "de", "fr", "es", "it", "ja", "zh", "pt", "ru", "ko", "nl", "pl", "sv", "da", "fi", "cs",
    "tr", "ar", "he",
];

/// The language of a code block, in lower case: by itself, by the code in it, or by what is around it and holds nothing else.
pub(super) fn of(dom: &Dom, block: Id) -> Option<String> {
    let code =
        |inside: &Id| dom.is(*inside, &local_name!("code")) || dom.is(*inside, &local_name!("pre"));
    let own = dom
        .inside(block)
        .take(256)
        .filter(code)
        .find_map(|code| said(dom, code, true))
        .or_else(|| said(dom, block, true));
    own.or_else(|| {
        let around = dom.ancestors(block).take(4).take_while(|&around| {
            matches!(
                dom.name(around),
                Some(
                    &local_name!("div")
                        | &local_name!("figure")
                        | &local_name!("section")
                        | &local_name!("span")
                        | &local_name!("td")
                        | &local_name!("tr")
                        | &local_name!("tbody")
                        | &local_name!("table")
                        | &local_name!("code")
                        | &local_name!("pre")
                )
            ) && dom
                .inside(around)
                .filter(|&inside| dom.is(inside, &local_name!("pre")))
                .take(4)
                .all(|pre| {
                    pre == block || dom.inside(block).contains(&pre) || beside(dom, pre, block)
                })
        });
        around
            .into_iter()
            .find_map(|around| said(dom, around, false))
    })
}

/// Whether two blocks stand in one row of a table: the numbers and the code.
fn beside(dom: &Dom, one: Id, other: Id) -> bool {
    let row = |id: Id| {
        dom.ancestors(id)
            .take(4)
            .find(|&around| dom.is(around, &local_name!("tr")))
    };
    row(one).is_some() && row(one) == row(other)
}

/// What an element says of the language. Only code itself (`own`) says it by a name alone.
fn said(dom: &Dom, id: Id, own: bool) -> Option<String> {
    let element = dom.element(id)?;
    for name in ["data-lang", "data-language", "data-code-language"] {
        if let Some(language) = element.attribute(name).and_then(clean) {
            return Some(language);
        }
    }
    if let Some(class) = element.attribute("class") {
        let mut names = class.split_ascii_whitespace().peekable();
        let mut alone = None;
        while let Some(name) = names.next() {
            let lower = name.to_ascii_lowercase();
            for prefix in [
                "language-",
                "lang-",
                "highlight-source-",
                "highlight-text-",
                "highlight-",
                "sourcecode-",
                "brush:",
            ] {
                if let Some(language) = lower.strip_prefix(prefix) {
                    let language = if language.is_empty() {
                        names.peek().copied().unwrap_or_default()
                    } else {
                        language
                    };
                    if let Some(language) = clean(language) {
                        return Some(language);
                    }
                    break;
                }
            }
            if lower == "sourcecode"
                && let Some(language) = names
                    .peek()
                    .copied()
                    .and_then(clean)
                    .filter(|one| own || NAMES.contains(&&**one))
            {
                return Some(language);
            }
            if own && alone.is_none() && NAMES.contains(&&*lower) {
                alone = Some(lower);
            }
        }
        if alone.is_some() {
            return alone;
        }
    }
    let lang = element.attribute("lang").filter(|_| own)?;
    clean(lang).filter(|lang| !SPOKEN.contains(&&**lang) && NAMES.contains(&&**lang))
}

/// A language's name, or nothing where none is named.
fn clean(name: &str) -> Option<String> {
    let name = name
        .split([';', ',', ':', '{'])
        .next()?
        .trim()
        .to_ascii_lowercase();
    let sound = !name.is_empty()
        && name.len() <= 32
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || matches!(one, '+' | '#' | '-' | '_' | '.'))
        && !NO_NAMES.contains(&&*name);
    sound.then_some(name)
}
