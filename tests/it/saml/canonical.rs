//! Canonical XML of one element, exclusive or inclusive, written for these tests alone: what they sign must be right
//! by an implementation that is not the one under test.

use std::collections::BTreeMap;

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

/// Which element.
#[derive(Clone, Copy)]
pub enum Select<'a> {
    /// The first with this `ID`.
    Id(&'a str),
    /// The first of this local name that begins at or after this byte.
    From(&'a str, usize),
}

/// How.
#[derive(Clone, Default)]
pub struct Form {
    /// Every namespace in scope is written, not only those in use.
    pub inclusive: bool,
    /// Comments stay.
    pub comments: bool,
    /// Prefixes that an exclusive form writes although they are not in use.
    pub prefixes: Vec<&'static str>,
    /// Without the signatures that stand directly in the element.
    pub unsigned: bool,
}

type Scope = BTreeMap<String, String>;

/// One open element: its namespaces, those written so far, its name, and whether it is written.
struct Open {
    scope: Scope,
    written: Scope,
    name: String,
}

/// The canonical form of the selected element; places for signatures (`{{…}}`) are left out.
pub fn canonical(xml: &str, select: Select<'_>, form: &Form) -> String {
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_end_names = false;
    let mut open: Vec<Open> = Vec::new();
    // The depth at which the selected element was opened.
    let mut inside: Option<usize> = None;
    // The depth of a signature that is left out.
    let mut skipped: Option<usize> = None;
    let mut out = String::new();
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap();
        let event = reader.read_event().unwrap_or_else(|e| panic!("{e} at {at} in {xml}"));
        if let Some(depth) = skipped {
            match event {
                Event::Start(_) => skipped = Some(depth + 1),
                Event::End(_) => skipped = (depth > 1).then(|| depth - 1),
                _ => {}
            }
            continue;
        }
        match event {
            Event::Start(start) => {
                let direct = inside.is_some_and(|d| open.len() == d + 1);
                if form.unsigned && direct && local(&text(start.name().as_ref())) == "Signature" {
                    skipped = Some(1);
                    continue;
                }
                let scope = scope(open.last().map(|o| &o.scope), &start);
                if inside.is_none() && selected(select, &start, at) {
                    inside = Some(open.len());
                }
                let above = open.last().filter(|_| inside.is_some_and(|d| d < open.len())).map(|o| o.written.clone());
                let mut written = above.unwrap_or_default();
                if inside.is_some() {
                    begin(&mut out, &start, &scope, &mut written, form);
                }
                open.push(Open { scope, written, name: text(start.name().as_ref()) });
            }
            Event::End(_) => {
                let last = open.pop().unwrap();
                if inside.is_some() {
                    out.push_str(&format!("</{}>", last.name));
                }
                if inside == Some(open.len()) {
                    return out;
                }
            }
            Event::Text(t) if inside.is_some() => out.push_str(&escaped(&without_places(&text(&t)))),
            Event::CData(t) if inside.is_some() => out.push_str(&escaped(&text(&t))),
            Event::GeneralRef(r) if inside.is_some() => out.push_str(&escaped(&reference(&text(&r)))),
            Event::Comment(c) if inside.is_some() && form.comments => out.push_str(&format!("<!--{}-->", text(&c))),
            Event::PI(pi) if inside.is_some() => out.push_str(&format!("<?{}?>", text(&pi))),
            Event::Eof => panic!("no such element in {xml}"),
            _ => {}
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn selected(select: Select<'_>, start: &BytesStart<'_>, at: usize) -> bool {
    match select {
        Select::Id(id) => attributes(start).iter().any(|(n, v)| n == "ID" && v == id),
        Select::From(name, from) => at >= from && local(&text(start.name().as_ref())) == name,
    }
}

fn attributes(start: &BytesStart<'_>) -> Vec<(String, String)> {
    let mut all = start.attributes();
    let all = all.with_checks(false).map(Result::unwrap);
    all.map(|a| (text(a.key.as_ref()), unescaped(&text(&a.value)))).collect()
}

fn unescaped(value: &str) -> String {
    quick_xml::escape::unescape(value).unwrap().into_owned()
}

fn scope(above: Option<&Scope>, start: &BytesStart<'_>) -> Scope {
    let mut scope = above.cloned().unwrap_or_default();
    for (name, value) in attributes(start) {
        if name == "xmlns" {
            scope.insert(String::new(), value);
        } else if let Some(prefix) = name.strip_prefix("xmlns:") {
            scope.insert(prefix.to_owned(), value);
        }
    }
    scope
}

fn prefix(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}

fn begin(out: &mut String, start: &BytesStart<'_>, scope: &Scope, written: &mut Scope, form: &Form) {
    let name = text(start.name().as_ref());
    let all = attributes(start);
    let plain: Vec<_> = all.iter().filter(|(n, _)| n != "xmlns" && !n.starts_with("xmlns:")).collect();
    let mut used: Vec<&str> = vec![prefix(&name)];
    used.extend(plain.iter().map(|(n, _)| prefix(n)).filter(|p| !p.is_empty()));
    used.extend(form.prefixes.iter());
    out.push_str(&format!("<{name}"));
    for (prefix, uri) in scope {
        let due = form.inclusive || used.contains(&prefix.as_str());
        let known = written.get(prefix) == Some(uri) || (uri.is_empty() && written.get(prefix).is_none_or(String::is_empty));
        if due && !known && prefix != "xml" {
            let colon = if prefix.is_empty() { "" } else { ":" };
            out.push_str(&format!(" xmlns{colon}{prefix}=\"{}\"", quoted(uri)));
            written.insert(prefix.clone(), uri.clone());
        }
    }
    let key = |n: &str| {
        (
            if prefix(n).is_empty() { String::new() } else { scope.get(prefix(n)).cloned().unwrap_or_default() },
            local(n).to_owned(),
        )
    };
    let mut plain = plain;
    plain.sort_by_key(|(n, _)| key(n));
    for (n, v) in plain {
        out.push_str(&format!(" {n}=\"{}\"", quoted(v)));
    }
    out.push('>');
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#xD;")
}

fn quoted(value: &str) -> String {
    let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    value.replace('\t', "&#x9;").replace('\n', "&#xA;").replace('\r', "&#xD;")
}

fn reference(name: &str) -> String {
    unescaped(&format!("&{name};"))
}

/// Without the marks of where signatures go.
pub fn without_places(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        rest = after.split_once("}}").expect("a mark ends").1;
    }
    out + rest
}
