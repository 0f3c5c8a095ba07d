//! What a directory may not do to those who are there (threats P3, P7, G5): give them an address and prove it, hide a name,
//! take the last administrator away.

use gatehouse::{
    policy::{directory::DirectorySettings, email::Email},
    store::{
        connections,
        directories::{self, Directory},
        tenants, users,
    },
};
use serde_json::{Value, json};

use super::{Pusher, at, person, pusher};
use crate::{
    browser::{Answer, Browser},
    on_both,
    sso::{Log, Sso, oidc},
    world::{Backend, World},
};

on_both!(
    an_operators_lock_holds_the_address_too,
    a_pushed_address_of_somebody_who_is_there_proves_nothing,
    an_address_that_the_identity_does_not_say_is_proven_no_more,
    an_address_that_is_left_out_is_outside_no_less,
    names_that_hide_nothing,
    administrators_of_the_deployment_stay
);

async fn user_of(world: &World, email: &str) -> Option<users::User> {
    let tenant = tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
    users::find_by_email(&world.app.db, &tenant.id, &Email::parse(email).unwrap()).await.unwrap()
}

/// A tenant that signs in over two connections to one provider, and a directory of the first.
async fn with_two_connections(backend: Backend) -> (Sso, Pusher) {
    let sso = Sso::made(backend, |idp| {
        format!(
            "tenants:\n- name: acme\n  domains: [acme.example]\n  provisioning: jit\n  connections:\n  - {{name: okta, oidc: {0}}}\n  \
             - {{name: second, oidc: {0}}}\n  clients:\n  - {{client_id: web, secret: web-secret, redirect_uris: \
             [\"https://app.example/cb\"], trusted: true}}\n  users:\n  - {{email: file@acme.example}}\n",
            oidc(idp)
        )
    })
    .await;
    let tenant = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap();
    let connection = connections::find_by_name(&sso.app.db, &tenant.id, "okta").await.unwrap().unwrap().id;
    let directory = pusher(&sso.world, "acme", "okta", DirectorySettings::default(), Some(&connection)).await;
    (sso, directory)
}

fn known_as(name: &str, external_id: &str) -> Value {
    let mut body = person(name);
    body["externalId"] = json!(external_id);
    body
}

fn to(address: &str) -> Value {
    json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": address}])
}

/// Whoever is shut out could come back under an address of the directory's choice, as somebody new or as another's.
async fn an_operators_lock_holds_the_address_too(backend: Backend) {
    let (sso, directory) = with_two_connections(backend).await;
    for (who, state, follows) in [
        ("open", "UPDATE users SET name = name WHERE email = 'open@acme.example'", true),
        ("locked", "UPDATE users SET active = FALSE, shut_by = 'operator' WHERE email = 'locked@acme.example'", false),
        ("away", "UPDATE users SET active = FALSE, shut_by = 'directory' WHERE email = 'away@acme.example'", true),
        ("boss", "UPDATE users SET admin = TRUE WHERE email = 'boss@acme.example'", false),
        ("named", "UPDATE users SET declared = TRUE WHERE email = 'named@acme.example'", false),
    ] {
        let (old, new) = (format!("{who}@acme.example"), format!("{who}.new@acme.example"));
        let record = directory.user(&old).await;
        let before = user_of(&sso, &old).await.unwrap();
        assert_eq!(sso.sql(state).await, 1, "{who}");
        let log = Log::down_to(tracing::Level::WARN);
        let answer = directory.patch(&at(&record), to(&new)).await;
        assert_eq!((answer.status, &answer.json()["emails"][0]["value"]), (200, &json!(new)), "{who}: its record is its own");
        let (kept, moved) = (user_of(&sso, &old).await, user_of(&sso, &new).await);
        let (here, gone) = if follows { (moved, kept) } else { (kept, moved) };
        assert_eq!(here.map(|user| user.id), Some(before.id), "{who}");
        assert!(gone.is_none(), "{who}");
        assert_eq!(log.text().contains("whom an operator has shut out stays"), !follows, "{who}: {}", log.text());
    }
}

/// Else whoever holds a directory's token gives somebody's account an address of their own, and comes in by it over another
/// connection.
async fn a_pushed_address_of_somebody_who_is_there_proves_nothing(backend: Backend) {
    let (sso, directory) = with_two_connections(backend).await;
    let over = async |connection: &str, subject: &str, email: &str| over(&sso, connection, subject, email).await;
    assert!(over("okta", "00u-kim", "kim@acme.example").await.query("code").is_some());
    let kim = directory.made("/Users", &known_as("kim@acme.example", "00u-kim")).await;
    assert!(user_of(&sso, "kim@acme.example").await.unwrap().email_proven, "what her provider has said");
    assert_eq!(directory.patch(&at(&kim), to("eve@acme.example")).await.status, 200);
    let user = user_of(&sso, "eve@acme.example").await.expect("the address follows");
    assert!(!user.email_proven, "and proves nothing, although the domain is the tenant's own");
    let answer = over("second", "idp|eve", "eve@acme.example").await;
    assert!(answer.status == 403 && answer.body.contains("belongs to another sign-in"), "{}", answer.body);
    assert!(over("okta", "00u-kim", "whatever@acme.example").await.query("code").is_some(), "she herself comes in as before");
    // Who comes in by a password has no identity at the provider, and is there no less.
    let states = ["password_hash = 'x'", "signed_in_at = 1"];
    for (n, state) in states.into_iter().enumerate() {
        let (old, new) = (format!("zoe{n}@acme.example"), format!("kim{n}@acme.example"));
        let zoe = directory.user(&old).await;
        assert_eq!(sso.sql(format!("UPDATE users SET {state} WHERE email = '{old}'").leak()).await, 1);
        assert_eq!(directory.patch(&at(&zoe), to(&new)).await.status, 200);
        assert!(!user_of(&sso, &new).await.expect("the address follows").email_proven, "{state}");
        let answer = over("second", &format!("idp|kim{n}"), &new).await;
        assert!(answer.status == 403 && answer.body.contains("belongs to another sign-in"), "{state}: {}", answer.body);
    }
    // Of whom nobody knows yet the directory is the only word there is.
    let ray = directory.user("ray@acme.example").await;
    assert_eq!(directory.patch(&at(&ray), to("raymond@acme.example")).await.status, 200);
    let user = user_of(&sso, "raymond@acme.example").await.unwrap();
    assert!(user.email_proven);
    assert!(over("second", "idp|ray", "raymond@acme.example").await.query("code").is_some());
    assert_eq!(user_of(&sso, "raymond@acme.example").await.unwrap().id, user.id);
    // Outside of the tenant's domains it proves nothing either.
    let zoe = directory.user("zoe@acme.example").await;
    assert_eq!(directory.patch(&at(&zoe), to("zoe@elsewhere.example")).await.status, 200);
    assert!(!user_of(&sso, "zoe@elsewhere.example").await.unwrap().email_proven);
}

/// A sign-in over one of the two connections.
async fn over(sso: &Sso, connection: &str, subject: &str, email: &str) -> Answer {
    sso.person(subject, email);
    let mut browser = Browser::new();
    let page = browser.get(&sso.authorize_url("web", &[])).await;
    let page = browser.follow(page).await;
    let departure = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", connection)]).await;
    browser.get(&sso.back(&departure).await).await
}

/// Whoever held a directory's token and any account at the provider was told that another's address is verified as theirs, and
/// that other came in to their account over a second connection.
async fn an_address_that_the_identity_does_not_say_is_proven_no_more(backend: Backend) {
    let (sso, directory) = with_two_connections(backend).await;
    directory.made("/Users", &known_as("kim@acme.example", "00u-eve")).await;
    assert!(user_of(&sso, "kim@acme.example").await.unwrap().email_proven, "as long as nobody is there");
    assert!(over(&sso, "okta", "00u-eve", "eve@evil.example").await.query("code").is_some());
    assert!(!user_of(&sso, "kim@acme.example").await.unwrap().email_proven);
    let links = super::adoption::changes_of(&sso, "link").await;
    assert_eq!(links[0]["email_proven"], json!({"was": true, "is": false}), "{links:?}");
    let answer = over(&sso, "second", "idp|kim", "kim@acme.example").await;
    assert!(answer.status == 403 && answer.body.contains("belongs to another sign-in"), "{}", answer.body);
    assert!(over(&sso, "okta", "00u-eve", "eve@evil.example").await.query("code").is_some(), "who they are they stay");
    // Honestly: where both say the same.
    directory.made("/Users", &known_as("ray@acme.example", "00u-ray")).await;
    assert!(over(&sso, "okta", "00u-ray", "Ray@acme.example").await.query("code").is_some());
    let ray = user_of(&sso, "ray@acme.example").await.unwrap();
    assert!(ray.email_proven);
    assert!(over(&sso, "second", "idp|ray", "ray@acme.example").await.query("code").is_some());
    let sql = "SELECT COUNT(*) FROM identities WHERE user_id = $1";
    assert_eq!(sso.app.db.all::<(i64,)>(sql, gatehouse::params![&ray.id]).await.unwrap(), [(2,)]);
}

/// A directory that may bring in nobody outside of the tenant's domains left the address to the sign-in.
async fn an_address_that_is_left_out_is_outside_no_less(backend: Backend) {
    let (sso, directory) = with_two_connections(backend).await;
    assert_eq!(sso.sql("UPDATE tenants SET provisioning = 'scim' WHERE name = 'acme'").await, 1);
    let settings = DirectorySettings { proven_domains_only: true, ..DirectorySettings::default() };
    directories::save(&sso.app.db, &Directory { settings, ..directory.row.clone() }).await.unwrap();
    let bare = |name: &str| json!({"userName": name, "externalId": format!("00u-{name}")});
    super::refused(&directory.post("/Users", &known_as("eve@evil.example", "00u-eve")).await, 400, Some("invalidValue"));
    for name in ["eve", "ray"] {
        directory.made("/Users", &bare(name)).await;
    }
    let answer = over(&sso, "okta", "00u-eve", "eve@evil.example").await;
    assert!(answer.status == 403 && answer.body.contains("has not been set up"), "{}", answer.body);
    assert!(user_of(&sso, "eve@evil.example").await.is_none());
    // Honestly: at home, and anywhere if the directory may say so.
    assert!(over(&sso, "okta", "00u-ray", "ray@acme.example").await.query("code").is_some());
    directories::save(&sso.app.db, &directory.row).await.unwrap();
    assert!(over(&sso, "okta", "00u-eve", "eve@evil.example").await.query("code").is_some());
}

async fn names_that_hide_nothing(backend: Backend) {
    let (sso, directory) = with_two_connections(backend).await;
    let group = |name: &str| json!({"displayName": name});
    let fine = directory.made("/Groups", &group("Équipe 信頼性 🔥")).await;
    for name in ["SRE\u{200b}", "\u{202e}SRE", "S\u{7}RE", "SRE\u{3164}", " SRE"] {
        super::refused(&directory.post("/Groups", &group(name)).await, 400, Some("invalidValue"));
        let renamed = directory.patch(&at(&fine), json!([{"op": "replace", "path": "displayName", "value": name}])).await;
        super::refused(&renamed, 400, Some("invalidValue"));
    }
    assert_eq!(directory.get(&at(&fine)).await.json(), fine);
    // Joiners where they can be seen are part of ordinary words and pictures.
    for name in ["تیم می\u{200c}خواهم", "क्\u{200d}षमा", "👩🏽\u{200d}💻 platform"] {
        directory.made("/Groups", &group(name)).await;
        let mut body = person(name);
        body["emails"] = json!([]);
        directory.made("/Users", &body).await;
    }
    for name in ["ad\u{200d}min", "ad\u{200c}min", "kim\u{202e}", "🔥\u{200d}🚀"] {
        super::refused(&directory.post("/Groups", &group(name)).await, 400, Some("invalidValue"));
        super::refused(&directory.post("/Users", &person(name)).await, 400, Some("invalidValue"));
    }
    // What people are called is shown without what deceives, and comes back to the source as it was sent.
    for (n, (said, shown)) in
        [("Kim\u{202e}nimda\u{200b}", "Kimnimda"), ("علی\u{200c}رضا", "علی\u{200c}رضا"), ("Kim\nOde", "Kim Ode")]
            .into_iter()
            .enumerate()
    {
        let email = format!("named{n}@acme.example");
        let mut body = person(&email);
        body["displayName"] = json!(said);
        assert_eq!(directory.made("/Users", &body).await["displayName"], json!(said));
        assert_eq!(user_of(&sso, &email).await.unwrap().name.as_deref(), Some(shown));
    }
}

/// Also where the tenant has administrators of its own, and when the two last go at once.
async fn administrators_of_the_deployment_stay(backend: Backend) {
    let (sso, directory) = with_two_connections(backend).await;
    let [ada, bob] = [directory.user("ada@acme.example").await, directory.user("bob@acme.example").await];
    sso.sql("UPDATE users SET admin = TRUE WHERE email = 'file@acme.example'").await;
    sso.sql("UPDATE users SET platform = TRUE WHERE email IN ('ada@acme.example', 'bob@acme.example')").await;
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    for answer in [
        directory.patch(&at(&ada), off.clone()).await,
        directory.patch(&at(&ada), to("new@acme.example")).await,
        directory.delete(&at(&bob)).await,
    ] {
        super::refused(&answer, 409, None);
        assert!(answer.body.contains("administers the deployment"), "{}", answer.body);
    }
    assert_eq!(sso.sql("UPDATE users SET name = name WHERE platform AND active").await, 2);
    // Who administers it no more is a person like any other.
    sso.sql("UPDATE users SET platform = FALSE WHERE email = 'ada@acme.example'").await;
    assert_eq!(directory.patch(&at(&ada), off).await.status, 200);
    assert!(!user_of(&sso, "ada@acme.example").await.unwrap().active);
}
