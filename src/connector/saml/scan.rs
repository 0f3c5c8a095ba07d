//! What a document may cost, judged from its bytes before a parser sees them: libxml2 is quadratic in the attributes of
//! one tag and in the namespaces in scope, and builds some hundred bytes for each tag. Nothing is understood here; every
//! rule is counted so that only a document that libxml2 refuses anyway could be counted wrongly.

use super::xml::XmlError;

/// How large a document may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes.
    pub size: usize,
    /// `<` characters: two for each element.
    pub tags: usize,
    /// Elements within one another.
    pub depth: usize,
    /// Attributes and namespace declarations of one tag.
    pub attributes: usize,
    /// Namespace declarations in scope at one place.
    pub namespaces: usize,
    /// Whether comments are passed over (published metadata) or refused (messages).
    pub comments: bool,
}

impl Limits {
    /// A message that came through a browser.
    pub const MESSAGE: Self =
        Self { size: 256 * 1024, tags: 10_000, depth: 32, attributes: 64, namespaces: 256, comments: false };
    /// What a signature covered: in canonical form a document grows, for prefixes are declared wherever they are used.
    pub const SIGNED: Self = Self { size: 8 * 256 * 1024, ..Self::MESSAGE };
    /// A metadata document, which an operator or a known address has given.
    pub const PUBLISHED: Self =
        Self { size: 2 * 1024 * 1024, tags: 200_000, depth: 64, attributes: 128, namespaces: 512, comments: true };
}

/// The document without byte order mark and XML declaration, if it keeps to `limits` and has no DOCTYPE, no CDATA section,
/// no processing instruction and no other encoding than UTF-8.
///
/// # Errors
/// What is too much or not allowed.
pub(super) fn scan(xml: &str, limits: Limits) -> Result<&str, XmlError> {
    size(xml, limits)?;
    let body = declaration(xml.strip_prefix('\u{feff}').unwrap_or(xml))?;
    characters(body)?;
    tags(body, limits)?;
    Ok(body)
}

fn size(xml: &str, limits: Limits) -> Result<(), XmlError> {
    if xml.len() > limits.size {
        return Err(XmlError(format!("the document has {} bytes; at most {} are read", xml.len(), limits.size)));
    }
    Ok(())
}

/// Cuts off the XML declaration. An encoding other than UTF-8 would make two readers of the same bytes see two documents.
fn declaration(xml: &str) -> Result<&str, XmlError> {
    let Some(rest) = xml.strip_prefix("<?xml").filter(|rest| rest.starts_with(|c: char| c.is_ascii_whitespace())) else {
        return Ok(xml.trim_ascii_start());
    };
    let Some((said, body)) = rest.split_once("?>").filter(|(said, _)| said.len() < 200) else {
        return Err(XmlError("the XML declaration has no end".to_owned()));
    };
    if let Some((_, encoding)) = said.split_once("encoding") {
        let encoding = encoding.trim_ascii_start().trim_start_matches('=').trim_ascii_start();
        let encoding = encoding.trim_start_matches(['"', '\'']);
        if !encoding.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("utf-8")) || !encoding[5..].starts_with(['"', '\'']) {
            return Err(XmlError("the document is in another encoding than UTF-8".to_owned()));
        }
    }
    if !said.contains("1.0") {
        return Err(XmlError("the document is not in XML 1.0".to_owned()));
    }
    Ok(body.trim_ascii_start())
}

fn characters(xml: &str) -> Result<(), XmlError> {
    match xml.contains('\0') {
        true => Err(XmlError("the document has a NUL character".to_owned())),
        false => Ok(()),
    }
}

fn tags(xml: &str, limits: Limits) -> Result<(), XmlError> {
    let (mut rest, mut seen) = (xml, 0);
    // The namespace declarations of each open element, and their sum.
    let (mut open, mut in_scope) = (Vec::new(), 0);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        seen += 1;
        if seen > limits.tags {
            return Err(XmlError(format!("the document has more than {} tags", limits.tags)));
        }
        if let Some(comment) = rest.strip_prefix("!--").filter(|_| limits.comments) {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        match rest.as_bytes().first() {
            Some(b'!') => return Err(declared(rest)),
            Some(b'?') => return Err(XmlError("the document has a processing instruction".to_owned())),
            Some(b'/') => in_scope -= open.pop().unwrap_or(0),
            _ => {
                let tag = tag(rest);
                short(tag, limits)?;
                let own = tag.matches("xmlns").count();
                if in_scope + own > limits.namespaces {
                    return Err(XmlError(format!("more than {} namespaces are declared in one place", limits.namespaces)));
                }
                if !tag.ends_with('/') {
                    open.push(own);
                    in_scope += own;
                }
                if open.len() > limits.depth {
                    return Err(XmlError(format!("elements are nested deeper than {}", limits.depth)));
                }
            }
        }
    }
    Ok(())
}

/// Values may hold `=` too, so more of them are let through than there may be attributes.
fn short(tag: &str, limits: Limits) -> Result<(), XmlError> {
    if tag.matches('=').count() > 4 * limits.attributes || tag.len() > limits.size / 4 {
        return Err(XmlError(format!("a tag has more than {} attributes or is too long", limits.attributes)));
    }
    Ok(())
}

fn declared(markup: &str) -> XmlError {
    XmlError(match markup.get(..9) {
        Some(start) if start.eq_ignore_ascii_case("!DOCTYPE ") => "the document has a DOCTYPE".to_owned(),
        Some(start) if start.starts_with("!--") => "the document has a comment".to_owned(),
        Some(start) if start.starts_with("![CDATA[") => "the document has a CDATA section".to_owned(),
        _ => "the document has a markup declaration".to_owned(),
    })
}

/// The start tag at the beginning of `text`, up to the first `>` that is in no quotes.
fn tag(text: &str) -> &str {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return &text[..at],
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_document_is_cut_out_of_its_wrapping() {
        for xml in [
            "<a/>",
            "\u{feff}<a/>",
            "<?xml version=\"1.0\"?>\n<a/>",
            "<?xml version='1.0' encoding='utf-8' standalone='yes'?><a/>",
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<a/>",
        ] {
            assert_eq!(scan(xml, Limits::MESSAGE).unwrap(), "<a/>", "{xml}");
        }
    }

    #[test]
    fn what_no_message_has_is_refused() {
        for (xml, cause) in [
            ("<!DOCTYPE a><a/>", "DOCTYPE"),
            ("<!doctype a><a/>", "DOCTYPE"),
            ("<a><!ENTITY x 'y'></a>", "markup"),
            ("<a><!-- x --></a>", "comment"),
            ("<a><![CDATA[x]]></a>", "CDATA"),
            ("<a><?x?></a>", "processing"),
            ("<?xml-stylesheet href='x'?><a/>", "processing"),
            ("<?xml version='1.0' encoding='UTF-16'?><a/>", "encoding"),
            ("<?xml version='1.0' encoding='UTF-7'?><a/>", "encoding"),
            ("<?xml version='1.0' encoding='utf-8x'?><a/>", "encoding"),
            ("<?xml version='1.1'?><a/>", "1.0"),
            ("<?xml version='1.0'", "no end"),
            ("<a>\0</a>", "NUL"),
        ] {
            let error = scan(xml, Limits::MESSAGE).unwrap_err().to_string();
            assert!(error.contains(cause), "{xml}: {error}");
        }
    }

    #[test]
    fn what_costs_too_much_is_refused() {
        let many = |n: usize, of: &str| of.repeat(n);
        let attributes: String = (0..300).map(|n| format!(" a{n}='1'")).collect();
        for (xml, cause) in [
            (many(30_000, "<a/>"), "tags"),
            (many(33, "<a>"), "nested"),
            (format!("<a{attributes}/>"), "attributes"),
            (format!("<a {}/>", "b".repeat(70_000)), "too long"),
            (many(26, &format!("<a {}>", many(10, "xmlns:a='u:x' "))), "namespace"),
            (many(300_000, " "), "bytes"),
        ] {
            let error = scan(&xml, Limits::MESSAGE).unwrap_err().to_string();
            assert!(error.contains(cause), "{cause}: {error}");
        }
        assert!(scan(&format!("{}{}", many(32, "<a>"), many(32, "</a>")), Limits::MESSAGE).is_ok());
        let declared_often = format!("<a>{}</a>", many(2000, "<b xmlns:a='u:x' xmlns:b='u:y'>x</b>"));
        assert!(scan(&declared_often, Limits::MESSAGE).is_ok());
    }
}
