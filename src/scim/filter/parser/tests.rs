use super::*;

fn read(text: &str) -> Filter {
    parse(text).unwrap_or_else(|fault| panic!("{text}: {}", fault.detail))
}

fn refusal(text: &str) -> String {
    let fault = parse(text).expect_err(text);
    assert_eq!((fault.status, fault.scim_type), (400, Some("invalidFilter")), "{text}");
    fault.detail
}

#[test]
fn what_clients_send() {
    for (text, canonical) in [
        (r#"userName eq "kim@corp.example""#, r#"userName eq "kim@corp.example""#),
        (r#"USERNAME Eq "Kim""#, r#"USERNAME eq "Kim""#),
        (r#"  userName   eq	"kim"  "#, r#"userName eq "kim""#),
        ("userName eq kim@corp.example", r#"userName eq "kim@corp.example""#),
        ("userName eq 0042", r#"userName eq "0042""#),
        ("userName eq 42", "userName eq 42"),
        ("active eq True", "active eq true"),
        (r#"active eq "False""#, r#"active eq "False""#),
        ("title pr", "title pr"),
        ("title eq null", "title eq null"),
        (r#"emails[type eq "work"].value eq "x""#, r#"emails[type eq "work" and value eq "x"]"#),
        (
            r#"emails[type eq "work" and value co "x"].value eq "y""#,
            r#"emails[(type eq "work" and value co "x") and value eq "y"]"#,
        ),
        (r#"emails[type eq "work"].value pr"#, r#"emails[type eq "work" and value pr]"#),
        (r#"emails[ not (type eq work) ]"#, r#"emails[not (type eq "work")]"#),
        (r#"a eq 1 or b eq 2 and c eq 3"#, "a eq 1 or b eq 2 and c eq 3"),
        (r#"(a eq 1 or b eq 2) AND c eq 3"#, "(a eq 1 or b eq 2) and c eq 3"),
        (r#"not(a pr)and not (b pr)"#, "not (a pr) and not (b pr)"),
        (r#"((((a pr))))"#, "a pr"),
        (r#"name.familyName sw "O'Neil""#, r#"name.familyName sw "O'Neil""#),
        (r#"title eq "a \"b\" \u0041\n(c) [d] and""#, r#"title eq "a \"b\" A\n(c) [d] and""#),
        (r#"members.value eq 17"#, "members.value eq 17"),
        (
            "URN:ietf:params:scim:schemas:extension:ENTERPRISE:2.0:User:Department eq Ops",
            r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:Department eq "Ops""#,
        ),
        (
            r#"urn:ietf:params:scim:schemas:core:2.0:User:name.givenName eq "x""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:name.givenName eq "x""#,
        ),
        (
            r#"urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "work"].value eq "x""#,
            r#"urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "work" and value eq "x"]"#,
        ),
        (r#"urn:acme:1.0:Thing:size gt 4"#, "urn:acme:1.0:Thing:size gt 4"),
        (r#"meta.lastModified gt "2011-05-13T04:42:34Z""#, r#"meta.lastModified gt "2011-05-13T04:42:34Z""#),
        (r#"manager.$ref eq "x""#, ""),
        ("orName eq 1 or notes pr and andes pr", "orName eq 1 or notes pr and andes pr"),
    ] {
        let filter = read(text);
        let expected = if canonical.is_empty() { text } else { canonical };
        assert_eq!(filter.to_string(), expected);
        assert_eq!(read(expected), filter);
    }
}

#[test]
fn binding() {
    let Filter::Or(terms) = read("a pr or b pr and c pr or d pr") else { panic!("an or") };
    assert!(matches!(&terms[..], [Filter::Present(_), Filter::And(two), Filter::Present(_)] if two.len() == 2));
}

#[test]
fn faults_name_position_and_cause() {
    for (text, part) in [
        ("", "character 1: an attribute"),
        ("userName", "character 9: an operator"),
        ("userName is \"kim\"", "character 10: an operator"),
        ("userName eq", "character 12: a value"),
        ("userName eq and active eq true", "character 13: a value"),
        ("userName eq \"kim", "character 13: the string has no end"),
        ("userName eq \"kim\\\"", "the string has no end"),
        ("userName eq \"k\\im\"", "not a JSON string"),
        ("userName eq \"k\u{1}im\"", "not a JSON string"),
        ("userName eq \"\\ud800\"", "not a JSON string"),
        ("userName eq \"k\\u0000im\"", "no NUL"),
        ("userName eq k\0im", "double quotes"),
        ("userName eq 'kim'", "double quotes"),
        ("userName eq (\"kim\")", "a value"),
        ("title eq ü ü", "character 12: it should end"),
        ("(title pr", "`)` is expected"),
        ("title pr)", "character 9: it should end"),
        ("not title pr", "in parentheses"),
        ("title gt null", "null"),
        ("emails[type pr", "`]` is expected"),
        ("emails[type pr)", "`]` is expected"),
        ("emails[type[x pr] pr]", "not nested"),
        ("emails[a.b pr]", "sub-attributes only"),
        ("name.x[type pr]", "brackets follow an attribute"),
        ("emails[type pr].a.b pr", "a sub-attribute"),
        ("emails[type pr].", "no attribute"),
        ("emails[] pr", "an attribute"),
        ("a.b.c pr", "no attribute"),
        ("1a pr", "no attribute"),
        ("a;drop pr", "no attribute"),
        ("and pr", "an attribute"),
        ("a pr or", "an attribute"),
        ("a pr b pr", "character 6: it should end"),
        ("' or 1=1 --", "no attribute"),
    ] {
        let detail = refusal(text);
        assert!(detail.contains(part), "{text}: {detail}");
    }
}

#[test]
fn limits() {
    let nested = |depth: usize| format!("{}a pr{}", "(".repeat(depth), ")".repeat(depth));
    read(&nested(DEEPEST));
    assert!(refusal(&nested(DEEPEST + 1)).contains("nested deeper"));
    assert!(refusal(&nested(4000)).contains("nested deeper"));
    assert!(refusal(&"not (".repeat(1600)).contains("nested deeper"));
    assert!(refusal(&nested(10_000)).contains("longer than"));
    read(&vec!["a pr"; MOST].join(" or "));
    assert!(refusal(&vec!["a pr"; MOST + 1].join(" and ")).contains("comparisons"));
}

#[test]
fn each_byte_is_looked_at_a_few_times_only() {
    let filled = |unit: &str| unit.repeat(LONGEST / unit.len());
    for text in [
        filled("("),
        filled(")"),
        filled("not("),
        filled("a["),
        filled("a pr or "),
        filled(" "),
        filled("\""),
        filled("\\"),
        filled("or "),
        format!("a eq \"{}", "\\\"".repeat(4000)),
        format!("a eq {}", "x".repeat(8000)),
        "ü".repeat(4000),
        format!("{}:a pr", "urn:".repeat(1600)),
        format!("({})", vec!["a[b eq \"c\"].d ne e"; 90].join(" and ")),
    ] {
        assert!(text.len() <= LONGEST);
        let steps = steps(&text);
        assert!(steps <= 8 * text.len() + 64, "{steps} steps for {} bytes: {text:.40}", text.len());
    }
}

#[test]
fn paths_of_operations() {
    let path = |text: &str| parse_path(text).map(|(path, filter)| (path.to_string(), filter.map(|f| f.to_string())));
    let some = |a: &str, f: &str| Ok((a.to_owned(), Some(f.to_owned()).filter(|f| !f.is_empty())));
    assert_eq!(path("title"), some("title", ""));
    assert_eq!(path("name.givenName"), some("name.givenName", ""));
    assert_eq!(path(r#"emails[type eq "work"].value"#), some("emails.value", r#"type eq "work""#));
    assert_eq!(path(r#"members[value eq "x"]"#), some("members", r#"value eq "x""#));
    let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert_eq!(path(urn), some(urn, ""));
    assert_eq!(path(&format!("{urn}:manager.value")), some(&format!("{urn}:manager.value"), ""));
    for (text, kind) in [
        ("", "invalidPath"),
        ("a b", "invalidPath"),
        ("a.b.c", "invalidPath"),
        ("emails[type eq]", "invalidFilter"),
        ("emails[type pr", "invalidFilter"),
        ("emails[type pr].", "invalidPath"),
        ("emails[type pr]value", "invalidPath"),
        ("emails.x[type pr]", "invalidPath"),
        ("../../etc", "invalidPath"),
    ] {
        assert_eq!(parse_path(text).expect_err(text).scim_type, Some(kind), "{text}");
    }
}
