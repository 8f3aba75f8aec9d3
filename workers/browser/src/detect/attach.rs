//! Where a chat takes files: a field for them, mostly hidden behind a button, or the button that brings one. Pure.

use serde::Deserialize;

use super::Scored;
use super::words;
use crate::facts::{Button, Field, PageFacts};

/// What a field for files, or a button, needs to be used.
pub const ATTACH_THRESHOLD: i32 = 20;

/// Words of buttons that take files, and of the entries of their menus.
#[rustfmt::skip]
const ATTACH: &[&str] = &[
    "attach", "upload", "add file", "add photo", "add image", "add picture", "file", "photo", "image", "picture", "paperclip", "clip", "computer", "device",
    "anhäng", "anhang", "hochladen", "datei", "bild", "foto", "büroklammer", "joindre", "téléverser", "fichier", "pièce jointe", "adjunt", "subir", "archivo",
    "imagen", "anex", "carregar", "arquivo", "ficheiro", "imagem", "allega", "carica", "immagine", "bijlage", "bestand", "afbeelding", "załącz", "plik", "obraz",
    "bifoga", "fil", "bilaga", "vedhæft", "liitä", "tiedosto", "ekle", "dosya", "resim", "přilož", "soubor", "прикреп", "файл", "загруз", "изображ", "фото",
    "附件", "上传", "上傳", "文件", "檔案", "图片", "圖片", "照片", "添付", "アップロード", "ファイル", "画像", "写真", "첨부", "업로드", "파일", "이미지", "사진", "แนบ", "อัปโหลด", "đính kèm", "tải lên",
    "مرفق", "إرفاق", "رفع", "ملف", "צרף", "קובץ", "संलग्न", "अपलोड",
];
/// Words of what makes pictures, shows them, or takes one for something else.
#[rustfmt::skip]
const OTHER: &[&str] = &[
    "generate", "create image", "draw", "avatar", "profile", "logo", "cover", "background", "gallery", "download", "import", "export", "camera", "screenshot",
    "erzeug", "erstell", "herunterladen", "profil", "générer", "télécharger", "generar", "descargar", "gerar", "baixar", "生成", "下载", "下載", "头像", "頭像", "生成する", "ダウンロード",
];

/// A field that takes files, as `js/attach.js` tells of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct FileInput {
    /// Finds it again.
    pub locator: String,
    /// What it says that it takes.
    pub accept: String,
    /// It takes whole folders.
    pub folder: bool,
    /// Disabled.
    pub disabled: bool,
    /// What it is called, in lower case.
    pub words: String,
    /// How far up it is to what holds the box as well; 40 where that is far, or nothing does.
    pub levels: u32,
    /// It is in the box's form.
    pub form: bool,
    /// What it stands in.
    pub context: Vec<String>,
}

impl FileInput {
    fn takes_pictures(&self) -> bool {
        let kinds = self.accept.split(',').map(str::trim);
        let kinds: Vec<&str> = kinds.filter(|kind| !kind.is_empty()).collect();
        let picture = |kind: &&str| {
            kind.starts_with("image/")
                || matches!(
                    *kind,
                    "*" | "*/*" | ".png" | ".jpg" | ".jpeg" | ".gif" | ".webp"
                )
        };
        kinds.is_empty() || kinds.iter().any(picture)
    }
}

/// The fields that may take a picture beside a question, best first.
#[must_use]
pub fn inputs(found: &[FileInput]) -> Vec<Scored> {
    let usable = |(_, input): &(usize, &FileInput)| {
        !input.folder && !input.disabled && !input.locator.is_empty() && input.takes_pictures()
    };
    let mut choices: Vec<Scored> = found
        .iter()
        .enumerate()
        .filter(usable)
        .map(|(at, input)| {
            let mut choice = Scored::new(at);
            choice.add(15, "takes pictures");
            if input.form {
                choice.add(15, "in the box's form");
            }
            match input.levels {
                0..=4 => choice.add(20, "beside the box"),
                5..=9 => choice.add(10, "near the box"),
                _ => {}
            }
            if words::any(&input.words, ATTACH) {
                choice.add(8, "worded as a file");
            }
            if words::any(&input.words, OTHER) {
                choice.add(-35, "worded as something else");
            }
            if found.len() == 1 {
                choice.add(8, "the only one");
            }
            for place in ["nav", "header", "aside", "log", "article", "dialog"] {
                if input.context.iter().any(|context| context == place) {
                    choice.add(-12, place);
                }
            }
            choice
        })
        .filter(|choice| choice.score >= ATTACH_THRESHOLD)
        .collect();
    choices.sort_by_key(|choice| std::cmp::Reverse(choice.score));
    choices
}

fn distance(field: &Field, button: &Button) -> f64 {
    let (x, y) = button.centre();
    let [left, top, width, height] = field.area;
    let across = (left - x).max(x - left - width).max(0.0);
    let down = (top - y).max(y - top - height).max(0.0);
    across.hypot(down)
}

/// The buttons near the box that may take files, or open a menu that does, best first.
#[must_use]
pub fn buttons(facts: &PageFacts, input: &str) -> Vec<Scored> {
    let Some(field) = facts.fields.iter().find(|field| field.locator == input) else {
        return Vec::new();
    };
    let mut choices: Vec<Scored> = facts
        .buttons
        .iter()
        .enumerate()
        .filter(|(_, button)| {
            !button.locator.is_empty()
                && !button.link
                && !button.disabled
                && distance(field, button) < 220.0
        })
        .map(|(at, button)| {
            let mut choice = Scored::new(at);
            let said = button.words();
            let marked = format!("{} {}", said, button.classes.to_lowercase());
            if words::any(&said, ATTACH) {
                choice.add(25, "worded as a file");
            } else if words::any(&marked, &["attach", "upload", "paperclip", "file"]) {
                choice.add(18, "named after files");
            } else if matches!(button.text.trim(), "+" | "＋" | "📎" | "➕") {
                choice.add(18, "a plus or a paper clip");
            }
            if words::any(&said, OTHER) || words::any(&said, words::SEND) {
                choice.add(-30, "worded as something else");
            }
            if button.submit && button.r#type == "submit" {
                choice.add(-15, "submits the form");
            }
            if distance(field, button) < 80.0 {
                choice.add(6, "beside the box");
            }
            if field.form.is_some() && button.form == field.form {
                choice.add(6, "in the box's form");
            }
            for place in ["nav", "header", "aside", "log", "article"] {
                if button.is_in(place) {
                    choice.add(-15, place);
                }
            }
            choice
        })
        .filter(|choice| choice.score >= ATTACH_THRESHOLD)
        .collect();
    choices.sort_by_key(|choice| std::cmp::Reverse(choice.score));
    choices
}

/// The entry of a menu that has just opened by which a file is chosen; what was there before is none.
#[must_use]
pub fn entry(before: &PageFacts, now: &PageFacts) -> Option<usize> {
    let is_new = |button: &Button| {
        !before
            .buttons
            .iter()
            .any(|known| known.locator == button.locator)
    };
    let choice = |(at, button): (usize, &Button)| {
        let said = button.words();
        let fits = words::any(&said, ATTACH) && !words::any(&said, OTHER);
        (is_new(button) && fits && !button.locator.is_empty()).then_some(at)
    };
    now.buttons.iter().enumerate().find_map(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(accept: &str, words: &str, levels: u32) -> FileInput {
        FileInput {
            locator: format!("{accept} {words}"),
            accept: accept.to_owned(),
            words: words.to_owned(),
            levels,
            ..FileInput::default()
        }
    }

    #[test]
    fn the_field_beside_the_box_wins_and_those_for_other_things_are_left() {
        let found = [
            input("image/*", "avatar", 30),
            input(".csv", "", 1),
            input("image/png,.pdf", "", 2),
            FileInput {
                folder: true,
                ..input("", "", 1)
            },
        ];
        let choices = inputs(&found);
        assert_eq!(choices.len(), 1);
        assert_eq!(choices[0].index, 2);
        assert!(inputs(&[input("image/*", "avatar", 30)]).is_empty());
        assert_eq!(
            inputs(&[input("", "", 8)]).len(),
            1,
            "the only one, near the box"
        );
    }

    fn button(text: &str, aria: &str, x: f64) -> Button {
        Button {
            locator: format!("{text}{aria}"),
            text: text.to_owned(),
            aria: aria.to_owned(),
            area: [x, 800.0, 30.0, 30.0],
            ..Button::default()
        }
    }

    #[test]
    fn a_button_that_attaches_is_known_in_any_language() {
        let facts = PageFacts {
            fields: vec![Field {
                locator: "#box".to_owned(),
                area: [100.0, 800.0, 600.0, 40.0],
                ..Field::default()
            }],
            buttons: vec![
                button("", "Nachricht senden", 720.0),
                button("", "Datei anhängen", 60.0),
                button("", "添付", 60.0),
                button("+", "", 60.0),
                button("", "Create image", 60.0),
                button("", "Attach", 1200.0),
            ],
            ..PageFacts::default()
        };
        let found: Vec<usize> = buttons(&facts, "#box")
            .iter()
            .map(|choice| choice.index)
            .collect();
        assert_eq!(found, [1, 2, 3]);
        let mut menu = facts.clone();
        menu.buttons.push(button("Create image", "", 60.0));
        menu.buttons
            .push(button("Vom Computer hochladen", "", 60.0));
        assert_eq!(entry(&facts, &menu), Some(7));
        assert_eq!(entry(&facts, &facts), None);
    }
}
