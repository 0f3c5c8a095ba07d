//! What becomes of a row's tenant.

use gatehouse::{
    app, oauth,
    oauth::client::SigningAlg,
    params,
    policy::api_scope::ApiScopes,
    signing,
    store::{
        audit::Actor,
        clients, connections, directories, families,
        tenant_tokens::{self, ServiceToken},
        tenants::{self, Tenant},
        users::{self, User},
    },
    token::rotation::{Due, RotationPolicy},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::scene::{Row, enter};
use crate::{
    browser::Browser,
    guesses::guess,
    world::{decode, text},
};

impl Row<'_> {
    pub async fn make(&mut self) {
        let (world, db, now) = (self.world, &self.world.app.db, self.world.clock.now());
        let both = [self.ada.user.id.clone(), self.root.user.id.clone()];
        let of = |what: &str| format!("tenants/{}/{what}", self.name);
        match self.name {
            "nothing" => {}
            "tenant-disabled" => tenants::save(db, &Tenant { enabled: false, ..self.tenant.clone() }).await.unwrap(),
            "tenant-deleted" => assert!(tenants::delete(db, &self.tenant.id).await.unwrap()),
            "admin-deactivated" => {
                for id in &both {
                    assert!(world.shut_out(id).await.is_some());
                }
            }
            "admin-shut-by-directory" => assert_eq!(self.pushed.active(&world.url, false).await.status, 200),
            "admin-readmitted" => {
                for id in &both {
                    assert!(world.shut_out(id).await.is_some());
                    assert_eq!(world.open_again(id).await, users::Opened::Open);
                }
            }
            "admin-deleted" => {
                for id in &both {
                    assert!(world.remove(id).await.is_some());
                }
            }
            "demoted" => self.administer(false).await,
            "demoted-and-back" => {
                self.administer(false).await;
                self.administer(true).await;
            }
            "password-changed" => {
                let body = json!({"password": "another password of hers", "admin": true});
                self.by_service(Method::PUT, &of(&format!("users/{}", self.ada.user.email.as_str())), Some(body)).await;
            }
            "passwords-off" => tenants::save(db, &Tenant { password_login: false, ..self.tenant.clone() }).await.unwrap(),
            "locked" => guess(world, self.name, self.ada.user.email.as_str(), &self.address, 10).await,
            "signed-out" => {
                for person in [&self.ada, &self.root] {
                    // A copy of the cookies is kept.
                    let mut browser = person.browser.clone();
                    let csrf = browser.get(&format!("{}/account", world.url)).await.csrf();
                    let url = format!("{}/account/sign-out", world.url);
                    assert_eq!(browser.post(&url, &[("csrf", &csrf)]).await.status, 200);
                }
            }
            "session-idle" => world.clock.advance(world.app.settings.session_idle + 1),
            "family-revoked" => {
                for token in [&self.ada.api, &self.root.api] {
                    assert!(families::revoke(db, text(&decode(token).1, "fam"), now).await.unwrap());
                }
            }
            "client-disabled" => self.client(|client| client.enabled = false).await,
            "client-deleted" => assert!(clients::delete(db, self.name).await.unwrap()),
            "admin-api-taken" => self.client(|client| client.settings.admin_api = false).await,
            "signing-key-retired" => self.retire_our_key().await,
            "personal-revoked" => {
                for person in [&self.ada, &self.root] {
                    self.api(&person.api, Method::DELETE, &format!("personal_tokens/{}", person.personal.0), None).await;
                }
            }
            "personal-ended" => {
                for person in [&self.ada, &self.root] {
                    let sql = "UPDATE personal_tokens SET expires_at = $2 WHERE id = $1";
                    assert_eq!(db.execute(sql, params![&person.personal.0, now]).await.unwrap(), 1);
                }
            }
            "service-disabled" => self.service(|token| token.enabled = false).await,
            "service-ended" => self.service(|token| token.expires_at = Some(now)).await,
            "service-deleted" => {
                let bot = tenant_tokens::find_by_name(db, &self.tenant.id, "bot").await.unwrap().unwrap();
                assert!(tenant_tokens::delete(db, &bot.id).await.unwrap());
            }
            "service-narrowed" => {
                self.service(|token| token.scopes = ApiScopes::parse(["connections:write"]).unwrap()).await;
            }
            "service-renewed" => {
                let url = format!("{}/admin/{}/service_tokens/bot/token", world.url, self.name);
                let renewed = self.ada.browser.clone().post(&url, &[("csrf", &self.ada.csrf)]).await;
                assert_eq!(renewed.status, 200, "{}", renewed.body);
            }
            "link-revoked" => {
                for link in &self.links {
                    self.by_service(Method::DELETE, &of(&format!("setup-links/{}", link.id)), None).await;
                }
            }
            "link-finished" => {
                for link in &self.links {
                    let url = format!("{}/setup/finish", world.url);
                    assert_eq!(link.browser.clone().post(&url, &[("csrf", &link.csrf)]).await.status, 200);
                }
            }
            "link-expired" => {
                for link in &self.links {
                    let sql = "UPDATE setup_links SET expires_at = $2 WHERE id = $1";
                    assert_eq!(db.execute(sql, params![&link.id, now]).await.unwrap(), 1);
                }
            }
            "connection-enabled" => {
                for connection in connections::of_tenant(db, &self.tenant.id).await.unwrap() {
                    let on = connections::Connection { enabled: true, ..connection };
                    assert!(connections::save(db, &on).await.unwrap());
                }
            }
            "connection-deleted" => {
                for connection in connections::of_tenant(db, &self.tenant.id).await.unwrap() {
                    assert!(connections::delete(db, &connection.id).await.unwrap());
                }
            }
            "directory-disabled" => {
                for directory in directories::of_tenant(db, &self.tenant.id).await.unwrap() {
                    directories::save(db, &directories::Directory { enabled: false, ..directory }).await.unwrap();
                }
            }
            "directory-deleted" => {
                for directory in directories::of_tenant(db, &self.tenant.id).await.unwrap() {
                    assert!(directories::delete(db, &directory.id).await.unwrap());
                }
            }
            "directory-token-ended" => {
                let sql = "UPDATE directory_tokens SET expires_at = $2 \
                           WHERE directory_id IN (SELECT id FROM directories WHERE tenant_id = $1)";
                assert_eq!(db.execute(sql, params![&self.tenant.id, now]).await.unwrap(), 4);
            }
            "invite-revoked" => self.by_service(Method::DELETE, &of(&format!("invites/{}", self.invite.0)), None).await,
            "break-glass-used" => enter(world, &mut Browser::new(), &self.break_glass).await,
            other => panic!("no such state: {other}"),
        }
    }

    async fn by_service(&self, method: Method, path: &str, body: Option<Value>) {
        self.api(&self.service, method, path, body).await;
    }

    /// Whether they administer, she the tenant and he the platform.
    async fn administer(&self, on: bool) {
        let (db, now) = (&self.world.app.db, self.world.clock.now());
        for person in [&self.ada, &self.root] {
            assert!(users::update(db, &User { admin: on, ..person.user.clone() }).await.unwrap());
        }
        assert!(users::set_platform(db, &self.root.user.id, on, now).await.unwrap());
    }

    async fn client(&self, change: impl FnOnce(&mut oauth::client::Client)) {
        let (db, now) = (&self.world.app.db, self.world.clock.now());
        let mut client = clients::find(db, self.name).await.unwrap().unwrap();
        change(&mut client);
        assert!(clients::save(db, &client, now).await.unwrap());
    }

    async fn service(&self, change: impl FnOnce(&mut ServiceToken)) {
        let db = &self.world.app.db;
        let mut token = tenant_tokens::find_by_name(db, &self.tenant.id, "bot").await.unwrap().unwrap();
        change(&mut token);
        tenant_tokens::save(db, &token).await.unwrap();
    }

    /// The key that signed the row's tokens leaves the JWKS, and its successor signs.
    async fn retire_our_key(&self) {
        let (app, now) = (&self.world.app, self.world.clock.now());
        let policy = RotationPolicy { lead: 0, ..app::rotation_policy(&app.settings) };
        let shell = Actor::command_line();
        let next = signing::rotate(&app.db, &app.sealer, &policy, SigningAlg::ES256, Due::Now, &shell, now).await.unwrap();
        let header = decode(&self.ada.api).0;
        assert!(next.is_some_and(|kid| kid != text(&header, "kid")));
        let sql = "UPDATE signing_keys SET expires_at = $2 WHERE kid = $1";
        assert_eq!(app.db.execute(sql, params![text(&header, "kid"), now]).await.unwrap(), 1);
    }
}
