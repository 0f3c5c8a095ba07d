//! When a token ends that is a JWT and is asked about.

use super::*;

#[tokio::test]
async fn the_earlier_of_both_ends_counts() {
    let forge = Forge::new(SigningAlg::ES256, Some("k"));
    let jwt = |exp: Option<i64>, iat: Option<i64>| {
        let mut claims = json!({"iss": ISSUER, "sub": "7", "aud": "us", "exp": exp, "iat": iat});
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        forge.sign(r#"{"alg":"ES256","kid":"k"}"#, &claims.to_string())
    };
    let (soon, late) = (Some(NOW + 40), Some(NOW + 300));
    let (old, young) = (Some(NOW - 100), Some(NOW - 5));
    for (theirs, said, exp, iat) in [
        ((soon, old), (late, young), soon, old),
        ((late, young), (soon, old), soon, old),
        ((soon, old), (None, None), soon, old),
        ((None, None), (soon, old), soon, old),
        ((late, young), (late, young), late, young),
        ((None, None), (None, None), None, None),
    ] {
        let script = Arc::new(Script::default());
        let mut answer = json!({"active": true, "sub": "7", "aud": "us", "exp": said.0, "iat": said.1});
        answer.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        script.says(&answer);
        let token = jwt(theirs.0, theirs.1);
        let validator = alone(&settings(600), &script);
        let good = ask(&validator, &token, NOW).await.unwrap();
        assert_eq!((good.claims.number("exp"), good.claims.number("iat")), (exp, iat), "{theirs:?} {said:?}");
        assert_eq!(good.keep_until, (NOW + 600).min(exp.unwrap_or(i64::MAX)));
        // What is opaque has but the answer's.
        let opaque = ask(&validator, OPAQUE, NOW).await.unwrap();
        assert_eq!((opaque.claims.number("exp"), opaque.claims.number("iat")), said);
    }
}
