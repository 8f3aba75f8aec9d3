//! The metric of the article extraction benchmark: shingles of four words, as multisets.

use std::collections::HashMap;

/// Words: runs of letters, digits and underscores.
pub fn words(text: &str) -> Vec<&str> {
    text.split(|one: char| !one.is_alphanumeric() && one != '_')
        .filter(|word| !word.is_empty())
        .collect()
}

fn shingles<'a>(words: &'a [&'a str]) -> HashMap<&'a [&'a str], i64> {
    let mut out = HashMap::new();
    if words.is_empty() {
        return out;
    }
    for shingle in words.windows(words.len().min(4)) {
        *out.entry(shingle).or_insert(0) += 1;
    }
    out
}

/// True positives, false positives, false negatives, as parts of their sum.
pub fn compare(truth: &str, found: &str) -> (f64, f64, f64) {
    let (truth, found) = (words(truth), words(found));
    let (truth, found) = (shingles(&truth), shingles(&found));
    let (mut tp, mut fp, mut fneg) = (0, 0, 0);
    for (shingle, &count) in &truth {
        let other = found.get(shingle).copied().unwrap_or(0);
        tp += count.min(other);
        fneg += (count - other).max(0);
    }
    for (shingle, &count) in &found {
        fp += (count - truth.get(shingle).copied().unwrap_or(0)).max(0);
    }
    let sum = (tp + fp + fneg) as f64;
    if sum == 0.0 {
        (0.0, 0.0, 0.0)
    } else {
        (tp as f64 / sum, fp as f64 / sum, fneg as f64 / sum)
    }
}

/// Precision, recall and F1 over pages.
pub fn scores(pages: &[(f64, f64, f64)]) -> (f64, f64, f64) {
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / (values.len().max(1) as f64);
    let precision = mean(
        pages
            .iter()
            .filter(|(tp, fp, _)| tp + fp > 0.0)
            .map(|(tp, fp, _)| tp / (tp + fp))
            .collect(),
    );
    let recall = mean(
        pages
            .iter()
            .filter(|(tp, _, fneg)| tp + fneg > 0.0)
            .map(|(tp, _, fneg)| tp / (tp + fneg))
            .collect(),
    );
    (
        precision,
        recall,
        if precision + recall > 0.0 {
            2.0 * precision * recall / (precision + recall)
        } else {
            0.0
        },
    )
}

/// The spread of F1 when the pages are drawn again, with replacement, 1000 times.
pub fn spread(pages: &[(f64, f64, f64)]) -> f64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        pages[(state % pages.len() as u64) as usize]
    };
    let all: Vec<f64> = (0..1000)
        .map(|_| scores(&(0..pages.len()).map(|_| draw()).collect::<Vec<_>>()).2)
        .collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    (all.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / all.len() as f64).sqrt()
}
