//! How workers read pages and files.

use std::time::Duration;

use computetower_workers::extraction::ExtractionSettings;

use super::Environment;

pub(super) fn extraction(env: &mut Environment<'_>) -> ExtractionSettings {
    let defaults = ExtractionSettings::default();
    let children = env
        .number(
            "COMPUTETOWER_EXTRACTORS",
            defaults.children,
            "processes that read pages and files at the same time",
        )
        .clamp(1, 256);
    let seconds = env
        .number(
            "COMPUTETOWER_EXTRACT_SECONDS",
            defaults.deadline.as_secs(),
            "seconds that reading one page or file may take",
        )
        .clamp(1, 3600);
    let mebibytes = env
        .number(
            "COMPUTETOWER_EXTRACT_MEMORY_MIB",
            defaults.memory >> 20,
            "mebibytes of address space of a process that reads pages and files",
        )
        .clamp(256, 1 << 20);
    let ocr_languages = env
        .or("COMPUTETOWER_OCR_LANGUAGES", &defaults.ocr_languages)
        .trim()
        .to_owned();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+');
    if !ocr_languages.bytes().all(known) {
        env.problem(
            "COMPUTETOWER_OCR_LANGUAGES",
            "must be languages as tesseract names them, for example eng+deu",
        );
    }
    let environment = ["PATH", "TMPDIR", "TESSDATA_PREFIX"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), env.get(name)?)))
        .collect();
    ExtractionSettings {
        children,
        deadline: Duration::from_secs(seconds),
        memory: mebibytes << 20,
        ocr_languages,
        environment,
        ..defaults
    }
}
