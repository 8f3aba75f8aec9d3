//! Pages of one listing: `…/page-2.html`, `…/page/3/`, `…?page=4`, `…?offset=20`.

use url::Url;

/// What pages of a listing are called.
const WORDS: &[&str] = &[
    "page", "pages", "p", "pg", "paged", "pagina", "página", "seite", "sida", "side", "strona",
    "stranica", "sayfa",
];
/// By which parameter they are asked for, besides.
const PARAMETERS: &[&str] = &[
    "offset",
    "start",
    "skip",
    "from",
    "pageno",
    "page_no",
    "pagenumber",
    "page_number",
    "pageindex",
    "currentpage",
    "first",
];

/// True when `to` is another page of the listing that `from` is a page of: such a link does not lead further away from the start.
#[must_use]
pub fn goes_on(from: &Url, to: &Url) -> bool {
    let Some(listing) = listing_of(to) else {
        return false;
    };
    match listing_of(from) {
        Some(own) => own == listing,
        // The first page has no number.
        None => listing == first_page(from),
    }
}

/// The address of a listing without what says which page of it, if it says so.
fn listing_of(url: &Url) -> Option<String> {
    let site = &url[..url::Position::BeforePath];
    let query = url.query().unwrap_or_default();
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    let before = pairs.len();
    pairs.retain(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.to_lowercase();
        !(is_number(value)
            && (WORDS.contains(&name.as_str()) || PARAMETERS.contains(&name.as_str())))
    });
    if pairs.len() < before {
        return Some(format!("{site}{}?{}", bare(url.path()), pairs.join("&")));
    }
    let path = url.path().trim_end_matches('/');
    let (folder, last) = path.rsplit_once('/')?;
    let folder = match folder.rsplit_once('/') {
        _ if is_numbered(last) => folder,
        Some((above, word)) if is_number(last) && WORDS.contains(&word.to_lowercase().as_str()) => {
            above
        }
        _ => return None,
    };
    Some(format!("{site}{folder}?{query}"))
}

fn first_page(url: &Url) -> String {
    format!(
        "{}{}?{}",
        &url[..url::Position::BeforePath],
        bare(url.path()),
        url.query().unwrap_or_default()
    )
}

/// `page-2`, `page2.html`, `p_3.php`.
fn is_numbered(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default();
    let word = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    word.len() < stem.len()
        && WORDS.contains(&word.trim_end_matches(['-', '_']).to_lowercase().as_str())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A folder's own address and its index file's are the same here.
fn bare(path: &str) -> &str {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let is_index = file.is_empty() || file.starts_with("index.") || file.starts_with("default.");
    if is_index { folder } else { path }
}
