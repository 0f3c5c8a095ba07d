//! What a site is told about who is there, as ready header values.
//!
//! Whatever a token says goes into a header only in characters that every server reads alike: anything else, and `%`, is
//! percent-encoded, so that two people never look the same and nothing breaks out of its header.

use axum::{
    body::Bytes,
    http::{HeaderName, HeaderValue},
};
use serde_json::{Map, Value, json};

use super::question::Question;
use crate::{
    app::App,
    oauth::client::SigningAlg,
    policy::{
        claim_rules::find,
        email::Email,
        identity::EmailTrust,
        identity_header::SEPARATE,
        principal::{Kind, Principal},
        site::ForwardMethod,
        site_check::MAX_JWT_LIFE,
    },
    store,
    token::rules,
    trust::{Bearer, catalogue::Catalogue, sites::Site},
};

/// Longest value of a header; proxies have room for about twice as much in all.
const LONGEST: usize = 6 * 1024;
/// Claims that are told when the operator names none.
const USUAL: [&str; 4] = ["email", "email_verified", "name", "groups"];

/// Headers as they go out.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// The headers of a request that nobody stands behind: all there, all empty, so that no copy of the client's survives.
#[must_use]
pub fn nobody(site: &Site) -> Headers {
    site.headers.iter().map(|name| (name.clone(), HeaderValue::from_static(""))).collect()
}

/// The headers that tell who the bearer is that asks this `question`, who was judged by this `catalogue`.
///
/// # Errors
/// In words for the log: when it does not fit into a header, or cannot be signed.
pub async fn headers(
    app: &App,
    catalogue: &Catalogue,
    site: &Site,
    bearer: &Bearer,
    question: &Question,
) -> Result<Headers, String> {
    let forwarding = &site.settings.identity;
    let values = match forwarding.method {
        ForwardMethod::Headers => separate(app, catalogue, bearer).await?,
        ForwardMethod::ClaimsHeader => {
            let mut claims = told(site, bearer);
            claims.insert("iss".to_owned(), bearer.issuer.clone().into());
            vec![ascii(&Value::Object(claims))]
        }
        ForwardMethod::JwtHeader => {
            vec![signed(app, catalogue, site, told(site, bearer), bearer, &question.beside(""))?]
        }
        ForwardMethod::Bearer | ForwardMethod::None => Vec::new(),
    };
    together(&site.headers, &values)
}

/// The headers of these names and values. The values are parts of one buffer: a decision is kept, and answered with, often.
fn together(names: &[HeaderName], values: &[String]) -> Result<Headers, String> {
    let mut all = Bytes::from(values.concat());
    let named = names.iter().zip(values);
    named
        .map(|(name, value)| {
            if value.len() > LONGEST {
                return Err(format!(
                    "what the site is to be told does not fit into {name} ({} bytes); name fewer include_claims",
                    value.len()
                ));
            }
            let value =
                HeaderValue::from_maybe_shared(all.split_to(value.len())).map_err(|_| format!("{name} cannot be sent"))?;
            Ok((name.clone(), value))
        })
        .collect()
}

/// In the order of [`SEPARATE`].
async fn separate(app: &App, catalogue: &Catalogue, bearer: &Bearer) -> Result<Vec<String>, String> {
    // A foreign issuer chooses its subjects: a bare one could be the name of somebody here. No name holds a slash that is not
    // escaped, and a team is nobody.
    let user = match bearer.principals.first().filter(|principal| principal.kind != Kind::Team) {
        Some(principal) => safe(told_name(bearer, principal).unwrap_or(&principal.id), b"/"),
        None => abroad(catalogue, bearer),
    };
    let teams: Vec<String> = teams(bearer).map(|team| safe(team, b",")).collect();
    let email = proven_email(app, catalogue, bearer).await?;
    // Many may act as one identity, and an issuer here may go by several names.
    let (subject, issuer) = (subject(catalogue, bearer), safe(&bearer.issuer, b""));
    let values = [user, safe(&email, b""), safe(name(bearer), b""), teams.join(","), subject, issuer];
    debug_assert_eq!(values.len(), SEPARATE.len());
    Ok(values.into())
}

/// The address, where it is proven: services know people by it, and whoever keys tokens could write anybody's into them. A
/// foreign issuer's is believed as far as its operator has said so, in the form in which addresses are compared; of a token
/// that was exchanged for one of ours nothing says any more whether it was verified.
async fn proven_email(app: &App, catalogue: &Catalogue, bearer: &Bearer) -> Result<String, String> {
    let Some(text) = email(bearer) else { return Ok(String::new()) };
    let Some(source) = &bearer.source else {
        return Ok(if bearer.email_proven { text.to_owned() } else { String::new() });
    };
    let trust = catalogue.issuer(source).and_then(|issuer| issuer.settings.email_trust).unwrap_or(EmailTrust::Never);
    let Some(email) = Some(text).filter(|_| trust != EmailTrust::Never).and_then(Email::parse) else {
        return Ok(String::new());
    };
    let says = |name: &str| bearer.claims.get(name);
    let believed = match trust {
        // The flag speaks of the claim beside it and of no other.
        EmailTrust::Verified => {
            says("email_verified") == Some(&Value::Bool(true)) && says("email").and_then(Value::as_str) == Some(text)
        }
        EmailTrust::Domain => {
            let asking = Box::pin(store::domains::of_tenant(&app.db, &bearer.tenant_id));
            let domains = asking.await.map_err(|e| e.to_string())?;
            domains.iter().any(|domain| domain == email.domain())
        }
        EmailTrust::Never => false,
    };
    Ok(if believed { email.as_str().to_owned() } else { String::new() })
}

/// Whose token it is, whoever it acts as: a foreign subject is nobody's here.
fn subject(catalogue: &Catalogue, bearer: &Bearer) -> String {
    if bearer.source.is_some() { abroad(catalogue, bearer) } else { safe(&bearer.subject, b"/") }
}

/// A foreign subject, with the name here of its issuer.
fn abroad(catalogue: &Catalogue, bearer: &Bearer) -> String {
    let issuer = bearer.source.as_deref().and_then(|id| catalogue.issuer(id));
    let issuer = issuer.map_or(bearer.issuer.as_str(), |issuer| issuer.name.as_str());
    format!("{}/{}", safe(issuer, b"/"), safe(&bearer.subject, b"/"))
}

/// The person's name: the token's, or the one we know.
fn name(bearer: &Bearer) -> &str {
    let said = bearer.claims.get("name").and_then(Value::as_str);
    said.or(bearer.name.as_deref().filter(|_| tells(bearer, "profile"))).unwrap_or_default()
}

/// Whether a site is told what `scope` gives. What is not the token's own word is as little for the site as for whoever shows
/// the token at `whoami`; but the platform's own clients ask nobody, and sites are the platform's.
fn tells(bearer: &Bearer, scope: &str) -> bool {
    bearer.first_party || bearer.tells(scope)
}

fn email(bearer: &Bearer) -> Option<&str> {
    bearer.email.as_deref().filter(|_| tells(bearer, "email"))
}

fn teams(bearer: &Bearer) -> impl Iterator<Item = &str> {
    bearer.team_names().filter(|_| tells(bearer, "groups"))
}

/// What a principal is called: a user by their address, where the site is told that, and somebody has vouched for it: services
/// know people by it, and a directory writes whatever it likes.
fn told_name<'a>(bearer: &Bearer, principal: &'a Principal) -> Option<&'a str> {
    let is_called_so = || tells(bearer, "email") && bearer.email_proven;
    Some(principal.name.as_str()).filter(|_| principal.kind != Kind::User || is_called_so())
}

/// Claims for the site: those it wants of the token's, and who we say it is, which no claim of the token replaces.
fn told(site: &Site, bearer: &Bearer) -> Map<String, Value> {
    let wanted = &site.settings.identity.include_claims;
    let wanted: Vec<&str> = if wanted.is_empty() { USUAL.to_vec() } else { wanted.iter().map(String::as_str).collect() };
    let mut claims = Map::new();
    for name in wanted {
        let value = match find(&bearer.claims, name) {
            Some(value) => value.clone(),
            None if name == "email" => email(bearer).into(),
            None if name == "name" => Some(self::name(bearer)).filter(|name| !name.is_empty()).into(),
            None => Value::Null,
        };
        if !value.is_null() {
            claims.insert(name.to_owned(), value);
        }
    }
    // An address that the token does not say comes with whether somebody has vouched for it, whatever else is wanted.
    if claims.contains_key("email") && find(&bearer.claims, "email").is_none() {
        claims.insert("email_verified".to_owned(), bearer.email_proven.into());
    }
    claims.insert("sub".to_owned(), bearer.subject.clone().into());
    claims.insert("tenant".to_owned(), bearer.tenant.clone().into());
    claims.insert("teams".to_owned(), teams(bearer).map(str::to_owned).collect());
    claims.remove("principal");
    if let Some(principal) = bearer.principals.first().filter(|p| p.kind != Kind::Team) {
        let name = told_name(bearer, principal);
        let principal = json!({"kind": principal.kind.as_str(), "name": name, "id": principal.id});
        claims.insert("principal".to_owned(), principal);
    }
    claims
}

/// A JWT of ours that says the same, for this site alone and for a short time. The key that signs ID tokens by RS256 signs
/// it too, and is published with them, so its `typ` keeps it from being taken for anything else. Services know people by `iss` and `sub`, and
/// believe `iss` that an address is verified: under our name, neither is what a foreign issuer chose.
fn signed(
    app: &App,
    catalogue: &Catalogue,
    site: &Site,
    mut claims: Map<String, Value>,
    bearer: &Bearer,
    at: &str,
) -> Result<String, String> {
    let now = app.clock.now();
    claims.remove("origin");
    if bearer.source.is_some() {
        claims.insert("sub".to_owned(), subject(catalogue, bearer).into());
        claims.insert("origin".to_owned(), json!({"iss": bearer.issuer, "sub": bearer.subject}));
        if let Some(verified) = claims.get_mut("email_verified") {
            *verified = false.into();
        }
    }
    let end = now + lifetime(site);
    for (name, value) in [
        ("iss", Value::from(app.issuer())),
        ("aud", site.settings.audience.as_deref().unwrap_or(at).into()),
        ("iat", now.into()),
        ("nbf", now.into()),
        ("exp", bearer.expires_at.map_or(end, |token| end.min(token.max(now + 1))).into()),
        ("jti", crate::secret::random_id().into()),
        ("idp", bearer.issuer.clone().into()),
    ] {
        claims.insert(name.to_owned(), value);
    }
    app.ring.sign(SigningAlg::RS256, rules::IDENTITY, &claims, now).map_err(|e| e.to_string())
}

/// Seconds that a site's JWT lives.
#[must_use]
pub fn lifetime(site: &Site) -> i64 {
    site.settings.identity.jwt_expiry_seconds.clamp(1, MAX_JWT_LIFE)
}

/// Text for a header; `also` are further characters that mean something there.
fn safe(text: &str, also: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    let edges = text.trim_matches(' ').len() != text.len();
    for byte in text.bytes() {
        let plain = (0x20..0x7f).contains(&byte) && byte != b'%' && !also.contains(&byte) && !(edges && byte == b' ');
        if plain {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend(
                [byte >> 4, byte & 15].into_iter().filter_map(|d| char::from_digit(d.into(), 16)).map(|d| d.to_ascii_uppercase()),
            );
        }
    }
    out
}

/// JSON in ASCII: what is beyond is escaped as JSON escapes it.
fn ascii(value: &Value) -> String {
    let mut out = String::new();
    let mut units = [0; 2];
    for c in value.to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_safe_and_never_the_same_for_two_people() {
        for (text, value) in [
            ("ada@acme.example", "ada@acme.example"),
            ("Ada Lovelace", "Ada Lovelace"),
            (" ada", "%20ada"),
            ("ada\r\nX-Admin: 1", "ada%0D%0AX-Admin: 1"),
            ("Jürgen", "J%C3%BCrgen"),
            ("J%C3%BCrgen", "J%25C3%25BCrgen"),
            ("a\u{0}b", "a%00b"),
        ] {
            assert_eq!(safe(text, b""), value);
        }
        assert_eq!(safe("a,b", b","), "a%2Cb");
        assert_eq!(safe("repo:acme/app", b"/"), "repo:acme%2Fapp");
    }

    #[test]
    fn json_is_ascii_and_stays_what_it_was() {
        let value = json!({"name": "Jürgen \u{1f600}\u{7f}\n\"", "n": 1});
        let text = ascii(&value);
        assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
