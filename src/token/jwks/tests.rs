use std::sync::{Mutex as SyncMutex, atomic::AtomicUsize};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::sync::Semaphore;

use super::{
    super::{Alg, Invalid, Rules, rules::Issuer, testing::Forge, verify},
    *,
};
use crate::oauth::client::SigningAlg;

mod hanging;

const NOW: i64 = 1_800_000_000;

/// Answers with what the test last set, counts, and can be held back.
struct Script {
    answer: SyncMutex<Result<Document, String>>,
    calls: AtomicUsize,
    gate: Semaphore,
}

impl Script {
    fn new(body: &[u8]) -> Arc<Self> {
        let answer = SyncMutex::new(Ok(Document { body: body.to_vec(), max_age: None }));
        Arc::new(Self { answer, calls: AtomicUsize::new(0), gate: Semaphore::new(1) })
    }

    fn set(&self, answer: Result<&[u8], &str>) {
        *self.answer.lock().unwrap() = answer.map(|body| Document { body: body.to_vec(), max_age: None }).map_err(str::to_owned);
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl FetchKeys for Script {
    async fn fetch(&self, _purpose: &'static str, _url: &Url) -> Result<Document, String> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let _held = self.gate.acquire().await.unwrap();
        self.answer.lock().unwrap().clone()
    }
}

fn remote(script: &Arc<Script>) -> RemoteKeys {
    RemoteKeys::new(Url::parse("https://idp.test/jwks").unwrap(), script.clone(), FLOOR)
}

async fn has(keys: &RemoteKeys, kid: &str, now: i64) -> Result<bool, String> {
    keys.find(&Wanted { kid: Some(kid), alg: Alg::ES256 }, now).await.map(|found| !found.is_empty())
}

fn forge(kid: &str) -> Forge {
    Forge::new(SigningAlg::ES256, Some(kid))
}

#[tokio::test]
async fn ten_thousand_made_up_kids_cause_one_fetch_per_floor() {
    let script = Script::new(&Forge::jwks(&[&forge("a")]));
    let keys = remote(&script);
    assert!(has(&keys, "a", NOW).await.unwrap());
    for n in 0..10_000 {
        assert!(!has(&keys, &format!("x{n}"), NOW + n / 200).await.unwrap());
    }
    assert_eq!(script.calls(), 1, "the good token's fetch, and none for all that were made up in 50 s");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let keys = keys.clone();
        tasks.spawn(async move { has(&keys, &format!("y{n}"), NOW + 60 + n % 3).await.unwrap() });
    }
    assert!(tasks.join_all().await.iter().all(|found| !found));
    assert_eq!(script.calls(), 2, "single flight");
    assert!(has(&keys, "a", NOW + 62).await.unwrap());
}

/// A set that its provider calls stale at once, so that one is always due when the floor has passed: neither made-up keys nor
/// bad signatures, nor the background's round, cause a second fetch within it.
#[tokio::test]
async fn whatever_comes_one_floor_has_one_fetch() {
    let (good, evil) = (forge("a"), forge("a"));
    let script = Script::new(b"");
    *script.answer.lock().unwrap() = Ok(Document { body: Forge::jwks(&[&good]), max_age: Some(0) });
    let sets = KeySets::new(script.clone(), 10, FLOOR);
    let keys = sets.kept(&Url::parse("https://idp.test/jwks").unwrap(), FRESH);
    let rules = Rules::id_token(Issuer::OneOf(vec!["i".to_owned()]), "us", vec![Alg::ES256], 60);
    let claims = format!(r#"{{"iss":"i","sub":"s","aud":"us","iat":{NOW},"exp":{}}}"#, NOW + 3_000);
    let (named, unnamed) = (r#"{"alg":"ES256","kid":"a"}"#, r#"{"alg":"ES256"}"#);
    for round in 0..5 {
        for second in 0..FLOOR {
            let now = NOW + round * FLOOR + second;
            for token in [evil.sign(named, &claims), evil.sign(unnamed, &claims)] {
                verify(&token, &keys, &rules, now).await.unwrap_err();
            }
            assert!(!has(&keys, "made-up", now).await.unwrap());
            sets.refresh_due(now).await;
            verify(&good.sign(named, &claims), &keys, &rules, now).await.unwrap();
            assert_eq!(script.calls(), usize::try_from(round).unwrap() + 1, "after {second} s of round {round}");
        }
    }
}

#[tokio::test]
async fn a_rotated_key_is_found_at_once_and_then_after_the_floor() {
    let (old, new) = (forge("old"), forge("new"));
    let script = Script::new(&Forge::jwks(&[&old]));
    let keys = remote(&script);
    let provider = keys.clone().following();
    assert!(has(&keys, "old", NOW).await.unwrap());
    let newest = forge("newest");
    script.set(Ok(&Forge::jwks(&[&new])));
    assert!(!has(&keys, "new", NOW + 1).await.unwrap(), "whoever calls could have made it up");
    assert!(has(&provider, "new", NOW + 1).await.unwrap(), "the first rotation is followed at once");
    assert!(!has(&keys, "old", NOW + 1).await.unwrap(), "what the issuer withdrew is gone");
    script.set(Ok(&Forge::jwks(&[&newest])));
    assert!(!has(&provider, "newest", NOW + 60).await.unwrap());
    assert!(has(&keys, "newest", NOW + 61).await.unwrap());
}

#[tokio::test]
async fn a_key_replaced_under_the_same_kid_is_found_by_its_signature() {
    let (old, new) = (forge("k"), forge("k"));
    let script = Script::new(&Forge::jwks(&[&old]));
    let keys = remote(&script).following();
    let rules = Rules::id_token(Issuer::OneOf(vec!["i".to_owned()]), "us", vec![Alg::ES256], 60);
    let claims = format!(r#"{{"iss":"i","sub":"s","aud":"us","iat":{NOW},"exp":{}}}"#, NOW + 3_000);
    let token = |forge: &Forge| forge.sign(r#"{"alg":"ES256","kid":"k"}"#, &claims);
    verify(&token(&old), &keys, &rules, NOW).await.unwrap();
    script.set(Ok(&Forge::jwks(&[&new])));
    verify(&token(&new), &keys, &rules, NOW + 1).await.unwrap();
    script.set(Ok(&Forge::jwks(&[&old])));
    assert_eq!(verify(&token(&old), &keys, &rules, NOW + 60).await.unwrap_err(), Invalid::Signature);
    script.set(Ok(&Forge::jwks(&[&new])));
    for _ in 0..100 {
        assert_eq!(verify(&token(&old), &keys, &rules, NOW + 61).await.unwrap_err(), Invalid::Signature);
    }
    assert_eq!(script.calls(), 3);
}

#[tokio::test]
async fn failure_garbage_and_emptiness_keep_the_last_good_keys_and_cool_down() {
    let good = Forge::jwks(&[&forge("a")]);
    let script = Script::new(&good);
    let keys = remote(&script);
    assert!(has(&keys, "a", NOW).await.unwrap());
    let mut now = NOW + FRESH;
    for bad in [
        Err("timed out"),
        Ok(&b"<html>"[..]),
        Ok(b"{\"keys\":[]}"),
        Ok(b"{}"),
        Ok(b"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"}]}"),
    ] {
        let before = script.calls();
        script.set(bad);
        for _ in 0..5 {
            assert!(has(&keys, "a", now).await.unwrap(), "{bad:?}");
            assert!(!has(&keys, "b", now).await.unwrap());
        }
        assert_eq!(script.calls(), before + 1, "{bad:?}");
        now += FLOOR;
    }
    assert!(has(&keys, "a", NOW + LAST_GOOD).await.is_err(), "not for ever");
    script.set(Ok(&good));
    assert!(has(&keys, "a", NOW + LAST_GOOD + FLOOR).await.unwrap());
}

#[tokio::test]
async fn an_issuer_that_never_answered_cools_down_too() {
    let script = Script::new(b"");
    script.set(Err("idp.test answered 404"));
    let keys = remote(&script);
    let (mut fetched, mut told) = (Vec::new(), Vec::new());
    for n in 0..250 {
        for again in 0..3 {
            let before = script.calls();
            let error = has(&keys, &format!("{n}-{again}"), NOW + n).await.unwrap_err();
            assert!(error.contains("404"), "{error}");
            if script.calls() > before {
                fetched.push(n);
                told.push(n + keys.again_in(NOW + n));
            }
            assert_eq!(Some(n + keys.again_in(NOW + n)), told.last().copied(), "what is left becomes less");
        }
    }
    assert_eq!(told[..8], fetched[1..], "whoever waits for as long as they are told is the next");
    assert_eq!(fetched, [0, 2, 6, 14, 30, 62, 122, 182, 242], "sooner at first, and at last once in a floor");
    // What was fetched once is asked for no sooner than the floor, whatever fails then.
    let at = NOW + 302;
    script.set(Ok(&Forge::jwks(&[&forge("a")])));
    assert!(has(&keys, "a", at).await.unwrap());
    script.set(Err("idp.test answered 404"));
    let before = script.calls();
    for n in 0..120 {
        assert!(!has(&keys, "b", at + 1 + n).await.unwrap());
    }
    assert_eq!(script.calls(), before + 2);
    let script = Script::new(b"");
    script.set(Err("idp.test answered 404"));
    let keys = remote(&script);
    let rules = Rules::id_token(Issuer::Any, "us", vec![Alg::ES256], 60);
    let claims = format!(r#"{{"iss":"i","sub":"s","aud":"us","iat":{NOW},"exp":{}}}"#, NOW + 300);
    let error = verify(&forge("a").sign(r#"{"alg":"ES256","kid":"a"}"#, &claims), &keys, &rules, NOW).await.unwrap_err();
    assert_eq!(error.to_string(), "JWKS fetch failed");
    assert!(error.detail().contains("404"));
    assert_eq!(error.retry_after(), 2);
}

#[tokio::test]
async fn good_tokens_do_not_wait_for_a_hanging_issuer() {
    let script = Script::new(&Forge::jwks(&[&forge("a")]));
    let keys = remote(&script);
    assert!(has(&keys, "a", NOW).await.unwrap());
    let held = script.gate.acquire().await.unwrap();
    let unknown = tokio::spawn({
        let keys = keys.clone();
        async move { has(&keys, "b", NOW + FRESH).await }
    });
    while script.calls() < 2 {
        tokio::task::yield_now().await;
    }
    // The set is no longer fresh, but someone else is fetching it.
    for _ in 0..100 {
        assert!(has(&keys, "a", NOW + FRESH).await.unwrap());
    }
    assert!(!unknown.is_finished());
    drop(held);
    assert!(!unknown.await.unwrap().unwrap());
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_take_the_fetch_along() {
    let script = Script::new(&Forge::jwks(&[&forge("a")]));
    let keys = remote(&script);
    let held = script.gate.acquire().await.unwrap();
    let caller = tokio::spawn({
        let keys = keys.clone();
        async move { has(&keys, "a", NOW).await }
    });
    while script.calls() < 1 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    drop(held);
    assert!(has(&keys, "a", NOW + 1).await.unwrap());
    assert_eq!(script.calls(), 1);
}

#[tokio::test]
async fn cache_headers_shorten_but_never_below_the_floor() {
    let (a, b) = (forge("a"), forge("b"));
    for (max_age, fresh) in [(None, FRESH), (Some(600), 600), (Some(0), FLOOR), (Some(i64::MAX), FRESH)] {
        let script = Script::new(b"");
        *script.answer.lock().unwrap() = Ok(Document { body: Forge::jwks(&[&a]), max_age });
        let keys = remote(&script);
        assert!(has(&keys, "a", NOW).await.unwrap());
        script.set(Ok(&Forge::jwks(&[&b])));
        assert!(has(&keys, "a", NOW + fresh - 1).await.unwrap(), "{max_age:?}");
        assert!(!has(&keys, "a", NOW + fresh).await.unwrap(), "{max_age:?}");
    }
}

#[test]
fn reads_cache_control_and_expires() {
    let read = |lines: &[(&str, &str)]| {
        let mut headers = http::HeaderMap::new();
        for (name, value) in lines {
            headers.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        max_age(&Fetched { host: String::new(), status: 200, headers, body: Vec::new() })
    };
    let age = |value: &str, age: &str| read(&[("cache-control", value), ("age", age)]);
    assert_eq!(age("public, Max-Age=3600, must-revalidate", "600"), Some(3000));
    assert_eq!(age("max-age=10", "600"), Some(0));
    assert_eq!(age("max-age=3600, no-store", "0"), Some(0));
    assert_eq!(age("private", "0"), None);
    assert_eq!(age("max-age=soon", "x"), None);
    assert_eq!(read(&[("cache-control", "max-age=60"), ("cache-control", "no-cache")]), Some(0));
    let (date, hour) = (("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("expires", "Sun, 06 Nov 1994 09:49:37 GMT"));
    assert_eq!(read(&[date, hour]), Some(3600));
    assert_eq!(read(&[date, hour, ("age", "600")]), Some(3000));
    assert_eq!(read(&[date, hour, ("cache-control", "max-age=60")]), Some(60), "max-age goes before Expires");
    for past in ["0", "-1", "Sun, 06 Nov 1994 07:49:37 GMT"] {
        assert_eq!(read(&[date, ("expires", past)]), Some(0), "{past}");
    }
    assert_eq!((read(&[hour]), read(&[date])), (None, None));
}

#[test]
fn one_bad_key_does_not_spoil_the_set() {
    let good = forge("a").jwk;
    let mut listed = vec![
        serde_json::json!({"kty": "oct", "k": "AA"}),
        serde_json::json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        serde_json::json!(7),
        serde_json::json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "use": "enc"}),
    ];
    listed.push(good.clone());
    let read = |keys: &[Value]| read_keys(serde_json::json!({ "keys": keys }).to_string().as_bytes());
    assert_eq!(read(&listed).unwrap().len(), 1);
    assert!(read(&listed[..4]).unwrap_err().contains("key 1 is a symmetric key"));
    assert_eq!(read(&vec![good; 500]).unwrap().len(), KEY_LIMIT);
}

#[tokio::test]
async fn sets_are_shared_by_url() {
    let script = Script::new(&Forge::jwks(&[&forge("a")]));
    let sets = KeySets::new(script.clone(), 10, FLOOR);
    let url = Url::parse("https://idp.test/jwks").unwrap();
    assert!(has(&sets.keys(&url), "a", NOW).await.unwrap());
    assert!(has(&sets.keys(&url), "a", NOW).await.unwrap());
    assert_eq!(script.calls(), 1);
}

#[tokio::test]
async fn each_holder_keeps_its_own_bound_on_age() {
    let script = Script::new(&Forge::jwks(&[&forge("a")]));
    let sets = KeySets::new(script.clone(), 10, FLOOR);
    let url = Url::parse("https://idp.test/jwks").unwrap();
    let (short, long, week) = (sets.kept(&url, 300), sets.kept(&url, FRESH), sets.kept(&url, 30 * FRESH));
    for keys in [&short, &long, &week] {
        assert!(has(keys, "a", NOW).await.unwrap());
    }
    assert_eq!(script.calls(), 1, "shared");
    script.set(Ok(&Forge::jwks(&[&forge("b")])));
    for keys in [&long, &week] {
        assert!(has(keys, "a", NOW + 300).await.unwrap());
    }
    assert!(has(&short, "a", NOW + 299).await.unwrap());
    assert_eq!(script.calls(), 1);
    assert!(!has(&short, "a", NOW + 300).await.unwrap(), "the bound of one is not loosened by the others");
    assert_eq!(script.calls(), 2);
    for (keys, age) in [(&long, FRESH), (&week, LAST_GOOD)] {
        let script = script.clone();
        let fetched = NOW + 300;
        script.set(Err("down"));
        assert!(has(keys, "b", fetched + age - 1).await.unwrap());
        let calls = script.calls();
        assert_eq!(has(keys, "b", fetched + age).await.is_ok(), age < LAST_GOOD);
        assert_eq!(script.calls(), calls + 1, "due after {age} s");
    }
}

#[tokio::test]
async fn sets_in_use_are_fetched_before_they_are_due() {
    let script = Script::new(&Forge::jwks(&[&forge("a")]));
    let sets = KeySets::new(script.clone(), 10, FLOOR);
    let url = Url::parse("https://idp.test/jwks").unwrap();
    let (held, idle) = (sets.kept(&url, 3_600), sets.kept(&Url::parse("https://other.test/jwks").unwrap(), 3_600));
    assert!(has(&held, "a", NOW).await.unwrap() && has(&idle, "a", NOW).await.unwrap());
    assert!(has(&held, "a", NOW + 1).await.unwrap());
    sets.refresh_due(NOW + 3_600 - AHEAD - 1).await;
    assert_eq!(script.calls(), 2, "not due");
    script.set(Ok(&Forge::jwks(&[&forge("b")])));
    sets.refresh_due(NOW + 3_600 - AHEAD).await;
    assert_eq!(script.calls(), 3, "only what somebody has used since it was fetched");
    assert!(has(&held, "b", NOW + 3_600 - AHEAD).await.unwrap());
    assert_eq!(script.calls(), 3, "no request waited for that");
    script.set(Err("down"));
    for round in 0..24 {
        sets.refresh_due(NOW + 7_080 + round * 5).await;
    }
    assert_eq!(script.calls(), 3 + 2, "the floor holds for the background too");
    assert!(has(&held, "b", NOW + 7_080).await.unwrap());
    drop((held, idle));
    let again = sets.kept(&url, 3_600);
    assert!(has(&again, "b", NOW + 7_080).await.unwrap(), "a table built anew finds the keys");
}

#[tokio::test]
async fn a_flood_of_made_up_kids_slows_no_good_token() {
    let good = forge("a");
    let script = Script::new(&Forge::jwks(&[&good]));
    let keys = remote(&script);
    let rules = Arc::new(Rules::id_token(Issuer::OneOf(vec!["i".to_owned()]), "us", vec![Alg::ES256], 60));
    let claims = format!(r#"{{"iss":"i","sub":"s","aud":"us","iat":{NOW},"exp":{}}}"#, NOW + 3_000);
    let honest = good.sign(r#"{"alg":"ES256","kid":"a"}"#, &claims);
    verify(&honest, &keys, &rules, NOW).await.unwrap();
    let held = script.gate.acquire().await.unwrap();
    let mut flood = tokio::task::JoinSet::new();
    for n in 0..10_000 {
        let (keys, rules) = (keys.clone(), rules.clone());
        let (_, rest) = honest.split_once('.').unwrap();
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","kid":"x{n}"}}"#)));
        flood.spawn(async move { verify(&token, &keys, &rules, NOW + FLOOR).await.unwrap_err() });
    }
    while script.calls() < 2 {
        tokio::task::yield_now().await;
    }
    // The issuer hangs, and all that were made up wait; good tokens go through.
    for _ in 0..100 {
        verify(&honest, &keys, &rules, NOW + FLOOR).await.unwrap();
    }
    assert_eq!(script.calls(), 2);
    drop(held);
    assert!(flood.join_all().await.iter().all(|error| matches!(error, Invalid::UnknownKey(_))));
    assert_eq!(script.calls(), 2, "one fetch for ten thousand");
    verify(&honest, &keys, &rules, NOW + 2 * FLOOR).await.unwrap();
    assert_eq!(script.calls(), 2);
}

/// No request waits for the first fetch, and what cannot be reached is asked again by tokens alone.
#[tokio::test]
async fn keys_are_there_before_anybody_asks() {
    let script = Script::new(&Forge::jwks(&[&forge("a")]));
    let keys = remote(&script);
    keys.warm(NOW).await;
    assert_eq!(script.calls(), 1);
    keys.warm(NOW + 3_600).await;
    assert!(has(&keys, "a", NOW).await.unwrap());
    assert_eq!(script.calls(), 1, "it was there");
    script.set(Err("is down"));
    let keys = remote(&script);
    keys.warm(NOW).await;
    keys.warm(NOW + 3_600).await;
    assert_eq!(script.calls(), 2);
    assert!(has(&keys, "a", NOW + 3_600).await.is_err());
    assert_eq!(script.calls(), 3, "the token's own");
}

/// Whoever comes after a fetch that took long does not wait as long again: the floor counts from its end.
#[test]
fn a_floor_begins_where_a_fetch_ends() {
    let began = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
    assert_eq!((ended(NOW, began), ended(NOW, Instant::now())), (NOW + 10, NOW));
}
