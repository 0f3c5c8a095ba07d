//! Honest documents, cut up and put together again at random (the same each time): none may bring the reader down, and
//! what is believed must be what the document says in the one place that is signed. `make fuzz` does this for longer and
//! with eyes; `GATEHOUSE_MUTANTS=1000000` does it for longer here.

use std::panic::catch_unwind;

use gatehouse::connector::saml::{
    names::{DS, SAML},
    xml::{self, Element, Node},
};

use super::seeds::{believed, responses};

/// What to put in.
const TOKENS: [&str; 24] = [
    "<!DOCTYPE a>",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<!---->",
    "<?x?>",
    " xmlns:saml=\"urn:e\"",
    " xmlns=\"\"",
    " ID=\"_assertion\"",
    " Id=\"x\"",
    " xml:id=\"x\"",
    "<samlp:Extensions>",
    "</samlp:Extensions>",
    "<ds:Object>",
    "</ds:Object>",
    "<saml:Advice>",
    "</saml:Advice>",
    "</saml:Assertion>",
    "&#x65;",
    "&amp;",
    "&e;",
    "\u{feff}",
    "<saml:NameID>eve@acme.example</saml:NameID>",
];

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(most.max(1)).unwrap()).unwrap()
    }

    /// A place between two tags or anywhere.
    fn place(&mut self, text: &str) -> usize {
        let tags: Vec<usize> = text.match_indices('<').map(|(at, _)| at).collect();
        let at = match self.below(4) {
            0 => self.below(text.len()),
            _ => tags.get(self.below(tags.len())).copied().unwrap_or(0),
        };
        (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
    }

    /// A whole element that begins somewhere, or a piece.
    fn piece(&mut self, text: &str) -> std::ops::Range<usize> {
        let from = self.place(text);
        let name: String = text[from..].chars().skip(1).take_while(|c| c.is_alphanumeric() || *c == ':').collect();
        let end = text[from..].find(&format!("</{name}>")).map(|end| from + end + name.len() + 3);
        let to = end.filter(|_| !name.is_empty()).unwrap_or_else(|| self.place(text));
        from.min(to)..from.max(to)
    }

    fn mutant(&mut self, all: &[(String, String)]) -> String {
        let mut text = all[self.below(all.len())].1.clone();
        for _ in 0..=self.below(3) {
            let other = &all[self.below(all.len())].1;
            match self.below(5) {
                0 => text.insert_str(self.place(&text.clone()), TOKENS[self.below(TOKENS.len())]),
                1 => text.replace_range(self.piece(&text), ""),
                2 => text.insert_str(self.place(&text.clone()), &other[self.piece(other)]),
                3 => text.replace_range(self.piece(&text), &other[self.piece(other)]),
                _ => {
                    let piece = text[self.piece(&text)].replace("ada@", "eve@").replace("_assertion", "_evil");
                    text.insert_str(self.place(&text.clone()), &piece);
                }
            }
        }
        text
    }
}

/// An element without its signature, its attributes in order.
fn same(element: &Element) -> Element {
    let mut same = element.clone();
    same.attributes.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    let kept = element.children.iter().filter_map(|node| match node {
        Node::Element(e) if e.is(DS, "Signature") => None,
        Node::Element(e) => Some(Node::Element(self::same(e))),
        text => Some(text.clone()),
    });
    same.children = kept.collect();
    same
}

#[test]
fn mutants_are_never_misread() {
    let count = std::env::var("GATEHOUSE_MUTANTS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let all = responses();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut accepted = 0;
    for _ in 0..count {
        let text = dice.mutant(&all);
        let Ok(judged) = catch_unwind(|| believed(&text)) else { panic!("the reader came down over {text}") };
        let Ok(verified) = judged else { continue };
        accepted += 1;
        let document = xml::parse(&text).unwrap();
        if let [plain] = document.all(SAML, "Assertion").collect::<Vec<_>>()[..] {
            assert_eq!(same(plain), same(&verified.assertion), "{text}");
        }
        let name = verified.assertion.descendants().into_iter().find(|e| e.is(SAML, "NameID")).unwrap().full_text();
        assert!(!name.contains("eve"), "{text}");
    }
    assert!(accepted > 0, "some changes mean nothing");
}
