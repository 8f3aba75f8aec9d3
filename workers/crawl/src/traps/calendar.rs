//! Dates in addresses.

use url::Url;

/// True when the address names a month or a day. `/topic/3456/2` does not: that is a number.
pub(super) fn is_date(url: &Url) -> bool {
    year_of(url).is_some_and(|year| (1_800..2_200).contains(&year))
}

/// What addresses of calendars speak of, as whole words: an update is no date.
const OF_TIME: &[&str] = &[
    "agenda",
    "calendar",
    "calendario",
    "calendars",
    "calendrier",
    "date",
    "dates",
    "day",
    "days",
    "event",
    "events",
    "kalender",
    "month",
    "months",
    "schedule",
    "schedules",
    "termine",
    "week",
    "weeks",
    "year",
    "years",
];

/// True when it names a month that hardly a page is written about: later than next year. The past is full of them.
pub(super) fn is_far_away(url: &Url, year: u16) -> bool {
    let is_far = year_of(url).is_some_and(|found| found > year.saturating_add(1));
    is_far && {
        let text = url[url::Position::BeforePath..].to_ascii_lowercase();
        text.split(|letter: char| !letter.is_ascii_alphabetic())
            .any(|word| OF_TIME.contains(&word))
    }
}

/// The year of the month that an address names: `/2031/05/`, `/2031-05-12`, `?date=2031-05`, `?year=2031&month=5`.
fn year_of(url: &Url) -> Option<u16> {
    let numbers = |text: &str| -> Vec<u16> {
        let pieces = text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|piece| !piece.is_empty());
        pieces
            .map(|piece| {
                if piece.len() <= 4 {
                    piece.parse().unwrap_or(u16::MAX)
                } else {
                    u16::MAX
                }
            })
            .collect()
    };
    let whole = |part: &&str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    let parts: Vec<&str> = url.path().split('/').collect();
    // Only neighbours are one date: `/events/2050/sessions/5` has none.
    let in_path = parts.split(|part| !whole(part)).find_map(|together| {
        let dated = numbers(&together.join("-"));
        month(&dated, 12)
    });
    in_path.or_else(|| {
        let pairs = || {
            url.query()
                .unwrap_or_default()
                .split('&')
                .filter_map(|pair| pair.split_once('='))
        };
        let named = |words: &[&str]| {
            pairs()
                .find(|(name, _)| words.contains(&name.to_ascii_lowercase().as_str()))
                .map(|(_, value)| value)
        };
        let dated = named(&[
            "date",
            "day",
            "d",
            "month",
            "start",
            "from",
            "tribe-bar-date",
        ])
        .and_then(|value| month(&numbers(value), 12));
        dated.or_else(|| {
            let (year, of_year) = (
                named(&["year", "y", "yr"])?,
                named(&["month", "m", "mon", "week", "w"])?,
            );
            month(&numbers(&format!("{year}-{of_year}")), 53)
        })
    })
}

/// A year that is followed by a month, or a week where there are so many of them.
fn month(numbers: &[u16], most: u16) -> Option<u16> {
    let is_month =
        |pair: &&[u16]| (1_000..10_000).contains(&pair[0]) && (1..=most).contains(&pair[1]);
    numbers.windows(2).find(is_month).map(|pair| pair[0])
}
