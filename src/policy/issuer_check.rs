//! What is wrong with the settings of a trusted issuer, and what is risky about them.

use super::{
    claim_rules::{ClaimRule, ClaimRules, MatchType, is_name},
    connection::{KNOWN_ALGS, MAX_SKEW, day_begins, url_problem},
    identity_header::{KNOWN, alike},
    public_issuer::left_open,
    trusted_issuer::{Introspection, IntrospectionAuth, IssuerSecrets, IssuerSettings, OauthClient},
};

/// Most seconds that a good introspection answer may be kept.
pub const MAX_KEPT_ANSWER: i64 = 86_400;
/// Most seconds that fetched keys may be kept.
pub const MAX_KEPT_KEYS: i64 = 7 * 86_400;

impl IssuerSettings {
    /// Everything that is wrong, each with its fix and beginning with the setting's name; empty when tokens can be judged.
    /// That issuer and audience are named is not asked here: see [`IssuerSettings::warnings`].
    #[must_use]
    pub fn problems(&self, secrets: &IssuerSecrets) -> Vec<String> {
        let mut found = Vec::new();
        found.extend(self.issuers().filter_map(issuer_problem));
        if self.audience.iter().any(|name| !is_plain(name)) {
            found.push("audience holds a name that is empty, longer than 2048 bytes or has control characters".to_owned());
        }
        found.extend(self.source_problems());
        found.extend(self.algorithms.iter().filter_map(|name| algorithm_problem(name)));
        found.extend(self.claim_problems());
        let spans = [
            ("clock_tolerance", Some(self.clock_tolerance), 0, MAX_SKEW),
            ("cache_max_age", Some(self.cache_max_age), 1, MAX_KEPT_KEYS),
            ("max_token_age", self.max_token_age, 1, 10 * 366 * 86_400),
        ];
        found.extend(spans.into_iter().filter_map(|(field, span, least, most)| span_problem(field, span?, least, most)));
        if self.header_key.as_deref().is_some_and(|name| !is_header(name)) {
            found.push("header_key is no name of a header that can carry a token".to_owned());
        }
        if let Some(introspection) = &self.introspection {
            found.extend(introspection.problems(secrets.introspection.is_some()));
        }
        if let Some(client) = &self.oauth_client {
            found.extend(client.problems());
        }
        found
    }

    /// What the operator has left open on purpose and should read again.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut found = Vec::new();
        if !self.pins_issuer() {
            found.push("accepts tokens of any issuer whose signature its keys verify (issuer: any)");
        }
        if !self.pins_audience() {
            found.push("accepts tokens that were made for other services (audience: any)");
        }
        found
    }

    /// Whether only named issuers are accepted.
    #[must_use]
    pub fn pins_issuer(&self) -> bool {
        self.issuer.is_some() || self.pins("iss")
    }

    /// Whether only tokens for named audiences are accepted.
    #[must_use]
    pub fn pins_audience(&self) -> bool {
        !self.audience.is_empty() || self.pins("aud")
    }

    /// An issuer of it of which anybody can have a token for whatever audience they ask, if neither a rule here nor one of
    /// `more` says whose count: then an audience keeps nobody out.
    #[must_use]
    pub fn open_to_anybody(&self, more: &[ClaimRule]) -> Option<&'static str> {
        left_open(self, more)
    }

    /// Whether a rule names the values of a claim, and not only their look.
    fn pins(&self, claim: &str) -> bool {
        let named = |kind: MatchType| !matches!(kind, MatchType::Regex | MatchType::Glob | MatchType::Like);
        self.claim_values.iter().any(|rule| rule.claim == claim && named(rule.match_type))
    }

    fn source_problems(&self) -> Vec<String> {
        let sources = [
            ("jwks", self.jwks.is_some()),
            ("jwks_uri", self.jwks_uri.is_some()),
            ("introspection_endpoint", self.introspection.is_some()),
        ];
        let given: Vec<&str> = sources.into_iter().filter_map(|(name, given)| given.then_some(name)).collect();
        let mut found: Vec<String> = self.jwks_uri.iter().filter_map(|url| endpoint_problem("jwks_uri", url)).collect();
        match given.as_slice() {
            [] => match self.issuers().collect::<Vec<_>>()[..] {
                // Its discovery document will say where the keys are. Of several, none speaks for the others.
                [issuer] if endpoint_problem("issuer", issuer).is_none() => {}
                _ => found.push(
                    "jwks_uri is missing: it is where the issuer publishes its keys (or give jwks or introspection_endpoint)"
                        .into(),
                ),
            },
            [_] => {}
            [first, rest @ ..] => found.push(format!("{first} is given beside {}; keep one", rest.join(" and "))),
        }
        found
    }

    fn claim_problems(&self) -> Vec<String> {
        let names = [("unique_id_claim", &self.unique_id_claim), ("email_claim", &self.email_claim)];
        let mut found: Vec<String> = names
            .into_iter()
            .chain(self.required_claims.iter().map(|name| ("required_claims", name)))
            .filter(|(_, name)| !is_name(name))
            .map(|(field, name)| format!("{field} has {name:?}, which names no claim: write its name or a path like realm.role"))
            .collect();
        found.extend(ClaimRules::compile(&self.claim_values).err().map(|why| format!("claim_values: {why}")));
        found
    }
}

impl Introspection {
    fn problems(&self, secret: bool) -> Vec<String> {
        let mut found: Vec<String> = endpoint_problem("introspection_endpoint", &self.endpoint).into_iter().collect();
        let id = self.client_id.as_deref().is_some_and(is_plain);
        let wrong = match self.auth {
            IntrospectionAuth::ClientSecretBasic | IntrospectionAuth::ClientSecretPost if !id => {
                Some("introspection_client_id is missing: introspection_auth asks for one")
            }
            IntrospectionAuth::ClientSecretBasic | IntrospectionAuth::ClientSecretPost | IntrospectionAuth::Bearer if !secret => {
                Some("introspection_client_secret is missing: introspection_auth asks for one")
            }
            IntrospectionAuth::None if secret => {
                Some("introspection_client_secret is of no use with introspection_auth none; remove one of them")
            }
            _ => None,
        };
        found.extend(wrong.map(str::to_owned));
        found.extend(day_problem("introspection_client_secret_expires_on", self.client_secret_expires_on.as_deref()));
        found.extend(span_problem("introspection_cache_max_age", self.cache_max_age, 0, MAX_KEPT_ANSWER));
        found
    }
}

impl OauthClient {
    fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if !is_plain(&self.client_id) {
            found.push("oauth_client needs client_id: register gatehouse at the issuer and copy the id that it gives".to_owned());
        }
        let endpoints = [("authorization_endpoint", &self.authorization_endpoint), ("token_endpoint", &self.token_endpoint)];
        for (field, url) in endpoints {
            match url.as_str() {
                "" => found.push(format!("oauth_client needs {field}: the issuer's documentation names it")),
                url => found.extend(endpoint_problem(field, url).map(|why| format!("oauth_client: {why}"))),
            }
        }
        let token = |b: u8| b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b);
        if self.scopes.iter().any(|scope| scope.is_empty() || !scope.bytes().all(token)) {
            found.push("oauth_client: scopes must be words of ASCII without quotes and backslashes".to_owned());
        }
        let day = day_problem("client_secret_expires_on", self.client_secret_expires_on.as_deref());
        found.extend(day.map(|why| format!("oauth_client: {why}")));
        found
    }
}

fn day_problem(field: &str, day: Option<&str>) -> Option<String> {
    day.filter(|day| day_begins(day).is_none()).map(|_| format!("{field} must be a day like 2027-03-31"))
}

fn issuer_problem(issuer: &str) -> Option<String> {
    if !is_plain(issuer) || issuer.contains(char::is_whitespace) {
        return Some("issuer is empty, longer than 2048 bytes, or has spaces or control characters".to_owned());
    }
    if issuer.eq_ignore_ascii_case("none") {
        let why = "issuer none would take tokens alone that say `none` in iss: write `any` to take those that need not say one \
                   (JWT-SVIDs of SPIFFE), and say by claims whose they are, as by sub";
        return Some(why.to_owned());
    }
    let document = issuer.contains("/.well-known/");
    document.then(|| "issuer is the discovery document's address; remove /.well-known/… from it".to_owned())
}

fn algorithm_problem(name: &str) -> Option<String> {
    let known = || KNOWN_ALGS.join(", ");
    match name {
        "Ed25519" => None,
        _ if KNOWN_ALGS.contains(&name) => None,
        _ if name.eq_ignore_ascii_case("none") => {
            Some("algorithms names none: tokens without a signature are never accepted".to_owned())
        }
        _ if name.to_ascii_uppercase().starts_with("HS") => Some(format!(
            "algorithms names {name:?}: with a shared secret whoever verifies tokens could make them; use one of {}",
            known()
        )),
        _ => Some(format!("algorithms names {name:?}; possible are {}", known())),
    }
}

/// Whether http may be called at all is for `GATEHOUSE_OUTBOUND_ALLOW` to say; otherwise it is judged like https.
fn endpoint_problem(field: &str, url: &str) -> Option<String> {
    match url.strip_prefix("http://") {
        Some(rest) => url_problem(field, &format!("https://{rest}")),
        None => url_problem(field, url),
    }
}

fn span_problem(field: &str, span: i64, least: i64, most: i64) -> Option<String> {
    (!(least..=most).contains(&span)).then(|| format!("{field} must be {least} to {most} seconds"))
}

fn is_plain(text: &str) -> bool {
    (1..=2048).contains(&text.len()) && !text.contains(char::is_control)
}

/// Not those that proxies and browsers fill with something else, or that no client may send to a site.
fn is_header(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let taken = ["cookie", "host", "content-length", "content-type", "transfer-encoding", "connection"];
    let free = !taken.contains(&name.to_ascii_lowercase().as_str()) && !KNOWN.iter().any(|known| alike(name, known));
    (1..=64).contains(&name.len()) && name.bytes().all(token) && free
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::claim_rules::shorthand;

    fn good() -> IssuerSettings {
        IssuerSettings {
            issuer: Some("https://idp.example".into()),
            audience: vec!["api".into()],
            jwks_uri: Some("https://idp.example/keys".into()),
            ..IssuerSettings::default()
        }
    }

    fn asked(introspection: Introspection) -> IssuerSettings {
        let introspection = Introspection { endpoint: "https://idp.example/i".into(), ..introspection };
        IssuerSettings { jwks_uri: None, introspection: Some(introspection), ..good() }
    }

    #[test]
    fn settings_that_work_have_no_problem() {
        let secret = IssuerSecrets { introspection: Some("s".into()), oauth_client: None };
        let open = Introspection { auth: IntrospectionAuth::None, ..Introspection::default() };
        let closed = Introspection { client_id: Some("gh".into()), ..Introspection::default() };
        let bearer = Introspection { auth: IntrospectionAuth::Bearer, ..Introspection::default() };
        for (settings, secrets) in [
            (good(), IssuerSecrets::default()),
            (IssuerSettings { jwks_uri: None, ..good() }, IssuerSecrets::default()),
            (IssuerSettings { jwks_uri: Some("http://idp.internal/keys".into()), ..good() }, IssuerSecrets::default()),
            (IssuerSettings { algorithms: vec!["ES256".into(), "Ed25519".into()], ..good() }, IssuerSecrets::default()),
            (IssuerSettings { issuer: Some("urn:idp".into()), ..good() }, IssuerSecrets::default()),
            (asked(open), IssuerSecrets::default()),
            (asked(closed), secret.clone()),
            (asked(bearer), secret),
        ] {
            assert_eq!(settings.problems(&secrets), Vec::<String>::new());
        }
    }

    #[test]
    fn each_mistake_is_named_at_its_setting() {
        let rule = |kind: &str| shorthand("c", &json!({"values": "(", "match_type": kind})).unwrap();
        let closed = || Introspection { client_id: Some("gh".into()), ..Introspection::default() };
        let client = |client: OauthClient| IssuerSettings { oauth_client: Some(client), ..good() };
        let some = |text: &str| Some(text.to_owned());
        for (settings, begins) in [
            (IssuerSettings { issuer: some(""), ..good() }, "issuer is empty"),
            (IssuerSettings { issuer: some("https://idp.example/.well-known/openid-configuration"), ..good() }, "issuer is the"),
            (IssuerSettings { issuer: some("none"), ..good() }, "issuer none would take"),
            (IssuerSettings { other_issuers: vec!["None".to_owned()], ..good() }, "issuer none would take"),
            (IssuerSettings { audience: vec![String::new()], ..good() }, "audience holds"),
            (IssuerSettings { jwks_uri: some("ftp://idp.example"), ..good() }, "jwks_uri must begin"),
            (IssuerSettings { jwks_uri: some("https://u:p@idp.example"), ..good() }, "jwks_uri must not hold a user name"),
            (IssuerSettings { jwks_uri: None, issuer: None, ..good() }, "jwks_uri is missing"),
            (IssuerSettings { jwks_uri: None, issuer: some("urn:idp"), ..good() }, "jwks_uri is missing"),
            (IssuerSettings { jwks_uri: None, other_issuers: vec!["https://x.example".into()], ..good() }, "jwks_uri is missing"),
            (IssuerSettings { other_issuers: vec!["https://b.example/.well-known/x".into()], ..good() }, "issuer is the"),
            (IssuerSettings { jwks: Some(json!({"keys": []})), ..good() }, "jwks is given beside jwks_uri"),
            (IssuerSettings { algorithms: vec!["none".into()], ..good() }, "algorithms names none"),
            (IssuerSettings { algorithms: vec!["None".into()], ..good() }, "algorithms names none"),
            (IssuerSettings { algorithms: vec!["HS256".into()], ..good() }, "algorithms names \"HS256\": with a shared secret"),
            (IssuerSettings { algorithms: vec!["rs256".into()], ..good() }, "algorithms names \"rs256\"; possible are RS256"),
            (IssuerSettings { required_claims: vec![String::new()], ..good() }, "required_claims has"),
            (IssuerSettings { unique_id_claim: String::new(), ..good() }, "unique_id_claim has"),
            (IssuerSettings { claim_values: vec![rule("regex")], ..good() }, "claim_values: the rule for claim \"c\""),
            (IssuerSettings { clock_tolerance: 601, ..good() }, "clock_tolerance must be 0 to 600"),
            (IssuerSettings { cache_max_age: 0, ..good() }, "cache_max_age must be"),
            (IssuerSettings { max_token_age: Some(0), ..good() }, "max_token_age must be"),
            (IssuerSettings { header_key: some("X Y"), ..good() }, "header_key is no name"),
            (IssuerSettings { header_key: some("Cookie"), ..good() }, "header_key is no name"),
            (IssuerSettings { header_key: some("X_User-JWT"), ..good() }, "header_key is no name"),
            (asked(Introspection::default()), "introspection_client_id is missing"),
            (asked(closed()), "introspection_client_secret is missing"),
            (
                asked(Introspection { cache_max_age: -1, auth: IntrospectionAuth::None, ..closed() }),
                "introspection_cache_max_age",
            ),
            (
                client(OauthClient {
                    client_id: "c".into(),
                    authorization_endpoint: "https://a.example".into(),
                    ..OauthClient::default()
                }),
                "oauth_client needs token_endpoint",
            ),
        ] {
            let found = settings.problems(&IssuerSecrets::default());
            assert!(found.len() == 1 && found[0].starts_with(begins), "{begins}: {found:?}");
        }
    }

    #[test]
    fn what_is_left_open_is_a_warning() {
        let rule = |claim: &str, kind: &str| shorthand(claim, &json!({"values": "x", "match_type": kind})).unwrap();
        assert_eq!(good().warnings().len(), 0);
        let any = IssuerSettings { issuer: None, audience: vec![], ..good() };
        assert_eq!(any.warnings().len(), 2);
        let named = IssuerSettings { claim_values: vec![rule("iss", "exact"), rule("aud", "contains")], ..any.clone() };
        assert_eq!(named.warnings().len(), 0);
        let looks = IssuerSettings { claim_values: vec![rule("iss", "glob"), rule("aud", "regex")], ..any };
        assert_eq!(looks.warnings().len(), 2);
    }
}
