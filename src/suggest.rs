//! "Did you mean …?": the known word nearest to a misspelt one.

/// The word of `known` that `word` is most likely a misspelling of, if any is near enough.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let reach = (word.chars().count() / 3).clamp(1, 3);
    let word = word.to_lowercase();
    let distance = |k: &str| strsim::damerau_levenshtein(&word, &k.to_lowercase());
    known.into_iter().map(|k| (distance(k), k)).filter(|(d, _)| *d <= reach).min().map(|(_, k)| k)
}

/// `" (did you mean x?)"`, or nothing.
#[must_use]
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |k| format!(" (did you mean {k}?)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_near_words_only() {
        let known = ["public_url", "listen", "apply"];
        assert_eq!(nearest("public_ulr", known), Some("public_url"));
        assert_eq!(nearest("lisen", known), Some("listen"));
        assert_eq!(nearest("database", known), None);
        assert_eq!(hint("aply", known), " (did you mean apply?)");
        assert_eq!(hint("xyz", known), "");
    }
}
