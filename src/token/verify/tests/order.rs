//! What is told to whom: nothing of the claims to those who cannot sign.

use super::*;

/// Whoever cannot sign learns nothing of what is asked for: all that is wrong with claims is told of signed ones alone.
#[tokio::test]
async fn claims_are_judged_of_no_one_who_has_not_signed() {
    let (idp, evil) = (Idp::new(), Forge::new(SigningAlg::ES256, Some("k")));
    let mut rules = Rules { max_age: Some(100), longest: Some(600), ..id_rules() };
    rules.required.push("email".to_owned());
    let full = but(&claims(), "email", json!("a@b"));
    idp.judge(&header(), &full, &rules).await.unwrap();
    let header = header().to_string();
    for (claims, text) in [
        (but(&full, "iss", json!("https://evil.test")), "Invalid issuer"),
        (but(&full, "aud", json!("them")), "Invalid audience"),
        (but(&full, "azp", json!("them")), "JWT validation failed"),
        (without(&full, "email"), "Missing required claims: email"),
        (without(&full, "exp"), "Missing required claims: exp"),
        (but(&full, "nbf", json!(NOW + 600)), "Token is not yet valid"),
        (but(&full, "iat", json!(NOW - 600)), "Token is expired"),
        (but(&full, "sub", json!(5)), "JWT validation failed"),
    ] {
        let signed = idp.judge_text(&header, &claims.to_string(), &rules).await.unwrap_err();
        assert_eq!(signed.to_string(), text, "{claims}");
        let stranger = evil.sign(&header, &claims.to_string());
        let garbled = format!("{}.{}", &stranger[..stranger.rfind('.').unwrap()], "A".repeat(86));
        for unsigned in [stranger, garbled] {
            let error = verify(&unsigned, &idp.keys, &rules, NOW).await.unwrap_err();
            assert_eq!(error, Invalid::Signature, "{claims}");
        }
        let unknown = idp.judge_text(&header.replace("\"k\"", "\"other\""), &claims.to_string(), &rules).await.unwrap_err();
        assert!(matches!(unknown, Invalid::UnknownKey(_)), "{claims}: {unknown:?}");
    }
    // That it has expired its writer knows.
    let old = but(&but(&full, "aud", json!("them")), "exp", json!(NOW - 60));
    assert_eq!(
        verify(&evil.sign(&header, &old.to_string()), &idp.keys, &rules, NOW).await.unwrap_err().to_string(),
        "Token is expired"
    );
}
