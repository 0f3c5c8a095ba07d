//! xs:dateTime as SAML uses it (Core §1.3.3): UTC or with an offset, to the second or finer.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Unix seconds of `text`; a fraction is cut off.
///
/// # Errors
/// When it is no such time, or names no zone.
pub(super) fn parse(name: &str, text: &str) -> Result<i64, String> {
    let plain = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_digit() || b"-:.+TZ".contains(&b));
    let parsed = plain.then(|| OffsetDateTime::parse(text, &Rfc3339).ok()).flatten();
    // The library takes a 60th second and makes it the 59th; a leap second is no reason to refuse.
    parsed.map(OffsetDateTime::unix_timestamp).ok_or_else(|| format!("{name} {text:?} is no time with a zone"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_what_providers_write_and_nothing_else() {
        for (text, unix) in [
            ("2027-01-15T08:00:00Z", 1_800_000_000),
            ("2027-01-15T08:00:00.999Z", 1_800_000_000),
            ("2027-01-15T08:00:00.1234567Z", 1_800_000_000),
            ("2027-01-15T10:30:00+02:30", 1_800_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse("x", text), Ok(unix), "{text}");
        }
        for text in [
            "",
            "2027-01-15T08:00:00",
            "2027-01-15",
            "2027-01-15 08:00:00Z",
            "2027-01-15t08:00:00z",
            " 2027-01-15T08:00:00Z",
            "2027-13-15T08:00:00Z",
            "2027-02-30T08:00:00Z",
            "2027-01-15T24:00:00Z",
            "2027-01-15T08:61:00Z",
            "2027-01-15T08:00:00.Z",
            "-2027-01-15T08:00:00Z",
            "12027-01-15T08:00:00Z",
            "2027-01-15T08:00:00+99:00",
            "1800000000",
            "NaN",
        ] {
            assert!(parse("x", text).is_err(), "{text}: {:?}", parse("x", text));
        }
    }
}
