//! An issuer that hangs keeps nobody whose key is known, be it who has begun the fetch.

use super::*;

#[tokio::test]
async fn a_token_whose_key_is_known_waits_a_moment_at_most() {
    let script = Script::new(&Forge::jwks(&[&forge("a")]));
    let keys = remote(&script);
    assert!(has(&keys, "a", NOW).await.unwrap());
    let held = script.gate.acquire().await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_secs(20), has(&keys, "a", NOW + FRESH));
    assert!(waiting.await.expect("it goes on with the key that it has").unwrap());
    assert_eq!(script.calls(), 2, "the fetch is under way");
    // It goes on alone, and who knows no key waits for it.
    script.set(Ok(&Forge::jwks(&[&forge("b")])));
    drop(held);
    assert!(has(&keys, "b", NOW + FRESH).await.unwrap());
    assert!(!has(&keys, "a", NOW + FRESH).await.unwrap());
    assert_eq!(script.calls(), 2);
}
