//! Steps as they are for whoever reads them: a guest has fewer fields than an operator, and no other page. In the text of a step
//! `[[this|that]]` is `this` to an operator and `that` to a guest; without a bar a guest is told nothing there.

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Somebody who has every field and every page.
    Operator,
    /// Somebody who came by a set-up link.
    Guest,
}

/// All of these as they are for a reader.
#[must_use]
pub fn told(steps: &[&str], reader: Reader) -> Vec<String> {
    steps.iter().map(|step| one(step, reader)).collect()
}

fn one(step: &str, reader: Reader) -> String {
    let (mut text, mut rest) = (String::new(), step);
    while let Some((before, from)) = rest.split_once("[[") {
        let (choice, after) = from.split_once("]]").unwrap_or((from, ""));
        let (ours, theirs) = choice.split_once('|').unwrap_or((choice, ""));
        text.push_str(before);
        text.push_str(if reader == Reader::Operator { ours } else { theirs });
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::admin::{
        guest::typed,
        pages::{
            fields,
            guide::{directories, providers::PROVIDERS},
        },
    };

    #[test]
    fn each_reader_has_their_own() {
        let step = "Do this[[, and that|, or ask]]; then go on[[ with more]].";
        assert_eq!(told(&[step], Reader::Operator), ["Do this, and that; then go on with more."]);
        assert_eq!(told(&[step], Reader::Guest), ["Do this, or ask; then go on."]);
        assert_eq!(told(&["Plain."], Reader::Guest), ["Plain."]);
    }

    /// No step sends a guest to a field that is not on their page, nor to a page that they do not have.
    #[test]
    fn a_guest_is_told_of_what_they_have() {
        let mut steps = 0;
        let mut judge = |what: &str, texts: &[&str], hidden: &BTreeSet<&str>| {
            for (guests, operators) in told(texts, Reader::Guest).iter().zip(told(texts, Reader::Operator)) {
                for text in [guests, &operators] {
                    assert!(!text.contains("[[") && !text.contains("]]") && !text.contains('|'), "{what}: {text}");
                }
                for label in hidden.iter().filter(|label| label.contains(' ')) {
                    assert!(!guests.contains(label), "{what}: {label}: {guests}");
                }
                for page in ["advanced field", "Settings, How", "an application here", "application of this organisation"] {
                    assert!(!guests.contains(page) || what.ends_with("NameID format"), "{what}: {page}: {guests}");
                }
                steps += 1;
            }
        };
        for provider in &PROVIDERS {
            for (protocol, words) in [("oidc", provider.oidc), ("saml", provider.saml)] {
                let Some(words) = words else { continue };
                let thing = json!({"protocol": protocol, "preset": provider.preset});
                let all = fields::noun("connections").unwrap().fields(&thing).iter().map(|field| field.label);
                let own: BTreeSet<&str> = typed(&thing).iter().map(|field| field.label).collect();
                let hidden: BTreeSet<&str> = all.filter(|label| !own.contains(label)).collect();
                let named = if own.contains("NameID format") { " with NameID format" } else { "" };
                judge(&format!("{} {protocol}{named}", provider.title), words.steps, &hidden);
            }
        }
        let all: BTreeSet<&str> = fields::all().map(|field| field.label).collect();
        for texts in directories::all() {
            judge("a directory", texts, &all);
        }
        assert!(steps > 60, "{steps}");
    }
}
