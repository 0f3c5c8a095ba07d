//! A site's rule about `teams` asks which teams here somebody belongs to, whoever they are and however they come. What a token
//! calls teams fulfils none: whoever keys a foreign one could write the name of any team of ours into it.

use gatehouse::{
    oauth::client::{GrantType, SigningAlg},
    policy::principal::Kind,
    secret,
    store::{
        self, clients,
        mappings::{Mapping, Source, Target},
        principals::{self, Principal},
        site_sessions::{self, SiteSession},
    },
};
use serde_json::{Value, json};

use super::{API, DIALECTS, Guarded, OKTA, foreign};
use crate::{
    on_both,
    site_explained::{at, guarded},
    world::{Backend, START, decode, text},
};

on_both!(
    what_a_token_calls_teams_is_not_asked,
    nor_is_it_by_another_way_into_it,
    sessions_of_a_site_are_asked_alike,
    what_a_token_calls_groups_is_its_word
);

/// Who comes. Each belongs to `sre` here or to nothing, and nobody to `leads`.
#[derive(Clone, Copy, Debug)]
enum Kinds {
    /// Ada, who is in it.
    User,
    /// Maps to nobody.
    Stranger,
    /// To the team alone.
    Team,
    Identity,
    IdentityOfTeam,
    Account,
    AccountOfTeam,
    /// By a token of ours that one of okta's was exchanged for.
    Exchanged,
    ExchangedOfTeam,
    /// By a token of ours for client credentials.
    Credentials,
}

const ALL: [(Kinds, bool); 10] = [
    (Kinds::User, true),
    (Kinds::Stranger, false),
    (Kinds::Team, true),
    (Kinds::Identity, false),
    (Kinds::IdentityOfTeam, true),
    (Kinds::Account, false),
    (Kinds::AccountOfTeam, true),
    (Kinds::Exchanged, false),
    (Kinds::ExchangedOfTeam, true),
    (Kinds::Credentials, false),
];

/// With a token with which Ada administers; `ci` and `batch` are whom tokens of okta may map to, and those that say so belong to
/// the team `sre` besides.
async fn world(backend: Backend) -> (Guarded, String) {
    let (world, admin) = guarded(backend).await;
    world.apply("tenants:\n- name: acme\n  teams:\n  - {name: leads, members: [bob@acme.example]}\n").await;
    world.external_identity("ci", "ci").await;
    let (id, tenant_id, created_at) = ("principal-batch".to_owned(), world.tenant.clone(), START);
    let (kind, name) = (Kind::VirtualAccount, "batch".to_owned());
    let account = Principal { id: id.clone(), tenant_id: tenant_id.clone(), kind, name, enabled: true, created_at };
    principals::save(&world.app.db, &account).await.unwrap();
    let claims = crate::trusted::rules(&json!({"sub": "batch"}));
    let (source, target) = (Source::Issuer("issuer-okta".into()), Target::Principal(id));
    let mapping = Mapping { id: "mapping-batch".into(), tenant_id, source, target, claims, version: 1, created_at };
    store::mappings::save(&world.app.db, &mapping).await.unwrap();
    world.team_by_claim("sre", "units", "reliability").await;
    let mut web = clients::find(&world.app.db, "web").await.unwrap().unwrap();
    web.settings.grant_types.extend([GrantType::TokenExchange, GrantType::ClientCredentials]);
    web.settings.virtual_account = Some("batch".to_owned());
    assert!(clients::save(&world.app.db, &web, START).await.unwrap());
    (world, admin)
}

impl Kinds {
    /// A token of theirs, which says `claimed` besides.
    async fn token(self, world: &Guarded, claimed: &Value) -> String {
        let with = |mut claims: Value| {
            claims.as_object_mut().unwrap().extend(claimed.as_object().unwrap().clone());
            claims
        };
        let ours = |claims: Value| world.app.ring.sign(SigningAlg::ES256, "at+jwt", &with(claims), START).unwrap();
        let unit = json!(["reliability"]);
        match self {
            Self::User => ours(decode(&world.own().await).1),
            Self::Stranger => foreign(with(json!({"sub": "stranger"}))),
            Self::Team => foreign(with(json!({"sub": "stranger", "units": unit}))),
            Self::Identity => foreign(with(json!({"sub": "ci"}))),
            Self::IdentityOfTeam => foreign(with(json!({"sub": "ci", "units": unit}))),
            Self::Account => foreign(with(json!({"sub": "batch"}))),
            Self::AccountOfTeam => foreign(with(json!({"sub": "batch", "units": unit}))),
            Self::Exchanged => ours(exchanged(world, false).await),
            Self::ExchangedOfTeam => ours(exchanged(world, true).await),
            Self::Credentials => {
                let actor = json!([{"kind": "virtual_account", "id": "principal-batch"}]);
                ours(machine(world, &actor))
            }
        }
    }
}

fn machine(world: &Guarded, acts_as: &Value) -> Value {
    json!({
        "iss": world.url, "sub": "principal-batch", "aud": world.url, "client_id": "web", "tenant": "acme", "scope": "",
        "jti": secret::random_id(), "iat": START, "exp": START + 600, "acts_as": acts_as,
    })
}

async fn exchanged(world: &Guarded, of_team: bool) -> Value {
    let mut actors = vec![json!({"kind": "external_identity", "id": "principal-ci", "mapping": ["mapping-ci", 1]})];
    if of_team {
        let team = store::teams::find_by_name(&world.app.db, &world.tenant, "sre").await.unwrap().unwrap().id;
        actors.push(json!({"kind": "team", "id": team, "mapping": [format!("mapping-{team}"), 1]}));
    }
    let mut claims = machine(world, &json!(actors));
    let terms = world.terms("issuer-okta").await;
    claims["origin"] = json!({"iss": OKTA, "sub": "ci", "source": "issuer-okta", "terms": terms, "grant": "token_exchange"});
    claims
}

/// The site at `{team}.example`, for who is in the team.
async fn ask_for(world: &Guarded, team: &str, claim: &str) {
    let rules = json!([{"claim": claim, "values": [team], "match_type": "is"}]);
    let site = json!({"hosts": [format!("{team}.example")], "issuers": ["gatehouse", "okta"], "claims": rules});
    world.site(team, site).await;
}

/// Whoever comes × whether the team is really theirs × what the token calls teams: by the decision and its explanation alike.
async fn what_a_token_calls_teams_is_not_asked(backend: Backend) {
    let (world, admin) = world(backend).await;
    for team in ["sre", "leads"] {
        ask_for(&world, team, "teams").await;
    }
    for (kind, in_sre) in ALL {
        for claimed in [json!({}), json!({"teams": ["sre", "leads"]}), json!({"teams": "leads"}), json!({"teams": []})] {
            let token = kind.token(&world, &claimed).await;
            for (team, theirs) in [("sre", in_sre), ("leads", false)] {
                // Compares with what each dialect is told.
                let report = at(&world, &admin, &format!("{team}.example"), &token).await;
                let cell = format!("{kind:?} at {team}, saying {claimed}: {report:#}");
                assert_eq!(text(&report["site"], "outcome"), if theirs { "allow" } else { "403" }, "{cell}");
                let steps = report["site"]["steps"].as_array().unwrap();
                let step = steps.iter().find(|step| step["what"] == "claim teams").unwrap_or_else(|| panic!("{cell}"));
                assert_eq!(step["passed"], json!(theirs), "{cell}");
                let known = text(step, "detail").split_once("; wanted").unwrap().0.to_owned();
                assert_eq!(known.contains("\"sre\""), in_sre, "{cell}");
                assert!(known.starts_with("by what is known here, its bearer is in [") && !known.contains("leads"), "{cell}");
            }
        }
    }
}

/// Rules reach into claims by dotted paths and pointers too, and a claim's literal name may look like one.
async fn nor_is_it_by_another_way_into_it(backend: Backend) {
    let (world, admin) = world(backend).await;
    for (claim, claimed, in_sre) in [
        ("/teams/0", json!({"teams": ["sre"]}), true),
        ("/teams/0", json!({"/teams/0": "sre"}), true),
        ("/teams", json!({"/teams": "sre"}), true),
        ("teams.eu", json!({"teams": {"eu": "sre"}}), false),
        ("teams.eu", json!({"teams.eu": "sre"}), false),
    ] {
        ask_for(&world, "sre", claim).await;
        let forged = Kinds::Identity.token(&world, &claimed).await;
        let report = at(&world, &admin, "sre.example", &forged).await;
        assert_eq!(text(&report["site"], "outcome"), "403", "{claim}, {claimed}: {report:#}");
        let really = Kinds::IdentityOfTeam.token(&world, &claimed).await;
        let report = at(&world, &admin, "sre.example", &really).await;
        assert_eq!(text(&report["site"], "outcome"), if in_sre { "allow" } else { "403" }, "{claim}, {claimed}: {report:#}");
    }
}

/// A browser's session with the site stands for what okta's token said.
async fn sessions_of_a_site_are_asked_alike(backend: Backend) {
    let (world, _) = world(backend).await;
    for team in ["sre", "leads"] {
        ask_for(&world, team, "teams").await;
    }
    for (team, units, status) in [("sre", "other", 403), ("sre", "reliability", 200), ("leads", "reliability", 403)] {
        let claims = decode(&foreign(json!({"sub": "ci", "units": [units], "teams": ["sre", "leads"]}))).1;
        let cookie = secret::random();
        let id_hash = secret::digest(&cookie);
        let sealed = world.app.sealer.seal(&SiteSession::context(&id_hash), claims.to_string().as_bytes());
        let site_id = format!("site-{team}");
        let name = world.app.trust.catalogue(START).await.unwrap().sites.by_id(&site_id).unwrap().cookie.clone();
        let (family_id, issuer_id, claims_sealed) = (None, Some("issuer-okta".to_owned()), Some(sealed));
        let session =
            SiteSession { id_hash, site_id, family_id, issuer_id, claims_sealed, created_at: START, expires_at: START + 600 };
        site_sessions::insert(&world.app.db, &session).await.unwrap();
        let cookie = format!("{name}={cookie}");
        for dialect in DIALECTS {
            let answer = world.ask(dialect, &format!("{team}.example"), "/", &[API, ("cookie", &cookie)]).await;
            assert_eq!(answer.status, status, "{dialect:?} {team} {units}: {}", answer.body);
        }
    }
}

/// Groups are the issuer's, and a rule about them asks the token.
async fn what_a_token_calls_groups_is_its_word(backend: Backend) {
    let (world, admin) = world(backend).await;
    ask_for(&world, "sre", "groups").await;
    for (kind, groups, outcome) in [
        (Kinds::Stranger, json!(["sre"]), "allow"),
        (Kinds::Stranger, json!(["eng"]), "403"),
        (Kinds::Team, json!(["eng"]), "403"),
    ] {
        let token = kind.token(&world, &json!({"groups": groups})).await;
        let report = at(&world, &admin, "sre.example", &token).await;
        assert_eq!(text(&report["site"], "outcome"), outcome, "{kind:?} {groups}: {report:#}");
    }
    let own = world.own().await;
    assert_eq!(text(&at(&world, &admin, "sre.example", &own).await["site"], "outcome"), "403", "ours say none");
}
