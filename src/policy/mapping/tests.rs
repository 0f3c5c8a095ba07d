use serde_json::json;

use super::*;
use crate::policy::claim_rules::shorthand;

fn candidate(name: &str, kind: Kind, claims: &Value, created_at: i64) -> Candidate {
    let rules: Vec<_> = claims.as_object().unwrap().iter().map(|(claim, value)| shorthand(claim, value).unwrap()).collect();
    Candidate {
        mapping: format!("m-{name}"),
        version: 1,
        target: Principal { kind, name: name.to_owned(), id: format!("p-{name}") },
        enabled: true,
        rules: ClaimRules::compile(&rules).unwrap(),
        created_at,
    }
}

fn identity(name: &str, claims: Value, created_at: i64) -> Candidate {
    candidate(name, Kind::ExternalIdentity, &claims, created_at)
}

fn off(candidate: Candidate) -> Candidate {
    Candidate { enabled: false, ..candidate }
}

fn map(claims: Value) -> Map<String, Value> {
    claims.as_object().unwrap().clone()
}

fn names(list: &[&Candidate]) -> Vec<String> {
    list.iter().map(|c| c.target.name.clone()).collect()
}

#[test]
fn the_most_rules_win_and_of_equals_the_oldest() {
    let all = || {
        vec![
            // Not in the order of their age, as no list need be.
            identity("younger", json!({"org": "acme", "repo": ["a", "b"]}), 30),
            identity("older", json!({"org": "acme", "ref": "main"}), 20),
            identity("fallback", json!({}), 10),
            identity("other", json!({"org": "beta"}), 5),
            candidate("sre", Kind::Team, &json!({"org": "acme"}), 1),
            candidate("dev", Kind::Team, &json!({"org": "beta"}), 1),
        ]
    };
    let best = Mapper::new(all(), Matching::Best);
    let union = Mapper::new(all(), Matching::All);
    for (claims, winners, teams) in [
        (json!({"org": "acme", "repo": "a", "ref": "main"}), &["older", "younger", "fallback"][..], &["sre"][..]),
        (json!({"org": "acme", "repo": ["x", "b", "a"]}), &["younger", "fallback"], &["sre"]),
        (json!({"org": ["acme", "beta"]}), &["other", "fallback"], &["sre", "dev"]),
        (json!({"org": "acme beta"}), &["fallback"], &[]),
        (json!({}), &["fallback"], &[]),
    ] {
        let claims = map(claims);
        assert_eq!(names(&union.matches(&claims).principals), winners, "{claims:?}");
        assert_eq!(names(&best.matches(&claims).principals), winners[..1], "{claims:?}");
        let found = best.matches(&claims).teams;
        assert_eq!(found.len(), teams.len(), "{claims:?}");
        assert!(teams.iter().all(|t| names(&found).contains(&(*t).to_owned())), "{claims:?}");
        assert!(best.matches(&claims).disabled.is_none());
    }
}

#[test]
fn a_disabled_best_match_is_no_reason_to_try_a_weaker_one() {
    let token = map(json!({"org": "acme", "repo": "a"}));
    let close = || identity("close", json!({"org": "acme", "repo": "a"}), 1);
    let loose = || identity("loose", json!({"org": "acme"}), 1);
    for (candidates, matching, expected, disabled) in [
        (vec![close(), loose()], Matching::Best, &["close"][..], None),
        (vec![off(close()), loose()], Matching::Best, &[], Some("close")),
        (vec![close(), off(loose())], Matching::Best, &["close"], None),
        (vec![off(close()), loose()], Matching::All, &["loose"], None),
        (vec![off(close()), off(loose())], Matching::All, &[], Some("close")),
    ] {
        let mapper = Mapper::new(candidates, matching);
        let matched = mapper.matches(&token);
        assert_eq!(names(&matched.principals), expected);
        assert_eq!(matched.disabled.map(|c| c.target.name.as_str()), disabled);
        let refused = mapper.explain(&token, 50)[0].note.ends_with("it is the best match, so the token is refused");
        assert_eq!(refused, disabled.is_some());
    }
    let nobody = Mapper::new(vec![off(close())], Matching::Best);
    assert!(nobody.matches(&Map::new()).disabled.is_none());
}

#[test]
fn the_explanation_says_what_was_decided_and_why() {
    let candidates = vec![
        identity("late", json!({"a": "1", "b": "2", "c": "3"}), 3),
        identity("early", json!({"a": "1", "b": "2", "d": "4"}), 2),
        identity("loose", json!({"a": "1"}), 1),
        identity("miss", json!({"a": "1", "b": "x", "c": "3"}), 1),
        off(identity("off", json!({"z": "1"}), 1)),
        identity("all", json!({}), 9),
        candidate("sre", Kind::Team, &json!({"b": "2"}), 1),
    ];
    let token = map(json!({"a": "1", "b": "2", "c": "3", "d": "4"}));
    let mapper = Mapper::new(candidates, Matching::Best);
    let told: Vec<_> = mapper
        .explain(&token, 50)
        .into_iter()
        .map(|c| (c.candidate.target.name.clone(), c.matched, c.score, c.chosen, c.note))
        .collect();
    let expected = [
        ("early", true, 3, true, "3 rules hold; tie with late, which was made later; the token acts as this one"),
        ("late", true, 3, false, "3 rules hold; tie with early, which was made earlier and wins"),
        ("loose", true, 1, false, "1 rule holds; early matches more closely: 3 rules hold"),
        ("sre", true, 1, true, "1 rule holds; the token belongs to this team"),
        ("all", true, 0, false, "no rules: every token of this issuer matches; early matches more closely: 3 rules hold"),
        ("miss", false, 2, false, "2 of 3 rules hold"),
        ("off", false, 0, false, "its 1 rule does not hold; disabled"),
    ];
    for (told, (name, matched, score, chosen, note)) in told.iter().zip(expected) {
        assert_eq!(*told, (name.to_owned(), matched, score, chosen, note.to_owned()));
    }
    assert_eq!(told.len(), expected.len());
    let shown = |most| mapper.explain(&token, most).into_iter().map(|c| c.candidate.target.name.clone()).collect::<Vec<_>>();
    for most in 0..expected.len() {
        assert_eq!(shown(most), expected[..most].iter().map(|e| e.0).collect::<Vec<_>>(), "no more than asked for");
    }
}

/// What matches is shown however many others there are, and wherever it stands among them.
#[test]
fn a_crowd_is_not_put_into_words() {
    let mut crowd: Vec<_> = (0..100_000).map(|n| identity(&n.to_string(), json!({"repo": n.to_string()}), n)).collect();
    crowd.push(identity("mine", json!({"repo": "mine", "ref": "main"}), 200_000));
    let mapper = Mapper::new(crowd, Matching::Best);
    let told = mapper.explain(&map(json!({"repo": "mine", "ref": "main"})), 50);
    assert_eq!((told.len(), mapper.len()), (50, 100_001));
    assert_eq!((told[0].candidate.target.name.as_str(), told[0].chosen, told[0].verdicts.len()), ("mine", true, 2));
    assert!(told[1..].iter().all(|c| !c.matched && c.score == 0));
}

/// The index may only leave out those that would not match anyway.
#[test]
fn the_index_finds_whoever_a_look_at_each_would_find() {
    let texts = ["a", "b", "a b", "c", "", "a*", "*b", "*", "a*b", "ä*", "*ä", "*a*"];
    let kinds = ["is", "like", "exact", "contains", "containsAll", "glob", "regex"];
    let mut candidates = Vec::new();
    for (i, (kind, text)) in kinds.iter().flat_map(|k| texts.iter().map(move |t| (k, t))).enumerate() {
        for (j, values) in [json!([text]), json!([text, "c"]), json!([text, 5])].into_iter().enumerate() {
            let rule = |claim: &str, values| json!({claim: {"values": values, "match_type": kind}});
            for (k, claims) in [rule("x", &values), rule("y", &json!([text]))].iter().enumerate() {
                let rules: Result<Vec<_>, _> = claims.as_object().unwrap().iter().map(|(c, v)| shorthand(c, v)).collect();
                let Ok(rules) = ClaimRules::compile(&rules.unwrap()) else { continue };
                let named = identity(&format!("{i}-{j}-{k}"), json!({}), 1);
                candidates.push(Candidate { rules, ..named });
            }
        }
    }
    let claims = [
        json!("a"),
        json!("a b"),
        json!("b  c"),
        json!(["a"]),
        json!(["a", "c"]),
        json!([["a"]]),
        json!(5),
        json!([5, "b"]),
        json!("ab"),
        json!("a-b"),
        json!("äb"),
        json!("bä"),
        json!(["ab"]),
        json!(["c", "x", "ab"]),
        json!([["ab"], "bä", 5]),
        json!(""),
        json!(null),
    ];
    let mut seen = 0;
    for x in &claims {
        for y in &claims {
            let token = map(json!({"x": x, "y": y}));
            let mut naive: Vec<_> = candidates.iter().filter(|c| c.rules.hold(&token)).map(|c| c.target.name.clone()).collect();
            let mapper = Mapper::new(candidates.clone(), Matching::All);
            let mut found = names(&mapper.matches(&token).principals);
            naive.sort();
            found.sort();
            assert_eq!(found, naive, "{token:?}");
            seen += found.len();
        }
    }
    assert!(seen > 100, "{seen}");
}

/// What is counted is work, not time: whatever one tenant's rules and its caller's claims are, others wait for no more.
#[test]
fn comparing_a_token_takes_no_more_than_may_be() {
    let patterns = |i: i64| (0..400).map(|n| format!("*b*{i}c{n}*")).collect::<Vec<_>>();
    let unfound =
        Mapper::new((0..12).map(|i| identity(&format!("i{i}"), json!({"x": patterns(i)}), i)).collect(), Matching::Best);
    // All wait for one text, and the token says it a thousand times.
    let crowd = |i: i64| identity(&format!("i{i}"), json!({"x": "a", "y": i.to_string()}), i);
    let same = |i: i64| identity(&format!("i{i}"), json!({"x": ["a", format!("b{i}")]}), i);
    let crowded = Mapper::new((0..2_000).map(same).collect(), Matching::Best);
    for (name, mapper, claims, honest) in [
        ("patterns", &unfound, json!({"x": "ab".repeat(1000)}), json!({"x": "a-b-3c7"})),
        ("a crowd", &crowded, json!({"x": vec!["a"; 1000]}), json!({"x": "b7"})),
    ] {
        let matched = mapper.matches(&map(claims.clone()));
        assert!(matched.beyond && matched.principals.is_empty() && matched.teams.is_empty(), "{name}");
        assert!(mapper.explain(&map(claims), 10).is_empty(), "{name}");
        let good = mapper.matches(&map(honest));
        assert!(!good.beyond && good.principals.len() == 1, "{name}: {:?}", good.principals);
    }
    let ordinary = Mapper::new((0..10_000).map(crowd).collect(), Matching::Best);
    let mut steps = Steps::at_most(100);
    let matched = ordinary.matches_within(&map(json!({"x": "a", "y": "77"})), &mut steps);
    assert_eq!((names(&matched.principals), matched.beyond), (vec!["i77".to_owned()], false), "{}", steps.left());
}

/// A number leads to those that name it, as a text does.
#[test]
fn numbers_are_looked_up() {
    let all = vec![
        identity("five", json!({"id": 5}), 1),
        identity("list", json!({"id": [6, "x"]}), 2),
        identity("half", json!({"id": 5.5}), 3),
        identity("huge", json!({"id": 9_007_199_254_740_993_i64}), 4),
        identity("negative", json!({"id": -3}), 5),
        identity("text", json!({"id": "5"}), 6),
    ];
    let mapper = Mapper::new(all, Matching::All);
    for (id, expected) in [
        (json!(5), &["five"][..]),
        (json!(5.0), &["five"]),
        (json!([4, 5, 6]), &["five", "list"]),
        (json!("x"), &["list"]),
        (json!(5.5), &["half"]),
        (json!(9_007_199_254_740_993_i64), &["huge"]),
        (json!(9_007_199_254_740_992.0), &[]),
        (json!(-3.0), &["negative"]),
        (json!("5"), &["text"]),
        (json!("-3"), &[]),
    ] {
        assert_eq!(names(&mapper.matches(&map(json!({"id": id}))).principals), expected, "{id}");
    }
}
