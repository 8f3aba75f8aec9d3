//! Names of files and the languages they are written in.

/// A language as fences name it.
pub type Language = &'static str;

/// Extensions, by language.
const EXTENSIONS: &[(Language, &[&str])] = &[
    ("rust", &["rs"]),
    ("python", &["py", "pyi", "pyw"]),
    ("javascript", &["js", "mjs", "cjs"]),
    ("typescript", &["ts", "mts", "cts"]),
    ("tsx", &["tsx"]),
    ("jsx", &["jsx"]),
    ("java", &["java"]),
    ("kotlin", &["kt", "kts"]),
    ("scala", &["scala", "sc"]),
    ("groovy", &["groovy", "gradle"]),
    ("c", &["c", "h"]),
    ("cpp", &["cc", "cpp", "cxx", "hh", "hpp", "hxx", "ino"]),
    ("csharp", &["cs"]),
    ("fsharp", &["fs", "fsx"]),
    ("go", &["go"]),
    ("ruby", &["rb", "rake", "gemspec"]),
    ("php", &["php"]),
    ("perl", &["pl", "pm"]),
    ("lua", &["lua"]),
    ("swift", &["swift"]),
    ("objective-c", &["m", "mm"]),
    ("dart", &["dart"]),
    ("elixir", &["ex", "exs"]),
    ("erlang", &["erl", "hrl"]),
    ("haskell", &["hs"]),
    ("ocaml", &["ml", "mli"]),
    ("clojure", &["clj", "cljs", "edn"]),
    ("lisp", &["lisp", "el", "scm"]),
    ("julia", &["jl"]),
    ("r", &["r"]),
    ("zig", &["zig"]),
    ("nim", &["nim"]),
    ("sh", &["sh", "bash", "zsh", "ksh"]),
    ("fish", &["fish"]),
    ("powershell", &["ps1", "psm1"]),
    ("bat", &["bat", "cmd"]),
    ("sql", &["sql"]),
    ("graphql", &["graphql", "gql"]),
    ("proto", &["proto"]),
    ("css", &["css"]),
    ("scss", &["scss", "sass"]),
    ("less", &["less"]),
    ("vue", &["vue"]),
    ("svelte", &["svelte"]),
    ("toml", &["toml"]),
    ("ini", &["ini", "cfg", "conf", "properties", "env"]),
    ("hcl", &["tf", "hcl"]),
    ("nix", &["nix"]),
    ("cmake", &["cmake"]),
    ("makefile", &["mk", "mak"]),
    ("diff", &["diff", "patch"]),
    ("asm", &["s", "asm"]),
    ("latex", &["tex", "sty", "bib"]),
    ("rst", &["rst"]),
    ("asciidoc", &["adoc", "asciidoc"]),
    ("vim", &["vim"]),
    ("solidity", &["sol"]),
    ("verilog", &["v", "sv"]),
    ("vhdl", &["vhd", "vhdl"]),
    ("fortran", &["f", "f90", "f95"]),
    ("pascal", &["pas"]),
    ("matlab", &["mlx"]),
];

/// The language of a file of this extension, in lower case.
#[must_use]
pub fn language_of(extension: &str) -> Option<Language> {
    EXTENSIONS
        .iter()
        .find(|(_, extensions)| extensions.contains(&extension))
        .map(|(language, _)| *language)
}

/// The language of files that are known by their whole name, in lower case.
pub(super) fn language_of_name(name: &str) -> Option<Language> {
    Some(match name {
        "makefile" | "gnumakefile" => "makefile",
        "dockerfile" | "containerfile" => "dockerfile",
        "cmakelists.txt" => "cmake",
        "gemfile" | "rakefile" | "vagrantfile" => "ruby",
        "jenkinsfile" => "groovy",
        ".bashrc" | ".profile" | ".zshrc" => "sh",
        ".gitignore" | ".dockerignore" | ".env" | ".editorconfig" => "ini",
        _ => return None,
    })
}

/// The language that the first line asks a system to run a file with.
pub(super) fn language_of_interpreter(first_line: &str) -> Option<Language> {
    let command = first_line.strip_prefix("#!")?;
    let mut words = command.split_whitespace();
    let mut program = words.next()?.rsplit('/').next()?;
    if program == "env" {
        program = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    }
    let program = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match program {
        "sh" | "bash" | "dash" | "zsh" | "ksh" => "sh",
        "fish" => "fish",
        "python" | "pypy" => "python",
        "node" | "nodejs" | "deno" | "bun" => "javascript",
        "ruby" => "ruby",
        "perl" => "perl",
        "php" => "php",
        "lua" => "lua",
        "Rscript" => "r",
        "make" => "makefile",
        "awk" | "gawk" => "awk",
        _ => return None,
    })
}
