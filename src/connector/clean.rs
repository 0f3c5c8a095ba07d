//! Text from a provider on its way into a log line or a profile: it may hold anything.

use crate::policy::legible;

/// Most characters that are kept of a provider's message.
const LIMIT: usize = 200;

/// `text` without what could forge a log line or turn its reading direction (control characters, line separators,
/// bidirectional and zero-width marks), cut after 200 characters.
#[must_use]
pub(crate) fn clean(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c });
    let visible = spaced.filter(|&c| !is_invisible(c));
    let mut kept: String = visible.take(LIMIT + 1).collect();
    if let Some((end, _)) = kept.char_indices().nth(LIMIT) {
        kept.truncate(end);
        kept.push('…');
    }
    kept.trim().to_owned()
}

/// The same of a person's name, in which joiners are part of ordinary words.
#[must_use]
pub(crate) fn clean_name(text: &str) -> String {
    let mut kept = legible::shown(text);
    if let Some((end, _)) = kept.char_indices().nth(LIMIT) {
        kept.truncate(end);
        kept.push('…');
    }
    kept
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_deceives_a_reader_is_left() {
        assert_eq!(clean("no\r\nlevel=error msg=x\u{202e}evil\u{200b}\0"), "no  level=error msg=xevil");
        assert_eq!(clean("Zoë Ünal 李"), "Zoë Ünal 李");
        assert_eq!((clean_name("علی‌رضا\u{202e}").as_str(), clean("علی‌رضا").as_str()), ("علی‌رضا", "علیرضا"));
        let long = clean(&"ä".repeat(10_000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (201, true));
    }
}
