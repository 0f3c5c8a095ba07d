//! Times as a page shows them, and spans as an operator writes them.

use std::fmt;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Unix seconds, shown in UTC to the minute: the server does not know the reader's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(
    /// Unix seconds.
    pub i64,
);

impl Moment {
    /// RFC 3339, for `<time datetime>`.
    #[must_use]
    pub fn machine(self) -> String {
        let t = self.utc();
        let (year, month, day) = (t.year(), u8::from(t.month()), t.day());
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", t.hour(), t.minute(), t.second())
    }

    fn utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.utc();
        write!(f, "{} {} {}, {:02}:{:02} UTC", t.day(), t.month(), t.year(), t.hour(), t.minute())
    }
}

/// A span of `seconds` in its two largest units: `23 h 59 min`, `7 days`. What is over is `nothing`.
#[must_use]
pub fn span(seconds: i64) -> String {
    let units = [(86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"), (1, "s", "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, one, many) in units {
        let count = rest / length;
        rest %= length;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() { "nothing".into() } else { parts.join(" ") }
}

/// The seconds that a span as people write it means: `90`, `90s`, `15m`, `24h`, `7d`.
#[must_use]
pub fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3_600),
        (at, 'd') => (&text[..at], 86_400),
        _ => (text, 1),
    };
    number.trim_end().parse::<i64>().ok()?.checked_mul(unit)
}

/// Unix seconds of a time as people write it: a day (`2026-11-22`), a time (`2026-11-22T10:00:00Z`), or how long before `now`
/// (`7d`).
#[must_use]
pub fn instant(text: &str, now: i64) -> Option<i64> {
    if text.len() < 10 || text.as_bytes().get(4) != Some(&b'-') {
        // A number alone might as well be a year.
        let has_unit = text.ends_with(['s', 'm', 'h', 'd']);
        return seconds(text).filter(|span| has_unit && *span >= 0).and_then(|span| now.checked_sub(span));
    }
    day_or_time(text)
}

/// Unix seconds of a day (its beginning in UTC) or a time.
#[must_use]
pub fn day_or_time(text: &str) -> Option<i64> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    OffsetDateTime::parse(&whole, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_well_for_people_and_machines() {
        let moment = Moment(1_763_808_900);
        assert_eq!(moment.to_string(), "22 November 2025, 10:55 UTC");
        assert_eq!(moment.machine(), "2025-11-22T10:55:00Z");
        assert_eq!(Moment(i64::MAX).machine(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_span_names_two_units() {
        for (seconds, text) in [
            (604_800, "7 days"),
            (86_400, "1 day"),
            (86_399, "23 h 59 min"),
            (90_061, "1 day 1 h"),
            (86_460, "1 day"),
            (59, "59 s"),
            (0, "nothing"),
            (-5, "nothing"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn an_instant_is_read() {
        let now = 1_800_000_000;
        for (text, at) in [
            ("2027-01-15", 1_799_971_200),
            ("2027-01-15T08:00:00Z", now),
            ("2027-01-15T10:30:00+02:30", now),
            ("1d", now - 86_400),
            ("90s", now - 90),
        ] {
            assert_eq!(instant(text, now), Some(at), "{text}");
        }
        for text in ["", "90", "2027", "2027-13-01", "yesterday", "-1d", "2027-01-15T08:00:00"] {
            assert_eq!(instant(text, now), None, "{text}");
        }
    }

    #[test]
    fn a_span_is_read() {
        let cases = [("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400), (" 7d ", 604_800), ("-1", -1)];
        for (text, value) in cases {
            assert_eq!(seconds(text), Some(value), "{text}");
        }
        for text in ["", "m", "1w", "1.5h", "1h30m", "9223372036854775807d"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
