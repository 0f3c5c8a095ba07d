//! Negative vectors for bearer tokens: every known way to forge or bend one, against our own issuer and a foreign one, with
//! each kind of key, and each beside the honest token that differs in nothing else. `table` lists them, `forge` makes them,
//! `wire` sends them over HTTP.
//!
//! Rows that are about time or many calls (fetches under a flood, kept answers) also stand beside the code
//! (`token/jwks/tests.rs`, `token/introspection/tests.rs`), where the clock and the issuer are scripted.

mod forge;
mod table;
mod wire;

use gatehouse::{
    oauth::client::SigningAlg,
    policy::trusted_issuer::IssuerSettings,
    token::{Alg, Scope, Validator, rules::AudienceRule},
};
use serde_json::json;

use self::{
    forge::{Calls, Court, NOW, THEM, US},
    table::vectors,
};

#[tokio::test]
async fn every_vector_is_refused_and_its_twin_accepted() {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for alg in SigningAlg::ALL {
        let court = Court::new(alg);
        for party in &court.parties {
            for vector in vectors(party) {
                judged += 1;
                let label = format!("{} {} {}: {}", vector.row, party.name, alg.as_str(), vector.name);
                match court.judge(&party.write(&vector.wrong)).await {
                    Ok(_) => wrong.push(format!("{label}: accepted")),
                    Err(invalid) if !vector.says.is_empty() && invalid.to_string() != vector.says => {
                        wrong.push(format!("{label}: {invalid} ({})", invalid.detail()));
                    }
                    Err(_) => {}
                }
                match court.judge(&party.write(&vector.honest)).await {
                    Ok(good) => assert_eq!(good.source.is_none(), party.own, "{label}"),
                    Err(invalid) => wrong.push(format!("{label}: the honest twin is refused: {}", invalid.detail())),
                }
            }
        }
        assert_eq!(court.calls.count(), 0, "no token makes gatehouse call anybody");
    }
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged > 800, "{judged}");
}

/// What a look at each would find wrong is not what is said: the size is known before the number of segments, and that before
/// any of them is decoded, so whoever sends garbage makes nobody work (golang-jwt CVE-2025-30204).
#[tokio::test]
async fn what_is_no_token_costs_nothing() {
    let court = Court::new(SigningAlg::ES256);
    let large = "at most 65536 are read";
    let segments = "does not have three segments";
    for (garbage, says) in [
        (".".repeat(1_000_000), large),
        ("!.".repeat(500_000), large),
        ("A".repeat(1_000_000), large),
        ("!.!.!".repeat(100_000), large),
        (format!("{}.!.!", "A".repeat(65_600)), large),
        (".".repeat(60_000), segments),
        ("!.".repeat(30_000), segments),
        ("!".repeat(60_000), segments),
        (format!("!.!.!.{}", "A".repeat(60_000)), segments),
        // The twin: what has three segments is decoded.
        ("!.!.!".to_owned(), "is not base64url"),
    ] {
        let refused = court.judge(&garbage).await.unwrap_err().detail();
        assert!(refused.contains(says), "{refused}");
    }
    assert_eq!(court.calls.count(), 0);
}

#[tokio::test]
async fn the_algorithm_is_one_of_the_issuers_list() {
    let court = Court::new(SigningAlg::ES256);
    let theirs = &court.parties[1];
    let token = theirs.write(&theirs.draft());
    let jwks = json!({"keys": [theirs.key.jwk]});
    for (algorithms, good) in [(vec![], true), (vec!["ES256"], true), (vec!["RS256", "ES384"], false)] {
        let algorithms: Vec<String> = algorithms.into_iter().map(str::to_owned).collect();
        let settings = IssuerSettings { algorithms, ..forge::settings(&jwks) };
        let validator = trusting([forge::source("theirs", &settings, &court.calls)]);
        let accepted = validator.validate(&token, &Scope::default(), NOW).await;
        assert_eq!(accepted.is_ok(), good);
        assert!(accepted.is_ok_and(|a| a.claims.alg() == Some(Alg::ES256)) || !good);
    }
}

fn trusting(sources: impl IntoIterator<Item = gatehouse::token::Source>) -> Validator {
    Validator::new(US, gatehouse::token::KeyRing::default(), AudienceRule::Any, 60).with_sources(sources)
}

#[tokio::test]
async fn one_token_under_two_rules_gets_two_decisions() {
    let court = Court::new(SigningAlg::ES256);
    let theirs = &court.parties[1];
    let token = theirs.write(&theirs.draft());
    let jwks = json!({"keys": [theirs.key.jwk]});
    let lenient = forge::settings(&jwks);
    let strict = IssuerSettings { audience: vec!["https://other.example".to_owned()], ..lenient.clone() };
    let validator = trusting([forge::source("lenient", &lenient, &court.calls), forge::source("strict", &strict, &court.calls)]);
    for _ in 0..3 {
        for (name, good) in [("lenient", true), ("strict", false)] {
            let only = std::collections::HashSet::from([name.to_owned()]);
            let scope = Scope { sources: Some(&only), ..Scope::default() };
            assert_eq!(validator.validate(&token, &scope, NOW).await.is_ok(), good, "{name}");
        }
    }
}

#[tokio::test]
async fn a_duplicate_kid_is_tried_with_each_key_and_nobody_elses() {
    let court = Court::new(SigningAlg::ES256);
    let [ours, theirs] = &court.parties;
    let jwks = json!({"keys": [theirs.stranger().jwk, theirs.key.jwk]});
    let validator = trusting([forge::source("theirs", &forge::settings(&jwks), &court.calls)]);
    for (seal, good) in [(forge::Seal::Right, true), (forge::Seal::Stranger, true), (forge::Seal::Counterpart, false)] {
        let token = theirs.write(&theirs.draft().seal(seal));
        assert_eq!(validator.validate(&token, &Scope::default(), NOW).await.is_ok(), good);
    }
    assert!(validator.validate(&ours.write(&ours.draft()), &Scope::default(), NOW).await.is_err());
}

#[tokio::test]
async fn ten_thousand_made_up_kids_cause_one_fetch_and_slow_nobody() {
    let court = Court::new(SigningAlg::ES256);
    let theirs = &court.parties[1];
    let calls = Calls::of(&json!({"keys": [theirs.key.jwk]}));
    let settings = IssuerSettings { jwks: None, jwks_uri: Some(format!("{THEM}/jwks")), ..forge::settings(&json!(null)) };
    let validator = trusting([forge::source("theirs", &settings, &calls)]);
    let honest = theirs.write(&theirs.draft());
    validator.validate(&honest, &Scope::default(), NOW).await.unwrap();
    let mut flood = tokio::task::JoinSet::new();
    for n in 0..10_000 {
        let token =
            theirs.write(&theirs.draft().header("kid", json!(format!("made-up-{n}"))).seal(forge::Seal::Bytes(vec![1; 64])));
        let (validator, honest) = (validator.clone(), honest.clone());
        flood.spawn(async move {
            validator.validate(&token, &Scope::default(), NOW + n % 59).await.unwrap_err();
            if n % 100 == 0 {
                validator.validate(&honest, &Scope::default(), NOW + n % 59).await.unwrap();
            }
        });
    }
    flood.join_all().await;
    assert_eq!(calls.count(), 1, "the honest token's fetch was the one of this minute");
    for n in 0..1_000 {
        let token = theirs.write(&theirs.draft().header("kid", json!(format!("other-{n}"))));
        validator.validate(&token, &Scope::default(), NOW + 60 + n % 59).await.unwrap_err();
    }
    assert_eq!(calls.count(), 2, "and one for all that were made up in the next");
    validator.validate(&honest, &Scope::default(), NOW + 119).await.unwrap();
}
