//! The XML that we send. Values are escaped here and nowhere else, so no name, state or id of anybody can become markup
//! within a message that we sign.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::secret;

/// An element of an outgoing message. Names and prefixes are ours; the root declares the prefixes with plain attributes.
#[derive(Clone, Debug)]
pub struct Out {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Child>,
}

#[derive(Clone, Debug)]
enum Child {
    Element(Out),
    Text(String),
}

impl Out {
    /// An empty element.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new() }
    }

    /// With an attribute more.
    #[must_use]
    pub fn attribute(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// With an attribute more, if there is a value.
    #[must_use]
    pub fn attribute_if(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    /// With text behind what it has.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Child::Text(text.into()));
        self
    }

    /// With a child behind what it has.
    #[must_use]
    pub fn child(self, child: Self) -> Self {
        self.children([child])
    }

    /// With children behind what it has; takes an `Option` too.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Child::Element));
        self
    }

    /// The text of it, without an XML declaration.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut xml = String::new();
        self.write(&mut xml);
        xml
    }

    fn write(&self, xml: &mut String) {
        xml.extend(["<", self.name]);
        for (name, value) in &self.attributes {
            xml.extend([" ", name, "=\""]);
            escape(value, xml);
            xml.push('"');
        }
        if self.children.is_empty() {
            xml.push_str("/>");
            return;
        }
        xml.push('>');
        for child in &self.children {
            match child {
                Child::Element(element) => element.write(xml),
                Child::Text(text) => escape(text, xml),
            }
        }
        xml.extend(["</", self.name, ">"]);
    }
}

/// For attributes and text alike. White space that a parser would normalise goes as a reference, characters that XML
/// cannot hold become the replacement character.
fn escape(value: &str, xml: &mut String) {
    for c in value.chars() {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&#39;"),
            '\t' => xml.push_str("&#9;"),
            '\n' => xml.push_str("&#10;"),
            '\r' => xml.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            c => xml.push(c),
        }
    }
}

/// A fresh message id: 256 random bits, and never a digit first (an `xs:ID` must not begin with one).
#[must_use]
pub fn fresh_id() -> String {
    format!("_{}", secret::random())
}

/// An `xs:dateTime` in UTC, to the second.
#[must_use]
pub fn instant(at: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_values() {
        let evil = "\"/><saml:Issuer>'&amp;]]>\t\r\n\0\u{ffff}é";
        let xml = Out::new("a").attribute("b", evil).child(Out::new("c").text(evil)).child(Out::new("d")).to_xml();
        let escaped = "&quot;/&gt;&lt;saml:Issuer&gt;&#39;&amp;amp;]]&gt;&#9;&#13;&#10;\u{fffd}\u{fffd}é";
        assert_eq!(xml, format!("<a b=\"{escaped}\"><c>{escaped}</c><d/></a>"));
        let document = libxml::parser::Parser::default().parse_string(&xml).unwrap();
        let read = document.get_root_element().unwrap();
        let clean = evil.replace(['\0', '\u{ffff}'], "\u{fffd}");
        assert_eq!(read.get_attribute("b").unwrap(), clean);
        assert_eq!(read.get_first_child().unwrap().get_content(), clean);
    }

    #[test]
    fn times_and_ids_are_what_schemas_ask_for() {
        assert_eq!(instant(1_763_808_900), "2025-11-22T10:55:00Z");
        assert!(fresh_id().starts_with('_') && fresh_id().len() == 44 && fresh_id() != fresh_id());
    }
}
