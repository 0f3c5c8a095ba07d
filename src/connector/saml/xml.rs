//! XML as elements of our own, read by libxml2: the library that verifies signatures, so that no two readers ever see two
//! documents in the same bytes. Strict: nothing is repaired, nothing is fetched, and what a SAML message never needs (a
//! DOCTYPE, comments, CDATA, processing instructions, entities, prefixes without a namespace) is refused.

use libxml::{
    parser::{Parser, ParserOptions},
    readonly::RoNode,
    tree::NodeType,
};

use super::scan::{Limits, scan};
use crate::policy::cause::{Cause, Fault};

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct XmlError(pub String);

impl From<XmlError> for Fault {
    fn from(e: XmlError) -> Self {
        Cause::SamlForm.with(e.0)
    }
}

/// An element. Namespaces are URIs; the empty one is "none".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The namespace.
    pub namespace: String,
    /// The local name.
    pub name: String,
    /// The attributes without namespace declarations; no two share a local name.
    pub attributes: Vec<Attribute>,
    /// What is inside.
    pub children: Vec<Node>,
}

/// What an element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text, with references resolved.
    Text(String),
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The namespace: empty for attributes without prefix.
    pub namespace: String,
    /// The local name.
    pub name: String,
    /// The value, with references resolved.
    pub value: String,
}

/// Reads a message.
///
/// # Errors
/// When it is not well-formed or not allowed.
pub fn parse(xml: &str) -> Result<Element, XmlError> {
    read(xml, Limits::MESSAGE)
}

/// Reads what a signature covered.
///
/// # Errors
/// When it is not well-formed or not allowed.
pub(super) fn parse_signed(xml: &str) -> Result<Element, XmlError> {
    read(xml, Limits::SIGNED)
}

/// Reads a published document, which may be larger and may have comments; they are passed over, and the text around one
/// is one text.
///
/// # Errors
/// When it is not well-formed or not allowed.
pub fn parse_published(xml: &str) -> Result<Element, XmlError> {
    read(xml, Limits::PUBLISHED)
}

fn read(xml: &str, limits: Limits) -> Result<Element, XmlError> {
    let body = scan(xml, limits)?;
    let options = ParserOptions { recover: false, no_net: true, no_error: true, no_warning: true, ..ParserOptions::default() };
    let document = Parser::default()
        .parse_string_with_options(body, options)
        .map_err(|_| XmlError("the document is not well-formed XML".to_owned()))?;
    let root = document.get_root_readonly().ok_or_else(|| XmlError("the document is empty".to_owned()))?;
    element(root, limits, 0)
}

/// Most bytes of a namespace's name; those of SAML have fewer than 60.
const LONGEST_NAMESPACE: usize = 256;

fn element(node: RoNode, limits: Limits, depth: usize) -> Result<Element, XmlError> {
    if depth > limits.depth {
        return Err(XmlError(format!("elements are nested deeper than {}", limits.depth)));
    }
    absolute_namespaces(node)?;
    let (namespace, name) = named(node)?;
    let attributes = attributes(node, &name, limits)?;
    let mut read = Element { namespace, name, attributes, children: Vec::new() };
    let mut next = node.get_first_child();
    while let Some(child) = next {
        match child.get_type() {
            Some(NodeType::ElementNode) => read.children.push(Node::Element(element(child, limits, depth + 1)?)),
            Some(NodeType::TextNode) => match read.children.last_mut() {
                Some(Node::Text(text)) => text.push_str(&child.get_content()),
                _ => read.children.push(Node::Text(child.get_content())),
            },
            Some(NodeType::CommentNode) if limits.comments => {}
            other => return Err(XmlError(format!("{} holds something that is neither element nor text: {other:?}", read.name))),
        }
        next = child.get_next_sibling();
    }
    Ok(read)
}

/// A name whose prefix has no namespace is left whole by libxml2 (`x:a:b` too): with its colon it is refused.
fn named(node: RoNode) -> Result<(String, String), XmlError> {
    let name = node.get_name();
    if name.contains(':') {
        return Err(XmlError(format!("the prefix of {name:?} is not declared")));
    }
    Ok((node.get_namespace().map(|n| n.get_href()).unwrap_or_default(), name))
}

/// Canonicalisation is undefined for relative namespaces, and libraries then sign nothing at all.
fn absolute_namespaces(node: RoNode) -> Result<(), XmlError> {
    for declared in node.get_namespace_declarations() {
        let (prefix, uri) = (declared.get_prefix(), declared.get_href());
        let undone = uri.is_empty() && prefix.is_empty();
        // It is told anew at each element that uses it, here and in canonical form: 50 kB of it would become gigabytes.
        if uri.len() > LONGEST_NAMESPACE {
            return Err(XmlError(format!("a namespace is longer than {LONGEST_NAMESPACE} bytes")));
        }
        if !undone && !has_scheme(&uri) {
            return Err(XmlError(format!("the namespace {uri:?} is not an absolute URI")));
        }
    }
    Ok(())
}

fn has_scheme(uri: &str) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let letter = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    letter && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Any attribute of an element: one is enough to walk from to all. By the name that the element usually has, else by a map
/// of them all, which costs a lookup for each.
fn any_attribute(node: RoNode, element: &str) -> Result<Option<RoNode>, XmlError> {
    let usual = match element {
        "Attribute" => "Name",
        "AttributeValue" => "type",
        "Response" | "Assertion" => "ID",
        "Transform" | "CanonicalizationMethod" | "SignatureMethod" | "DigestMethod" => "Algorithm",
        _ => "",
    };
    if let Some(found) = Some(usual).filter(|name| !name.is_empty()).and_then(|name| node.get_property_node(name)) {
        return Ok(Some(found));
    }
    let names = node.get_properties();
    match names.keys().next().and_then(|name| node.get_property_node(name)) {
        None if !names.is_empty() => Err(XmlError("an attribute cannot be read".to_owned())),
        found => Ok(found),
    }
}

fn attributes(node: RoNode, element: &str, limits: Limits) -> Result<Vec<Attribute>, XmlError> {
    let Some(mut first) = any_attribute(node, element)? else { return Ok(Vec::new()) };
    while let Some(before) = first.get_prev_sibling() {
        first = before;
    }
    let mut found: Vec<Attribute> = Vec::new();
    let mut next = Some(first);
    while let Some(attribute) = next {
        let (namespace, name) = named(attribute)?;
        if found.iter().any(|other| other.name == name) {
            return Err(XmlError(format!("an element has two attributes named {name:?}")));
        }
        if found.len() == limits.attributes {
            return Err(XmlError(format!("an element has more than {} attributes", limits.attributes)));
        }
        found.push(Attribute { namespace, name, value: attribute.get_content() });
        next = attribute.get_next_sibling();
    }
    Ok(found)
}

impl Element {
    /// Whether this is the element `name` of `namespace`.
    #[must_use]
    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.name == name && self.namespace == namespace
    }

    /// The attribute `name` that has no namespace.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| a.name == name && a.namespace.is_empty()).map(|a| a.value.as_str())
    }

    /// The child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The child elements of that name.
    pub fn all(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Self> {
        self.elements().filter(move |element| element.is(namespace, name))
    }

    /// The child element of that name, if there is one.
    ///
    /// # Errors
    /// When there are two.
    pub fn only(&self, namespace: &str, name: &str) -> Result<Option<&Self>, XmlError> {
        let mut all = self.all(namespace, name);
        match (all.next(), all.next()) {
            (found, None) => Ok(found),
            _ => Err(XmlError(format!("{} has more than one {name}", self.name))),
        }
    }

    /// The text inside, without what is only space around it.
    ///
    /// # Errors
    /// When there are elements inside.
    pub fn text(&self) -> Result<String, XmlError> {
        if self.elements().next().is_some() {
            return Err(XmlError(format!("{} holds elements where text is expected", self.name)));
        }
        Ok(self.full_text().trim_matches([' ', '\t', '\r', '\n']).to_owned())
    }

    /// All text inside, that of inner elements too, in the order of the document.
    #[must_use]
    pub fn full_text(&self) -> String {
        let parts = self.children.iter().map(|node| match node {
            Node::Text(text) => text.clone(),
            Node::Element(element) => element.full_text(),
        });
        parts.collect()
    }

    /// This element and every one inside it, in the order of the document.
    #[must_use]
    pub fn descendants(&self) -> Vec<&Self> {
        let (mut found, mut open) = (Vec::new(), vec![self]);
        while let Some(element) = open.pop() {
            found.push(element);
            let at = open.len();
            open.extend(element.elements());
            open[at..].reverse();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_attributes_and_text() {
        let root = parse("<p:a xmlns:p='u:x' b='1&amp;2' p:c=\"3\"> x <d xmlns='u:y'/>&#x79;<e/><e/></p:a>").unwrap();
        assert!(root.is("u:x", "a") && !root.is("u:y", "a"));
        assert_eq!((root.attribute("b"), root.attribute("c")), (Some("1&2"), None));
        assert_eq!(root.attributes.len(), 2);
        assert_eq!(root.descendants().iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["a", "d", "e", "e"]);
        assert!(root.only("u:y", "d").unwrap().is_some() && root.only("", "f").unwrap().is_none());
        assert!(root.only("", "e").is_err() && root.text().is_err());
        assert_eq!(root.full_text(), " x y");
        assert_eq!(parse("<a>\n x y\t</a>").unwrap().text().unwrap(), "x y");
    }

    #[test]
    fn broken_or_ambiguous_documents_are_refused() {
        for xml in [
            "",
            " ",
            "x",
            "<a>",
            "<a/><b/>",
            "<a></b>",
            "<a b='1' b='2'/>",
            "<a b='<'/>",
            "<a>&x;</a>",
            "<a>&nbsp;</a>",
            "<x:a/>",
            "<a x:b='1'/>",
            "<x:a:b xmlns:x='u:x'/>",
            "<a xmlns:x='u:x' b='1' x:b='2'/>",
            "<a xmlns:x='u:x' xmlns:y='u:x' x:b='1' y:b='2'/>",
            "<a xmlns='relative'/>",
            "<a xmlns=' u:x'/>",
            "<a xmlns='1:x'/>",
            "<x:a xmlns:x=''/>",
            "<a xmlns:x='./x'/>",
            "<a>\u{1}</a>",
            "<a>&#0;</a>",
            "<a b=1/>",
        ] {
            assert!(parse(xml).is_err(), "{xml}: {:?}", parse(xml));
        }
    }

    #[test]
    fn names_and_attributes_have_their_limits() {
        let long = |n: usize| format!("<a xmlns='u:{}'/>", "x".repeat(n - 2));
        assert!(parse(&long(256)).is_ok());
        assert!(parse(&long(257)).unwrap_err().0.contains("longer than 256 bytes"));
        assert!(parse_published(&long(257)).unwrap_err().0.contains("longer than 256 bytes"));
        let wide = |n: usize| format!("<a{}/>", (0..n).map(|n| format!(" a{n}='='")).collect::<String>());
        assert!(parse(&wide(64)).is_ok());
        assert!(parse(&wide(65)).unwrap_err().0.contains("more than 64 attributes"));
    }

    #[test]
    fn only_published_documents_may_have_comments() {
        let xml = "<!-- x --><a>b<!-- <c> -->d</a><!-- y -->";
        assert!(parse(xml).is_err());
        assert_eq!(parse_published(xml).unwrap().text().unwrap(), "bd");
        assert!(parse_published("<a><![CDATA[x]]></a>").is_err());
    }
}
