//! Laws of filters, on generated filters and users.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use crate::scim::{
    filter::{AttrPath, Filter, Literal, Operator, parse, parse_path, parser},
    schema::USER,
};

const OPERATORS: &[Operator] = &[
    Operator::Eq,
    Operator::Ne,
    Operator::Co,
    Operator::Sw,
    Operator::Ew,
    Operator::Gt,
    Operator::Ge,
    Operator::Lt,
    Operator::Le,
];

fn name() -> impl Strategy<Value = String> {
    let keyword = |name: &String| !["and", "or", "not"].contains(&name.to_lowercase().as_str());
    prop_oneof!["[a-zA-Z][a-zA-Z0-9_-]{0,6}".prop_filter("no keyword", keyword), Just("$ref".to_owned())]
}

fn path() -> impl Strategy<Value = AttrPath> {
    let schema = prop_oneof![
        4 => Just(None),
        1 => Just(Some("urn:ietf:params:scim:schemas:core:2.0:User".to_owned())),
        1 => Just(Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User".to_owned())),
        1 => Just(Some("urn:acme:1.0:Thing".to_owned())),
    ];
    (schema, name(), proptest::option::of(name())).prop_map(|(schema, attribute, sub)| AttrPath { schema, attribute, sub })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        "[^\u{0}]{0,12}".prop_map(Literal::Text),
        "-?[1-9][0-9]{0,8}(\\.[0-9]{1,3})?(e-?[0-9])?".prop_map(Literal::Number),
        any::<bool>().prop_map(Literal::Boolean),
    ]
}

fn filter_of(path: impl Strategy<Value = AttrPath> + Clone + 'static) -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        (path.clone(), proptest::sample::select(OPERATORS), literal()).prop_map(|(p, o, l)| Filter::Compare(p, o, l)),
        (path.clone(), any::<bool>())
            .prop_map(|(p, eq)| { Filter::Compare(p, if eq { Operator::Eq } else { Operator::Ne }, Literal::Null) }),
        path.prop_map(Filter::Present),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Filter::And),
            vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let simple = name().prop_map(|attribute| AttrPath { schema: None, attribute, sub: None });
    let inner = filter_of(simple.boxed());
    let chosen = (path(), inner).prop_map(|(path, filter)| Filter::Any(AttrPath { sub: None, ..path }, Box::new(filter)));
    let (flat, chosen) = (filter_of(path().boxed()).boxed(), chosen.boxed());
    prop_oneof![
        3 => flat.clone(),
        1 => chosen.clone(),
        2 => (flat, chosen, any::<bool>())
            .prop_map(|(one, other, and)| if and { Filter::And(vec![one, other]) } else { Filter::Or(vec![other, one]) }),
    ]
}

/// Texts that look like filters without having to be any.
fn soup() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "(",
        ")",
        "[",
        "]",
        " ",
        "and",
        "or ",
        " not ",
        "eq",
        " pr ",
        "\"",
        "\\",
        ".",
        "userName",
        "emails",
        "[type eq",
        "1",
        "null",
        "\"x\"",
        "urn:",
        ":",
        "urn:ietf:params:scim:schemas:core:2.0:User",
        "\u{0}",
        "ü",
        "\t",
        "'",
        "true",
        "a eq 1 ",
        " or ",
    ]);
    vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

/// What of Kim a filter of the laws may be about.
fn user() -> impl Strategy<Value = Value> {
    let word = || proptest::sample::select(vec!["", "a", "A", "ab", "Ab", "b", "ß", "Ω", "kim"]);
    let email = (word(), proptest::option::of(word()), proptest::option::of(any::<bool>())).prop_map(|(value, kind, primary)| {
        let mut email = json!({"value": value});
        if let Some(kind) = kind {
            email["type"] = kind.into();
        }
        if let Some(primary) = primary {
            email["primary"] = primary.into();
        }
        email
    });
    (word(), proptest::option::of(word()), any::<bool>(), vec(email, 0..4)).prop_map(|(name, title, active, emails)| {
        let mut user = json!({"userName": name, "externalId": name, "active": active, "emails": emails});
        if let Some(title) = title {
            user["title"] = title.into();
        }
        user
    })
}

/// A comparison that fits Kim.
fn question() -> impl Strategy<Value = (String, String)> {
    let attributes = vec!["userName", "externalId", "title", "emails.value", "emails.type", "emails", "nickName"];
    let values = vec!["", "a", "A", "ab", "b", "ß", "Ω", "ω", "kim", "KIM"];
    let pick = |list: Vec<&'static str>| proptest::sample::select(list).prop_map(str::to_owned);
    (pick(attributes), pick(values).prop_map(|value| Value::from(value).to_string()))
}

fn holds(text: &str, user: &Value) -> bool {
    let filter = parse(text).unwrap_or_else(|fault| panic!("{text}: {}", fault.detail));
    filter.check(&USER).unwrap_or_else(|fault| panic!("{text}: {}", fault.detail));
    filter.matches(user, &USER)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_printed_reads_the_same(filter in any_filter()) {
        let text = filter.to_string();
        prop_assert_eq!(parse(&text), Ok(filter), "{}", text);
    }

    #[test]
    fn nothing_makes_it_panic_or_linger(text in prop_oneof![soup(), any::<String>()]) {
        prop_assert!(parser::steps(&text) <= 8 * text.len() + 64);
        if let Ok(filter) = parse(&text) {
            prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
        }
        if let Ok((path, filter)) = parse_path(&text) {
            let inside = filter.map(|filter| format!("[{filter}]")).unwrap_or_default();
            let again = parse_path(&format!("{}{inside}", AttrPath { sub: None, ..path }));
            prop_assert!(again.is_ok());
        }
    }

    #[test]
    fn contraries(user in user(), (path, value) in question(), (other, another) in question()) {
        let (one, two) = (format!("{path} eq {value}"), format!("{other} co {another}"));
        let (a, b) = (holds(&one, &user), holds(&two, &user));
        prop_assert_eq!(holds(&format!("{path} ne {value}"), &user), !a);
        prop_assert_eq!(holds(&format!("not ({one})"), &user), !a);
        prop_assert_eq!(holds(&format!("not (not ({one}))"), &user), a);
        prop_assert_eq!(holds(&format!("{one} and {two}"), &user), a && b);
        prop_assert_eq!(holds(&format!("{one} or {two}"), &user), a || b);
        prop_assert_eq!(holds(&format!("not ({one} or {two})"), &user), !a && !b);
        prop_assert_eq!(holds(&format!("{path} eq null"), &user), !holds(&format!("{path} pr"), &user));
    }

    #[test]
    fn order(user in user(), (path, value) in question()) {
        let ask = |operator: &str| holds(&format!("{path} {operator} {value}"), &user);
        let many = path.starts_with("emails");
        prop_assert_eq!(ask("le"), ask("lt") || ask("eq"));
        prop_assert_eq!(ask("ge"), ask("gt") || ask("eq"));
        let ways = ["lt", "eq", "gt"].into_iter().filter(|operator| ask(operator)).count();
        let present = holds(&format!("{path} pr"), &user);
        prop_assert!(many || ways == usize::from(present));
        prop_assert!(!ask("eq") || (ask("sw") && ask("ew")));
        prop_assert!(!(ask("sw") || ask("ew")) || ask("co"));
    }

    #[test]
    fn case(user in user(), (path, value) in question()) {
        let asked = holds(&format!("{path} eq {value}"), &user);
        prop_assert_eq!(holds(&format!("{} EQ {value}", path.to_uppercase()), &user), asked);
        prop_assert_eq!(holds(&format!("urn:ietf:params:scim:schemas:CORE:2.0:User:{path} eq {value}"), &user), asked);
        if path != "externalId" {
            prop_assert_eq!(holds(&format!("{path} eq {}", value.to_lowercase()), &user), asked);
        }
    }

    #[test]
    fn elements(user in user(), value in "[aAb]{0,2}", kind in "[aAb]{0,2}") {
        let (value, kind) = (format!("value eq \"{value}\""), format!("type eq \"{kind}\""));
        let both = holds(&format!("emails[{value} and {kind}]"), &user);
        prop_assert_eq!(holds(&format!("emails[{kind}].{value}"), &user), both);
        let each = holds(&format!("emails[{value}]"), &user) && holds(&format!("emails.{kind}"), &user);
        prop_assert!(!both || each);
        prop_assert_eq!(holds(&format!("emails[{value}]"), &user), holds(&format!("emails.{value}"), &user));
        let either = holds("emails[primary eq true or primary eq false]", &user);
        prop_assert_eq!(either, holds("emails pr", &user));
    }
}
