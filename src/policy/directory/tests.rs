use super::*;

fn outcome(rules: &[GroupRule], display_name: &str) -> GroupOutcome {
    GroupRules::compile(rules).outcome(display_name)
}

fn rule(group: &str) -> GroupRule {
    GroupRule { group: group.into(), ..GroupRule::default() }
}

fn team(group: &str, team: &str) -> GroupRule {
    GroupRule { team: Some(team.into()), ..rule(group) }
}

fn workspace(group: &str, name: &str) -> GroupRule {
    GroupRule { resource: Some(ResourceName { kind: "workspace".into(), name: name.into() }), ..rule(group) }
}

fn aliases(words: &[(&str, Role)]) -> BTreeMap<String, Role> {
    words.iter().map(|(word, role)| ((*word).to_owned(), *role)).collect()
}

/// `team/resource/role`, a dot for the group's own team.
fn held(rules: &[GroupRule], name: &str) -> Vec<String> {
    let text = |r: &GroupRole| format!("{}/{}/{}", r.team.as_deref().unwrap_or("."), r.resource.name, r.role.as_str());
    outcome(rules, name).roles.iter().map(text).collect()
}

#[test]
fn a_group_is_a_team_of_its_own_unless_a_rule_names_another() {
    let rules = [team("sre-*", "sre"), team("{unit} staff", "staff-{unit}"), team("SRE-lead", "leads"), team("sre-lead", "sre")];
    for (name, teams) in [
        ("sre-emea", &["sre"][..]),
        ("SRE-EMEA", &["sre"]),
        ("sre-", &["sre"]),
        ("sre-lead", &["sre", "leads"]),
        ("Ops staff", &["staff-Ops"]),
        ("Büro_1-a STAFF", &["staff-Büro_1-a"]),
        // Anchored, and a capture takes no spaces.
        ("x-sre-emea", &[]),
        ("Ops two staff", &[]),
        (" staff", &[]),
        ("Ops staff ", &[]),
        ("a\nsre-x", &[]),
        ("", &[]),
    ] {
        let found = outcome(&rules, name);
        assert_eq!(
            (found.teams.as_slice(), found.has_own_team()),
            (&teams.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()[..], teams.is_empty()),
            "{name:?}"
        );
    }
    assert_eq!(outcome(&[], "sre"), GroupOutcome::default());
}

#[test]
fn a_pattern_names_resource_and_role() {
    let words = aliases(&[("Admin", Role::Manager), ("member", Role::Viewer)]);
    let by_alias = [GroupRule { roles: words, ..workspace("ws-{workspace}-role-{role}", "{workspace}") }];
    let by_name = [workspace("ws-{workspace}-role-{role}", "{workspace}")];
    for (name, with_aliases, plain) in [
        ("ws-prod-role-admin", Some("./prod/manager"), None),
        ("WS-Prod-ROLE-ADMIN", Some("./Prod/manager"), None),
        ("ws-prod-role-Member", Some("./prod/viewer"), None),
        // Whoever lists words means no others.
        ("ws-prod-role-manager", None, Some("./prod/manager")),
        ("ws-prod-role-Editor", None, Some("./prod/editor")),
        ("ws-a-role-b-role-admin", Some("./a-role-b/manager"), None),
        ("ws-prod-role-owner", None, None),
        ("ws-prod-role-admin-", None, None),
        ("ws--role-admin", None, None),
        ("ws-a/b-role-admin", None, None),
    ] {
        assert_eq!(held(&by_alias, name), with_aliases.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{name}");
        assert_eq!(held(&by_name, name), plain.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn the_strongest_role_wins_and_stays_with_its_team() {
    let with = |role, rule: GroupRule| GroupRule { role: Some(role), ..rule };
    let rules = [
        team("*", "everyone"),
        with(Role::Editor, workspace("sre*", "prod")),
        with(Role::Viewer, workspace("*", "prod")),
        with(Role::Manager, GroupRule { team: Some("leads".into()), ..workspace("sre-leads", "prod") }),
    ];
    assert_eq!(held(&rules, "ops"), ["./prod/viewer"]);
    assert_eq!(held(&rules, "sre"), ["./prod/editor"]);
    assert_eq!(held(&rules, "sre-leads"), ["./prod/editor", "leads/prod/manager"]);
    let found = outcome(&rules, "sre-leads");
    assert_eq!((found.teams.as_slice(), found.has_own_team()), (&["everyone".to_owned(), "leads".to_owned()][..], true));
    // A rule whose role is unknown does not even name its team.
    let rules = [GroupRule { team: Some("t".into()), ..workspace("{role}", "prod") }];
    assert_eq!(outcome(&rules, "boss"), GroupOutcome::default());
    assert_eq!(held(&rules, "editor"), ["t/prod/editor"]);
}

#[test]
fn names_that_are_none_here_give_nothing() {
    let rules = [team("t-{name}", "{name}"), GroupRule { role: Some(Role::Viewer), ..workspace("w-{name}", "{name}") }];
    assert_eq!(outcome(&rules, &format!("t-{}", "a".repeat(129))), GroupOutcome::default());
    assert_eq!(outcome(&rules, &format!("w-{}", "a".repeat(256))), GroupOutcome::default());
    assert!(!outcome(&rules, &format!("t-{}", "a".repeat(128))).has_own_team());
    // Long names and many captures cost what their length says.
    let hard = [team("*a{b}cx", "t"), team("*-*-*-*-*-*-*-*-*-*-x", "t")];
    assert!(outcome(&hard, &"-".repeat(1_000_000)).has_own_team());
}

#[test]
fn problems_name_cause_and_cure() {
    let role = |rule: GroupRule| GroupRule { role: Some(Role::Viewer), ..rule };
    let both = || role(workspace("ws-{workspace}", "{workspace}"));
    let words = || aliases(&[("admin", Role::Manager)]);
    for good in [
        team("sre-*", "sre"),
        team("*", "all"),
        both(),
        GroupRule { team: Some("x".into()), ..both() },
        GroupRule { roles: words(), ..workspace("{role}", "x") },
        workspace("{role}", "x"),
    ] {
        assert_eq!(good.problems(), [""; 0], "{good:?}");
    }
    for (bad, why) in [
        (team("", "x"), "is empty"),
        (team(&"a".repeat(257), "x"), "has more than 256"),
        (team("a{b", "x"), "has a { or }"),
        (team("a}b", "x"), "has a { or }"),
        (team("{}", "x"), "has a { or }"),
        (team("{A b}", "x"), "has a { or }"),
        (team("{a}-{a}", "x"), "captures {a} twice"),
        (team("{a}{b}", "x"), "has * and {…} side by side"),
        (team("*{b}", "x"), "has * and {…} side by side"),
        (team("a**", "x"), "has * and {…} side by side"),
        (team("a", "{b}"), "has a team with {b}"),
        (team("a", "{b"), "has a team that has a { or }"),
        (team("a", " x"), "has a team that is none"),
        (team("a", ""), "has a team that is none"),
        (rule("a"), "says nothing"),
        (role(rule("a")), "says nothing"),
        (role(team("a", "x")), "has a role on nothing"),
        (GroupRule { roles: words(), ..team("{role}", "x") }, "has roles for nothing"),
        (workspace("a", "x"), "has no role"),
        (role(workspace("{role}", "x")), "has both role"),
        (GroupRule { roles: words(), ..both() }, "has roles but captures no"),
        (
            GroupRule { roles: aliases(&[("a", Role::Viewer), ("A", Role::Manager)]), ..workspace("{role}", "x") },
            "has a word twice",
        ),
        (role(workspace("a", "{x}")), "has a resource name with {x}"),
    ] {
        let settings = DirectorySettings { group_rules: vec![bad.clone()], ..DirectorySettings::default() };
        let begins = format!("group_rules: the rule for group {:?} {why}", bad.group);
        let found = settings.problems();
        assert!(found.len() == 1 && found[0].starts_with(&begins), "{begins}: {found:?}");
    }
    let many = DirectorySettings { group_rules: vec![team("a", "b"); 201], ..DirectorySettings::default() };
    assert_eq!(many.problems().len(), 1);
}

/// No spelling of a role in settings is anything but one of the three.
#[test]
fn settings_hold_no_other_roles() {
    let text = |role: &str| {
        format!(r#"{{"group_rules": [{{"group": "*", "resource": {{"type": "t", "name": "n"}}, "role": "{role}"}}]}}"#)
    };
    for (role, fine) in [("viewer", true), ("manager", true), ("admin", false), ("owner", false), ("", false)] {
        assert_eq!(serde_json::from_str::<DirectorySettings>(&text(role)).is_ok(), fine, "{role}");
    }
    assert_eq!(serde_json::from_str::<DirectorySettings>("{}").unwrap(), DirectorySettings::default());
}

/// What nobody sees could make one team's name pass for another's.
#[test]
fn a_team_has_a_name_that_can_be_seen() {
    let unseen = [
        ("control", "\0\t\n\r\u{1b}\u{7f}\u{85}\u{9f}"),
        ("joiners and marks of direction", "\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{61c}"),
        ("separators", "\u{2028}\u{2029}"),
        ("embedding, override and isolation", "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}"),
        ("invisible operators", "\u{2060}\u{2061}\u{2064}\u{2065}\u{206a}\u{206f}"),
        ("no-break space without width", "\u{feff}"),
        ("soft hyphen, grapheme joiner", "\u{ad}\u{34f}"),
        ("fillers and blanks", "\u{115f}\u{1160}\u{3164}\u{ffa0}\u{17b4}\u{17b5}\u{2800}"),
        ("choices of a form", "\u{fe00}\u{fe0e}\u{fe0f}\u{180b}\u{180e}\u{180f}\u{e0100}\u{e01ef}"),
        ("interlinear notes, shorthand and music", "\u{fff0}\u{fff9}\u{fffb}\u{1bca0}\u{1d173}\u{1d17a}"),
        ("tags", "\u{e0001}\u{e0020}\u{e007f}\u{e0fff}"),
    ];
    for (class, signs) in unseen {
        for sign in signs.chars() {
            for name in [format!("SRE{sign}"), format!("{sign}SRE"), format!("S{sign}RE"), sign.to_string()] {
                assert!(!can_name_a_team(&name), "{class}: {name:?}");
            }
        }
    }
    for name in [".", "..", "", " ", " SRE", "SRE ", "\u{a0}SRE", "SRE\u{3000}", "🔥\u{fe0f}\u{fe0f}x\u{fe0f}"] {
        assert!(!can_name_a_team(name), "{name:?}");
    }
    for name in [
        "SRE",
        "...",
        ".net",
        "Site Reliability (EMEA) & Friends, 24/7",
        "Équipe d’ingénierie",
        "E\u{301}quipe",
        "Großkunden – Büro Köln",
        "Команда",
        "Ομάδα",
        "صيانة",
        "צוות",
        "วิศวกรรม",
        "टीम",
        "信頼性エンジニアリング",
        "可靠性　团队",
        "신뢰성 팀",
        "🔥",
        "🔥 on call",
        "❤\u{fe0f} design",
        "👍🏽 team",
        "🇩🇪 Vertrieb",
    ] {
        assert!(can_name_a_team(name), "{name:?}");
    }
}

/// What a pattern means, as a regular expression.
fn expression(pattern: &str) -> regex::Regex {
    let source: String = pattern::pieces(pattern, true)
        .unwrap()
        .iter()
        .map(|piece| match piece {
            pattern::Piece::Text(text) => regex::escape(text),
            pattern::Piece::Anything => ".*".to_owned(),
            pattern::Piece::Capture(_) => r"([\p{L}\p{M}\p{Nd}_-]+)".to_owned(),
        })
        .collect();
    let whole = format!(r"\A{source}\z");
    regex::RegexBuilder::new(&whole).case_insensitive(true).dot_matches_new_line(true).build().unwrap()
}

proptest::proptest! {
    #[test]
    fn patterns_find_what_their_regular_expression_finds(
        open in proptest::collection::vec(proptest::bool::ANY, 0..5),
        texts in proptest::collection::vec("[abA sſσςΣ\u{e9}\u{301}\u{212a}kß²-]{1,2}", 6),
        edges in (proptest::bool::ANY, proptest::bool::ANY),
        name in "[abA sſσςΣ\u{e9}\u{301}\u{212a}kß²\n-]{0,12}",
    ) {
        let opens = open.iter().enumerate().map(|(n, capture)| if *capture { format!("{{c{n}}}") } else { "*".to_owned() });
        let mut texts = texts.into_iter();
        let mut pattern = if edges.0 { texts.next().unwrap() } else { String::new() };
        for open in opens {
            pattern += &open;
            pattern += &texts.next().unwrap();
        }
        if edges.1 {
            pattern += "*";
        }
        if !pattern.is_empty() {
            let found = pattern::Pattern::parse(&pattern).unwrap();
            let is: Option<Vec<String>> = found.captures(&name).map(|captures| {
                found.names().iter().map(|name| captures.get(name).unwrap().to_owned()).collect()
            });
            let expected = expression(&pattern).captures(&name).map(|captures| {
                captures.iter().skip(1).map(|group| group.unwrap().as_str().to_owned()).collect::<Vec<_>>()
            });
            proptest::prop_assert_eq!(is, expected, "{} {:?}", pattern, name);
        }
    }
}

/// Whoever writes rules has all of a tenant's groups compared with them.
#[test]
fn a_dear_pattern_ends_soon() {
    let rules: Vec<GroupRule> =
        (0..200).map(|n| team(&format!("x{n}{}", "*a{c}a".repeat(20).replacen("{c}", "b", 19)), "t")).collect();
    let name = "a".repeat(1_000);
    assert_eq!(GroupRules::compile(&rules).outcome(&name), GroupOutcome::default());
    let wild = [team(&format!("{}b", "*a".repeat(120)), "t")];
    assert_eq!(outcome(&wild, &name), GroupOutcome::default());
}
