//! What must hold for a token of one kind from one issuer.

use serde_json::{Map, Value};

use super::alg::Alg;
use crate::policy::claim_rules::ClaimRules;

/// `typ` of the JWT in which forward auth tells a site who is there.
pub const IDENTITY: &str = "identity+jwt";

/// Media types (RFC 7515 §4.1.9, without `application/`) of JWTs that are never ID tokens or bearer tokens: refresh tokens
/// of ours, what our forward auth tells a site (another deployment may trust ours, whose keys sign it), and what other
/// specifications have typed explicitly.
pub const SPECIAL_TYPES: [&str; 9] = [
    "refresh+jwt",
    IDENTITY,
    "logout+jwt",
    "dpop+jwt",
    "oauth-authz-req+jwt",
    "client-authentication+jwt",
    "token-introspection+jwt",
    "secevent+jwt",
    "entity-statement+jwt",
];

/// How far ahead the `exp` of a client assertion may lie, in seconds: so long its `jti` is remembered.
pub const ASSERTION_LIFETIME: i64 = 3600;

/// Who may have issued the token.
#[derive(Clone, Debug)]
pub enum Issuer {
    /// One of these, byte for byte.
    OneOf(Vec<String>),
    /// Anyone: the keys alone decide. Only where an operator has said so.
    Any,
}

/// Whom the token must be for.
#[derive(Clone, Debug)]
pub enum AudienceRule {
    /// At least one of these.
    Contains(Vec<String>),
    /// One of these and nobody else: what also names another server could be replayed there, or was made for it.
    Only(Vec<String>),
    /// This client (OpenID Connect Core §3.1.3.7): a further audience only when `azp` names this client, and `azp`, if
    /// there, is this client.
    Client(String),
    /// Anyone. Only where an operator has said so.
    Any,
}

impl AudienceRule {
    /// Whom claims are for (RFC 7519 §4.1.3); nothing if they do not say, or not in texts.
    pub(super) fn names(claims: &Map<String, Value>) -> Option<Vec<&str>> {
        match claims.get("aud") {
            Some(Value::String(one)) => Some(vec![one]),
            Some(Value::Array(many)) => many.iter().map(Value::as_str).collect(),
            _ => None,
        }
    }

    /// Whether one of the names is among its own. What else it asks for is judged with the rest.
    pub(super) fn meets(&self, names: &[&str]) -> bool {
        match self {
            Self::Contains(ours) | Self::Only(ours) => ours.iter().any(|our| names.contains(&our.as_str())),
            Self::Client(us) => names.contains(&us.as_str()),
            Self::Any => true,
        }
    }
}

/// Which `typ` the header may have; compared without letter case and without `application/`.
#[derive(Clone, Debug)]
pub enum TypeRule {
    /// One of these; it must be there.
    OneOf(Vec<&'static str>),
    /// Absent, or none of these.
    NoneOf(Vec<&'static str>),
}

/// What becomes of `exp`, which must be a number of seconds in any case if it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It must be there and lie ahead.
    Required,
    /// If it is there it must lie ahead.
    IfPresent,
    /// It must be there, and may have passed.
    MayHavePassed,
}

/// What must hold. All of it comes from our record.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Algorithms that may have signed.
    pub algorithms: Vec<Alg>,
    /// Who may have issued it.
    pub issuer: Issuer,
    /// Whom it must be for.
    pub audience: AudienceRule,
    /// Its `typ`.
    pub typ: TypeRule,
    /// Claims that must be there (not null) besides the subject and, as [`Expiry`] has it, `exp`; by name or path.
    pub required: Vec<String>,
    /// What further claims must be; judged after the signature.
    pub values: ClaimRules,
    /// The claim that names the subject, by name or path: a string of 1 to 255 characters. `None`: not asked for.
    pub subject: Option<String>,
    /// Whether a whole number, which stands for its decimal digits, names the subject too.
    pub numeric_subject: bool,
    /// What becomes of `exp`.
    pub expiry: Expiry,
    /// How far ahead `exp` may lie, in seconds, for tokens that must be remembered until then.
    pub longest: Option<i64>,
    /// Clock skew allowed, in seconds.
    pub leeway: i64,
    /// Largest age by `iat`, in seconds; `iat` is then required.
    pub max_age: Option<i64>,
    /// Largest token in bytes, up to [`super::unverified::HARD_LIMIT`].
    pub limit: usize,
    /// Without a `kid`: try each fitting key (a provider that does not name its keys), instead of only a sole one.
    pub try_each_key: bool,
    /// A key with an `issuer` member (Entra) may only sign for that issuer.
    pub key_issuer: bool,
}

impl Rules {
    fn new(issuer: Issuer, audience: AudienceRule, typ: TypeRule, leeway: i64) -> Self {
        Self {
            algorithms: vec![Alg::RS256],
            issuer,
            audience,
            typ,
            required: Vec::new(),
            values: ClaimRules::default(),
            subject: Some("sub".to_owned()),
            numeric_subject: false,
            expiry: Expiry::Required,
            longest: None,
            leeway,
            max_age: None,
            limit: 16 * 1024,
            try_each_key: false,
            key_issuer: false,
        }
    }

    /// An ID token that a provider issued to `client_id` (OpenID Connect Core §3.1.3.7). `nonce`, `auth_time` and
    /// `at_hash` are the caller's to compare.
    #[must_use]
    pub fn id_token(issuer: Issuer, client_id: &str, algorithms: Vec<Alg>, leeway: i64) -> Self {
        let mut refused = SPECIAL_TYPES.to_vec();
        refused.push("at+jwt");
        let rules = Self::new(issuer, AudienceRule::Client(client_id.to_owned()), TypeRule::NoneOf(refused), leeway);
        Self { algorithms, required: vec!["iat".to_owned()], try_each_key: true, ..rules }
    }

    /// A signed answer of a provider's userinfo endpoint (OpenID Connect Core §5.3.2), which need not have `exp`. The
    /// caller compares `sub` with the ID token's.
    #[must_use]
    pub fn userinfo(issuer: Issuer, client_id: &str, algorithms: Vec<Alg>, leeway: i64) -> Self {
        let rules = Self::id_token(issuer, client_id, algorithms, leeway);
        Self { required: Vec::new(), expiry: Expiry::IfPresent, ..rules }
    }

    /// A bearer token of a foreign issuer.
    #[must_use]
    pub fn bearer(issuer: Issuer, audience: AudienceRule, algorithms: Vec<Alg>, leeway: i64) -> Self {
        let rules = Self::new(issuer, audience, TypeRule::NoneOf(SPECIAL_TYPES.to_vec()), leeway);
        Self { algorithms, ..rules }
    }

    /// A client's assertion about itself (RFC 7523 §3): `iss` and `sub` are the client, `jti` is there so that it can be
    /// used once, and it is young and for us alone (audience injection, RFC 7523bis). The caller compares `sub` and remembers `jti` until `exp`.
    #[must_use]
    pub fn client_assertion(client_id: &str, audiences: Vec<String>, algorithms: Vec<Alg>, leeway: i64) -> Self {
        let mut refused = SPECIAL_TYPES.to_vec();
        refused.retain(|t| *t != "client-authentication+jwt");
        refused.push("at+jwt");
        let issuer = Issuer::OneOf(vec![client_id.to_owned()]);
        let rules = Self::new(issuer, AudienceRule::Only(audiences), TypeRule::NoneOf(refused), leeway);
        Self { algorithms, required: vec!["jti".to_owned()], longest: Some(ASSERTION_LIFETIME), ..rules }
    }

    /// Our own access token (RFC 9068 §4) for one of `audiences`.
    #[must_use]
    pub fn own_access(issuer: &str, audience: AudienceRule, leeway: i64) -> Self {
        let names = ["aud", "iat", "jti", "client_id", "tenant"];
        Self { required: names.map(str::to_owned).to_vec(), ..Self::own(issuer, audience, "at+jwt", leeway) }
    }

    /// Our own refresh token: for us alone.
    #[must_use]
    pub fn own_refresh(issuer: &str, leeway: i64) -> Self {
        let audience = AudienceRule::Contains(vec![issuer.to_owned()]);
        let names = ["iat", "jti", "client_id", "fam"];
        Self { required: names.map(str::to_owned).to_vec(), ..Self::own(issuer, audience, "refresh+jwt", leeway) }
    }

    /// Our own ID token as `id_token_hint`: whichever client it was for, and also when it has expired (OpenID Connect
    /// RP-Initiated Logout §4). `azp` keeps assertions that we sign with the same keys from being taken for one.
    #[must_use]
    pub fn own_id_token_hint(issuer: &str, leeway: i64) -> Self {
        let rules = Self::own(issuer, AudienceRule::Any, "jwt", leeway);
        let names = ["aud", "iat", "azp", "auth_time", "tenant"];
        Self { required: names.map(str::to_owned).to_vec(), expiry: Expiry::MayHavePassed, ..rules }
    }

    fn own(issuer: &str, audience: AudienceRule, typ: &'static str, leeway: i64) -> Self {
        let rules = Self::new(Issuer::OneOf(vec![issuer.to_owned()]), audience, TypeRule::OneOf(vec![typ]), leeway);
        Self { algorithms: vec![Alg::ES256, Alg::RS256, Alg::EdDSA], ..rules }
    }
}
