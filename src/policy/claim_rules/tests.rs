use serde_json::json;

use super::*;

fn one(claim: &str, values: Value, match_type: MatchType) -> Result<ClaimRules, String> {
    ClaimRules::compile(&[ClaimRule { claim: claim.to_owned(), values: value_list(claim, &values)?, match_type }])
}

fn map(claims: Value) -> Map<String, Value> {
    claims.as_object().unwrap().clone()
}

/// Judges `claims` both ways, which must agree.
fn holds(rules: &ClaimRules, claims: Value) -> bool {
    let claims = map(claims);
    let judged = rules.judge(&claims).iter().all(|v| v.passed);
    assert_eq!(rules.hold(&claims), judged, "hold and judge differ on {claims:?}");
    judged
}

#[test]
fn the_comparison_table() {
    use MatchType::{Contains, ContainsAll, Exact, Glob, Is, Like, Regex};
    // The rule, claims that fulfil it, and the attacks beside them that must not.
    let table: &[(MatchType, Value, &[Value], &[Value])] = &[
        (
            Exact,
            json!("acme"),
            &[json!("acme")],
            // A list for a text, another case, space around, look-alikes (Cyrillic а, full width, combining), and nothing.
            &[
                json!(["acme"]),
                json!("Acme"),
                json!(" acme"),
                json!("acme\n"),
                json!("аcme"),
                json!("ａcme"),
                json!("ac\u{301}me"),
                json!({"acme": 1}),
                json!(null),
                json!(true),
                json!(""),
            ],
        ),
        (
            Exact,
            json!([1, true]),
            &[json!(1), json!(1.0), json!(true)],
            &[json!("1"), json!("true"), json!([1]), json!(1.5), json!(0)],
        ),
        (
            Exact,
            json!(9_007_199_254_740_993_i64),
            &[json!(9_007_199_254_740_993_i64)],
            &[json!(9_007_199_254_740_992.0), json!(9_007_199_254_740_992_i64)],
        ),
        (Exact, json!(["a", "b"]), &[json!("a"), json!("b")], &[json!(["a", "b"]), json!("a b"), json!("a,b")]),
        (
            Is,
            json!("ops"),
            &[json!("ops"), json!(["dev", "ops"])],
            &[json!("dev ops"), json!("OPS"), json!(["OPS"]), json!([["ops"]]), json!({"ops": true}), json!([])],
        ),
        (Is, json!([5, "x"]), &[json!(5), json!([4, 5]), json!("x")], &[json!("5"), json!(["5"]), json!([[5]])]),
        (
            Contains,
            json!("admin"),
            &[json!(["user", "admin"]), json!("user admin"), json!("admin")],
            &[
                json!("not-admin"),
                json!("administrator"),
                json!("user,admin"),
                json!("user\tadmin"),
                json!(["Admin"]),
                json!([["admin"]]),
                json!(["user admin"]),
                json!({"admin": 1}),
                json!(7),
                json!(""),
            ],
        ),
        (Contains, json!(7), &[json!([7])], &[json!(7), json!("7"), json!(["7"])]),
        (
            ContainsAll,
            json!(["read", "write"]),
            &[json!(["write", "x", "read"]), json!("read write")],
            &[json!(["read"]), json!("read"), json!("readwrite"), json!(["read write"])],
        ),
        (
            Glob,
            json!("*@acme.example"),
            &[json!("ada@acme.example"), json!("ada+x.y@acme.example")],
            &[
                json!("ada@acme.example\n"),
                json!("evil@evil.test\n@acme.example"),
                json!("x@evil.test@acme.example"),
                json!("ada@ACME.example"),
                json!("ada@acme.example.evil.test"),
                json!("ada@xacme.example"),
                json!("a b@acme.example"),
                json!("a\u{a0}b@acme.example"),
                json!("a\u{202e}b@acme.example"),
                json!("a\0@acme.example"),
                json!("ada@аcme.example"),
                json!("https://evil.test/ada@acme.example"),
                json!(["ada@acme.example"]),
                json!({"*": "ada@acme.example"}),
            ],
        ),
        (
            Glob,
            json!("repo:acme/*:ref:refs/heads/main"),
            &[json!("repo:acme/site:ref:refs/heads/main")],
            &[
                json!("repo:acme/site:environment:x:ref:refs/heads/main"),
                json!("repo:acme/a/b:ref:refs/heads/main"),
                json!("repo:acme-evil/x:ref:refs/heads/main"),
                json!("repo:acme/site:ref:refs/heads/main2"),
            ],
        ),
        (
            Glob,
            json!("a*b*c"),
            &[json!("abc"), json!("a-b-b-c"), json!("abbcc")],
            &[json!("ab"), json!("a/bc"), json!("ab:c"), json!("xabc"), json!("abcx")],
        ),
        (
            Like,
            json!(["admins", "eng-*", 5]),
            &[json!("admins"), json!("eng-1"), json!(["x", "eng-1"]), json!(["admins"]), json!([5]), json!(5)],
            &[
                json!("x"),
                json!(["x"]),
                json!("x eng-1"),
                json!(["eng-a/b"]),
                json!([["eng-1"]]),
                json!("5"),
                json!({"eng-1": 1}),
            ],
        ),
        (Like, json!("a"), &[json!("a"), json!(["a"])], &[json!("b"), json!("a b"), json!(["ab"])]),
        (Glob, json!(["plain", "x*"]), &[json!("plain"), json!("x"), json!("xy")], &[json!("plainer"), json!("y")]),
        (Glob, json!("ab*ab"), &[json!("abab"), json!("abxab")], &[json!("ab"), json!("aba")]),
        (
            Regex,
            json!("[a-z]+-runner"),
            &[json!("ci-runner")],
            &[
                json!("ci-runner\n"),
                json!("x ci-runner"),
                json!("ci-runner-evil"),
                json!("\nci-runner"),
                json!(["ci-runner"]),
                json!("CI-runner"),
            ],
        ),
        (Regex, json!(["a|ab", "(?i)X"]), &[json!("a"), json!("ab"), json!("x")], &[json!("abc"), json!("b"), json!("ax")]),
        (Regex, json!("(?m)^a$"), &[json!("a")], &[json!("a\nb"), json!("b\na\nb")]),
        (Regex, json!(".*"), &[json!(""), json!("x")], &[json!("x\ny")]),
    ];
    for (match_type, values, honest, attacks) in table {
        let rules = one("x", values.clone(), *match_type).unwrap();
        for claim in *honest {
            assert!(holds(&rules, json!({"x": claim})), "{match_type:?} {values} must hold for {claim}");
        }
        for claim in *attacks {
            assert!(!holds(&rules, json!({"x": claim})), "{match_type:?} {values} must not hold for {claim}");
        }
        assert!(!holds(&rules, json!({"X": honest[0], "y": honest[0]})), "{match_type:?} {values} of another claim");
    }
}

#[test]
fn claims_are_found_by_name_path_or_pointer() {
    let claims = map(json!({
        "a": {"b": 1, "c.d": {"e": 2}, "n": null},
        "a.b": 3,
        "https://acme.example/roles": ["x"],
        "https://acme.example/realm": {"role": 4},
        "list": [{"k": 5}],
        "odd/na~me": 6,
        "n": null, "n.m": null,
        "deep": {"x.y": {"wrong": 0}, "x": {"y": {"right": 7}}},
        "/lit": 8,
    }));
    for (name, found) in [
        // The literal name first: a nested object cannot pass for it.
        ("a.b", Some(json!(3))),
        ("/a/b", Some(json!(1))),
        ("a.c.d.e", Some(json!(2))),
        ("https://acme.example/roles", Some(json!(["x"]))),
        ("https://acme.example/realm.role", Some(json!(4))),
        ("list.0.k", None),
        ("/list/0/k", Some(json!(5))),
        ("/list/00/k", None),
        ("/list/+0/k", None),
        ("/list/1/k", None),
        ("/odd~1na~0me", Some(json!(6))),
        ("deep.x.y.right", Some(json!(7))),
        ("/lit", Some(json!(8))),
        ("n", None),
        ("n.m", None),
        ("a.n", None),
        ("A.b", None),
        ("a.", None),
        (".a", None),
        ("a..b", None),
        ("", None),
        ("/", None),
    ] {
        assert_eq!(find(&claims, name), found.as_ref(), "{name}");
    }
}

#[test]
fn a_rule_that_cannot_work_is_refused_with_its_claim() {
    use MatchType::{Exact, Glob, Regex};
    for (claim, values, match_type, cause) in [
        ("", json!("x"), Exact, "names no claim"),
        ("a\nb", json!("x"), Exact, "names no claim"),
        ("/a~2", json!("x"), Exact, "names no claim"),
        ("c", json!([]), Exact, "has no value"),
        ("c", json!(5), Glob, "no text"),
        ("c", json!(""), Glob, "empty pattern"),
        ("c", json!(true), Regex, "no text"),
        ("c", json!("("), Regex, "unusable expression"),
        // Anchors must not be left by closing our parentheses, nor by a comment that swallows them.
        ("c", json!("a)|(b"), Regex, "unusable expression"),
        ("c", json!("(?x)a #"), Regex, "unusable expression"),
        ("c", json!("(a)\\1"), Regex, "unusable expression"),
        ("c", json!("(?=a)"), Regex, "unusable expression"),
        ("c", json!("((a{1000}){1000}){1000}"), Regex, "too large"),
        ("c", json!("a".repeat(1025)), Regex, "more than 1024"),
    ] {
        let why = one(claim, values.clone(), match_type).unwrap_err();
        assert!(why.contains(cause) && why.contains(&format!("claim {claim:?}")), "{values}: {why}");
    }
    assert!(one("c", json!("(?x)a # a comment\n"), Regex).is_ok());
}

#[test]
fn patterns_that_explode_elsewhere_stay_linear() {
    // With an engine that backtracks, this test would not end within our lives.
    let long = "a".repeat(2_000);
    for (match_type, pattern) in [
        (MatchType::Regex, "(a+)+b"),
        (MatchType::Regex, "(a|a)*b"),
        (MatchType::Regex, "(a*)*(a*)*(a*)*c"),
        (MatchType::Glob, "*a*a*a*a*a*a*a*a*a*b"),
        (MatchType::Glob, "a*a*a*a*b*a"),
    ] {
        let rules = one("x", json!(pattern), match_type).unwrap();
        assert!(!holds(&rules, json!({"x": long})), "{pattern}");
        assert!(holds(&one("x", json!("a*"), match_type).unwrap(), json!({"x": "aa"})));
    }
}

#[test]
fn what_there_is_too_much_of_is_not_compiled() {
    use MatchType::{Glob, Is, Regex};
    let many = |n: usize, text: &str| (0..n).map(|i| format!("{text}{i}")).collect::<Vec<_>>();
    // The first is no expression. That nobody says so shows that none was compiled.
    let broken = [vec!["(".to_owned()], many(100, "x")].concat();
    let error = one("x", json!(broken), Regex).unwrap_err();
    assert!(error.contains("101 expressions where at most 100"), "{error}");
    assert!(one("x", json!(many(100, "x")), Regex).is_ok());
    let both = ["a", "b"].map(|claim| ClaimRule {
        claim: claim.to_owned(),
        values: many(60, "x").into_iter().map(Value::from).collect(),
        match_type: Regex,
    });
    assert!(ClaimRules::compile(&both).unwrap_err().contains("120 expressions"));
    assert!(ClaimRules::compile(&both[..1]).is_ok());
    // A short text may be much to compile.
    let error = one("x", json!(many(40, r"\w{4}N")), Regex).unwrap_err();
    assert!(error.contains("more than 1024 KiB once compiled"), "{error}");
    assert!(one("x", json!(many(4, r"\w{4}N")), Regex).is_ok());
    for kind in [Is, Glob] {
        let error = one("x", json!(many(1001, "x*")), kind).unwrap_err();
        assert!(error.contains("1001 values where at most 1000"), "{error}");
        assert!(one("x", json!(many(1000, "x*")), kind).is_ok());
    }
}

#[test]
fn patterns_that_are_tried_with_every_token_are_counted() {
    use MatchType::{Glob, Like};
    let many = |n: usize, text: &str| (0..n).map(|i| format!("{text}{i}*")).map(Value::from).collect::<Vec<_>>();
    let rule = |claim: &str, values: Vec<Value>, match_type| ClaimRule { claim: claim.to_owned(), values, match_type };
    for kind in [Glob, Like] {
        let error = ClaimRules::compile(&[rule("c", many(501, "*x"), kind)]).unwrap_err();
        assert!(error.contains("501 patterns that neither begin nor end with text where at most 500"), "{error}");
        assert!(ClaimRules::compile(&[rule("c", many(250, "*x"), kind), rule("d", many(251, "*x"), kind)]).is_err());
        // The twins: as many as may be; such as say how a text begins; and such as are tried after another rule has found them.
        for rules in [
            vec![rule("c", many(500, "*x"), kind)],
            vec![rule("c", many(1000, "x*"), kind)],
            vec![rule("c", many(501, "*x"), kind), rule("org", vec![json!("acme")], MatchType::Is)],
        ] {
            assert!(ClaimRules::compile(&rules).is_ok());
        }
    }
    let load = |n| Load::counted(&[rule("c", many(n, "*x"), Like)]);
    assert!(load(400).and(load(4600)).within(OF_TENANT).is_ok() && load(400).and(load(4601)).within(OF_TENANT).is_err());
}

#[test]
fn long_texts_match_no_pattern() {
    for (pattern, match_type) in [("a*", MatchType::Glob), ("a*", MatchType::Like), ("a*", MatchType::Regex)] {
        let rules = one("x", json!(pattern), match_type).unwrap();
        assert!(holds(&rules, json!({"x": "a".repeat(2048)})), "{match_type:?}");
        assert!(!holds(&rules, json!({"x": "a".repeat(2049)})), "{match_type:?}");
    }
    let long = "a".repeat(9000);
    assert!(holds(&one("x", json!(long), MatchType::Is).unwrap(), json!({"x": long})), "a text that stands for itself");
}

/// What is counted is work, not time.
#[test]
fn comparing_ends_where_it_takes_too_much() {
    let many = |n: usize| (0..n).map(|i| format!("b{i}")).collect::<Vec<_>>();
    let like: Vec<String> = (0..500).map(|i| format!("*b*{i}c*")).collect();
    let long = || format!("{}b", "a".repeat(2000));
    let items: Vec<String> = (0..5000).map(|i| format!("a{i}")).collect();
    let deep = vec!["a"; 250].join(".");
    for (name, rules, claims, honest) in [
        ("patterns", one("x", json!(like), MatchType::Like), json!({"x": vec![long(); 5]}), json!({"x": ["a-b-7c"]})),
        ("values", one("x", json!(many(1000)), MatchType::Is), json!({"x": items}), json!({"x": ["a", "b999"]})),
        ("words", one("x", json!(many(1000)), MatchType::Contains), json!({"x": "a ".repeat(2000)}), json!({"x": "a b999"})),
        (
            "expressions",
            one("x", json!((0..100).map(|i| format!("[ab]*a[ab]{{20}}{i}")).collect::<Vec<_>>()), MatchType::Regex),
            json!({"x": "ab".repeat(1000)}),
            json!({"x": format!("{}99", "a".repeat(21))}),
        ),
    ] {
        let rules = rules.unwrap();
        let mut steps = Steps::at_most(OF_RULES);
        assert!(!rules.hold_within(&map(claims.clone()), &mut steps) && steps.is_spent(), "{name}");
        assert!(!holds(&rules, claims.clone()), "{name}");
        assert!(rules.judge(&map(claims))[0].why.contains(BEYOND), "{name}");
        assert!(holds(&rules, honest), "{name}");
    }
    let mut steps = Steps::at_most(100_000);
    let paths = ClaimRules::compile(&vec![ClaimRule { claim: deep, values: vec![json!(1)], match_type: MatchType::Is }; 10]);
    assert_eq!((paths.unwrap().held(&Map::new(), &mut steps), steps.is_spent()), (0, true), "paths");
    // Once there are too few, there are none.
    let mut steps = Steps::at_most(10);
    assert!(steps.take(4) && !steps.take(7) && !steps.take(0) && steps.is_spent() && steps.left() == 0);
}

#[test]
fn rules_are_known_again_and_shared() {
    let rules = [shorthand("sub", &json!({"values": "a.*", "match_type": "regex"})).unwrap()];
    let others = [shorthand("sub", &json!({"values": "b.*", "match_type": "regex"})).unwrap()];
    let compiled = ClaimRules::compile(&rules).unwrap();
    assert!(compiled.are_of(&rules) && !compiled.are_of(&others) && !compiled.are_of(&[]));
    assert!(compiled.are_shared_with(&compiled.clone()) && !compiled.are_shared_with(&ClaimRules::compile(&rules).unwrap()));
    assert!(holds(&compiled, json!({"sub": "abc"})) && !holds(&compiled, json!({"sub": "bcd"})));
}

#[test]
fn all_rules_must_hold_and_each_says_why() {
    let rules = ["org", "realm.role"].map(|claim| shorthand(claim, &json!("ops")).unwrap());
    let rules = ClaimRules::compile(&rules).unwrap();
    assert!(holds(&rules, json!({"org": "ops", "realm": {"role": ["ops"]}})));
    assert!(!holds(&rules, json!({"org": "ops"})));
    assert!(ClaimRules::default().hold(&Map::new()), "no rule is a fallback");
    let verdicts = rules.judge(&map(json!({"org": "оps\n"})));
    assert_eq!((verdicts[0].passed, verdicts[1].passed), (false, false));
    assert_eq!(verdicts[0].why, r#"the token has "\u{43e}ps\n"; wanted: is "ops""#);
    assert_eq!(verdicts[1].why, r#"the token has none; wanted: is "ops""#);
    let long = rules.judge(&map(json!({"org": "x".repeat(5000)})));
    assert!(long[0].why.len() < 200, "{}", long[0].why);
}

#[test]
fn shorthand_says_what_people_mean() {
    let kind = |value: Value| shorthand("c", &value).map(|rule| (rule.match_type, rule.values));
    let text = |s: &str| vec![json!(s)];
    for (written, match_type, values) in [
        (json!("x"), MatchType::Is, text("x")),
        (json!(5), MatchType::Is, vec![json!(5)]),
        (json!("*@x"), MatchType::Like, text("*@x")),
        (json!(["x", "y"]), MatchType::Is, vec![json!("x"), json!("y")]),
        (json!(["x", "y*", 5]), MatchType::Like, vec![json!("x"), json!("y*"), json!(5)]),
        (json!({"values": "x*"}), MatchType::Exact, text("x*")),
        (json!({"values": "x", "match_type": "regex"}), MatchType::Regex, text("x")),
        (json!({"values": ["x"], "match_type": "containsAll"}), MatchType::ContainsAll, text("x")),
    ] {
        assert_eq!(kind(written.clone()), Ok((match_type, values)), "{written}");
    }
    for (wrong, cause) in [
        (json!(null), "must be texts"),
        (json!([["x"]]), "must be texts"),
        (json!({"match_type": "exact"}), "needs values"),
        (json!({"values": "x", "matchtype": "exact"}), "has no key matchtype"),
        (json!({"values": "x", "match_type": "Exact"}), "must be one of is, like, exact,"),
        (json!({"values": {"a": 1}}), "must be texts"),
    ] {
        let why = kind(wrong.clone()).unwrap_err();
        assert!(why.contains(cause) && why.contains("\"c\""), "{wrong}: {why}");
    }
    // Stored and read back as written.
    let rule = shorthand("c", &json!({"values": ["a", 1], "match_type": "containsAll"})).unwrap();
    let stored = serde_json::to_string(&rule).unwrap();
    assert_eq!(stored, r#"{"claim":"c","values":["a",1],"match_type":"containsAll"}"#);
    assert_eq!(serde_json::from_str::<ClaimRule>(&stored).unwrap(), rule);
}
