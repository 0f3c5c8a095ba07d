//! Every sign-in that could make a user, in every provisioning mode, for people who are invited or not and whom a directory
//! knows or not: one table. The paths without a sign-in are in `provisioning_made`.

use gatehouse::{
    app::App,
    params,
    policy::email::Email,
    secret,
    store::{connections, identities, invites, tenants, users},
};

use crate::{
    browser::{Answer, Browser},
    invites::{desk, wanted},
    on_both,
    saml::{
        provider::{Provider, encoded},
        request::AuthnRequest,
        sso_saml::post,
    },
    sso::{Log, Sso, oidc},
    world::Backend,
};

on_both!(
    every_path_in_every_mode,
    a_record_is_the_persons_and_nobody_elses,
    both_ids_are_in_the_log,
    what_the_directory_has_shut_stays_shut
);

const MODES: [&str; 3] = ["jit", "invite", "scim"];
/// OpenID by the shared callback and by an own one, SAML by both, and SAML that nobody asked for.
const PATHS: [&str; 5] = ["okta", "okta-own", "corp", "corp-own", "silent"];

/// What a directory or an operator has made of the person before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    Nobody,
    /// A record whose externalId is the person's stable id, with a user of another address.
    ById,
    /// The same, without a user.
    Bare,
    /// A user with the address.
    ByEmail,
}

fn provider() -> Provider {
    Provider::new("saml")
}

fn state(idp: &crate::idp::Idp) -> String {
    let tenant = |mode: &str| {
        let oidc = oidc(idp);
        let landing =
            format!("idp_initiated: true, idp_initiated_client: {mode}, idp_initiated_url: \"https://{mode}.example/home\"");
        let corp = provider().settings("");
        let silent = provider().settings(&landing).replace(&format!("sso_url: \"{}\", ", provider().sso_url), "");
        format!(
            r#"
- name: {mode}
  domains: [{mode}.example]
  provisioning: {mode}
  connections:
  - {{name: okta, oidc: {oidc}}}
  - {{name: okta-own, own_callback: true, oidc: {oidc}}}
  - {{name: corp, email_trust: domain, saml: {corp}}}
  - {{name: corp-own, email_trust: domain, own_callback: true, saml: {corp}}}
  - {{name: silent, email_trust: domain, saml: {silent}}}
  clients:
  - {{client_id: {mode}, secret: s, redirect_uris: ["https://{mode}.example/cb"], trusted: true}}
"#
        )
    };
    format!("tenants:{}", MODES.iter().map(|mode| tenant(mode)).collect::<String>())
}

async fn tenant(app: &App, name: &str) -> tenants::Tenant {
    tenants::find_by_name(&app.db, name).await.unwrap().unwrap()
}

async fn user(app: &App, tenant: &str, email: &str) -> Option<users::User> {
    let id = self::tenant(app, tenant).await.id;
    users::find_by_email(&app.db, &id, &Email::parse(email).unwrap()).await.unwrap()
}

/// A directory of a connection, with one record.
async fn record(app: &App, tenant: &str, connection: &str, external_id: &str, user_id: Option<&str>, active: bool) -> String {
    let tenant_id = self::tenant(app, tenant).await.id;
    let connection = connections::find_by_name(&app.db, &tenant_id, connection).await.unwrap().unwrap();
    let (directory, id) = (secret::row_id(0), secret::row_id(0));
    let sql = "INSERT INTO directories (id, tenant_id, name, connection_id, enabled, settings, created_at) VALUES ($1, $2, $1, $3, TRUE, '{}', 0)";
    app.db.execute(sql, params![&directory, &tenant_id, &connection.id]).await.unwrap();
    let sql = "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, external_id, active, resource, version, created_at, updated_at) \
               VALUES ($1, $2, $3, $6, $1, $4, $5, '{}', 1, 0, 0)";
    app.db.execute(sql, params![&id, &directory, user_id, external_id, active, user_id.is_some()]).await.unwrap();
    id
}

/// Somebody comes in by a path: where they end.
async fn arrive(sso: &Sso, mode: &str, path: &str, subject: &str, email: &str) -> Answer {
    sso.idp.person(|p| {
        p["sub"] = subject.into();
        p["email"] = email.into();
        p["email_verified"] = true.into();
        p["name"] = "Somebody".into();
    });
    let mut browser = Browser::new();
    let about = |message: &mut crate::saml::provider::Message| {
        message.about(email);
        message.name_id = subject.to_owned();
        message.name_id_format = None;
    };
    if path == "silent" {
        let us = format!("{}/saml/{mode}/silent/metadata", sso.url);
        let acs = format!("{}/oauth2/callback", sso.url);
        let mut message = provider().unsolicited(&us, &acs, sso.clock.now());
        about(&mut message);
        return post(&mut browser, &acs, None, &encoded(&message.build())).await;
    }
    let page = browser.get(&sso.authorize_url(mode, &[])).await;
    let page = browser.follow(page).await;
    let departure = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", path)]).await;
    if path.starts_with("okta") {
        return browser.get(&sso.back(&departure).await).await;
    }
    let request = AuthnRequest::of(&departure);
    let mut message = provider().answer(&request, sso.clock.now());
    about(&mut message);
    post(&mut browser, &request.acs, request.relay_state.as_deref(), &encoded(&message.build())).await
}

fn is_in(answer: &Answer, mode: &str) -> bool {
    answer.query("code").is_some() || answer.location() == Some(&format!("https://{mode}.example/home"))
}

async fn every_path_in_every_mode(backend: Backend) {
    use There::{Bare, ByEmail, ById, Nobody};
    let sso = Sso::made(backend, state).await;
    let mut wrong = Vec::new();
    for mode in MODES {
        for path in PATHS {
            for (n, (invited, there)) in
                [false, true].into_iter().flat_map(|i| [Nobody, ById, Bare, ByEmail].map(|t| (i, t))).enumerate()
            {
                let name = format!("{mode} × {path} × invited {invited} × {there:?}");
                let (subject, email) = (format!("idp|{path}-{n}"), format!("{path}-{n}@{mode}.example"));
                let tenant = tenant(&sso.app, mode).await;
                if invited && mode != "scim" {
                    desk(&sso.app).invite(&tenant, &wanted(&email)).await.unwrap();
                }
                let before = match there {
                    Nobody | Bare => None,
                    ById => Some(existing(&sso, &tenant.id, &format!("old-{path}-{n}@{mode}.example")).await),
                    ByEmail => Some(existing(&sso, &tenant.id, &email).await),
                };
                if matches!(there, ById | Bare) {
                    record(&sso.app, mode, path, &subject, before.as_deref(), true).await;
                }
                let answer = arrive(&sso, mode, path, &subject, &email).await;
                let (expected, words) = match (there, mode, invited) {
                    // A record is no invite: whoever pushes could write any.
                    (Bare, "invite", false) => (false, "You have not been invited"),
                    (ById | Bare | ByEmail, _, _) | (_, "jit", _) | (_, "invite", true) => (true, ""),
                    (_, "invite", false) => (false, "You have not been invited"),
                    _ => (false, "has not been set up"),
                };
                let holder =
                    identities::owner(&sso.app.db, &connection(&sso.app, &tenant.id, path).await, &issuer(&sso, path), &subject)
                        .await
                        .unwrap();
                let holder = holder.map(|c| c.user_id);
                let right = is_in(&answer, mode) == expected
                    && answer.body.contains(words)
                    && holder.is_some() == expected
                    && before.is_none_or(|before| Some(before) == holder)
                    && (expected || user(&sso.app, mode, &email).await.is_none());
                if !right {
                    wrong.push(format!("{name}: {} {:?} {holder:?}", answer.status, answer.location()));
                }
                // An invite is used up by the user that it made, and by no other.
                if invited && mode != "scim" {
                    let invite =
                        invites::by_email(&sso.app.db, &tenant.id, &Email::parse(&email).unwrap()).await.unwrap().unwrap();
                    if invite.accepted_by.is_some() != matches!(there, Nobody | Bare) {
                        wrong.push(format!("{name}: accepted by {:?}", invite.accepted_by));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn existing(sso: &Sso, tenant_id: &str, email: &str) -> String {
    let id = secret::row_id(sso.clock.now());
    let sql = "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, created_at, updated_at) VALUES ($1, $2, $3, TRUE, FALSE, TRUE, 0, 0)";
    sso.app.db.execute(sql, params![&id, tenant_id, email]).await.unwrap();
    id
}

async fn connection(app: &App, tenant_id: &str, name: &str) -> String {
    connections::find_by_name(&app.db, tenant_id, name).await.unwrap().unwrap().id
}

fn issuer(sso: &Sso, path: &str) -> String {
    if path.starts_with("okta") { sso.idp.issuer().to_owned() } else { provider().entity_id }
}

async fn a_record_is_the_persons_and_nobody_elses(backend: Backend) {
    let sso = Sso::made(backend, state).await;
    // Known by the stable id: an address that nobody vouches for, or none, changes nothing.
    let tenant_id = tenant(&sso.app, "scim").await.id;
    let ada = existing(&sso, &tenant_id, "ada@scim.example").await;
    record(&sso.app, "scim", "okta", "00u-ada", Some(&ada), true).await;
    assert!(is_in(&arrive(&sso, "scim", "okta", "00u-ada", "ada@elsewhere.example").await, "scim"));
    let now = users::find(&sso.app.db, &ada).await.unwrap().unwrap();
    assert_eq!((now.email.as_str(), now.name), ("ada@scim.example", None), "what the directory says stays");
    // Of another connection, the same id is somebody else's.
    let answer = arrive(&sso, "scim", "okta-own", "00u-ada", "eve@scim.example").await;
    assert!(answer.status == 403 && answer.body.contains("has not been set up"), "{}", answer.body);
    // A directory can write any id: it leads to nobody who is more than its record made of them, unless an operator says so.
    for (who, more) in [
        ("boss", "UPDATE users SET admin = TRUE WHERE email = 'boss@scim.example'"),
        ("head", "UPDATE users SET platform = TRUE WHERE email = 'head@scim.example'"),
        ("filed", "UPDATE users SET declared = TRUE WHERE email = 'filed@scim.example'"),
        ("knows", "UPDATE users SET password_hash = 'x' WHERE email = 'knows@scim.example'"),
        ("linked", "UPDATE directory_users SET made_user = FALSE WHERE external_id = '00u-linked'"),
    ] {
        let id = existing(&sso, &tenant_id, &format!("{who}@scim.example")).await;
        record(&sso.app, "scim", "okta", &format!("00u-{who}"), Some(&id), true).await;
        sso.sql(more).await;
        let answer = arrive(&sso, "scim", "okta", &format!("00u-{who}"), "eve@scim.example").await;
        assert!(answer.status == 403 && answer.body.contains("has not been set up"), "{who}: {}", answer.body);
    }
    sso.sql("UPDATE directory_users SET pinned = external_id WHERE external_id = '00u-linked'").await;
    assert!(is_in(&arrive(&sso, "scim", "okta", "00u-linked", "eve@scim.example").await, "scim"));
    // Two records with one id name nobody.
    let bob = existing(&sso, &tenant_id, "bob@scim.example").await;
    record(&sso.app, "scim", "okta", "00u-bob", Some(&bob), true).await;
    record(&sso.app, "scim", "okta", "00u-bob", Some(&ada), true).await;
    assert_eq!(arrive(&sso, "scim", "okta", "00u-bob", "carl@scim.example").await.status, 403);
    // A record that has no user gets one, and two who come at once get one together.
    let grace = record(&sso.app, "scim", "okta", "00u-grace", None, true).await;
    let (one, two) = tokio::join!(
        arrive(&sso, "scim", "okta", "00u-grace", "grace@scim.example"),
        arrive(&sso, "scim", "okta", "00u-grace", "grace@scim.example")
    );
    assert!(is_in(&one, "scim") && is_in(&two, "scim"), "{} {}", one.body, two.body);
    let user = user(&sso.app, "scim", "grace@scim.example").await.unwrap();
    let row: Option<(String, bool)> =
        sso.app.db.optional("SELECT user_id, made_user FROM directory_users WHERE id = $1", params![&grace]).await.unwrap();
    assert_eq!(row, Some((user.id, true)), "and goes with the record");
}

async fn both_ids_are_in_the_log(backend: Backend) {
    let sso = Sso::made(backend, state).await;
    let id = record(&sso.app, "scim", "okta", "ada.lovelace", None, true).await;
    let sql = "UPDATE directory_users SET user_name = 'ada@scim.example' WHERE id = $1";
    sso.app.db.execute(sql, params![&id]).await.unwrap();
    let log = Log::capture();
    let answer = arrive(&sso, "scim", "okta", "00u-ada", "Ada@scim.example").await;
    assert_eq!(answer.status, 403);
    assert!(!answer.body.contains("ada.lovelace") && !answer.body.contains("00u-ada"), "the person is told neither");
    let text = log.text();
    let line = text.lines().find(|line| line.contains("page error")).unwrap();
    for words in ["ada.lovelace", "00u-ada", "externalId", "unique_id_claim"] {
        assert!(line.contains(words), "{words}: {line}");
    }
    drop(log);
    let log = Log::capture();
    assert_eq!(arrive(&sso, "scim", "okta", "00u-bob", "bob@scim.example").await.status, 403);
    assert!(!log.text().contains("externalId"), "where nothing is known, nothing is said");
}

async fn what_the_directory_has_shut_stays_shut(backend: Backend) {
    let sso = Sso::made(backend, state).await;
    let tenant_id = tenant(&sso.app, "jit").await.id;
    let refused = async |subject: &str, email: &str| {
        let answer = arrive(&sso, "jit", "okta", subject, email).await;
        assert!(answer.status == 403 && answer.body.contains("is deactivated"), "{subject}: {}", answer.body);
    };
    record(&sso.app, "jit", "okta", "00u-gone", None, false).await;
    refused("00u-gone", "gone@jit.example").await;
    assert!(user(&sso.app, "jit", "gone@jit.example").await.is_none(), "nobody is made");
    // Neither by an address that a user has, nor by an identity that is linked.
    existing(&sso, &tenant_id, "gone@jit.example").await;
    refused("00u-gone", "gone@jit.example").await;
    assert!(is_in(&arrive(&sso, "jit", "okta", "00u-here", "here@jit.example").await, "jit"));
    record(&sso.app, "jit", "okta", "00u-here", None, false).await;
    refused("00u-here", "here@jit.example").await;
    // A user of the record that is deactivated.
    let shut = existing(&sso, &tenant_id, "shut@jit.example").await;
    record(&sso.app, "jit", "okta", "00u-shut", Some(&shut), true).await;
    assert!(sso.shut_out(&shut).await.is_some());
    refused("00u-shut", "other@jit.example").await;
    assert!(!users::find(&sso.app.db, &shut).await.unwrap().unwrap().active);
}
