//! xs:duration, as `cacheDuration` has it.

/// Seconds of an xs:duration such as `PT1H` or `P1DT12H`; a year counts 365 days and a month 30. A negative one is refused.
pub(super) fn duration(text: &str) -> Option<i64> {
    let rest = text.trim().strip_prefix('P')?;
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) if !time.is_empty() => (date, time),
        Some(_) => return None,
        None => (rest, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let days = part(date, &[('Y', 365 * 86_400), ('M', 30 * 86_400), ('D', 86_400)])?;
    days.checked_add(part(time, &[('H', 3_600), ('M', 60), ('S', 1)])?)
}

/// The sum of numbers with units, which must come in this order and once.
fn part(text: &str, units: &[(char, i64)]) -> Option<i64> {
    let (mut rest, mut units, mut sum) = (text, units, 0_i64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = (&rest[..end], rest[end..].chars().next()?);
        let at = units.iter().position(|(name, _)| *name == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        // Only seconds have a fraction, and it is dropped.
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (number.contains('.') && unit != 'S') {
            return None;
        }
        sum = sum.checked_add(whole.parse::<i64>().ok()?.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = &rest[end + 1..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("PT1H", Some(3_600)),
            ("PT3600S", Some(3_600)),
            ("PT0.5S", Some(0)),
            ("PT5.75S", Some(5)),
            ("P1D", Some(86_400)),
            ("P1DT12H30M5S", Some(86_400 + 12 * 3_600 + 30 * 60 + 5)),
            ("P1Y2M", Some(425 * 86_400)),
            ("P0D", Some(0)),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("-PT1H", None),
            ("PT-1H", None),
            ("PT1H1H", None),
            ("PT1M1H", None),
            ("PT1.5H", None),
            ("PT.5S", None),
            ("PT1.S", None),
            ("PT1.2.3S", None),
            ("1H", None),
            ("P99999999999999999999D", None),
            ("P9223372036854775807D", None),
            ("PT1Hé", None),
            ("", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
