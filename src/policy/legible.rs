//! Names that people tell others apart by, and names that are only shown: what nobody sees, or what turns the other signs round,
//! lets one pass for another. Two such signs are part of ordinary words and pictures, and count where they can be seen: the
//! joiner and the non-joiner (RFC 5892 appendix A, UAX 31 section 2.3, UTS 51).

use std::ops::RangeInclusive;

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{CanonicalCombiningClass, ExtendedPictographic, GeneralCategory, JoiningType},
};

/// Signs that nobody sees, or that turn the others round (Unicode's `Default_Ignorable_Code_Point`, what separates
/// lines and interlinear notes, and the braille sign without dots). The joiners, and what chooses a picture's form, are judged by
/// what they stand between.
const UNSEEN: [RangeInclusive<char>; 18] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0e}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];
/// Keeps two letters from being joined.
const NON_JOINER: char = '\u{200c}';
/// Joins what would not be.
const JOINER: char = '\u{200d}';
/// Says that the sign before it is a picture.
const PICTURED: char = '\u{fe0f}';
/// The colours of skin, which follow a picture.
const SKIN: RangeInclusive<char> = '\u{1f3fb}'..='\u{1f3ff}';
/// Chooses the form of a Chinese character, as some Japanese names are written.
const IDEOGRAPHIC_FORM: RangeInclusive<char> = '\u{e0100}'..='\u{e01ef}';

const PEOPLE: &str = "👨👩🧑";
const CHILDREN: &str = "👦👧🧒👶";
/// What people are pictured with: at work, with hair of a kind, with each other.
const WITH: &str = "⚕⚖✈🌾🍳🍼🎄🎓🎤🎨🏫🏭💻💼🔧🔬🚀🚒🦯🦼🦽🦰🦱🦲🦳🤝❤👨👩🧑👦👧🧒👶🐰🩰";
/// What is pictured as a woman or a man.
const GENDERED: &str = "⛹🏃🏄🏊🏋🏌👮👯👰👱👳👷💁💂💆💇🕵🙅🙆🙇🙋🙍🙎🚣🚴🚵🚶🤦🤵🤷🤸🤹🤼🤽🤾🦸🦹🧎🧍🧏🧔🧖🧗🧘🧙🧚🧛🧜🧝🧞🧟";
/// Other pictures of two signs.
const PAIRS: [&str; 21] = [
    "🏳🌈", "🏳⚧", "🏴☠", "🐕🦺", "🐻❄", "🐈⬛", "🐦⬛", "🐦🔥", "👁🗨", "😮💨", "😵💫", "😶🌫", "❤🔥", "❤🩹", "⛓💥", "🍋🟩", "🍄🟫",
    "🙂↔", "🙂↕", "🫱🫲", "❤💋",
];

/// Whether a name can be told from every other that looks otherwise: nothing in it is unseen, and no white space is around it.
#[must_use]
pub fn is_distinct(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && each(name).all(|place| place.is_seen(is_one_picture))
}

/// A name as it can be shown: without what nobody sees or what turns the rest round; what would break the line is a space.
#[must_use]
pub fn shown(name: &str) -> String {
    let sign = |place: Place<'_>| match place.sign {
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => Some(' '),
        c if IDEOGRAPHIC_FORM.contains(&c) => place.previous().filter(|before| is_ideograph(*before)).map(|_| c),
        c => place.is_seen(are_pictures).then_some(c),
    };
    each(name).filter_map(sign).collect::<String>().trim().to_owned()
}

/// A sign of a name, between what stands before and after it.
#[derive(Clone, Copy)]
struct Place<'a> {
    before: &'a str,
    sign: char,
    after: &'a str,
}

fn each(name: &str) -> impl Iterator<Item = Place<'_>> {
    name.char_indices().map(|(at, sign)| {
        let (before, rest) = name.split_at(at);
        Place { before, sign, after: rest.strip_prefix(sign).unwrap_or_default() }
    })
}

impl Place<'_> {
    /// Whether the sign can be seen, or changes how those beside it look. `joins` says which two pictures become one.
    fn is_seen(self, joins: fn(char, char) -> bool) -> bool {
        match self.sign {
            NON_JOINER => self.parts_letters() || self.follows_virama() && self.next().is_some_and(is_letter),
            JOINER => self.follows_virama() && self.next().is_none_or(|next| !is_mark(next)) || self.joins_pictures(joins),
            // After a letter it would show nothing.
            PICTURED => self.previous().is_some_and(is_pictured),
            c => !is_unseen(c),
        }
    }

    fn previous(self) -> Option<char> {
        self.before.chars().next_back()
    }

    fn next(self) -> Option<char> {
        self.after.chars().next()
    }

    /// Whether the letters on both sides would be joined without it.
    fn parts_letters(self) -> bool {
        let joining = CodePointMapData::<JoiningType>::new();
        let kinds = |c: char| Some(joining.get(c)).filter(|kind| *kind != JoiningType::Transparent);
        let left = self.before.chars().rev().find_map(kinds);
        let right = self.after.chars().find_map(kinds);
        matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
            && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
    }

    /// Whether it says what becomes of a consonant without its vowel.
    fn follows_virama(self) -> bool {
        let class = |c| CodePointMapData::<CanonicalCombiningClass>::new().get(c);
        self.previous().is_some_and(|before| class(before) == CanonicalCombiningClass::Virama)
    }

    fn joins_pictures(self, joins: fn(char, char) -> bool) -> bool {
        let picture = self.before.chars().rev().find(|c| *c != PICTURED && !SKIN.contains(c));
        picture.zip(self.next()).is_some_and(|(one, other)| joins(one, other))
    }
}

fn is_unseen(c: char) -> bool {
    c.is_control() || c == NON_JOINER || c == JOINER || UNSEEN.iter().any(|range| range.contains(&c))
}

/// Whether a sign has a picture's form to choose.
fn is_pictured(c: char) -> bool {
    c >= '\u{2000}' && !c.is_alphanumeric() && c != PICTURED && !is_unseen(c)
}

fn is_mark(c: char) -> bool {
    let kind = CodePointMapData::<GeneralCategory>::new().get(c);
    matches!(kind, GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark | GeneralCategory::EnclosingMark)
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !is_mark(c)
}

fn is_ideograph(c: char) -> bool {
    c >= '\u{2e80}' && c.is_alphabetic()
}

/// Whether two signs are pictures at all: joined or not, whoever reads a name that is only shown is not deceived.
fn are_pictures(one: char, other: char) -> bool {
    let pictures = CodePointSetData::new::<ExtendedPictographic>();
    pictures.contains(one) && pictures.contains(other)
}

/// Whether two pictures become one. Of any others the joiner shows nothing, so that two names would look alike.
fn is_one_picture(one: char, other: char) -> bool {
    let (is_person, is_child) = (PEOPLE.contains(one), CHILDREN.contains(one));
    (is_person && WITH.contains(other))
        || (is_child && CHILDREN.contains(other))
        || ("❤💋🤝🐰".contains(one) && (PEOPLE.contains(other) || "💋".contains(other)))
        || (matches!(other, '♀' | '♂') && (GENDERED.contains(one) || is_person))
        || (other == '➡' && "🏃🚶🧎♀♂🦯🦼🦽".contains(one))
        || PAIRS.iter().any(|pair| pair.chars().eq([one, other]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_distinct_and_shown_as_they_are() {
        for name in [
            "Ada Lovelace",
            "O’Neill-Muñoz, Zoë",
            "kim@acme.example",
            "CORP\\kim",
            // Persian: a non-joiner within a word.
            "علی‌رضا محمدی",
            "می‌خواهم",
            // Hindi, Marathi, Sinhala, Malayalam as it was once written: joiners after a virama.
            "क्‍षमा",
            "शर्‍मा",
            "ක්‍රිෂාන්",
            "അവന്‍",
            "क्‌ष",
            // Pictures of several signs.
            "👩‍💻 platform",
            "👩🏽‍🚀",
            "👨‍👩‍👧‍👦",
            "🏳️‍🌈 pride",
            "❤️‍🔥",
            "🤷🏻‍♀️",
            "🏴‍☠️",
            "🧑‍🤝‍🧑",
            "👩‍❤️‍💋‍👩",
            "李小龍",
            "Đặng Thị",
        ] {
            assert!(is_distinct(name), "{name:?}");
            assert_eq!(shown(name), name);
        }
    }

    #[test]
    fn what_makes_two_names_look_alike_is_refused() {
        for name in [
            "ad\u{200d}min",
            "ad\u{200c}min",
            "admin\u{200d}",
            "\u{200c}admin",
            "admin\u{202e}",
            "a\u{2066}b\u{2069}",
            // Of letters that are not joined anyway, twice, and at the end.
            "آزاد\u{200c}راه",
            "علی\u{200c}\u{200c}رضا",
            "علی\u{200c}",
            // Not after a virama, and before a vowel's sign.
            "क\u{200d}ष",
            "क\u{200c}ष",
            "क्\u{200d}\u{93f}",
            "क्\u{200c}",
            // Pictures that are two, joined or not.
            "🔥\u{200d}🚀",
            "👩\u{200d}🔥",
            "🔥\u{200d}",
            "\u{200d}🔥",
            "👩\u{200d}\u{200d}💻",
            "©\u{200d}®",
            "a\u{200d}💻",
        ] {
            assert!(!is_distinct(name), "{name:?}");
        }
    }

    #[test]
    fn what_is_shown_deceives_nobody() {
        for (name, seen) in [
            ("Ada\u{202e}nimda", "Adanimda"),
            ("A\u{2066}d\u{2069}a\u{200f}", "Ada"),
            ("Ada\r\nLovelace\t", "Ada  Lovelace"),
            ("ad\u{200d}m\u{200c}i\u{200b}n", "admin"),
            ("آزاد\u{200c}راه", "آزادراه"),
            ("葛\u{e0100}城", "葛\u{e0100}城"),
            ("a\u{e0100}", "a"),
            ("🔥\u{200d}🚀", "🔥\u{200d}🚀"),
            ("\u{202e}\u{200b}", ""),
            (" Ada ", "Ada"),
        ] {
            assert_eq!(shown(name), seen, "{name:?}");
        }
    }
}
