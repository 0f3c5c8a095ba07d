//! What judging a bearer token costs without HTTP, in processor time on one thread: `Validator::validate` beside the bare
//! verification of the same signature in the same run, and the matching of claims against very many external identities.
//!
//!     cargo bench --profile dist --bench validator

#![expect(clippy::print_stdout, reason = "a program that prints")]
#![expect(clippy::unwrap_used, reason = "what fails here is to end the program")]
#![expect(clippy::disallowed_methods, reason = "what is measured is real time")]

use std::{hint::black_box, process::ExitCode, sync::Arc, time::Instant};

use aws_lc_rs::signature;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use gatehouse::{
    oauth::client::SigningAlg,
    outbound::{Allow, Outbound},
    policy::{
        claim_rules::{ClaimRule, ClaimRules, MatchType},
        mapping::{Candidate, Mapper},
        principal::{Kind, Principal},
        trusted_issuer::{IssuerSecrets, IssuerSettings, Matching},
    },
    token::{KeyMaterial, KeyRing, Scope, SigningKey, Source, Validator, Validity, jwks::KeySets, rules::AudienceRule},
};
use serde_json::{Map, Value, json};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The validator may take this many times as long as the bare verification.
const RATIO: f64 = 1.5;
/// Most microseconds until claims are matched.
const MATCHED_US: f64 = 50.0;
const ISSUERS: usize = 1_000;
const IDENTITIES: usize = 100_000;
const ROUNDS: usize = 15;
const BATCH: u32 = 200;
const NOW: i64 = 1_800_000_000;
const US: &str = "https://sso.example.com";
const THEM: &str = "https://idp.example.com";
const API: &str = "https://api.example.com";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut broken = 0;
    let mut row = |kept: bool, name: &str, measured: String, budget: String| {
        println!("{}  {name:<34} {measured:<72} budget {budget}", if kept { "kept  " } else { "BROKEN" });
        broken += u32::from(!kept);
    };
    for alg in SigningAlg::ALL {
        let bench = Bench::new(alg);
        for (whose, claims) in [("own", own_claims()), ("foreign", foreign_claims())] {
            let token = bench.ring.sign(alg, "at+jwt", &claims, NOW).unwrap();
            let [bare, judged] = bench.times(&token).await;
            let name = format!("{} token, {}", whose, alg.as_str());
            let ratio = judged / bare;
            let measured = format!("{judged:.1} us; the signature alone {bare:.1} us: {ratio:.2}x");
            row(ratio <= RATIO, &name, measured, format!("{RATIO}x"));
        }
    }
    for (name, took) in matching() {
        row(took <= MATCHED_US, &name, format!("{took:.2} us"), format!("{MATCHED_US} us"));
    }
    ExitCode::from(u8::from(broken > 0))
}

fn own_claims() -> Value {
    json!({"iss": US, "sub": "0198f3c2-7a51-7c1e-9b0a-5f2f8f3f7a10", "aud": US, "client_id": "control-plane", "exp": NOW + 86_400,
        "iat": NOW, "jti": "9sXn0a5n6v1oQy3l7d2b4g", "scope": "openid email", "tenant": "acme", "fam": "5f2f8f3f7a10",
        "auth_time": NOW, "email": "ada@acme.example", "email_verified": true})
}

fn foreign_claims() -> Value {
    json!({"iss": THEM, "sub": "repo:acme/api:ref:refs/heads/main", "aud": [API], "exp": NOW + 600, "iat": NOW, "nbf": NOW,
        "repository": "acme/api", "repository_id": "456789", "repository_owner": "acme", "ref": "refs/heads/main",
        "email": "ci@acme.example", "groups": ["ci", "deploy"]})
}

struct Bench {
    alg: SigningAlg,
    ring: KeyRing,
    jwk: Value,
    validator: Validator,
}

impl Bench {
    /// Our ring's key is the foreign issuer's too: what is measured is the same work.
    fn new(alg: SigningAlg) -> Self {
        let validity = Validity { generation: 1, imported: false, created_at: 0, active_from: 0, expires_at: None };
        let key = SigningKey::new(&KeyMaterial::generate(alg).unwrap(), validity).unwrap();
        let jwk = key.public_jwk().clone();
        let ring = KeyRing::new(vec![key]);
        let outbound = Outbound::new(Allow::default()).unwrap();
        let sets = KeySets::new(Arc::new(outbound.clone()), 10, 60);
        let settings = IssuerSettings {
            issuer: Some(THEM.to_owned()),
            audience: vec![API.to_owned()],
            jwks: Some(json!({"keys": [jwk]})),
            required_claims: vec!["repository_id".to_owned()],
            claim_values: vec![ClaimRule {
                claim: "repository_owner".to_owned(),
                values: vec![json!("acme")],
                match_type: MatchType::Exact,
            }],
            ..IssuerSettings::default()
        };
        let source = Source::of("theirs", "acme", &settings, IssuerSecrets::default(), &sets, &outbound).unwrap();
        let own = Validator::new(US, ring.clone(), AudienceRule::Contains(vec![US.to_owned()]), 60);
        Self { alg, ring, jwk, validator: own.with_sources([source]) }
    }

    /// Microseconds of the bare verification with a parsed key, and of the whole judgement.
    async fn times(&self, token: &str) -> [f64; 2] {
        let (signed, text) = token.rsplit_once('.').unwrap();
        let bytes = B64.decode(text).unwrap();
        let parsed = self.parsed();
        let mut best = [f64::MAX; 2];
        for _ in 0..ROUNDS {
            let bare = each(|| parsed.verify_sig(black_box(signed.as_bytes()), &bytes).is_ok());
            let began = Instant::now();
            for _ in 0..BATCH {
                let accepted = self.validator.validate(black_box(token), &Scope::default(), NOW).await;
                assert!(accepted.is_ok());
            }
            let judged = began.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH);
            for (least, took) in best.iter_mut().zip([bare, judged]) {
                *least = least.min(took);
            }
        }
        best
    }

    fn parsed(&self) -> signature::ParsedPublicKey {
        let member = |name: &str| B64.decode(self.jwk[name].as_str().unwrap()).unwrap();
        match self.alg {
            SigningAlg::RS256 => {
                let public = signature::RsaPublicKeyComponents { n: member("n"), e: member("e") };
                public.to_parsed_public_key(&signature::RSA_PKCS1_2048_8192_SHA256).unwrap()
            }
            SigningAlg::ES256 => {
                let point = [&[4][..], &member("x"), &member("y")].concat();
                signature::ParsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).unwrap()
            }
            SigningAlg::EdDSA => signature::ParsedPublicKey::new(&signature::ED25519, member("x")).unwrap(),
        }
    }
}

/// Microseconds of one call.
fn each(what: impl Fn() -> bool) -> f64 {
    let began = Instant::now();
    for _ in 0..BATCH {
        assert!(what());
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(BATCH)
}

/// Microseconds that the slowest of many issuers takes to match a token, and an issuer that has all the identities.
fn matching() -> [(String, f64); 4] {
    let slowest = |mappers: &[Mapper], identities: usize| {
        let tokens: Vec<Map<String, Value>> = (0..mappers.len()).map(|n| claims(n * 7 % identities)).collect();
        let mut best = vec![f64::MAX; mappers.len()];
        for _ in 0..ROUNDS {
            for (at, (mapper, token)) in mappers.iter().zip(&tokens).enumerate() {
                let began = Instant::now();
                assert_eq!(black_box(mapper.matches(black_box(token))).principals.len(), 1);
                best[at] = best[at].min(began.elapsed().as_secs_f64() * 1e6);
            }
        }
        best.into_iter().fold(0.0, f64::max)
    };
    let many = |rules: Rules| -> Vec<Mapper> { (0..ISSUERS).map(|_| mapper(IDENTITIES / ISSUERS, rules)).collect() };
    [
        (format!("{IDENTITIES} identities, {ISSUERS} issuers"), slowest(&many(usual), IDENTITIES / ISSUERS)),
        (format!("{IDENTITIES} identities of one issuer"), slowest(&[mapper(IDENTITIES, usual)], IDENTITIES)),
        ("the same with only globs".to_owned(), slowest(&many(globs), IDENTITIES / ISSUERS)),
        ("the same of one issuer".to_owned(), slowest(&[mapper(IDENTITIES, globs)], IDENTITIES)),
    ]
}

/// What the claims of the `n`-th identity must be.
type Rules = fn(usize) -> Vec<ClaimRule>;

fn rule(claim: &str, value: Value, match_type: MatchType) -> ClaimRule {
    ClaimRule { claim: claim.to_owned(), values: vec![value], match_type }
}

fn usual(n: usize) -> Vec<ClaimRule> {
    vec![rule("repository_id", json!(n.to_string()), MatchType::Exact), rule("email", json!("*@acme.example"), MatchType::Glob)]
}

fn globs(n: usize) -> Vec<ClaimRule> {
    vec![rule("sub", json!(format!("repo:{n}:*")), MatchType::Glob), rule("email", json!("*@acme.example"), MatchType::Glob)]
}

fn mapper(identities: usize, rules: Rules) -> Mapper {
    let candidate = |n: usize| Candidate {
        mapping: format!("mapping-{n}"),
        version: 1,
        target: Principal { kind: Kind::ExternalIdentity, name: format!("identity-{n}"), id: format!("id-{n}") },
        enabled: true,
        rules: ClaimRules::compile(&rules(n)).unwrap(),
        created_at: i64::try_from(n).unwrap(),
    };
    Mapper::new((0..identities).map(candidate).collect(), Matching::Best)
}

fn claims(n: usize) -> Map<String, Value> {
    let Value::Object(mut claims) = foreign_claims() else { unreachable!() };
    claims.insert("repository_id".to_owned(), json!(n.to_string()));
    claims.insert("sub".to_owned(), json!(format!("repo:{n}:main")));
    claims
}
