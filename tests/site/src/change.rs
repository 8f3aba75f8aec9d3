//! Apps that change while they are used: another shape, other names for the same things, another language, another password.

use serde::Deserialize;

use crate::Site;
use crate::shape::Shape;

/// How an app's pages differ from their shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Disguise {
    /// Ids and class names are made of this number.
    pub salt: Option<u32>,
    /// Index of the language of the page's words, in [`LANGUAGES`].
    pub language: Option<usize>,
}

/// Languages that a page can be switched to.
pub const LANGUAGES: [&str; 4] = ["de", "fr", "es", "ja"];

/// What is renamed in scripts and style sheets alike. None of these is a word of CSS, of the DOM or of a shape.
const NAMES: [&str; 15] = [
    "composer", "bubble", "prose", "thread", "halt", "primary", "room", "icon", "prompt", "q1z",
    "x1a", "x7f", "x80", "actions", "avatar",
];

/// The page's words, in English and in [`LANGUAGES`].
const WORDS: [[&str; 5]; 17] = [
    [
        "'Message Echo'",
        "'Nachricht an Echo'",
        "'Écrire à Echo'",
        "'Escribe a Echo'",
        "'Echoにメッセージ'",
    ],
    [
        "'Write a message'",
        "'Schreiben Sie etwas'",
        "'Votre message'",
        "'Escribe algo'",
        "'メッセージを入力'",
    ],
    [
        "'Type here and press Enter'",
        "'Hier eingeben'",
        "'Écrivez ici'",
        "'Escribe aquí'",
        "'ここに入力'",
    ],
    [
        "'Ask something'",
        "'Fragen Sie etwas'",
        "'Posez une question'",
        "'Pregunta algo'",
        "'質問してください'",
    ],
    [
        "'How may we help?'",
        "'Wie können wir helfen?'",
        "'Comment vous aider ?'",
        "'¿En qué ayudamos?'",
        "'ご用件は？'",
    ],
    [
        "'Your message'",
        "'Ihre Nachricht'",
        "'Votre message'",
        "'Tu mensaje'",
        "'あなたのメッセージ'",
    ],
    [
        "'Message'",
        "'Nachricht'",
        "'Message'",
        "'Mensaje'",
        "'メッセージ'",
    ],
    ["'Send'", "'Senden'", "'Envoyer'", "'Enviar'", "'送信'"],
    [
        "'Stop generating'",
        "'Anhalten'",
        "'Arrêter'",
        "'Detener'",
        "'停止'",
    ],
    ["'Stop'", "'Anhalten'", "'Arrêter'", "'Detener'", "'停止'"],
    [
        "'New chat'",
        "'Neuer Chat'",
        "'Nouvelle discussion'",
        "'Nuevo chat'",
        "'新しいチャット'",
    ],
    [
        "'Sign out'",
        "'Abmelden'",
        "'Se déconnecter'",
        "'Cerrar sesión'",
        "'ログアウト'",
    ],
    ["'You'", "'Sie'", "'Vous'", "'Tú'", "'あなた'"],
    [
        ">Thinking…<",
        ">Denkt nach…<",
        ">Réflexion…<",
        ">Pensando…<",
        ">考え中…<",
    ],
    [
        "'Got it'",
        "'Verstanden'",
        "'Compris'",
        "'Entendido'",
        "'了解'",
    ],
    [
        "'Skip tour'",
        "'Überspringen'",
        "'Passer'",
        "'Omitir'",
        "'スキップ'",
    ],
    [
        "'Reject all'",
        "'Alle ablehnen'",
        "'Tout refuser'",
        "'Rechazar todo'",
        "'すべて拒否'",
    ],
];

impl Disguise {
    /// What follows the addresses of scripts and style sheets.
    pub(crate) fn query(self) -> String {
        let salt = self.salt.map(|salt| format!("salt={salt}"));
        let language = self.language.map(|at| format!("language={at}"));
        let parts: Vec<String> = salt.into_iter().chain(language).collect();
        if parts.is_empty() {
            String::new()
        } else {
            format!("?{}", parts.join("&"))
        }
    }

    /// A script or style sheet as this page gets it.
    pub(crate) fn of(self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(language) = self.language {
            for words in &WORDS {
                let other = words[1 + language % LANGUAGES.len()];
                text = text.replace(words[0], other);
            }
        }
        let Some(salt) = self.salt else { return text };
        let sheet = "/assets/style.css'";
        renamed(
            &text.replace(sheet, &format!("/assets/style.css{}'", self.query())),
            salt,
        )
    }
}

/// The same with every one of [`NAMES`] replaced where it stands as a whole word.
fn renamed(text: &str, salt: u32) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if is_part(c) {
            word.push(c);
            continue;
        }
        match NAMES.iter().position(|name| *name == word) {
            Some(at) => {
                let other = salt
                    .wrapping_mul(2_654_435_761)
                    .wrapping_add(u32::try_from(at).unwrap_or(0) * 40_503);
                out.push_str(&format!("z{other:07x}"));
            }
            None => out.push_str(&word),
        }
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

impl Site {
    /// Serves an app of its own under the shape's name; serves it in this shape from now on if there is one of that name. What it remembers (sessions,
    /// questions, conversations) stays. Open pages stay as they are.
    pub fn put(&self, shape: Shape, disguise: Disguise) {
        let name = shape.name;
        self.shared.put(shape);
        self.shared.record(name).disguise = disguise;
    }

    /// The account has another password from now on.
    pub fn set_password(&self, name: &str, password: &str) {
        self.shared.record(name).password = Some(password.to_owned());
    }

    /// The next so many questions meet an error.
    pub fn fail(&self, name: &str, times: u32) {
        self.shared.record(name).fails = times;
    }

    /// How many sessions are open.
    pub fn sessions(&self, name: &str) -> usize {
        self.shared.record(name).sessions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_as_whole_words_and_everywhere_alike() {
        let disguise = Disguise {
            salt: Some(7),
            language: None,
        };
        let script = disguise.of("class: 'composer', busy: 'composer-disabled', composer.clear()");
        let style = disguise.of(".composer { top: 0 }");
        assert!(script.contains("'composer-disabled'"));
        let name = style[1..].split(' ').next().unwrap_or_default();
        assert_eq!(script.matches(name).count(), 2, "{script}");
        assert!(!script.contains("'composer'"));
    }

    #[test]
    fn every_word_that_is_translated_stands_in_a_script() {
        let scripts = include_str!("../assets/chat.js");
        for words in &WORDS {
            assert!(scripts.contains(words[0]), "{}", words[0]);
        }
    }
}
