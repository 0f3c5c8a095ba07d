//! A domain is an organisation's when its record says so, and for as long as nobody takes it away; nobody's record, name or
//! wish but that makes it so.

use axum::http::Method;
use gatehouse::{
    apply::single::{self, Noun},
    domain_proof::{self, Outcome},
    policy::own_domain,
    store::{self, domain_proofs, domains, tenants, users},
};
use serde_json::{Value, json};

use crate::{
    admin_pages::{Desk, PASSWORD, STATE},
    browser::{Answer, Browser},
    names::Names,
    on_both,
    world::{Backend, World, actor, text},
};

on_both!(
    a_domain_is_proven_by_its_record,
    of_two_who_want_one_the_first_has_it,
    a_challenge_is_one_tenants_for_one_domain,
    what_stands_elsewhere_proves_nothing,
    a_record_that_goes_away_takes_no_domain_along,
    only_a_record_makes_a_domain_the_tenants,
    a_file_keeps_what_was_proven,
    the_api_says_the_same,
    each_tenant_has_its_turn,
);

/// A deployment with a name server.
pub struct Registry {
    pub desk: Desk,
    pub names: Names,
}

impl std::ops::Deref for Registry {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Registry {
    pub async fn new(backend: Backend) -> Self {
        let names = Names::start().await;
        let world = World::with(backend, STATE, &[("DNS_RESOLVER", &names.address.to_string())]).await;
        Self { desk: Desk { world }, names }
    }

    pub async fn tenant(&self, name: &str) -> tenants::Tenant {
        tenants::find_by_name(&self.app.db, name).await.unwrap().unwrap()
    }

    /// Makes a challenge: what is to be published.
    async fn begin(&self, tenant: &str, domain: &str) -> String {
        let tenant = self.tenant(tenant).await;
        let proof = domain_proof::begin(&self.app, &actor(), &tenant, domain, None).await.unwrap();
        own_domain::value(&proof.challenge)
    }

    async fn check(&self, tenant: &str, domain: &str) -> Outcome {
        domain_proof::check(&self.app, &actor(), &self.tenant(tenant).await, domain).await.unwrap()
    }

    pub async fn has(&self, tenant: &str, domain: &str) -> bool {
        domains::tenant_of(&self.app.db, domain).await.unwrap() == Some(self.tenant(tenant).await.id)
    }

    pub fn publish(&self, domain: &str, texts: &[&str]) {
        self.names.publish(&own_domain::record(domain), texts);
    }
}

const MISSING: Outcome = Outcome::Missing(None);

async fn a_domain_is_proven_by_its_record(backend: Backend) {
    let registry = Registry::new(backend).await;
    let mut ada = registry.ada().await;
    let page = "/admin/acme/domains";
    let answer = registry.fill(&mut ada, page, page, &[("domain", " New.Example ")]).await;
    assert_eq!(answer.location(), Some("/admin/acme/domains?done=challenged"), "{}", answer.body);
    let shown = ada.get(&registry.at(page)).await;
    assert!(shown.body.contains("_gatehouse-challenge.new.example") && shown.body.contains("Not proven yet"), "{}", shown.body);
    assert!(!shown.body.contains("Accept without proof"), "that is for the platform's administrators");
    let value = registry.begin("acme", "new.example").await;
    assert!(shown.body.contains(&value), "asking twice makes no other challenge");

    let check = "/admin/acme/domains/new.example/check";
    let answer = registry.fill(&mut ada, page, check, &[]).await;
    assert_eq!(answer.location(), Some("/admin/acme/domains?done=not-there"));
    assert!(!registry.has("acme", "new.example").await);
    registry.publish("new.example", &["v=spf1 -all", &value]);
    let answer = registry.fill(&mut ada, page, check, &[]).await;
    assert_eq!(answer.location(), Some("/admin/acme/domains?done=proven"), "{}", answer.body);
    assert!(registry.has("acme", "new.example").await && registry.has("acme", "acme.example").await);
    let log = store::audit::page(&registry.app.db, &store::audit::Filter::default(), None, 10).await.unwrap();
    let told: Vec<_> = log.iter().map(|e| (e.action.as_str(), e.subject.as_str(), e.actor.as_str())).collect();
    assert!(told.contains(&("create", "domain acme/new.example", "administrator ada@acme.example")), "{told:?}");
    assert!(told.contains(&("update", "tenant acme", "administrator ada@acme.example")), "{told:?}");

    let ask = ada.get(&registry.at("/admin/acme/domains/new.example/delete")).await;
    assert!(ask.status == 200 && ask.body.contains("Remove the domain new.example?"), "{}", ask.body);
    let answer = ada.post(&registry.at("/admin/acme/domains/new.example/delete"), &[("csrf", &ask.csrf())]).await;
    assert_eq!(answer.location(), Some("/admin/acme/domains?done=deleted"));
    assert!(!registry.has("acme", "new.example").await);
    for wrong in ["gmail.com", "co.uk", "nothing", "a b.example"] {
        let answer = registry.fill(&mut ada, page, page, &[("domain", wrong)]).await;
        assert!(answer.status == 422 && answer.body.contains("id=\"domain-error\""), "{wrong}: {}", answer.body);
    }
}

async fn of_two_who_want_one_the_first_has_it(backend: Backend) {
    let registry = Registry::new(backend).await;
    let ours = registry.begin("acme", "shared.example").await;
    let theirs = registry.begin("other", "shared.example").await;
    assert_ne!(ours, theirs);
    registry.publish("shared.example", &[&ours, &theirs]);
    let (one, two) = tokio::join!(registry.check("acme", "shared.example"), registry.check("other", "shared.example"));
    let mut outcomes = [one, two];
    outcomes.sort_by_key(|outcome| *outcome == Outcome::Taken);
    assert_eq!(outcomes, [Outcome::Proven, Outcome::Taken]);
    // Who was second is not told who was first.
    let (second, browser) = match registry.has("acme", "shared.example").await {
        true => ("other", registry.browser("other", "eve@other.example").await),
        false => ("acme", registry.ada().await),
    };
    let mut browser = browser;
    let page = format!("/admin/{second}/domains");
    let answer = registry.fill(&mut browser, &page, &format!("{page}/shared.example/check"), &[]).await;
    assert_eq!(answer.location(), Some(format!("{page}?done=taken").as_str()));
    let told = browser.get(&registry.at(answer.location().unwrap())).await;
    assert!(told.body.contains("another organisation") && !told.body.contains(if second == "acme" { "Other" } else { "Acme" }));
}

async fn a_challenge_is_one_tenants_for_one_domain(backend: Backend) {
    let registry = Registry::new(backend).await;
    let ours = registry.begin("acme", "a.example").await;
    registry.begin("other", "a.example").await;
    let another = registry.begin("acme", "b.example").await;
    registry.publish("a.example", &[&ours]);
    registry.publish("b.example", &[&ours]);
    assert_ne!(registry.check("other", "a.example").await, Outcome::Proven, "it is acme's");
    assert_ne!(registry.check("acme", "b.example").await, Outcome::Proven, "it is another domain's");
    assert_eq!(registry.check("acme", "a.example").await, Outcome::Proven);
    registry.publish("b.example", &[&another]);
    assert_eq!(registry.check("acme", "b.example").await, Outcome::Proven);
    // One that was removed is worth nothing, although it still stands there.
    let tenant = registry.tenant("acme").await;
    domain_proof::remove(&registry.app, &actor(), false, &tenant, "a.example").await.unwrap();
    assert_ne!(registry.begin("acme", "a.example").await, ours);
    assert_ne!(registry.check("acme", "a.example").await, Outcome::Proven);
    assert_ne!(registry.check("other", "a.example").await, Outcome::Proven);
    // A name below is another name, whoever has the one above.
    let below = registry.begin("other", "lab.b.example").await;
    assert_eq!(registry.check("other", "lab.b.example").await, MISSING);
    registry.publish("lab.b.example", &[&below]);
    assert_eq!(registry.check("other", "lab.b.example").await, Outcome::Proven);
    assert!(registry.has("acme", "b.example").await);
}

async fn what_stands_elsewhere_proves_nothing(backend: Backend) {
    let registry = Registry::new(backend).await;
    let value = registry.begin("acme", "victim.example").await;
    // An alias leads to names that somebody else may write: a wildcard of the victim's to a host that anybody can rent.
    registry.names.alias("_gatehouse-challenge.victim.example", "rented.host.example");
    registry.names.publish("rented.host.example", &[&value]);
    assert_ne!(registry.check("acme", "victim.example").await, Outcome::Proven);
    registry.names.clear();
    for elsewhere in ["victim.example", "_gatehouse-challenge.example", "_gatehouse-challenge.www.victim.example"] {
        registry.names.publish(elsewhere, &[&value]);
    }
    assert_eq!(registry.check("acme", "victim.example").await, MISSING);
    for wrong in [value.to_uppercase(), format!("{value}x"), value.replace("gatehouse-domain-verification=", "")] {
        registry.publish("victim.example", &[&wrong]);
        assert!(matches!(registry.check("acme", "victim.example").await, Outcome::Missing(Some(_))), "{wrong}");
    }
    registry.publish("victim.example", &[&value]);
    assert_eq!(registry.check("acme", "victim.example").await, Outcome::Proven);
}

async fn a_record_that_goes_away_takes_no_domain_along(backend: Backend) {
    let registry = Registry::new(backend).await;
    let tenant = registry.tenant("acme").await;
    let proof = async || domain_proofs::find(&registry.app.db, &tenant.id, "b.example").await.unwrap().unwrap();
    let value = registry.begin("acme", "b.example").await;
    registry.publish("b.example", &[&value]);
    // Nobody has to press anything.
    domain_proof::look_again(&registry.app).await;
    assert!(proof().await.checked_at.is_none(), "it is not due yet");
    registry.clock.advance(121);
    domain_proof::look_again(&registry.app).await;
    assert!(registry.has("acme", "b.example").await);
    let log = store::audit::page(&registry.app.db, &store::audit::Filter::default(), None, 1).await.unwrap();
    // In the name of whoever began, and by itself.
    assert_eq!((log[0].actor.as_str(), log[0].subject.as_str()), (actor().name.as_str(), "tenant acme"));
    assert_eq!(log[0].via, "system");

    registry.names.refuse(true);
    registry.clock.advance(86_401);
    domain_proof::look_again(&registry.app).await;
    assert!(proof().await.missing_since.is_none() && proof().await.failure.is_some(), "no answer is no answer");
    registry.names.refuse(false);
    registry.names.clear();
    registry.clock.advance(86_401);
    domain_proof::look_again(&registry.app).await;
    assert!(registry.has("acme", "b.example").await && proof().await.missing_since.is_some());
    let page = registry.ada().await.get(&registry.at("/admin/acme/domains")).await;
    assert!(page.body.contains("the record is gone"), "{}", page.body);
    registry.publish("b.example", &[&value]);
    assert_eq!(registry.check("acme", "b.example").await, Outcome::Proven);
    assert!(proof().await.missing_since.is_none());

    // What the deployment's operator takes away does not come back by itself.
    domains::set(&registry.app.db, &tenant.id, &["acme.example".to_owned()]).await.unwrap();
    registry.clock.advance(86_401);
    domain_proof::look_again(&registry.app).await;
    assert!(!registry.has("acme", "b.example").await);
}

async fn only_a_record_makes_a_domain_the_tenants(backend: Backend) {
    let registry = Registry::new(backend).await;
    registry.begin("acme", "b.example").await;
    let mut ada = registry.ada().await;
    let fields = [("display_name", "Acme"), ("enabled", "on"), ("provisioning", "jit"), ("domains", "acme.example\r\nb.example")];
    let answer = registry.fill(&mut ada, "/admin/acme/settings", "/admin/acme/settings", &fields).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    let page = "/admin/acme/domains";
    assert_eq!(registry.fill(&mut ada, page, "/admin/acme/domains/b.example/accept", &[]).await.status, 404);
    assert!(!registry.has("acme", "b.example").await);
    // What was given without a record is not theirs to take back either.
    let answer = registry.fill(&mut ada, page, "/admin/acme/domains/acme.example/delete", &[]).await;
    assert!(answer.status == 422 && registry.has("acme", "acme.example").await, "{}", answer.body);

    users::set_platform(&registry.app.db, &registry.user_id("ada@acme.example").await, true, registry.clock.now()).await.unwrap();
    let shown = ada.get(&registry.at(page)).await;
    assert!(shown.body.contains("Accept without proof"), "{}", shown.body);
    let answer = registry.fill(&mut ada, page, "/admin/acme/domains/b.example/accept", &[]).await;
    assert_eq!(answer.location(), Some("/admin/acme/domains?done=saved"), "{}", answer.body);
    assert!(registry.has("acme", "b.example").await);
    let log = store::audit::page(&registry.app.db, &store::audit::Filter::default(), None, 3).await.unwrap();
    assert!(log.iter().any(|e| e.action == "accept" && e.subject == "domain acme/b.example"), "{log:?}");
    let shown = ada.get(&registry.at(page)).await;
    assert!(shown.body.contains("Accepted without a record"), "{}", shown.body);
}

async fn a_file_keeps_what_was_proven(backend: Backend) {
    let registry = Registry::new(backend).await;
    let value = registry.begin("acme", "b.example").await;
    registry.publish("b.example", &[&value]);
    assert_eq!(registry.check("acme", "b.example").await, Outcome::Proven);
    registry.apply(STATE).await;
    assert!(registry.has("acme", "b.example").await && registry.has("acme", "acme.example").await);
    registry.apply(&STATE.replace("domains: [acme.example]", "domains: [third.example]")).await;
    assert!(registry.has("acme", "b.example").await && !registry.has("acme", "acme.example").await, "what a file gave it takes");
    let shown = single::show(&registry.app.db, &registry.app.sealer, &registry.tenant("acme").await, Noun::Tenant, "acme").await;
    assert_eq!(shown.unwrap().unwrap()["domains"], json!(["b.example", "third.example"]));
}

async fn the_api_says_the_same(backend: Backend) {
    let registry = Registry::new(backend).await;
    let url = registry.admin_url("web");
    let answer = registry.world.sign_in(&mut Browser::new(), &url, "ada@acme.example", PASSWORD).await;
    let tokens = registry.redeem("web", &answer.query("code").unwrap()).await.json();
    let bearer = format!("Bearer {}", text(&tokens, "access_token"));
    let ask = async |method: Method, path: &str, body: Option<Value>| -> Answer {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = registry.at(&format!("/api/v1/tenants/acme/domains{path}"));
        Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await
    };
    let made = ask(Method::POST, "", Some(json!({"domain": "b.example"}))).await;
    assert_eq!((made.status, &made.json()["state"]), (201, &json!("waiting")), "{}", made.body);
    let record = made.json()["record"].clone();
    assert_eq!((&record["type"], &record["name"]), (&json!("TXT"), &json!("_gatehouse-challenge.b.example")));
    registry.publish("b.example", &[text(&record, "value")]);
    assert_eq!(ask(Method::POST, "/b.example/accept", None).await.status, 403);
    let checked = ask(Method::POST, "/b.example/check", None).await;
    assert_eq!((&checked.json()["outcome"], &checked.json()["counts"]), (&json!("proven"), &json!(true)), "{}", checked.body);
    let all = ask(Method::GET, "", None).await.json();
    let states: Vec<_> = all["domains"].as_array().unwrap().iter().map(|d| (&d["name"], &d["state"])).collect();
    assert_eq!(states, [(&json!("acme.example"), &json!("given")), (&json!("b.example"), &json!("proven"))]);
    assert_eq!(ask(Method::DELETE, "/b.example", None).await.status, 200);
    assert_eq!(ask(Method::GET, "/b.example", None).await.status, 404);
    assert_eq!(ask(Method::POST, "", Some(json!({"domain": "gmail.com"}))).await.status, 400);
}

/// Whoever has many domains that nobody answers for keeps no others waiting.
async fn each_tenant_has_its_turn(backend: Backend) {
    let registry = Registry::new(backend).await;
    for n in 0..20 {
        registry.begin("acme", &format!("n{n}.example")).await;
    }
    registry.clock.advance(60);
    registry.begin("other", "late.example").await;
    registry.clock.advance(600);
    let due = domain_proofs::due(&registry.app.db, registry.clock.now(), (10, 4)).await.unwrap();
    let places: Vec<&str> = due.iter().map(|proof| proof.domain.as_str()).collect();
    assert_eq!((due.len(), places.iter().position(|name| *name == "late.example")), (5, Some(1)), "{places:?}");
    let value = registry.begin("other", "late.example").await;
    registry.publish("late.example", &[&value]);
    domain_proof::look_again(&registry.app).await;
    assert!(registry.has("other", "late.example").await);
}

/// Where rows are locked one by one, which SQLite does not know: who writes a tenant as a whole has read it under the lock.
mod where_rows_are_locked {
    use gatehouse::params;

    use super::*;

    async fn somebody_waits(world: &World) {
        let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while world.app.db.all::<(i64,)>(waits, &[]).await.unwrap() == [(0,)] {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_acceptance_undoes_no_change_of_the_settings() {
        if crate::world::postgres().is_none() {
            return;
        }
        let registry = Registry::new(Backend::Postgres).await;
        registry.begin("acme", "b.example").await;
        let (tenant, by) = (registry.tenant("acme").await, actor());
        let mut tx = registry.app.db.begin().await.unwrap();
        tenants::lock(&mut tx).await.unwrap();
        let changing = async {
            somebody_waits(&registry).await;
            let sql = "UPDATE tenants SET display_name = 'Changed', password_login = FALSE WHERE id = $1";
            tx.execute(sql, params![&tenant.id]).await.unwrap();
            tx.commit().await.unwrap();
        };
        let (accepted, ()) = tokio::join!(domain_proof::accept(&registry.app, &by, &tenant, "b.example"), changing);
        accepted.unwrap();
        let after = registry.tenant("acme").await;
        assert_eq!((after.display_name.as_str(), after.password_login), ("Changed", false));
        assert!(registry.has("acme", "b.example").await);
    }
}
