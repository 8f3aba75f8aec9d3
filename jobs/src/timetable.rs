//! When a schedule is due: a cron expression read in a time zone.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::submission::InvalidField;

/// Characters that an expression may have.
const LONGEST: usize = 200;

/// The moments of a schedule. Where the clocks change, a fixed time of day comes once a day: a time that is left out comes when the clocks have
/// changed, one that is there twice comes the first time. Every so many minutes stays every so many minutes.
#[derive(Clone, Debug)]
pub struct Timetable {
    cron: Cron,
    zone: Tz,
}

impl Timetable {
    /// Reads a cron expression of five fields (minute, hour, day of the month, month, day of the week), or of six with seconds before them, and an IANA
    /// time zone. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` are understood.
    ///
    /// # Errors
    /// `cron` or `time_zone`, and why.
    pub fn parse(cron: &str, time_zone: &str) -> Result<Self, InvalidField> {
        if cron.len() > LONGEST {
            return Err(InvalidField::new(
                "cron",
                format!("must have at most {LONGEST} characters"),
            ));
        }
        let zone: Tz = time_zone.parse().map_err(|_| {
            InvalidField::new(
                "time_zone",
                "is not a name of the IANA time zone database, such as UTC or Europe/Berlin",
            )
        })?;
        let cron = CronParser::builder()
            .seconds(Seconds::Optional)
            .year(Year::Disallowed)
            .build()
            .parse(cron)
            .map_err(|error| {
                InvalidField::new(
                    "cron",
                    format!(
                        "is not a cron expression of five fields, or six with seconds first: {error}"
                    ),
                )
            })?;
        Ok(Self { cron, zone })
    }

    /// The first moment after this one, or none when there will never be one (the 31st of February).
    #[must_use]
    pub fn next_after(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.cron
            .find_next_occurrence(&moment.with_timezone(&self.zone), false)
            .ok()
            .map(|next| next.with_timezone(&Utc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeDelta, TimeZone};
    use proptest::prelude::*;

    fn next(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let timetable = Timetable::parse(cron, zone).expect("a timetable");
        let mut moment: DateTime<Utc> = after.parse().expect("a moment");
        (0..count)
            .filter_map(|_| {
                moment = timetable.next_after(moment)?;
                Some(moment.format("%m-%d %H:%M:%S").to_string())
            })
            .collect()
    }

    #[test]
    fn a_time_of_day_comes_once_a_day_when_the_clocks_change() {
        // In Berlin 02:00 to 03:00 does not exist on 29 March 2026, and is there twice on 25 October.
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3),
            ["03-28 01:30:00", "03-29 01:00:00", "03-30 00:30:00"]
        );
        assert_eq!(
            next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["10-25 00:30:00", "10-26 01:30:00"]
        );
        // Nine o'clock stays nine o'clock for people.
        assert_eq!(
            next("0 9 * * 1-5", "America/New_York", "2026-03-06T00:00:00Z", 2),
            ["03-06 14:00:00", "03-09 13:00:00"]
        );
        assert_eq!(
            next("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 4),
            [
                "10-25 00:30:00",
                "10-25 01:00:00",
                "10-25 01:30:00",
                "10-25 02:00:00"
            ]
        );
    }

    #[test]
    fn five_fields_six_fields_and_nicknames_are_read() {
        let after = "2026-01-01T00:00:00Z";
        assert_eq!(next("5 4 * * *", "UTC", after, 1), ["01-01 04:05:00"]);
        assert_eq!(
            next("*/20 * * * * *", "UTC", after, 2),
            ["01-01 00:00:20", "01-01 00:00:40"]
        );
        assert_eq!(next("@daily", "UTC", after, 1), ["01-02 00:00:00"]);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_what_never_comes_is_found_out() {
        for (cron, zone, field) in [
            ("every day", "UTC", "cron"),
            ("", "UTC", "cron"),
            ("61 * * * *", "UTC", "cron"),
            ("* * * *", "UTC", "cron"),
            ("0 0 0 1 1 * 2030", "UTC", "cron"),
            (&"1,".repeat(200), "UTC", "cron"),
            ("* * * * *", "Mars/Base", "time_zone"),
            ("* * * * *", "", "time_zone"),
        ] {
            let refused = Timetable::parse(cron, zone).err();
            assert_eq!(
                refused.map(|error| error.field).as_deref(),
                Some(field),
                "{cron:?} {zone:?}"
            );
        }
        assert_eq!(
            next("0 0 31 2 *", "UTC", "2026-01-01T00:00:00Z", 1).len(),
            0
        );
    }

    proptest! {
        #[test]
        fn the_next_moment_always_lies_ahead(seconds in 0i64..4_000_000_000, every in 1u32..59, zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"])) {
            let after = Utc.timestamp_opt(seconds, 0).single().expect("a moment");
            let timetable = Timetable::parse(&format!("*/{every} * * * *"), zone).expect("a timetable");
            let next = timetable.next_after(after).expect("another");
            prop_assert!(next > after && next - after <= TimeDelta::hours(2), "{next}");
        }

        #[test]
        fn no_text_ends_the_program(cron in "[-*/,0-9@A-Z#LW? ]{0,20}", free: String) {
            for text in [cron, free] {
                if let Ok(timetable) = Timetable::parse(&text, "Europe/Berlin") {
                    let _ = timetable.next_after(Utc::now());
                }
            }
        }
    }
}
