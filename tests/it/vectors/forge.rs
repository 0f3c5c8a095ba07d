//! Two issuers, ours and a foreign one, whose private keys the test holds, and the tokens that it makes with them: right
//! ones, and ones that are wrong in a single thing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use gatehouse::{
    oauth::client::SigningAlg,
    outbound::{Allow, Outbound},
    policy::{
        claim_rules::{ClaimRule, MatchType},
        trusted_issuer::{IssuerSecrets, IssuerSettings},
    },
    token::{
        Accepted, Invalid, KeyMaterial, KeyRing, Scope, SigningKey, Source, Validator, Validity,
        jwks::{Document, FetchKeys, KeySets},
        rules::AudienceRule,
    },
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use url::Url;

pub const NOW: i64 = 1_800_000_000;
pub const US: &str = "https://gate.example";
pub const THEM: &str = "https://idp.example";
pub const API: &str = "https://api.example";
/// The id that every key here has: it tells nothing about whose it is.
const KID: &str = "k";

/// A private key.
pub struct Key {
    pub alg: SigningAlg,
    pub jwk: Value,
    material: KeyMaterial,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    pub fn new(alg: SigningAlg) -> Arc<Self> {
        let material = KeyMaterial { kid: KID.to_owned(), ..KeyMaterial::generate(alg).unwrap() };
        let der = material.pkcs8.expose_secret();
        let pair = match alg {
            SigningAlg::RS256 => Pair::Rsa(RsaKeyPair::from_pkcs8(der).unwrap()),
            SigningAlg::ES256 => Pair::P256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).unwrap()),
            SigningAlg::EdDSA => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).unwrap()),
        };
        let jwk = signing(&material).public_jwk().clone();
        Arc::new(Self { alg, jwk, material, pair })
    }

    fn sign(&self, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).unwrap();
                signature
            }
            Pair::P256(pair) => pair.sign(&random, text).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(text).as_ref().to_vec(),
        }
    }

    /// The public half in every form that a careless verifier might take for an HMAC secret.
    pub fn spellings(&self) -> Vec<Vec<u8>> {
        let raw = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Pair::P256(pair) => pair.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        };
        let text = base64::engine::general_purpose::STANDARD.encode(&raw);
        let member = self.jwk.get("n").or_else(|| self.jwk.get("x")).unwrap().as_str().unwrap();
        vec![
            format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n").into_bytes(),
            raw,
            self.jwk.to_string().into_bytes(),
            B64.decode(member).unwrap(),
            member.as_bytes().to_vec(),
            KID.as_bytes().to_vec(),
        ]
    }
}

fn signing(material: &KeyMaterial) -> SigningKey {
    let validity = Validity { generation: 1, imported: true, created_at: 0, active_from: 0, expires_at: None };
    SigningKey::new(material, validity).unwrap()
}

/// Who puts the signature under a token.
#[derive(Clone)]
pub enum Seal {
    /// The key of the issuer that it names.
    Right,
    /// The other issuer's, which has the same kid.
    Counterpart,
    /// A key that nobody knows, of the same kid.
    Stranger,
    /// HS256 with these bytes.
    Hmac(Vec<u8>),
    /// Nobody: these bytes stand there.
    Bytes(Vec<u8>),
}

/// A change of the whole token.
type Mangle = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// A token before it is signed.
#[derive(Clone)]
pub struct Draft {
    header: Value,
    claims: Value,
    texts: [Option<String>; 2],
    seal: Seal,
    mangle: Option<Mangle>,
}

impl Draft {
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    pub fn without_header(mut self, name: &str) -> Self {
        self.header.as_object_mut().unwrap().remove(name);
        self
    }

    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    /// The header as written by `how`.
    pub fn header_text(mut self, how: impl Fn(&str) -> String) -> Self {
        self.texts[0] = Some(how(&self.header.to_string()));
        self
    }

    /// The claims as written by `how`.
    pub fn claims_text(mut self, how: impl Fn(&str) -> String) -> Self {
        self.texts[1] = Some(how(&self.claims.to_string()));
        self
    }

    pub fn seal(mut self, seal: Seal) -> Self {
        self.seal = seal;
        self
    }

    /// The whole token, changed after it was signed.
    pub fn mangle(mut self, how: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.mangle = Some(Arc::new(how));
        self
    }
}

/// One of the two issuers.
pub struct Party {
    pub name: &'static str,
    pub own: bool,
    pub key: Arc<Key>,
    counterpart: Arc<Key>,
    stranger: Arc<Key>,
}

impl Party {
    /// The key that nobody knows.
    pub fn stranger(&self) -> &Key {
        &self.stranger
    }

    /// A token that is right in everything.
    pub fn draft(&self) -> Draft {
        let header = json!({"alg": self.key.alg.as_str(), "kid": KID, "typ": if self.own { "at+jwt" } else { "JWT" }});
        let mut claims = json!({
            "iss": if self.own { US } else { THEM }, "aud": API, "sub": "caller-1", "iat": NOW - 10, "exp": NOW + 300,
        });
        let rest = if self.own {
            json!({"jti": "j", "client_id": "cp", "tenant": "acme"})
        } else {
            json!({"email": "caller@acme.test", "hd": "acme.test", "groups": ["sre", "dev"], "realm": {"roles": ["caller"]}})
        };
        claims.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        Draft { header, claims, texts: [None, None], seal: Seal::Right, mangle: None }
    }

    pub fn write(&self, draft: &Draft) -> String {
        let text = |at: usize, json: &Value| draft.texts[at].clone().unwrap_or_else(|| json.to_string());
        let signed = format!("{}.{}", B64.encode(text(0, &draft.header)), B64.encode(text(1, &draft.claims)));
        let signature = match &draft.seal {
            Seal::Right => self.key.sign(signed.as_bytes()),
            Seal::Counterpart => self.counterpart.sign(signed.as_bytes()),
            Seal::Stranger => self.stranger.sign(signed.as_bytes()),
            Seal::Hmac(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes()).as_ref().to_vec(),
            Seal::Bytes(bytes) => bytes.clone(),
        };
        let token = format!("{signed}.{}", B64.encode(signature));
        draft.mangle.as_ref().map_or(token.clone(), |mangle| mangle(&token))
    }
}

/// Counts the documents that are fetched; there is but one.
#[derive(Default)]
pub struct Calls {
    count: AtomicUsize,
    document: Vec<u8>,
}

impl Calls {
    pub fn of(jwks: &Value) -> Arc<Self> {
        Arc::new(Self { count: AtomicUsize::new(0), document: jwks.to_string().into_bytes() })
    }

    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl FetchKeys for Calls {
    async fn fetch(&self, _purpose: &'static str, _url: &Url) -> Result<Document, String> {
        self.count.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(Document { body: self.document.clone(), max_age: None })
    }
}

/// What the foreign issuer's tokens are judged by.
pub fn settings(jwks: &Value) -> IssuerSettings {
    let rule = |claim: &str, values: Value, match_type| {
        let values = values.as_array().unwrap().clone();
        ClaimRule { claim: claim.to_owned(), values, match_type }
    };
    IssuerSettings {
        issuer: Some(THEM.to_owned()),
        audience: vec![API.to_owned()],
        jwks: Some(jwks.clone()),
        required_claims: vec!["email".to_owned(), "realm.roles".to_owned()],
        claim_values: vec![
            rule("hd", json!(["acme.test"]), MatchType::Exact),
            rule("email", json!(["*@acme.test"]), MatchType::Glob),
            rule("groups", json!(["sre"]), MatchType::Contains),
            rule("realm.roles", json!(["caller"]), MatchType::ContainsAll),
        ],
        ..IssuerSettings::default()
    }
}

/// Both issuers, with keys of one algorithm, and the validator that trusts them.
pub struct Court {
    pub parties: [Party; 2],
    pub calls: Arc<Calls>,
    validator: Validator,
}

impl Court {
    pub fn new(alg: SigningAlg) -> Self {
        let (ours, theirs, stranger) = (Key::new(alg), Key::new(alg), Key::new(alg));
        let party = |name, own, key: &Arc<Key>, counterpart: &Arc<Key>| Party {
            name,
            own,
            key: key.clone(),
            counterpart: counterpart.clone(),
            stranger: stranger.clone(),
        };
        let parties = [party("ours", true, &ours, &theirs), party("theirs", false, &theirs, &ours)];
        let jwks = json!({"keys": [theirs.jwk]});
        let calls = Calls::of(&jwks);
        let ring = KeyRing::new(vec![signing(&ours.material)]);
        let own = Validator::new(US, ring, AudienceRule::Contains(vec![API.to_owned()]), 60);
        let validator = own.with_sources([source("theirs", &settings(&jwks), &calls)]);
        Self { parties, calls, validator }
    }

    pub async fn judge(&self, token: &str) -> Result<Accepted, Invalid> {
        self.validator.validate(token, &Scope { tenant: Some("acme"), ..Scope::default() }, NOW).await
    }
}

pub fn source(id: &str, settings: &IssuerSettings, calls: &Arc<Calls>) -> Source {
    let (sets, outbound) = (KeySets::new(calls.clone(), 10, 60), Outbound::new(Allow::default()).unwrap());
    Source::of(id, "acme", settings, IssuerSecrets::default(), &sets, &outbound).unwrap()
}
