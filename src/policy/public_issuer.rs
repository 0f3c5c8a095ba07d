//! Issuers that serve everybody: anybody can have a token of theirs, for whatever audience they ask, that says whatever their
//! own project makes it say. What tells one customer from another are a few claims, which differ for each such issuer, and
//! nothing else: `ref: refs/heads/main` is every repository's.

use serde_json::{Map, Value};
use url::Url;

use super::{
    claim_rules::{ClaimRule, ClaimRules, MatchType},
    trusted_issuer::IssuerSettings,
};

/// An issuer of all its customers alike: continuous integration, and service accounts.
struct Public {
    /// What `iss` may be.
    issuers: &'static [&'static str],
    /// The host of its keys, and how their paths begin there.
    keys: (&'static str, &'static str),
    /// Claims of which one value is one customer's.
    whose: &'static [&'static str],
    /// Claims that say it in their beginning, before a `/`.
    begins: &'static [&'static str],
    /// What `sub` begins with where it says it next, before a `/` or a `:`. Customers choose what theirs is made of, so
    /// another beginning is anybody's.
    sub: &'static [&'static str],
    /// Claims that say it after an `@`.
    ends: &'static [&'static str],
}

/// Also where a name might be had by others later, its number is no other's: those stand first.
static PUBLIC: [Public; 6] = [
    Public {
        issuers: &["https://token.actions.githubusercontent.com"],
        keys: ("token.actions.githubusercontent.com", "/"),
        whose: &["repository_id", "repository_owner_id", "repository_owner", "enterprise_id", "enterprise"],
        begins: &["repository", "workflow_ref"],
        sub: &[
            "repo:",
            "repository:",
            "repository_id:",
            "repository_owner:",
            "repository_owner_id:",
            "enterprise:",
            "enterprise_id:",
        ],
        ends: &[],
    },
    Public {
        issuers: &["https://gitlab.com"],
        keys: ("gitlab.com", "/"),
        whose: &["project_id", "namespace_id"],
        begins: &["project_path", "namespace_path"],
        sub: &["project_path:", "project_id:", "namespace_path:", "namespace_id:"],
        ends: &[],
    },
    Public {
        issuers: &["https://accounts.google.com", "accounts.google.com"],
        keys: ("www.googleapis.com", "/oauth2/"),
        whose: &["sub", "hd", "google.compute_engine.project_id", "google.compute_engine.project_number"],
        begins: &[],
        sub: &[],
        ends: &["email"],
    },
    Public {
        issuers: &["https://agent.buildkite.com"],
        keys: ("agent.buildkite.com", "/"),
        whose: &["organization_id", "pipeline_id", "organization_slug"],
        begins: &[],
        sub: &["organization:"],
        ends: &[],
    },
    Public {
        issuers: &["https://app.terraform.io"],
        keys: ("app.terraform.io", "/"),
        whose: &["terraform_organization_id", "terraform_project_id", "terraform_workspace_id", "terraform_organization_name"],
        begins: &[],
        sub: &["organization:"],
        ends: &[],
    },
    Public {
        issuers: &["https://oidc.vercel.com"],
        keys: ("oidc.vercel.com", "/"),
        whose: &["owner_id", "project_id", "owner"],
        begins: &[],
        sub: &["owner:"],
        ends: &[],
    },
];

/// Whether this issuer (`iss`) gives tokens to everybody, so that several organisations may trust it, each for audiences of
/// its own.
#[must_use]
pub fn is_everybodys(issuer: &str) -> bool {
    PUBLIC.iter().any(|public| public.issuers.contains(&issuer))
}

/// The first of these issuers whose tokens the settings accept of anybody: neither a rule of theirs nor one of `more` says
/// whose count. It may be named as their issuer, by a rule for `iss`, or only by whose keys they are.
#[must_use]
pub fn left_open(settings: &IssuerSettings, more: &[ClaimRule]) -> Option<&'static str> {
    let rules = || settings.claim_values.iter().chain(more);
    let of = |public: &'static Public| {
        let mut names = public.issuers.iter().copied();
        let accepted = names.find(|issuer| are_accepted(settings, public, issuer, &rules().collect::<Vec<_>>()))?;
        (!rules().any(|rule| public.is_pinned(rule))).then_some(accepted)
    };
    PUBLIC.iter().find_map(of)
}

/// Whether tokens that name this issuer are accepted, as far as settings and rules tell.
fn are_accepted(settings: &IssuerSettings, public: &Public, issuer: &str, rules: &[&ClaimRule]) -> bool {
    let claims = Map::from_iter([("iss".to_owned(), Value::from(issuer))]);
    let fits = |rule: &ClaimRule| ClaimRules::compile(std::slice::from_ref(rule)).is_ok_and(|rule| rule.hold(&claims));
    let of_issuer: Vec<&ClaimRule> = rules.iter().copied().filter(|rule| matches!(rule.claim.as_str(), "iss" | "/iss")).collect();
    if !of_issuer.iter().all(|rule| fits(rule)) {
        return false;
    }
    if settings.issuers().next().is_some() {
        return settings.issuers().any(|name| name == issuer);
    }
    // What names it in full does so wherever the keys are; what fits many may mean others, unless the keys may be its own.
    let in_full = |rule: &&ClaimRule| !matches!(rule.match_type, MatchType::Regex | MatchType::Glob | MatchType::Like);
    match &settings.jwks_uri {
        Some(keys) => public.has_keys_at(keys) || of_issuer.iter().any(in_full),
        None => !of_issuer.is_empty(),
    }
}

/// What to do about rules that leave it open, in words.
#[must_use]
pub fn fix(issuer: &str) -> String {
    let Some(public) = PUBLIC.iter().find(|public| public.issuers.contains(&issuer)) else { return String::new() };
    let mut claims: Vec<String> = [public.whose, public.begins, public.ends].concat().into_iter().map(str::to_owned).collect();
    if !public.sub.is_empty() {
        claims.push(format!("sub that begins with {}", public.sub.join(" or ")));
    }
    format!(
        "name in full whose tokens count, by one of {} (a pattern may leave open what comes after the owner, as acme/*)",
        claims.join(", ")
    )
}

impl Public {
    /// Whether its keys are there.
    fn has_keys_at(&self, url: &str) -> bool {
        let (host, path) = self.keys;
        Url::parse(url).is_ok_and(|url| url.host_str() == Some(host) && url.path().starts_with(path))
    }

    /// Whether every value that the rule accepts is one customer's.
    fn is_pinned(&self, rule: &ClaimRule) -> bool {
        let claim = rule.claim.as_str();
        let known = [self.whose, self.begins, self.ends].concat();
        let is_pin = |value: &Value| match (value, rule.match_type) {
            (Value::String(text), MatchType::Glob | MatchType::Like) if text.contains('*') => {
                self.is_begun(claim, before_star(text)) || self.is_ended(claim, text)
            }
            (Value::String(text), MatchType::Regex) => match beginning(text) {
                Some((text, true)) => self.is_whole(claim, &text),
                Some((text, false)) => self.is_begun(claim, &text),
                None => false,
            },
            (Value::String(text), _) => self.is_whole(claim, text),
            (Value::Number(_), _) => true,
            _ => false,
        };
        (known.contains(&claim) || (claim == "sub" && !self.sub.is_empty())) && rule.values.iter().all(is_pin)
    }

    /// What comes after the beginning by which a claim says whose it is.
    fn owner<'t>(&self, claim: &str, text: &'t str) -> Option<&'t str> {
        match claim {
            "sub" if !self.sub.is_empty() => self.sub.iter().find_map(|form| text.strip_prefix(form)),
            _ => Some(text),
        }
    }

    /// Whether a whole text names an owner.
    fn is_whole(&self, claim: &str, text: &str) -> bool {
        self.owner(claim, text).is_some_and(|owner| !owner.is_empty())
    }

    /// Whether what a text begins with names an owner in full: `acme/…`, `repo:acme/…`, `organization:acme:…`.
    fn is_begun(&self, claim: &str, start: &str) -> bool {
        let end = self.owner(claim, start).and_then(|owner| owner.find(['/', ':'])).unwrap_or_default();
        (claim == "sub" || self.begins.contains(&claim)) && end > 0
    }

    /// Whether what a pattern ends with names a domain in full.
    fn is_ended(&self, claim: &str, pattern: &str) -> bool {
        let anybodys = ["gmail.com", "googlemail.com"];
        let domain = pattern.rsplit_once('*').and_then(|(_, end)| end.strip_prefix('@'));
        self.ends.contains(&claim) && domain.is_some_and(|domain| domain.contains('.') && !anybodys.contains(&domain))
    }
}

fn before_star(pattern: &str) -> &str {
    pattern.split('*').next().unwrap_or_default()
}

/// What every text begins with that an expression matches, and whether that is the whole; nothing where it offers several as
/// a whole.
fn beginning(expression: &str) -> Option<(String, bool)> {
    let mut depth = 0_usize;
    let mut escaped = false;
    for c in expression.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '|' if depth == 0 => return None,
            _ => {}
        }
    }
    let mut text = String::new();
    let mut rest = expression.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next_if(char::is_ascii_punctuation) {
                Some(literal) => text.push(literal),
                None => return Some((text, false)),
            },
            '?' | '*' | '{' => {
                text.pop();
                return Some((text, false));
            }
            '.' | '[' | ']' | '(' | ')' | '+' | '}' | '^' | '$' | '|' => return Some((text, false)),
            c => text.push(c),
        }
    }
    Some((text, true))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::claim_rules::shorthand;

    #[test]
    fn each_has_claims_that_say_whose() {
        let github = "https://token.actions.githubusercontent.com";
        let (gitlab, google) = ("https://gitlab.com", "https://accounts.google.com");
        let (buildkite, terraform) = ("https://agent.buildkite.com", "https://app.terraform.io");
        let vercel = "https://oidc.vercel.com";
        let regex = |text: &str| json!({"values": text, "match_type": "regex"});
        for (issuer, claim, value, open) in [
            (github, "ref", json!("refs/heads/main"), true),
            (github, "job_workflow_ref", json!("acme/ci/.github/workflows/deploy.yml@refs/heads/main"), true),
            (github, "actor", json!("ada"), true),
            (github, "repository_id", json!("456789"), false),
            (github, "repository_id", json!(456_789), false),
            (github, "repository_id", json!("4*"), true),
            (github, "repository_owner_id", json!(["1", "2"]), false),
            (github, "repository_owner", json!("acme"), false),
            (github, "repository_owner", json!("*"), true),
            (github, "repository_owner", json!("acme*"), true),
            (github, "repository", json!("acme/api"), false),
            (github, "repository", json!("acme/*"), false),
            (github, "repository", json!("*/api"), true),
            (github, "repository", json!("acme*/api"), true),
            (github, "repository", json!(["acme/*", "*/api"]), true),
            (github, "repository", regex("acme/.*"), false),
            (github, "repository", regex("acme/(api|web)"), false),
            (github, "repository", regex("acme/api|.*"), true),
            (github, "repository", regex(".*"), true),
            (github, "repository", regex("acme.*"), true),
            (github, "repository", regex("acme/?.*"), true),
            (github, "repository", regex(r"acme\/api"), false),
            (github, "repository", regex("(?i)acme/.*"), true),
            (github, "sub", json!("repo:acme/api:ref:refs/heads/main"), false),
            (github, "sub", json!("repo:acme/*:*"), false),
            (github, "sub", json!("repo:*/*:ref:refs/heads/main"), true),
            (github, "sub", json!("repo:acme*/*:*"), true),
            (github, "sub", json!({"values": "", "match_type": "contains"}), true),
            // Each repository chooses what its own are made of.
            (github, "sub", json!("ref:refs/heads/*"), true),
            (github, "sub", json!("ref:refs/heads/main"), true),
            (github, "sub", json!("environment:prod"), true),
            (github, "sub", json!("job_workflow_ref:acme/ci/.github/workflows/deploy.yml@refs/heads/main"), true),
            (github, "sub", regex("environment:acme/.*"), true),
            (github, "sub", regex("repo:acme/.*"), false),
            (github, "sub", json!(["repo:acme/api:*", "environment:prod"]), true),
            (github, "sub", json!("repository_owner:acme"), false),
            (github, "sub", json!("repository_owner:acme:*"), false),
            (github, "sub", json!("repository_owner:acme*"), true),
            (github, "sub", json!("repository_id:456789"), false),
            (github, "sub", json!("repository_owner_id:1234:*"), false),
            (github, "sub", json!("enterprise:acme:*"), false),
            (github, "sub", json!("repo:"), true),
            (gitlab, "project_id", json!("7"), false),
            (gitlab, "namespace_path", json!("acme"), false),
            (gitlab, "project_path", json!("acme/*"), false),
            (gitlab, "ref_protected", json!("true"), true),
            (gitlab, "sub", json!("project_path:*/api:ref_type:branch:ref:main"), true),
            (gitlab, "sub", json!("project_path:acme/*:ref_type:branch:ref:main"), false),
            (google, "hd", json!("acme.example"), false),
            (google, "hd", json!("*"), true),
            (google, "email", json!("*@acme.example"), false),
            (google, "email", json!("*@gmail.com"), true),
            (google, "email", json!("*acme.example"), true),
            (google, "email", json!("ada@acme.example"), false),
            (google, "email_verified", json!(true), true),
            (google, "azp", json!("123"), true),
            (google, "google.compute_engine.project_id", json!("acme-prod"), false),
            (buildkite, "organization_slug", json!("acme"), false),
            (buildkite, "pipeline_slug", json!("deploy"), true),
            (buildkite, "sub", json!("organization:acme:pipeline:*:*"), false),
            (buildkite, "sub", json!("organization:*:pipeline:deploy:*"), true),
            (buildkite, "sub", json!("main"), true),
            (gitlab, "sub", json!("ref:main"), true),
            (google, "sub", json!("1234567890"), false),
            ("accounts.google.com", "azp", json!("123"), true),
            (terraform, "terraform_organization_name", json!("acme"), false),
            (terraform, "terraform_run_phase", json!("apply"), true),
            (terraform, "sub", json!("organization:acme:*"), false),
            (vercel, "owner", json!("acme"), false),
            (vercel, "environment", json!("production"), true),
            ("https://idp.example", "ref", json!("main"), false),
        ] {
            let rule = shorthand(claim, &value).unwrap();
            let settings = IssuerSettings { issuer: Some(issuer.to_owned()), ..IssuerSettings::default() };
            let is_open = |rules: &[ClaimRule]| left_open(&settings, rules).is_some();
            assert_eq!(is_open(std::slice::from_ref(&rule)), open, "{issuer} {claim} {value}");
            // What else must hold opens nothing.
            let more = [shorthand("iat", &json!(1)).unwrap(), rule];
            assert_eq!(is_open(&more), open, "{issuer} {claim} {value}");
        }
        for issuer in PUBLIC.iter().flat_map(|public| public.issuers) {
            let settings = IssuerSettings { issuer: Some((*issuer).to_owned()), ..IssuerSettings::default() };
            assert_eq!(left_open(&settings, &[]), Some(*issuer));
            assert!(is_everybodys(issuer) && fix(issuer).contains("name in full whose tokens count"), "{}", fix(issuer));
        }
    }

    /// However the settings say that its tokens are accepted, they are anybody's until a rule says whose.
    #[test]
    fn an_issuer_of_everybody_is_known_however_it_is_named() {
        let (github, elsewhere) = ("https://token.actions.githubusercontent.com", "https://idp.example");
        let keys = "https://token.actions.githubusercontent.com/.well-known/jwks";
        let any = IssuerSettings::default;
        let at = |url: &str| IssuerSettings { jwks_uri: Some(url.to_owned()), ..any() };
        let iss = |value: &Value, kind: &str| shorthand("iss", &json!({"values": value, "match_type": kind})).unwrap();
        let ruled = |settings: IssuerSettings, rule| IssuerSettings { claim_values: vec![rule], ..settings };
        let inline = || IssuerSettings { jwks: Some(json!({"keys": []})), ..any() };
        let google = "https://www.googleapis.com/oauth2/v3/certs";
        let forms = [
            ("by name", IssuerSettings { issuer: Some(github.to_owned()), ..at(elsewhere) }, Some(github)),
            (
                "among names",
                IssuerSettings { issuer: Some("x".to_owned()), other_issuers: vec![github.to_owned()], ..any() },
                Some(github),
            ),
            ("by its keys", at(keys), Some(github)),
            ("by its keys, written otherwise", at("https://TOKEN.actions.githubusercontent.com:443/acme/jwks"), Some(github)),
            ("by Google's", at(google), Some("https://accounts.google.com")),
            ("is", ruled(at(elsewhere), iss(&json!(github), "is")), Some(github)),
            ("exact", ruled(inline(), iss(&json!(github), "exact")), Some(github)),
            ("contains", ruled(at(keys), iss(&json!([elsewhere, github]), "contains")), Some(github)),
            ("containsAll", ruled(inline(), iss(&json!(github), "containsAll")), Some(github)),
            ("like", ruled(at(keys), iss(&json!("https://*.actions.githubusercontent.com"), "like")), Some(github)),
            ("glob", ruled(inline(), iss(&json!("https://*.actions.githubusercontent.com"), "glob")), Some(github)),
            ("regex", ruled(inline(), iss(&json!(r"https://token\.actions\..*"), "regex")), Some(github)),
            (
                "by pointer",
                {
                    let rule = shorthand("/iss", &json!(github)).unwrap();
                    ruled(inline(), rule)
                },
                Some(github),
            ),
            // The twins: others, others' keys, and one of its keys' issuers that a rule keeps out.
            ("another", IssuerSettings { issuer: Some(elsewhere.to_owned()), ..any() }, None),
            ("another's keys", at("https://idp.example/keys"), None),
            ("another's of that host", at("https://www.googleapis.com/service_accounts/v1/jwk/a@b.example"), None),
            ("own keys", inline(), None),
            ("kept out", ruled(at(keys), iss(&json!(format!("{github}/acme")), "is")), None),
            ("a pattern for others", ruled(at("https://idp.example/keys"), iss(&json!("https://.*"), "regex")), None),
        ];
        let pin = || shorthand("repository_owner_id", &json!("1234")).unwrap();
        let owner = || [shorthand("hd", &json!("acme.example")).unwrap(), pin()];
        for (name, settings, open) in forms {
            assert_eq!(left_open(&settings, &[]), open, "{name}");
            assert_eq!(left_open(&settings, &[shorthand("ref", &json!("refs/heads/main")).unwrap()]), open, "{name}");
            assert_eq!(left_open(&settings, &owner()), None, "{name}: by the rules beside");
            let mut pinned = settings.clone();
            pinned.claim_values.extend(owner());
            assert_eq!(left_open(&pinned, &[]), None, "{name}: by its own");
        }
        // Only the mapping names it.
        let named = [shorthand("iss", &json!(github)).unwrap()];
        assert_eq!((left_open(&inline(), &named), left_open(&at(elsewhere), &named)), (Some(github), Some(github)));
        assert_eq!(left_open(&inline(), &[named[0].clone(), pin()]), None);
    }
}
