//! What is expected, who may, what is lost, and lists.

use gatehouse::apply::single::list;

use super::*;
use crate::on_both_databases;

on_both_databases!(
    what_is_expected_must_be_so,
    the_platforms_own_is_for_its_administrators,
    deleting_says_which_roles_are_lost,
    somebody_can_still_administer_the_tenant,
    lists_are_searched_and_paged,
);

async fn what_is_expected_must_be_so(db: &Db) {
    apply(db, &rich()).await.unwrap();
    apply(db, &json!({"name": "other", "clients": [{"client_id": "theirs", "redirect_uris": ["https://o.example/"]}]}))
        .await
        .unwrap();
    let (sealer, root) = (sealer(), root());
    let order = order(&sealer, &root);
    let team = json!({"name": "sre"});
    let refused = put_as(db, &order, Noun::Teams, None, &team, Expect::New).await;
    assert!(matches!(refused, Err(Refusal::Exists)), "{refused:?}");
    let refused = put_as(db, &order, Noun::Teams, Some("new"), &json!({}), Expect::There).await;
    assert!(matches!(refused, Err(Refusal::Missing)), "{refused:?}");
    put_as(db, &order, Noun::Teams, Some("new"), &json!({}), Expect::New).await.unwrap();
    assert_eq!(paths(put(db, Noun::Teams, Some("new"), &json!({"name": "newer"})).await), ["name"]);
    assert_eq!(paths(put(db, Noun::Users, Some("ada@acme.example"), &json!({"email": "x@acme.example"})).await), ["email"]);
    put(db, Noun::Resources, Some("a~1b~0c:x/y:z"), &json!({})).await.unwrap();
    assert_eq!(names(db, Noun::Resources).await.len(), 2);
    // What is another tenant's is not there, and nobody learns whose it is.
    assert_eq!(show(db, Noun::Clients, "theirs").await, Value::Null);
    assert!(matches!(remove(db, Noun::Clients, "theirs").await, Err(Refusal::Missing)));
    let taken = put(db, Noun::Clients, None, &json!({"client_id": "theirs", "redirect_uris": ["https://o.example/"]})).await;
    let Err(Refusal::Faults(faults)) = taken else { panic!("{taken:?}") };
    assert_eq!((faults[0].path.as_str(), faults[0].text.as_str()), ("client_id", "client_id theirs is taken; choose another"));
}

async fn the_platforms_own_is_for_its_administrators(db: &Db) {
    apply(db, &rich()).await.unwrap();
    db.execute("UPDATE users SET platform = TRUE WHERE email = 'bob@acme.example'", params![]).await.unwrap();
    let (sealer, root) = (sealer(), root());
    let tenant = Order { platform: false, ..order(&sealer, &root) };
    let forbidden = |refused: Result<Plan, Refusal>| matches!(refused, Err(Refusal::Forbidden(_)));
    let (app, bob) = (show(db, Noun::Sites, "app").await, json!({"password": "mine now"}));
    assert!(forbidden(put_as(db, &tenant, Noun::Sites, Some("app"), &app, Expect::Any).await));
    assert!(forbidden(remove_as(db, &tenant, Noun::Sites, "app").await));
    assert!(forbidden(put_as(db, &tenant, Noun::Users, Some("bob@acme.example"), &bob, Expect::Any).await));
    assert!(forbidden(remove_as(db, &tenant, Noun::Users, "bob@acme.example").await));
    assert!(forbidden(remove_as(db, &tenant, Noun::Tenant, "acme").await));
    let mut tx = db.begin().await.unwrap();
    assert!(matches!(single::establish(&mut tx, &tenant, &json!({"name": "mine"})).await, Err(Refusal::Forbidden(_))));
    drop(tx);
    let body = json!({"domains": ["acme.example", "bank.example"], "enabled": false, "display_name": "x"});
    assert_eq!(paths(put_as(db, &tenant, Noun::Tenant, Some("acme"), &body, Expect::Any).await), ["domains", "enabled"]);
    // What is theirs they may.
    let shown = show(db, Noun::Tenant, "acme").await;
    put_as(db, &tenant, Noun::Tenant, Some("acme"), &shown, Expect::Any).await.unwrap();
    put_as(db, &tenant, Noun::Users, Some("eve@acme.example"), &bob, Expect::Any).await.unwrap();
    put(db, Noun::Users, Some("bob@acme.example"), &bob).await.unwrap();
    put(db, Noun::Sites, Some("app"), &app).await.unwrap();
}

async fn deleting_says_which_roles_are_lost(db: &Db) {
    apply(db, &rich()).await.unwrap();
    for (noun, name, label, lost) in [
        (Noun::Sites, "app", "site acme/app", vec![]),
        (Noun::ExternalIdentities, "ci", "external identity acme/ci", vec!["viewer on model gpt"]),
        (Noun::Teams, "sre", "team acme/sre", vec!["manager on model gpt"]),
        (Noun::Users, "bob@acme.example", "user acme/bob@acme.example", vec![]),
        (Noun::Resources, "model:gpt", "resource acme/model gpt", vec![]),
        (Noun::Clients, "spa", "client spa", vec![]),
        (Noun::Directories, "okta", "directory acme/okta", vec![]),
        (Noun::TrustedIssuers, "github", "trusted issuer acme/github", vec![]),
        (Noun::Connections, "okta", "connection acme/okta", vec![]),
        (Noun::Tenant, "acme", "tenant acme", vec![]),
    ] {
        let mut tx = db.begin().await.unwrap();
        let (sealer, root) = (sealer(), root());
        let asked = single::remove(&mut tx, &order(&sealer, &root), &acme(db).await, noun, name).await.unwrap();
        drop(tx);
        assert_eq!((asked.lines[0].action, asked.lines[0].name.as_str()), (Action::Delete, label));
        assert_eq!(asked.lines[0].fields, lost);
        assert!(show(db, noun, name).await.is_object(), "to ask deletes nothing");
        assert_eq!(remove(db, noun, name).await.unwrap(), asked);
        if noun != Noun::Tenant {
            assert_eq!(show(db, noun, name).await, Value::Null);
            assert!(matches!(remove(db, noun, name).await, Err(Refusal::Missing)));
        }
    }
    assert!(tenants::find_by_name(db, "acme").await.unwrap().is_none());
}

async fn somebody_can_still_administer_the_tenant(db: &Db) {
    apply(db, &rich()).await.unwrap();
    let last = |refused: Result<Plan, Refusal>| matches!(refused, Err(Refusal::LastAdministrator));
    for body in [json!({}), json!({"admin": true, "active": false})] {
        assert!(last(put(db, Noun::Users, Some("ada@acme.example"), &body).await), "{body}");
    }
    assert!(last(remove(db, Noun::Users, "ada@acme.example").await));
    assert_eq!(show(db, Noun::Users, "ada@acme.example").await["admin"], true);
    let (sealer, root) = (sealer(), root());
    let forced = Order { force: true, ..order(&sealer, &root) };
    put_as(db, &forced, Noun::Users, Some("ada@acme.example"), &json!({}), Expect::Any).await.unwrap();
    put(db, Noun::Users, Some("ada@acme.example"), &json!({"admin": true})).await.unwrap();
    put(db, Noun::Users, Some("bob@acme.example"), &json!({"admin": true})).await.unwrap();
    remove(db, Noun::Users, "ada@acme.example").await.unwrap();
    let receipt: Vec<(String,)> = db.all("SELECT actor FROM receipts", params![]).await.unwrap();
    assert_eq!(receipt, [("administrator root@acme.example".to_owned(),)]);
}

async fn lists_are_searched_and_paged(db: &Db) {
    apply(db, &rich()).await.unwrap();
    let tenant = acme(db).await;
    for n in 0..25 {
        put(db, Noun::Teams, None, &json!({"name": format!("team_{n:02}")})).await.unwrap();
        put(db, Noun::Resources, None, &json!({"type": (["a", "b"][n % 2]), "name": format!("{n:02}")})).await.unwrap();
    }
    for noun in [Noun::Teams, Noun::Resources] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let part = list(db, &sealer(), &tenant, noun, "", &after, 10).await.unwrap();
            seen.extend(part.items.iter().map(|item| noun.name_in(item.as_object().unwrap()).unwrap()));
            let Some(next) = part.next else { break };
            assert_eq!((part.items.len(), seen.last()), (10, Some(&next)));
            after = next;
        }
        assert_eq!(seen, names(db, noun).await);
        assert_eq!(seen.len(), 27);
    }
    for (noun, search, count) in [
        (Noun::Teams, "TEAM_1", 10),
        (Noun::Teams, "%", 0),
        (Noun::Teams, "m_0", 10),
        (Noun::Users, "ADA", 1),
        (Noun::Resources, "gpt", 1),
        (Noun::Connections, "kt", 1),
        (Noun::Tenant, "acm", 1),
        (Noun::Clients, "-", 1),
        (Noun::TrustedIssuers, "x", 0),
        (Noun::Sites, "o", 1),
        (Noun::Teams, "\0", 0),
        (Noun::Directories, "okta", 1),
        (Noun::ExternalIdentities, "c", 1),
        (Noun::VirtualAccounts, "b", 2),
    ] {
        let part = list(db, &sealer(), &tenant, noun, search, "", 100).await.unwrap();
        assert_eq!(part.items.len(), count, "{noun:?} {search}");
    }
}
