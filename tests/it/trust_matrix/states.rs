//! What becomes of a row's tenant.

use gatehouse::{
    app, oauth,
    oauth::client::{GrantType, SigningAlg},
    params, signing,
    store::{
        On, clients, connections, directories, families,
        mappings::{self, Mapping},
        principals::{self, Principal},
        resources,
        sites::{self, Site},
        teams, tenants,
        trusted_issuers::{self, TrustedIssuer},
        users,
    },
    token::rotation::{Due, RotationPolicy},
};
use serde_json::json;

use super::scene::{Row, rules, save_site};
use crate::{
    guesses::guess,
    idp::keys::key,
    world::{decode, text},
};

impl Row<'_> {
    pub async fn make(&mut self) {
        let (world, db, now) = (self.world, &self.world.app.db, self.world.clock.now());
        let legacy = async || connections::find_by_name(db, &self.tenant, "legacy").await.unwrap().unwrap();
        match self.name {
            "nothing" => {}
            "tenant-disabled" => {
                let tenant = tenants::find(db, &self.tenant).await.unwrap().unwrap();
                tenants::save(db, &tenants::Tenant { enabled: false, ..tenant }).await.unwrap();
            }
            "tenant-deleted" => assert!(tenants::delete(db, &self.tenant).await.unwrap()),
            "issuer-disabled" => self.issuers(|issuer| issuer.enabled = false).await,
            "issuer-deleted" => {
                for issuer in &self.issuers {
                    assert!(trusted_issuers::delete(db, &issuer.id).await.unwrap());
                }
            }
            "issuer-keys-changed" => {
                let other = json!({"keys": key(5).public()});
                self.issuers(|issuer| issuer.settings.jwks = issuer.settings.jwks.as_ref().map(|_| other.clone())).await;
            }
            "issuer-audience-changed" => {
                self.issuers(|issuer| issuer.settings.audience = vec!["https://elsewhere.example".to_owned()]).await;
            }
            "issuer-claims-edited" => {
                let rule = rules(&[("hd", "acme.example")]);
                self.issuers(|issuer| issuer.settings.claim_values = rule.clone()).await;
            }
            "connection-disabled" => {
                let off = connections::Connection { enabled: false, ..legacy().await };
                assert!(connections::save(db, &off).await.unwrap());
            }
            "connection-login-on" => {
                let on = connections::Connection { login_enabled: true, ..legacy().await };
                assert!(connections::save(db, &on).await.unwrap());
            }
            "connection-deleted" => assert!(connections::delete(db, &legacy().await.id).await.unwrap()),
            "identity-disabled" => {
                principals::save(db, &Principal { enabled: false, ..self.identity.clone() }).await.unwrap();
            }
            "identity-deleted" => assert!(principals::delete(db, &self.identity.id).await.unwrap()),
            "claims-edited" => {
                let claims = rules(&[("repository", "acme/other")]);
                mappings::save(db, &Mapping { claims, ..self.mapping.clone() }).await.unwrap();
            }
            "team-left" => assert!(teams::remove_member(db, &self.teams[0], &self.user).await.unwrap()),
            "team-deleted" => {
                for team in &self.teams {
                    assert!(teams::delete(db, team).await.unwrap());
                }
            }
            "roles-taken" => {
                for holder in [&self.identity.id, &self.teams[0]] {
                    assert!(resources::take(db, &self.resource, holder).await.unwrap());
                }
            }
            "resource-deleted" => assert!(resources::delete(db, &self.resource).await.unwrap()),
            "user-deactivated" => assert!(world.shut_out(&self.user).await.is_some()),
            "shut-by-directory" => assert_eq!(self.pushed.active(&world.url, false).await.status, 200),
            "reactivated" => {
                for active in [false, true] {
                    assert_eq!(self.pushed.active(&world.url, active).await.status, 200);
                }
            }
            "directory-disabled" => {
                let off = directories::Directory { enabled: false, ..self.pushed.directory.clone() };
                directories::save(db, &off).await.unwrap();
            }
            "record-deleted" => assert_eq!(self.pushed.delete(&world.url).await.status, 204),
            "user-deleted" => assert!(world.remove(&self.user).await.is_some()),
            "user-locked" => guess(world, self.name, &format!("ada@{}.example", self.name), "10.8.0.1", 10).await,
            "address-changed" => {
                let sql = "UPDATE users SET email = 'gone@other.example' WHERE id = $1 RETURNING tenant_id";
                assert_eq!(On::from(db).publish(sql, params![&self.user]).await.unwrap(), 1);
            }
            "admin-removed" => {
                let user = users::find(db, &self.user).await.unwrap().unwrap();
                assert!(users::update(db, &users::User { admin: false, ..user }).await.unwrap());
            }
            "clients-disabled" => {
                for client in clients::of_tenant(db, &self.tenant).await.unwrap() {
                    let off = oauth::client::Client { enabled: false, ..client };
                    assert!(clients::save(db, &off, now).await.unwrap());
                }
            }
            "clients-deleted" => {
                for client in clients::of_tenant(db, &self.tenant).await.unwrap() {
                    assert!(clients::delete(db, &client.id).await.unwrap());
                }
            }
            "client-grants-taken" => {
                for client in ["ci", "batch"] {
                    let mut client = clients::find(db, &format!("{}-{client}", self.name)).await.unwrap().unwrap();
                    client.settings.grant_types = vec![GrantType::RefreshToken];
                    assert!(clients::save(db, &client, now).await.unwrap());
                }
            }
            "client-account-changed" => {
                let mut client = clients::find(db, &format!("{}-batch", self.name)).await.unwrap().unwrap();
                client.settings.virtual_account = Some("nightly".to_owned());
                assert!(clients::save(db, &client, now).await.unwrap());
            }
            "family-revoked" => {
                for token in [&self.own, &self.whole] {
                    assert!(families::revoke(db, text(&decode(token).1, "fam"), now).await.unwrap());
                }
            }
            "signed-out" => {
                let page = self.browser.get(&format!("{}/account", world.url)).await;
                let url = format!("{}/account/sign-out", world.url);
                assert_eq!(self.browser.post(&url, &[("csrf", &page.csrf())]).await.status, 200);
            }
            "virtual-account-disabled" => {
                principals::save(db, &Principal { enabled: false, ..self.account.clone() }).await.unwrap();
            }
            "virtual-account-deleted" => assert!(principals::delete(db, &self.account.id).await.unwrap()),
            "site-disabled" => {
                for site in &self.sites {
                    save_site(world, &Site { enabled: false, ..site.clone() }).await;
                }
            }
            "site-deleted" => {
                for site in &self.sites {
                    assert!(sites::delete(db, &site.id).await.unwrap());
                }
            }
            "site-issuers-narrowed" => {
                for site in &self.sites {
                    let mut site = site.clone();
                    site.settings.issuers = vec!["gatehouse".to_owned()];
                    save_site(world, &site).await;
                }
            }
            "signing-key-retired" => self.retire_our_key().await,
            other => panic!("no such state: {other}"),
        }
    }

    async fn issuers(&self, change: impl Fn(&mut TrustedIssuer)) {
        for issuer in &self.issuers {
            let mut issuer = issuer.clone();
            change(&mut issuer);
            trusted_issuers::save(&self.world.app.db, &issuer).await.unwrap();
        }
    }

    /// The key that signed the row's tokens leaves the JWKS, and its successor signs.
    async fn retire_our_key(&self) {
        let (app, now) = (&self.world.app, self.world.clock.now());
        let policy = RotationPolicy { lead: 0, ..app::rotation_policy(&app.settings) };
        let next = signing::rotate(
            &app.db,
            &app.sealer,
            &policy,
            SigningAlg::ES256,
            Due::Now,
            &gatehouse::store::audit::Actor::command_line(),
            now,
        )
        .await
        .unwrap();
        let header = decode(&self.own).0;
        assert!(next.is_some_and(|kid| kid != text(&header, "kid")));
        let sql = "UPDATE signing_keys SET expires_at = $2 WHERE kid = $1";
        assert_eq!(app.db.execute(sql, params![text(&header, "kid"), now]).await.unwrap(), 1);
        signing::load(&app.db, &app.sealer, &app.ring, now).await.unwrap();
    }
}
