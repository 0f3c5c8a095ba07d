use serde_json::{Value, json};

use super::{super::testing, *};

pub(crate) const ISSUER: &str = "https://gate.example";

pub(crate) fn ring() -> KeyRing {
    KeyRing::new(SigningAlg::ALL.map(|alg| testing::key(alg, 1, 0, 0, None)).into())
}

pub(crate) fn spec(audience: &[String]) -> IssueSpec<'_> {
    IssueSpec {
        issuer: ISSUER,
        subject: "user-1",
        client_id: "cp",
        tenant: "acme",
        family: "fam-1",
        audience,
        scope: "openid email",
        auth_time: 90,
        amr: "pwd",
        email: Some("ada@acme.example"),
        email_verified: true,
        name: None,
        groups: None,
        teams: None,
        nonce: Some("n"),
        session: None,
        access_alg: SigningAlg::ES256,
        id_alg: SigningAlg::RS256,
        access_lifetime: 86_400,
        refresh_lifetime: 604_800,
    }
}

fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|p| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(p).unwrap_or_default()));
    let mut next = || parts.next().unwrap().unwrap();
    (next(), next())
}

#[test]
fn tokens_hold_exactly_what_is_promised() {
    let ring = ring();
    let audience = ["https://api.example".to_owned()];
    let spec = spec(&audience);
    let access = access(&ring, &spec, 100).unwrap();
    let (header, claims) = parts(&access.token);
    assert_eq!(header, json!({"typ": "at+jwt", "alg": "ES256", "kid": "ES256-1"}));
    assert_eq!(
        claims,
        json!({"iss": ISSUER, "sub": "user-1", "aud": "https://api.example", "client_id": "cp", "exp": 86_500, "iat": 100,
            "jti": access.jti, "scope": "openid email", "tenant": "acme", "fam": "fam-1", "auth_time": 90,
            "email": "ada@acme.example", "email_verified": true})
    );
    let refresh = refresh(&ring, &spec, "jti-1", 100).unwrap();
    let (header, claims) = parts(&refresh.token);
    assert_eq!(header["typ"], "refresh+jwt");
    assert_eq!(
        claims,
        json!({"iss": ISSUER, "sub": "user-1", "aud": ISSUER, "client_id": "cp", "exp": 604_900, "iat": 100,
            "jti": refresh.jti, "fam": "fam-1"})
    );
    let groups = ["sre".to_owned()];
    let spec = IssueSpec { groups: Some(&groups), session: Some("sid-1"), ..spec };
    let (header, claims) = parts(&id(&ring, &spec, Some(&access.token), 100).unwrap().token);
    assert_eq!(header, json!({"typ": "JWT", "alg": "RS256", "kid": "RS256-1"}));
    assert_eq!(
        claims,
        json!({"iss": ISSUER, "sub": "user-1", "aud": "cp", "azp": "cp", "exp": 86_500, "iat": 100, "auth_time": 90,
            "nonce": "n", "at_hash": at_hash(SigningAlg::RS256, &access.token), "sid": "sid-1", "amr": ["pwd"],
            "email": "ada@acme.example", "email_verified": true, "groups": ["sre"], "tenant": "acme"})
    );
    assert!(!format!("{access:?}").contains(&access.token));
}

#[test]
fn a_principals_token_says_whom_it_acts_as_and_where_it_came_from() {
    let audience = ["https://api.example".to_owned()];
    let actor = Actor { kind: Kind::ExternalIdentity, id: "p-1".into(), mapping: Some(("m-1".into(), 3)) };
    let origin = Origin {
        iss: "https://idp.example".into(),
        sub: "repo:a/b".into(),
        email: Some("ci@idp.example".into()),
        source: "ti-1".into(),
        terms: "t".into(),
        grant: None,
    };
    let spec = PrincipalSpec {
        issuer: ISSUER,
        subject: "p-1",
        client_id: "ci",
        tenant: "acme",
        audience: &audience,
        scope: "",
        acts_as: &[actor],
        origin: Some(&origin),
        alg: SigningAlg::ES256,
        lifetime: 900,
    };
    let issued = principal_access(&ring(), &spec, 100).unwrap();
    let (header, claims) = parts(&issued.token);
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(
        claims,
        json!({"iss": ISSUER, "sub": "p-1", "aud": "https://api.example", "client_id": "ci", "exp": 1_000, "iat": 100,
            "jti": issued.jti, "tenant": "acme",
            "acts_as": [{"kind": "external_identity", "id": "p-1", "mapping": ["m-1", 3]}],
            "origin": {"iss": "https://idp.example", "sub": "repo:a/b", "email": "ci@idp.example", "source": "ti-1", "terms": "t"}})
    );
}

#[test]
fn at_hash_is_that_of_the_standard() {
    // OpenID Connect Core A.3: this access token and this at_hash.
    assert_eq!(at_hash(SigningAlg::RS256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    assert_eq!(at_hash(SigningAlg::EdDSA, "x").len(), 43);
}
