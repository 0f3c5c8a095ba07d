//! Our keys on the deployment's page: which there are, and the next one by hand.

use gatehouse::store::{audit, keys, users};

use crate::{admin_pages::Desk, on_both, world::Backend};

on_both!(a_key_is_followed_by_hand,);

async fn a_key_is_followed_by_hand(backend: Backend) {
    let desk = Desk::new(backend).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at("/admin/_/keys")).await;
    for words in ["ES256", "RS256", "EdDSA", "Followed by the next", "the first SAML connection makes it", "ID tokens"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    let count = keys::all(&desk.app.db).await.unwrap().len();
    let path = "/admin/_/keys/ES256/rotate";
    let ask = ada.get(&desk.at(path)).await;
    assert!(ask.body.contains("Nobody is signed out.") && ask.body.contains("signs in 6 min"), "{}", ask.body);
    assert_eq!(keys::all(&desk.app.db).await.unwrap().len(), count, "a question makes none");
    let answer = ada.post(&desk.at(path), &[("csrf", &ask.csrf())]).await;
    assert_eq!(answer.location(), Some("/admin/_/keys?done=rotated"), "{}", answer.body);
    let answer = ada.post(&desk.at(path), &[("csrf", &ask.csrf())]).await;
    assert_eq!(answer.location(), Some("/admin/_/keys?done=waiting"), "{}", answer.body);
    let all = keys::all(&desk.app.db).await.unwrap();
    assert_eq!(all.len(), count + 1);
    let page = ada.get(&desk.at("/admin/_/keys")).await;
    let next = all.iter().rfind(|key| key.alg == "ES256").unwrap();
    assert!(page.body.contains(&next.kid) && page.body.contains(">next<") && !page.body.contains(path), "{}", page.body);
    assert!(!page.body.contains(&next.private_sealed));
    let log = audit::page(&desk.app.db, &audit::Filter { action: Some("rotate"), ..Default::default() }, None, 10).await.unwrap();
    assert_eq!(
        (log.len(), log[0].actor.as_str(), log[0].subject.as_str()),
        (1, "administrator ada@acme.example", "signing key ES256")
    );
    desk.clock.advance(361);
    let page = ada.get(&desk.at("/admin/_/keys")).await;
    assert!(page.body.contains(">retiring<") && page.body.contains(path), "{}", page.body);
    assert_eq!(ada.get(&desk.at("/admin/_/keys/none/rotate")).await.status, 404);
}
