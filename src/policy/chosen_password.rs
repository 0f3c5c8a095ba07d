//! Which passwords people may have, whoever chooses them: they themselves, an administrator on a page or over the API, or a
//! file. Length is what counts (NIST SP 800-63B): no rules about kinds of characters, which lead to passwords that are hard to
//! remember and easy to guess.

use super::email::Email;

/// Fewest characters.
pub const LEAST: usize = 12;
/// Most bytes: longer ones only cost time.
const MOST: usize = 1_024;

/// Why a password is not taken, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer characters than [`LEAST`].
    #[error("too short: it must have {LEAST} characters at least; a few words do well")]
    Short,
    /// Nobody types as much.
    #[error("too long: it must have {MOST} bytes at most")]
    Long,
    /// The first that anybody would try: the own address, one word over and over, a row of keys.
    #[error("easy to guess: take a few words that have nothing to do with each other")]
    Guessable,
}

/// Rows that people walk along.
const ROWS: [&str; 5] = ["abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
/// What nearly every list of leaked passwords begins with.
const COMMON: [&str; 6] = ["password", "passw0rd", "letmein", "welcome", "changeme", "administrator"];

/// Whether the owner of `email` may choose `password`.
///
/// # Errors
/// Why not.
pub fn judge(password: &str, email: &Email) -> Result<(), Weakness> {
    if password.len() > MOST {
        return Err(Weakness::Long);
    }
    if password.chars().count() < LEAST {
        return Err(Weakness::Short);
    }
    let plain = password.to_lowercase();
    // What is left when the words that anybody knows are taken out must still be something.
    let local = email.as_str().split('@').next().unwrap_or_default();
    let known = COMMON.iter().copied().chain([email.as_str(), email.domain(), local]).filter(|word| word.len() > 2);
    let rest = known.fold(plain, |rest, word| rest.replace(word, ""));
    if varied(&rest) < LEAST / 2 { Err(Weakness::Guessable) } else { Ok(()) }
}

/// The characters that neither repeat the one before nor go on along a row, each counted once.
fn varied(text: &str) -> usize {
    let characters: Vec<char> = text.chars().collect();
    let mut seen = std::collections::BTreeSet::new();
    for (at, c) in characters.iter().enumerate() {
        let follows = at.checked_sub(1).and_then(|before| characters.get(before)).is_some_and(|b| next_in_row(*b, *c));
        if !follows {
            seen.insert(*c);
        }
    }
    seen.len()
}

fn next_in_row(before: char, c: char) -> bool {
    before == c || ROWS.iter().any(|row| row.contains(&format!("{before}{c}")) || row.contains(&format!("{c}{before}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_and_the_first_guesses_do_not_pass() {
        let email = Email::parse("ada.lovelace@acme.example").unwrap();
        for (password, verdict) in [
            ("correct horse battery", Ok(())),
            ("analytical-engine", Ok(())),
            ("ein Satz mit Wörtern", Ok(())),
            ("kurz", Err(Weakness::Short)),
            ("elevenchars", Err(Weakness::Short)),
            ("aaaaaaaaaaaaaaaa", Err(Weakness::Guessable)),
            ("abababababababab", Err(Weakness::Guessable)),
            ("123456789012345", Err(Weakness::Guessable)),
            ("abcdefghijklmnop", Err(Weakness::Guessable)),
            ("qwertyuiopasdf", Err(Weakness::Guessable)),
            ("Password12345", Err(Weakness::Guessable)),
            ("ada.lovelace@acme.example", Err(Weakness::Guessable)),
            ("Ada.Lovelace1", Err(Weakness::Guessable)),
            ("acme.example!!", Err(Weakness::Guessable)),
        ] {
            assert_eq!(judge(password, &email), verdict, "{password}");
        }
        assert_eq!(judge(&"correct horse ".repeat(100), &email), Err(Weakness::Long));
    }
}
