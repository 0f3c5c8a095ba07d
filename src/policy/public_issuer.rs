//! Issuers that serve everybody: anybody can have a token of theirs, for whatever audience they ask, that says whatever their
//! own project makes it say. What tells one customer from another are a few claims, which differ for each such issuer, and
//! nothing else: `ref: refs/heads/main` is every repository's.

use serde_json::Value;

use super::claim_rules::{ClaimRule, MatchType};

/// An issuer of all its customers alike: continuous integration, and service accounts.
struct Public {
    issuer: &'static str,
    /// Claims of which one value is one customer's.
    whose: &'static [&'static str],
    /// Claims that say it in their beginning, before a `/`, or between a first and a second `:`.
    begins: &'static [&'static str],
    /// Claims that say it after an `@`.
    ends: &'static [&'static str],
}

/// Also where a name might be had by others later, its number is no other's: those stand first.
static PUBLIC: [Public; 6] = [
    Public {
        issuer: "https://token.actions.githubusercontent.com",
        whose: &["repository_id", "repository_owner_id", "repository_owner", "enterprise_id", "enterprise"],
        begins: &["repository", "sub", "workflow_ref"],
        ends: &[],
    },
    Public {
        issuer: "https://gitlab.com",
        whose: &["project_id", "namespace_id"],
        begins: &["project_path", "namespace_path", "sub"],
        ends: &[],
    },
    Public {
        issuer: "https://accounts.google.com",
        whose: &["sub", "hd", "google.compute_engine.project_id", "google.compute_engine.project_number"],
        begins: &[],
        ends: &["email"],
    },
    Public {
        issuer: "https://agent.buildkite.com",
        whose: &["organization_id", "pipeline_id", "organization_slug"],
        begins: &["sub"],
        ends: &[],
    },
    Public {
        issuer: "https://app.terraform.io",
        whose: &["terraform_organization_id", "terraform_project_id", "terraform_workspace_id", "terraform_organization_name"],
        begins: &["sub"],
        ends: &[],
    },
    Public { issuer: "https://oidc.vercel.com", whose: &["owner_id", "project_id", "owner"], begins: &["sub"], ends: &[] },
];

/// Whether this issuer (`iss`) gives tokens to everybody, so that several organisations may trust it, each for audiences of
/// its own.
#[must_use]
pub fn is_everybodys(issuer: &str) -> bool {
    of(issuer).is_some()
}

/// Whether these rules leave it open whose tokens of this issuer count.
#[must_use]
pub fn leaves_open(issuer: &str, rules: &[ClaimRule]) -> bool {
    of(issuer).is_some_and(|public| !rules.iter().any(|rule| public.is_pinned(rule)))
}

/// What to do about rules that leave it open, in words.
#[must_use]
pub fn fix(issuer: &str) -> String {
    let Some(public) = of(issuer) else { return String::new() };
    let claims: Vec<&str> = [public.whose, public.begins, public.ends].concat();
    format!(
        "name in full whose tokens count, by one of {} (a pattern may leave open what comes after the owner, as acme/*)",
        claims.join(", ")
    )
}

fn of(issuer: &str) -> Option<&'static Public> {
    PUBLIC.iter().find(|public| public.issuer == issuer)
}

impl Public {
    /// Whether every value that the rule accepts is one customer's.
    fn is_pinned(&self, rule: &ClaimRule) -> bool {
        let claim = rule.claim.as_str();
        let known = [self.whose, self.begins, self.ends].concat();
        let is_pin = |value: &Value| match (value, rule.match_type) {
            (Value::String(text), MatchType::Glob | MatchType::Like) if !text.contains('*') => !text.is_empty(),
            (Value::String(text), MatchType::Glob | MatchType::Like) => {
                self.is_begun(claim, before_star(text)) || self.is_ended(claim, text)
            }
            (Value::String(text), MatchType::Regex) => match beginning(text) {
                Some((text, true)) => !text.is_empty(),
                Some((text, false)) => self.is_begun(claim, &text),
                None => false,
            },
            (Value::String(text), _) => !text.is_empty(),
            (Value::Number(_), _) => true,
            _ => false,
        };
        known.contains(&claim) && rule.values.iter().all(is_pin)
    }

    /// Whether what a text begins with names an owner in full: `acme/…`, `repo:acme/…`, `organization:acme:…`.
    fn is_begun(&self, claim: &str, start: &str) -> bool {
        let owner = if claim == "sub" { start.split_once(':').map_or("", |(_, rest)| rest) } else { start };
        let end = owner.find(['/', ':']).unwrap_or_default();
        self.begins.contains(&claim) && end > 0
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
            (terraform, "terraform_organization_name", json!("acme"), false),
            (terraform, "terraform_run_phase", json!("apply"), true),
            (terraform, "sub", json!("organization:acme:*"), false),
            (vercel, "owner", json!("acme"), false),
            (vercel, "environment", json!("production"), true),
            ("https://idp.example", "ref", json!("main"), false),
        ] {
            let rule = shorthand(claim, &value).unwrap();
            assert_eq!(leaves_open(issuer, std::slice::from_ref(&rule)), open, "{issuer} {claim} {value}");
            // What else must hold opens nothing.
            let more = [shorthand("iat", &json!(1)).unwrap(), rule];
            assert_eq!(leaves_open(issuer, &more), open, "{issuer} {claim} {value}");
        }
        for public in &PUBLIC {
            assert!(leaves_open(public.issuer, &[]));
            assert!(fix(public.issuer).contains(public.whose[0]), "{}", fix(public.issuer));
        }
    }
}
