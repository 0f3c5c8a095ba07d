//! Test sign-ins: what an operator is told of one, that nothing comes of it, and that nothing else comes of what belongs to
//! it.

mod attacks;
mod decisions;
mod guest_saml;
mod passwords;
mod require_sso;
mod saml;

use std::{collections::BTreeMap, ops::Deref};

use gatehouse::{
    store::{
        connections::{self, Connection},
        tenants::{self, Tenant},
    },
    trial::{self, Told},
};

use crate::{
    admin_pages::PASSWORD,
    browser::{Answer, Browser},
    idp::Idp,
    sso::{Sso, oidc},
    world::{Backend, World},
};

/// What a test itself may write; a SAML assertion is used up by one too, and a page with a code leaves a trace.
const ITS_OWN: [&str; 6] = ["trial_departures", "trials", "trial_proofs", "replays", "traces", "trace_codes"];

/// A deployment whose operator Ada tests a connection that is on (`okta`) and a draft.
pub struct Bench {
    pub sso: Sso,
}

impl Deref for Bench {
    type Target = Sso;

    fn deref(&self) -> &Sso {
        &self.sso
    }
}

/// `settings` are further ones of both connections, `people` further users.
pub fn state(idp: &Idp, provisioning: &str, settings: &str, people: &str) -> String {
    let oidc = oidc(idp);
    format!(
        r#"
tenants:
- name: acme
  display_name: Acme
  domains: [acme.example]
  provisioning: {provisioning}
  connections:
  - {{name: okta, {settings} oidc: {oidc}}}
  - {{name: draft, enabled: false, {settings} oidc: {oidc}}}
  clients:
  - {{client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}}
  users:
  - {{email: root@acme.example, name: Root, password: "{PASSWORD}", admin: true}}
  - {{email: bob@acme.example, name: Bob, password: "{PASSWORD}"}}
{people}
- name: other
  display_name: Other
  users:
  - {{email: eve@other.example, name: Eve, password: "{PASSWORD}", admin: true}}
"#
    )
}

impl Bench {
    pub async fn new(backend: Backend) -> Self {
        Self::with(backend, "jit", "").await
    }

    pub async fn with(backend: Backend, provisioning: &str, settings: &str) -> Self {
        Self { sso: Sso::made(backend, |idp| state(idp, provisioning, settings, "")).await }
    }

    /// A browser that Root is signed in with.
    pub async fn root(&self) -> Browser {
        signed_in(self, "acme", "root@acme.example").await
    }

    /// From the button to where the browser is sent.
    pub async fn begin(&self, browser: &mut Browser, connection: &str) -> Answer {
        begin(self, browser, connection).await
    }

    /// The whole way, to where the callback leads.
    pub async fn run(&self, browser: &mut Browser, connection: &str) -> Told {
        let departure = self.begin(browser, connection).await;
        if departure.location().is_some_and(|to| to.starts_with('/')) {
            return told(self, connection).await.expect("what came of it");
        }
        let answer = browser.get(&self.back(&departure).await).await;
        let page = format!("/admin/acme/connections/{connection}/test");
        assert_eq!((answer.status, answer.location()), (302, Some(page.as_str())), "{}", answer.body);
        told(self, connection).await.expect("what came of it")
    }
}

pub async fn signed_in(world: &World, tenant: &str, email: &str) -> Browser {
    let mut browser = Browser::new();
    let page = browser.get(&format!("{}/login?tenant={tenant}&to=/account", world.url)).await;
    let page = browser.follow(page).await;
    let answer = world.password(&mut browser, &page, email, PASSWORD).await;
    assert_eq!(answer.location(), Some(format!("{}/account", world.app.issuer()).as_str()), "{}", answer.body);
    browser
}

pub async fn begin(world: &World, browser: &mut Browser, connection: &str) -> Answer {
    let page = format!("{}/admin/acme/connections/{connection}/test", world.url);
    let form = browser.get(&page).await;
    assert_eq!(form.status, 200, "{}", form.body);
    browser.post(&page, &[("csrf", &form.csrf())]).await
}

pub async fn tenant(world: &World) -> Tenant {
    tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap()
}

pub async fn connection(world: &World, name: &str) -> Connection {
    connections::find_by_name(&world.app.db, &tenant(world).await.id, name).await.unwrap().unwrap()
}

/// What is kept of the newest test.
pub async fn told(world: &World, name: &str) -> Option<Told> {
    trial::newest(&world.app, &connection(world, name).await, "nobody").await.unwrap()
}

/// Every row of every table but those that a test writes itself.
pub async fn everything(world: &World, backend: Backend) -> BTreeMap<String, Vec<String>> {
    let db = &world.app.db;
    let tables = match backend {
        Backend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        Backend::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
    };
    let mut all = BTreeMap::new();
    for (table,) in db.all::<(String,)>(tables, &[]).await.unwrap() {
        if ITS_OWN.contains(&table.as_str()) {
            continue;
        }
        let sql = match backend {
            Backend::Postgres => format!("SELECT t::text FROM {table} t ORDER BY 1"),
            Backend::Sqlite => {
                let columns: &'static str = format!("SELECT name FROM pragma_table_info('{table}')").leak();
                let columns = db.all::<(String,)>(columns, &[]).await.unwrap();
                let row: Vec<String> = columns.into_iter().map(|(name,)| format!("quote(\"{name}\")")).collect();
                format!("SELECT {} FROM \"{table}\" ORDER BY 1", row.join(" || ',' || "))
            }
        };
        let rows = db.all::<(String,)>(sql.leak(), &[]).await.unwrap();
        all.insert(table, rows.into_iter().map(|(row,)| row).collect());
    }
    assert!(all.len() > 30, "all tables: {:?}", all.keys());
    all
}
