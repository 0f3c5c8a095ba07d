//! What becomes of a row's tenant.

use gatehouse::{
    app,
    oauth::{
        client::{Client, GrantType, SigningAlg},
        redirect_uri::RedirectUri,
    },
    params,
    policy::{
        email::Email,
        identity::{EmailTrust, Provisioning},
    },
    signing,
    store::{
        audit::Actor,
        clients,
        connections::{self, Connection},
        directories, families,
        tenants::{self, Tenant},
        users::{self, User},
    },
    token::rotation::{Due, RotationPolicy},
};

use super::scene::Row;
use crate::{
    browser::Browser,
    world::{decode, text},
};

impl Row<'_> {
    pub async fn make(&mut self) {
        let (sso, db, now, name) = (self.sso, &self.sso.app.db, self.sso.clock.now(), self.name);
        let tenant = tenants::find_by_name(db, name).await.unwrap().unwrap();
        let both = [self.user("ada").await, self.user("bob").await];
        let [ada, bob] = &both;
        match name {
            "nothing" => {}
            "user-deactivated" => {
                for user in &both {
                    assert!(sso.shut_out(&user.id).await.is_some());
                }
            }
            // Whatever has not been told yet: another node's transaction, a session made in between.
            "user-inactive-flag" => {
                for user in &both {
                    assert_eq!(db.execute("UPDATE users SET active = FALSE WHERE id = $1", params![&user.id]).await.unwrap(), 1);
                }
            }
            "user-deleted" => {
                for user in &both {
                    assert!(sso.remove(&user.id).await.is_some());
                }
            }
            // What a directory sends, over SCIM.
            "shut-by-directory" => assert_eq!(self.pushed.active(&sso.url, false).await.status, 200),
            // The directory alone opens nothing that an operator has shut.
            "shut-by-operator" => {
                assert!(sso.shut_out(&ada.id).await.is_some());
                self.push_both().await;
            }
            "reactivated" => self.push_both().await,
            "directory-disabled" => {
                let off = directories::Directory { enabled: false, ..self.pushed.directory.clone() };
                directories::save(db, &off).await.unwrap();
            }
            "directory-deleted" => assert!(directories::delete(db, &self.pushed.directory.id).await.unwrap()),
            "directory-token-ended" => {
                let sql = "UPDATE directory_tokens SET expires_at = $2 WHERE directory_id = $1";
                assert_eq!(db.execute(sql, params![&self.pushed.directory.id, now]).await.unwrap(), 1);
            }
            "record-deleted" => assert_eq!(self.pushed.delete(&sso.url).await.status, 204),
            "tenant-disabled" => tenants::save(db, &Tenant { enabled: false, ..tenant }).await.unwrap(),
            "tenant-deleted" => assert!(tenants::delete(db, &tenant.id).await.unwrap()),
            "invite-only" => tenants::save(db, &Tenant { provisioning: Provisioning::Invite, ..tenant }).await.unwrap(),
            "directory-only" => tenants::save(db, &Tenant { provisioning: Provisioning::Scim, ..tenant }).await.unwrap(),
            "passwords-off" => tenants::save(db, &Tenant { password_login: false, ..tenant }).await.unwrap(),
            "password-changed" => {
                let hash = gatehouse::password::hash_now("another password of his").unwrap();
                let mut tx = db.begin().await.unwrap();
                assert!(users::set_password(&mut tx, &sso.app.sealer, &bob.id, Some(&hash), now).await.unwrap());
                tx.commit().await.unwrap();
            }
            "locked" => self.guess(10).await,
            "client-disabled" => self.client(|client| client.enabled = false).await,
            "client-deleted" => assert!(clients::delete(db, name).await.unwrap()),
            "redirect-taken" => {
                let other = RedirectUri::register("https://elsewhere.example/cb").unwrap();
                self.client(|client| client.settings.redirect_uris = vec![other]).await;
            }
            "code-grant-taken" => self.client(|client| client.settings.grant_types = vec![GrantType::ClientCredentials]).await,
            "refresh-grant-taken" => self.client(|client| client.settings.grant_types = vec![GrantType::AuthorizationCode]).await,
            "connection-disabled" => self.connections(|connection| connection.enabled = false).await,
            "login-off" => self.connections(|connection| connection.login_enabled = false).await,
            "idp-initiated-off" => {
                self.connections(|connection| {
                    if let Some(saml) = &mut connection.settings.saml {
                        (saml.idp_initiated, saml.idp_initiated_client, saml.idp_initiated_url) = (false, None, None);
                    }
                })
                .await;
            }
            "email-trust-never" => self.connections(|connection| connection.settings.email_trust = Some(EmailTrust::Never)).await,
            "connection-deleted" => {
                for connection in connections::of_tenant(db, &tenant.id).await.unwrap() {
                    assert!(connections::delete(db, &connection.id).await.unwrap());
                }
            }
            "family-revoked" => {
                for token in [&self.access, &self.hop_refresh.cookies["localhost"]["accessToken"]] {
                    let family = decode(token).1;
                    assert!(families::revoke(db, text(&family, "fam"), now).await.unwrap());
                }
            }
            "signing-key-retired" => self.retire_our_key().await,
            "session-idle" => sso.clock.advance(sso.app.settings.session_idle + 1),
            "signed-out" => self.sign_out("/account", "/account/sign-out").await,
            // As a client asks for it that has no ID token at hand: the person is asked first.
            "logged-out" => self.sign_out("/oauth2/logout", "/oauth2/logout/confirm").await,
            other => panic!("no such state: {other}"),
        }
    }

    async fn user(&self, who: &str) -> User {
        let db = &self.sso.app.db;
        let tenant = tenants::find_by_name(db, self.name).await.unwrap().unwrap();
        let email = Email::parse(&format!("{who}@{}.example", self.name)).unwrap();
        users::find_by_email(db, &tenant.id, &email).await.unwrap().unwrap()
    }

    async fn push_both(&self) {
        for active in [false, true] {
            assert_eq!(self.pushed.active(&self.sso.url, active).await.status, 200);
        }
    }

    async fn sign_out(&mut self, page: &str, to: &str) {
        let node = self.sso.url.clone();
        for browser in self.signed_in() {
            let csrf = browser.get(&format!("{node}{page}")).await.csrf();
            // A copy of the cookies is kept by somebody.
            let answer = browser.clone().post(&format!("{node}{to}"), &[("csrf", &csrf)]).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    }

    /// Somebody who does not know it guesses Bob's password.
    async fn guess(&self, times: usize) {
        let mut stranger = Browser::new();
        let page = stranger.get(&super::scene::authorize_url(self.sso, self.name)).await;
        let page = stranger.follow(page).await;
        let (csrf, email) = (page.csrf(), format!("bob@{}.example", self.name));
        for _ in 0..times {
            let form = [("csrf", csrf.as_str()), ("email", &email), ("password", "a guess")];
            assert_eq!(stranger.post(&format!("{}/password", page.url), &form).await.status, 422);
        }
    }

    async fn client(&self, change: impl FnOnce(&mut Client)) {
        let (db, now) = (&self.sso.app.db, self.sso.clock.now());
        let mut client = clients::find(db, self.name).await.unwrap().unwrap();
        change(&mut client);
        assert!(clients::save(db, &client, now).await.unwrap());
    }

    async fn connections(&self, change: impl Fn(&mut Connection)) {
        let db = &self.sso.app.db;
        let tenant = tenants::find_by_name(db, self.name).await.unwrap().unwrap();
        for mut connection in connections::of_tenant(db, &tenant.id).await.unwrap() {
            let before = connection.clone();
            change(&mut connection);
            assert_eq!(connections::save(db, &connection).await.unwrap(), connection != before);
        }
    }

    /// The key that signed the row's tokens leaves the JWKS, and its successor signs.
    async fn retire_our_key(&self) {
        let (app, now) = (&self.sso.app, self.sso.clock.now());
        let policy = RotationPolicy { lead: 0, ..app::rotation_policy(&app.settings) };
        let shell = Actor::command_line();
        let next = signing::rotate(&app.db, &app.sealer, &policy, SigningAlg::ES256, Due::Now, &shell, now).await.unwrap();
        let header = decode(&self.access).0;
        assert!(next.is_some_and(|kid| kid != text(&header, "kid")));
        let sql = "UPDATE signing_keys SET expires_at = $2 WHERE kid = $1";
        assert_eq!(app.db.execute(sql, params![text(&header, "kid"), now]).await.unwrap(), 1);
    }
}
