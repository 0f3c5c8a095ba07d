//! What the markup of every page must keep; the tests of each door hold their pages to it.

use std::collections::{BTreeMap, BTreeSet};

/// A value that would leave its place in the page if it were not escaped.
pub const HOSTILE: &str = "\"'></textarea><script>alert(1)</script><img src=x onerror=alert(1) style=x>&amp;{{7*7}}";

/// Holds a page to the rules.
///
/// # Panics
/// When it breaks one.
pub fn check(page: &str, html: &str) {
    assert!(!html.contains("<script>"), "{page}: a hostile value was not escaped");
    let tags = tags(html);
    let named = |name: &'static str| tags.iter().filter(move |t| t.name == name);
    assert!(named("html").all(|t| t.get("lang") == Some("en")), "{page}: lang");
    assert_eq!(named("h1").count(), 1, "{page}: exactly one h1");
    assert_eq!(named("title").count(), 1, "{page}: exactly one title");
    assert_eq!(named("main").count(), 1, "{page}: exactly one main");
    assert_eq!(named("style").count(), 0, "{page}: no inline style");
    for tag in &tags {
        let inline = tag.attributes.keys().find(|name| name.starts_with("on") || *name == "style");
        assert!(inline.is_none(), "{page}: {inline:?} on <{}>", tag.name);
    }
    for script in named("script") {
        assert!(
            script.get("src").is_some_and(|src| src.starts_with("/.gatehouse/assets/")),
            "{page}: only scripts of our own files"
        );
    }
    for image in named("img") {
        assert!(image.get("alt").is_some(), "{page}: an image without alt");
        let src = image.get("src").unwrap_or_default();
        assert!(src.starts_with("/.gatehouse/assets/") || src.starts_with("https://"), "{page}: image {src}");
        assert!(
            src.starts_with('/') || image.get("referrerpolicy") == Some("no-referrer"),
            "{page}: image {src} learns the referrer"
        );
    }
    for form in named("form") {
        let searches = form.get("role") == Some("search") && form.get("method") == Some("get");
        assert!(searches || form.get("method") == Some("post"), "{page}: a form that neither posts nor searches");
    }
    let ids: Vec<&str> = tags.iter().filter_map(|t| t.get("id")).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), known.len(), "{page}: an id stands twice");
    for name in ["for", "aria-describedby", "aria-labelledby"] {
        for id in tags.iter().filter_map(|t| t.get(name)).flat_map(|v| v.split(' ')) {
            assert!(known.contains(id), "{page}: {name}={id} names nothing");
        }
    }
    let labelled: BTreeSet<&str> = named("label").filter_map(|t| t.get("for")).collect();
    for input in named("input").chain(named("select")).chain(named("textarea")) {
        let hidden = input.get("type") == Some("hidden");
        assert!(hidden || input.get("id").is_some_and(|id| labelled.contains(id)), "{page}: an input without a label: {input:?}");
    }
}

#[derive(Debug)]
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// The start tags, read as a browser would: a quote ends only at its like.
fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let end = rest.find([' ', '\n', '>']).expect("a tag ends");
        let mut tag = Tag { name: rest[..end].to_ascii_lowercase(), attributes: BTreeMap::new() };
        rest = rest[end..].trim_start();
        while !rest.starts_with('>') {
            let end = rest.find(['=', ' ', '\n', '>']).expect("an attribute ends");
            let name = rest[..end].to_ascii_lowercase();
            let mut value = "";
            rest = &rest[end..];
            if let Some(after) = rest.strip_prefix('=') {
                let quoted = after.strip_prefix('"').expect("every value is quoted");
                (value, rest) = quoted.split_once('"').expect("a value ends");
            }
            assert!(tag.attributes.insert(name, value.to_owned()).is_none(), "an attribute stands twice on <{}>", tag.name);
            rest = rest.trim_start();
        }
        tags.push(tag);
    }
    tags
}
