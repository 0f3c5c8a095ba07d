//! An address that a directory has said and nobody has vouched for: a sign-in proves it as it proves any other, and only to whom
//! the provider's word counts.

use gatehouse::{
    policy::identity::EmailTrust,
    store::{connections, users},
};
use serde_json::{Value, json};

use super::{
    accounts::{known_as, user_of, with_provider},
    adoption::{changes_of, comes_in},
};
use crate::{
    on_both,
    sso::Sso,
    world::{Backend, decode, text},
};

on_both!(
    a_later_sign_in_proves_it,
    the_first_sign_in_proves_it,
    whose_word_does_not_count_proves_nothing,
    another_address_proves_nothing
);

async fn is_proven(sso: &Sso, email: &str) -> bool {
    user_of(sso, email).await.unwrap().email_proven
}

async fn trust(sso: &Sso, trust: EmailTrust) {
    let tenant = user_of(sso, "kim@elsewhere.example").await.unwrap().tenant_id;
    let mut connection = connections::of_tenant(&sso.app.db, &tenant).await.unwrap().remove(0);
    connection.settings.email_trust = Some(trust);
    assert!(connections::save(&sso.app.db, &connection).await.unwrap());
}

async fn a_later_sign_in_proves_it(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    // One who came by themselves, one whom a directory has brought, and one of whom it speaks besides.
    directory.made("/Users", &known_as("ray@acme.example", "00u-ray")).await;
    for (id, email) in [("00u-kim", "kim@acme.example"), ("00u-ray", "ray@acme.example"), ("00u-zoe", "zoe@acme.example")] {
        assert!(comes_in(&sso, id, email).await.is_ok());
    }
    directory.made("/Users", &known_as("zoe@acme.example", "00u-zoe")).await;
    for (id, email) in [("00u-kim", "kim@acme.example"), ("00u-ray", "ray@acme.example"), ("00u-zoe", "zoe@acme.example")] {
        sso.sql("UPDATE users SET email_proven = FALSE").await;
        let tokens = comes_in(&sso, id, email).await.unwrap();
        assert!(is_proven(&sso, email).await, "{email}");
        assert_eq!(decode(text(&tokens, "id_token")).1["email_verified"], json!(true), "{email}");
        let entry = changes_of(&sso, "update").await.pop().expect("an entry of it");
        assert_eq!(entry["email_proven"], json!({"was": false, "is": true}), "{entry}");
    }
}

async fn the_first_sign_in_proves_it(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    directory.made("/Users", &known_as("kim@elsewhere.example", "00u-kim")).await;
    assert!(!is_proven(&sso, "kim@elsewhere.example").await, "no domain of the tenant's");
    assert!(comes_in(&sso, "00u-kim", "KIM@elsewhere.example").await.is_ok());
    assert!(is_proven(&sso, "kim@elsewhere.example").await);
}

async fn whose_word_does_not_count_proves_nothing(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    let verified = |is: Value| sso.idp.person(|p| p["email_verified"] = is);
    directory.made("/Users", &known_as("kim@elsewhere.example", "00u-kim")).await;
    // The first sign-in, and later ones.
    for round in 0..2 {
        verified(json!(false));
        assert!(comes_in(&sso, "00u-kim", "kim@elsewhere.example").await.is_ok());
        assert!(!is_proven(&sso, "kim@elsewhere.example").await, "not verified, {round}");
        verified(json!("true"));
        assert!(comes_in(&sso, "00u-kim", "kim@elsewhere.example").await.is_ok());
        assert!(!is_proven(&sso, "kim@elsewhere.example").await, "a text, {round}");
    }
    verified(json!(true));
    trust(&sso, EmailTrust::Never).await;
    assert!(comes_in(&sso, "00u-kim", "kim@elsewhere.example").await.is_ok());
    assert!(!is_proven(&sso, "kim@elsewhere.example").await, "whose word never counts");
    // Nor does one who is kept out.
    trust(&sso, EmailTrust::Verified).await;
    let kim = user_of(&sso, "kim@elsewhere.example").await.unwrap().id;
    assert!(sso.shut_out(&kim).await.is_some());
    assert!(comes_in(&sso, "00u-kim", "kim@elsewhere.example").await.is_err());
    assert!(!users::find(&sso.app.db, &kim).await.unwrap().unwrap().email_proven);
    // Honestly.
    assert_eq!(sso.open_again(&kim).await, users::Opened::Open);
    assert!(comes_in(&sso, "00u-kim", "kim@elsewhere.example").await.is_ok());
    assert!(is_proven(&sso, "kim@elsewhere.example").await);
}

/// Of whom a directory speaks, the provider's other address changes nothing.
async fn another_address_proves_nothing(backend: Backend) {
    let (sso, directory) = with_provider(backend).await;
    directory.made("/Users", &known_as("kim@elsewhere.example", "00u-kim")).await;
    for _ in 0..3 {
        assert!(comes_in(&sso, "00u-kim", "kim@acme.example").await.is_ok());
        assert!(!is_proven(&sso, "kim@elsewhere.example").await);
    }
    assert!(user_of(&sso, "kim@acme.example").await.is_none());
}
