//! Asks whoever sits at the terminal before something that cannot be undone.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::{Problems, one};

/// Asks; where nobody sits, nobody has agreed. `undone` says what was not done.
pub fn agree(question: &str, undone: &str) -> Result<(), Problems> {
    if !io::stdin().is_terminal() {
        return Err(one(format!("{undone}: there is no terminal to ask at; say --yes to agree beforehand")));
    }
    let mut out = io::stdout();
    let asked = write!(out, "{question} [y/N] ").and_then(|()| out.flush());
    let mut answer = String::new();
    asked.and_then(|()| io::stdin().lock().read_line(&mut answer)).map_err(one)?;
    if is_yes(&answer) { Ok(()) } else { Err(one(undone)) }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, yes) in [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("n\n", false), ("yep\n", false)] {
            assert_eq!(is_yes(answer), yes, "{answer:?}");
        }
    }
}
