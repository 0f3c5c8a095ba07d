//! Declarative state of whose tokens are accepted, whom they act as and what those may do.

use gatehouse::{
    apply::{self, File, Hashing, Options},
    policy::{
        principal::Kind,
        role::Role,
        trusted_issuer::{IntrospectionAuth, IssuerSecrets},
    },
    seal::Sealer,
    store::{Db, mappings, principals, resources, sites, teams, tenants, trusted_issuers, trusted_issuers::TrustedIssuer},
};

use crate::on_both_databases;

on_both_databases!(
    all_of_it_is_kept_and_a_second_run_changes_nothing,
    a_change_names_its_fields_and_ends_what_was_made_of_the_old,
    secrets_are_sealed_and_compared,
    only_the_claims_of_an_external_identity_change,
    a_connection_serves_as_issuer_when_it_is_not_offered,
    one_name_means_one_issuer,
    whoever_matches_everything_needs_a_closed_issuer,
    what_is_named_must_be_there,
    who_changes_what_a_site_signs_in_over_is_told,
    sites_share_no_place_and_tenants_no_host,
    places_may_move_within_one_file,
    pruning_lists_the_roles_that_are_lost,
);

const FILE: &str = r#"
tenants:
- name: acme
  connections:
  - {name: okta, login_enabled: false, oidc: {issuer: "https://okta.example", client_id: gh}}
  trusted_issuers:
  - {name: github, issuer: "https://token.actions.example", audience: acme, jwks_uri: "https://token.actions.example/jwks"}
  - {name: opaque, issuer: "https://as.example", audience: any, introspection_endpoint: "https://as.example/i", introspection_client_id: gh, introspection_client_secret: "${S}", oauth_client: {client_id: web, client_secret: "${S}", authorization_endpoint: "https://as.example/a", token_endpoint: "https://as.example/t", scopes: openid email}}
  external_identities:
  - {name: ci, issuer: github, claims: {repository: acme/site, email: "*@acme.example"}}
  - {name: anyone, issuer: github}
  virtual_accounts:
  - {name: batch, issuer: okta, claims: {azp: batch-client}}
  - {name: robot}
  clients:
  - {client_id: robot-client, secret: "${S}", grant_types: [client_credentials], virtual_account: robot}
  - {client_id: web, secret: "${S}", redirect_uris: ["https://app.example/.gatehouse/callback"], resources: ["https://app.example"]}
  users:
  - {email: ada@acme.example}
  teams:
  - {name: sre, members: [ada@acme.example], tokens: [{issuer: okta, claims: {groups: sre}}, {issuer: github, claims: {team: sre}}]}
  resources:
  - {type: model, name: gpt, collaborators: [{external_identity: ci, role: viewer}, {team: sre, role: manager}, {user: ada@acme.example, role: editor}, {virtual_account: robot, role: viewer}]}
  sites:
  - {name: app, hosts: [app.example], issuers: [gatehouse, github], claims: {email: "*@acme.example"}, resource: {type: model, name: gpt}, role: viewer, login: {client: web}, audience: "https://app.example", identity: {method: jwt_header, jwt_expiry_seconds: 60}}
  - {name: docs, hosts: [docs.example], issuers: [opaque], login: {issuer: opaque}, public_paths: [/public]}
"#;

fn sealer() -> Sealer {
    Sealer::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap()
}

async fn run(db: &Db, text: &str, options: Options<'_>, secret: &str) -> Result<String, String> {
    let hashing = Hashing { hash: |_| None, verify: |_, _| false };
    let env = |name: &str| (name == "S").then(|| secret.to_owned());
    let file = File { text, origin: "acme.yaml", env: &env };
    match apply::run(db, &sealer(), hashing, file, options, 100).await {
        Ok(plan) => Ok(plan.to_string()),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

async fn apply(db: &Db, text: &str) -> Result<String, String> {
    run(db, text, Options::default(), "hush").await
}

async fn acme(db: &Db) -> String {
    tenants::find_by_name(db, "acme").await.unwrap().unwrap().id
}

async fn mapping_of(db: &Db, kind: Kind, name: &str) -> Option<mappings::Mapping> {
    let tenant = acme(db).await;
    let id = principals::find_by_name(db, &tenant, kind, name).await.unwrap().unwrap().id;
    let all = mappings::of_tenant(db, &tenant).await.unwrap();
    all.into_iter().find(|m| m.target == mappings::Target::Principal(id.clone()))
}

const WARNING: &str = "! trusted issuer acme/opaque accepts tokens that were made for other services (audience: any)\n";

async fn all_of_it_is_kept_and_a_second_run_changes_nothing(db: &Db) {
    let plan = apply(db, FILE).await.unwrap();
    assert_eq!(plan.lines().filter(|l| l.starts_with("+ ")).count(), 15, "{plan}");
    assert!(plan.contains("+ external identity acme/ci\n") && plan.contains(WARNING), "{plan}");
    assert_eq!(apply(db, FILE).await.unwrap(), format!("{WARNING}no changes"));
    let tenant = acme(db).await;
    let ci = principals::find_by_name(db, &tenant, Kind::ExternalIdentity, "ci").await.unwrap().unwrap();
    let held = resources::held_by(db, &ci.id).await.unwrap();
    assert_eq!(held, [("model".to_owned(), "gpt".to_owned(), Role::Viewer)]);
    let rules: Vec<String> =
        mapping_of(db, Kind::ExternalIdentity, "ci").await.unwrap().claims.into_iter().map(|r| r.claim).collect();
    assert_eq!(rules, ["email", "repository"], "in one order, however the file has them");
    assert!(mapping_of(db, Kind::ExternalIdentity, "anyone").await.unwrap().claims.is_empty());
    assert!(mapping_of(db, Kind::VirtualAccount, "robot").await.is_none());
    let okta = mapping_of(db, Kind::VirtualAccount, "batch").await.unwrap().source;
    assert!(matches!(okta, mappings::Source::Connection(_)), "{okta:?}");
    let sre = teams::find_by_name(db, &tenant, "sre").await.unwrap().unwrap();
    let all = mappings::of_tenant(db, &tenant).await.unwrap();
    assert_eq!(all.iter().filter(|m| m.target == mappings::Target::Team(sre.id.clone())).count(), 2);
    let opaque = trusted_issuers::find_by_name(db, &tenant, "opaque").await.unwrap().unwrap();
    assert_eq!(opaque.settings.introspection.unwrap().auth, IntrospectionAuth::ClientSecretBasic);
    assert_eq!(opaque.settings.oauth_client.unwrap().scopes, ["openid", "email"]);
    let app = sites::find_by_name(db, &tenant, "app").await.unwrap().unwrap();
    let places = sites::at_name(db, "app.example").await.unwrap();
    assert_eq!(places.iter().map(|p| (p.path.as_str(), &p.site_id)).collect::<Vec<_>>(), [("/", &app.id)]);
}

async fn a_change_names_its_fields_and_ends_what_was_made_of_the_old(db: &Db) {
    apply(db, FILE).await.unwrap();
    let version = mapping_of(db, Kind::ExternalIdentity, "ci").await.unwrap().version;
    let changed = FILE
        .replace("repository: acme/site, ", "")
        .replace("issuer: okta, claims: {azp: batch-client}", "issuer: github, claims: {azp: batch-client}, enabled: false")
        .replace("audience: acme,", "audience: [acme, other], match: all, required_claims: [sub],")
        .replace("as.example/i\"", "as.example/i\", introspection_cache_max_age: 60, introspection_auth: client_secret_post")
        .replace("{external_identity: ci, role: viewer}", "{external_identity: ci, role: editor}")
        .replace(", {issuer: github, claims: {team: sre}}", "")
        .replace("jwt_expiry_seconds: 60", "jwt_expiry_seconds: 90");
    let plan = apply(db, &changed).await.unwrap();
    for line in [
        "~ trusted issuer acme/github (audience, match, required_claims)\n",
        "~ trusted issuer acme/opaque (introspection_auth, introspection_cache_max_age)\n",
        "~ external identity acme/ci (claims)\n",
        "! external identity acme/ci: other tokens match than before, and what was exchanged for one before is no longer good\n",
        "! virtual account acme/batch: other tokens match than before, and what was exchanged for one before is no longer good\n",
        "~ virtual account acme/batch (issuer, enabled)\n",
        "~ team acme/sre (tokens)\n",
        "~ resource acme/model gpt (collaborators)\n",
        "~ site acme/app (identity.jwt_expiry_seconds)\n",
    ] {
        let mut sorted: Vec<&str> = line.split([' ', '(', ')', ',']).collect();
        sorted.sort_unstable();
        let has = |l: &str| {
            let mut words: Vec<&str> = l.split_inclusive('\n').next().unwrap().split([' ', '(', ')', ',']).collect();
            words.sort_unstable();
            words == sorted
        };
        assert!(plan.lines().any(|l| has(&format!("{l}\n"))), "{line}\n--\n{plan}");
    }
    assert!(plan.ends_with("0 created, 7 updated, 0 deleted"), "{plan}");
    assert_eq!(mapping_of(db, Kind::ExternalIdentity, "ci").await.unwrap().version, version + 1);
    assert_eq!(apply(db, &changed).await.unwrap(), format!("{WARNING}no changes"));
    assert_eq!(mapping_of(db, Kind::ExternalIdentity, "ci").await.unwrap().version, version + 1, "unchanged, so no new version");
    let silent = changed.replace(", enabled: false", "");
    assert_eq!(apply(db, &silent).await.unwrap(), format!("{WARNING}no changes"), "a switch left out stays as it is");
}

async fn secrets_are_sealed_and_compared(db: &Db) {
    apply(db, FILE).await.unwrap();
    let tenant = acme(db).await;
    let opaque = trusted_issuers::find_by_name(db, &tenant, "opaque").await.unwrap().unwrap();
    let sealed = opaque.secrets_sealed.unwrap();
    assert!(!sealed.contains("hush") && !serde_json::to_string(&opaque.settings).unwrap().contains("hush"));
    let opened = sealer().open_text(&TrustedIssuer::secrets_context(&opaque.id), &sealed).unwrap();
    let secrets: IssuerSecrets = serde_json::from_str(&opened).unwrap();
    assert_eq!((secrets.introspection.as_deref(), secrets.oauth_client.as_deref()), (Some("hush"), Some("hush")));
    let github = trusted_issuers::find_by_name(db, &tenant, "github").await.unwrap().unwrap();
    assert_eq!(github.secrets_sealed, None);
    let plan = run(db, FILE, Options::default(), "other").await.unwrap();
    let line = "~ trusted issuer acme/opaque (introspection_client_secret (secret), oauth_client.client_secret (secret))\n";
    assert!(plan.contains(line) && !plan.contains("other\n"), "{plan}");
}

async fn only_the_claims_of_an_external_identity_change(db: &Db) {
    apply(db, FILE).await.unwrap();
    let moved = FILE.replace("name: ci, issuer: github", "name: ci, issuer: opaque");
    let found = apply(db, &moved).await.unwrap_err();
    assert_eq!(
        found,
        "acme.yaml:10:24: of an external identity only the claims can be changed, not the issuer; delete it (gatehouse \
         identities delete acme ci) and apply again"
    );
    assert_eq!(apply(db, FILE).await.unwrap(), format!("{WARNING}no changes"));
}

async fn a_connection_serves_as_issuer_when_it_is_not_offered(db: &Db) {
    let offered = FILE.replace("login_enabled: false", "login_enabled: true");
    let found = apply(db, &offered).await.unwrap_err();
    let why = "connection okta is offered for sign-in, so it is no issuer of bearer tokens; set login_enabled: false on it";
    assert!(found.starts_with("acme.yaml:13:27: ") && found.contains(why), "{found}");
    assert!(found.contains("acme.yaml:21:64: "), "the team's tokens too: {found}");
    assert!(apply(db, FILE).await.is_ok());
    let saml = "tenants:\n- name: acme\n  connections:\n  - {name: adfs, login_enabled: false, saml: {metadata_url: \"https://adfs.example/m\"}}\n  \
                external_identities:\n  - {name: x, issuer: adfs}\n";
    assert!(apply(db, saml).await.unwrap_err().contains("speaks SAML"));
}

/// Nothing keeps anybody from it, but no browser gets in then.
async fn who_changes_what_a_site_signs_in_over_is_told(db: &Db) {
    apply(db, FILE).await.unwrap();
    let acme = |things: &str| format!("tenants:\n- name: acme\n{things}\n");
    let client = |uris: &str, resources: &str| {
        let client = r#"{client_id: web, secret: "${S}", redirect_uris: [URIS], resources: [RESOURCES]}"#;
        acme(&format!("  clients:\n  - {}", client.replace("URIS", uris).replace("RESOURCES", resources)))
    };
    let issuer = |more: &str| {
        let issuer = r#"{name: opaque, issuer: "https://as.example", audience: any, introspection_endpoint: "https://as.example/i", introspection_client_id: gh, introspection_client_secret: "${S}"MORE}"#;
        acme(&format!("  trusted_issuers:\n  - {}", issuer.replace("MORE", more)))
    };
    let (callback, here) = ("\"https://app.example/.gatehouse/callback\"", "\"https://app.example\"");
    let oauth = r#", oauth_client: {client_id: web, client_secret: "${S}", authorization_endpoint: "https://as.example/a", token_endpoint: "https://as.example/t", scopes: openid email}"#;
    for (text, told) in [
        (client("\"https://else.example/cb\"", here), "! site acme/app: client web lacks the redirect URI of this site"),
        (client(callback, ""), "! site acme/app: client web gets no tokens for this site"),
        (issuer(""), "! site acme/docs: browsers cannot sign in at opaque"),
    ] {
        let plan = apply(db, &text).await.unwrap();
        assert!(plan.contains(told), "{told}\n{plan}");
    }
    // The twins: what leaves the way open, and a site that is said anew beside it.
    for text in [client(&format!("{callback}, \"https://else.example/cb\""), here), issuer(oauth)] {
        let plan = apply(db, &text).await.unwrap();
        assert!(!plan.contains("! site"), "{plan}");
    }
    assert!(!apply(db, FILE).await.unwrap().contains("! site"));
}

/// Sites and mappings that name a connection would else take the tokens of whichever issuer was made under its name.
async fn one_name_means_one_issuer(db: &Db) {
    apply(db, FILE).await.unwrap();
    let why = "a trusted issuer and a connection of tenant acme that serves as one are both called okta";
    let okta = r#"  - {name: okta, issuer: "https://evil.example", audience: acme, jwks_uri: "https://evil.example/jwks"}"#;
    let both = FILE.replace("  external_identities:", &format!("{okta}\n  external_identities:"));
    let found = apply(db, &both).await.unwrap_err();
    assert!(found.starts_with("acme.yaml:9:12: ") && found.contains(why), "{found}");
    // The other way round: a connection begins to serve, or comes, under the name of an issuer.
    let rest = "tenants:\n- name: acme\n  connections:\n";
    let connection = |name: &str, serves: bool| {
        let login = if serves { "login_enabled: false, " } else { "" };
        format!("{rest}  - {{name: {name}, {login}oidc: {{issuer: \"https://x.example\", client_id: gh}}}}\n")
    };
    let found = apply(db, &connection("github", true)).await.unwrap_err();
    assert!(found.starts_with("acme.yaml:4:12: ") && found.contains("both called github"), "{found}");
    assert!(apply(db, &connection("github", false)).await.is_ok(), "the honest twin: nobody calls a sign-in's name an issuer");
    let found = apply(db, &connection("github", true)).await.unwrap_err();
    assert!(found.contains("both called github"), "{found}");
    let alone = format!("tenants:\n- name: acme\n  trusted_issuers:\n{okta}\n");
    assert!(apply(db, &alone).await.unwrap_err().contains(why));
    // Those that were there before this was asked stay, and are named.
    let tenant = acme(db).await;
    let github = trusted_issuers::find_by_name(db, &tenant, "github").await.unwrap().unwrap();
    let old = TrustedIssuer { id: "old".to_owned(), name: "okta".to_owned(), ..github };
    trusted_issuers::save(db, &old).await.unwrap();
    let plan = apply(db, FILE).await.unwrap();
    assert!(plan.contains(&format!("! {why}: sites, identities and teams that name it mean the trusted issuer")), "{plan}");
}

async fn whoever_matches_everything_needs_a_closed_issuer(db: &Db) {
    apply(db, FILE).await.unwrap();
    let fallback = FILE.replace("name: anyone, issuer: github", "name: everyone, issuer: opaque");
    let found = apply(db, &fallback).await.unwrap_err();
    assert!(
        found.starts_with(
            "acme.yaml:11:30: external identity everyone has no claims, and trusted issuer opaque takes any audience"
        ),
        "{found}"
    );
    // Opening the issuer of one that is there already is the same mistake, also when the file is silent about it.
    let opened = FILE.replace("audience: acme,", "audience: any,").replace("  - {name: anyone, issuer: github}\n", "");
    let found = apply(db, &opened).await.unwrap_err();
    assert!(found.starts_with("acme.yaml:7:12: external identity anyone has no claims"), "{found}");
    let team = FILE.replace("issuer: github, claims: {team: sre}", "issuer: opaque");
    let found = apply(db, &team).await.unwrap_err();
    assert!(found.contains("team sre has no claims, and trusted issuer opaque"), "{found}");
    let honest = FILE.replace("name: anyone, issuer: github", "name: everyone, issuer: opaque, claims: {sub: x}");
    assert!(apply(db, &honest).await.is_ok());
}

async fn what_is_named_must_be_there(db: &Db) {
    for (from, to, expected) in [
        (
            "name: ci, issuer: github",
            "name: ci, issuer: githup",
            "10:24: githup is no trusted issuer of tenant acme (did you mean github?)",
        ),
        ("[gatehouse, github]", "[gatehouse, x]", "25:48: x is no trusted issuer of tenant acme"),
        (
            "external_identity: ci,",
            "external_identity: cj,",
            "cj is no external identity of tenant acme; add it under external_identities",
        ),
        (
            "{user: ada@acme.example, role",
            "{user: eve@acme.example, role",
            "eve@acme.example is no user of tenant acme; add it under users",
        ),
        ("virtual_account: robot}", "virtual_account: nobody}", "16:17: nobody is no virtual account of tenant acme"),
        (
            "resource: {type: model, name: gpt}, role",
            "resource: {type: model, name: x}, role",
            "model x is no resource of tenant acme; add it under resources",
        ),
        ("login: {client: web}", "login: {client: nope}", "nope is no client of tenant acme; add it under clients"),
        ("login: {client: web}", "login: {client: robot-client}", "client robot-client cannot sign anybody in"),
        ("login: {issuer: opaque}", "login: {issuer: github}", "issuers does not accept: add github to issuers"),
        (
            "issuers: [opaque], login: {issuer: opaque}",
            "issuers: [github], login: {issuer: github}",
            "browsers cannot sign in at github",
        ),
        (
            "issuers: [opaque], login: {issuer: opaque}",
            "issuers: [opaque], scopes: [read], login: {issuer: opaque}",
            "browsers that sign in at opaque bring its ID tokens, which have no scopes, so nobody would pass: remove the site's scopes",
        ),
        (
            "hosts: [app.example]",
            "hosts: [app.example, b.example]",
            "add https://b.example/.gatehouse/callback to its redirect_uris",
        ),
        (
            "resources: [\"https://app.example\"]",
            "resources: []",
            "add its audience https://app.example to the client's resources",
        ),
        ("identity: {method: jwt", "scopes: [admin], identity: {method: jwt", "may not ask for the scope admin"),
    ] {
        assert!(FILE.contains(from), "{from}");
        let found = apply(db, &FILE.replace(from, to)).await.unwrap_err();
        assert!(found.contains(expected), "{expected}\n--\n{found}");
        assert!(found.lines().all(|l| l.starts_with("acme.yaml:")), "{found}");
    }
    assert!(tenants::all(db).await.unwrap().is_empty(), "nothing of all that was kept");
    // An issuer that gives no ID token is asked for an access token, which has scopes.
    let scoped = FILE.replace("issuers: [opaque], login", "issuers: [opaque], scopes: [read], login");
    apply(db, &scoped.replace("scopes: openid email", "scopes: email read")).await.unwrap();
}

async fn sites_share_no_place_and_tenants_no_host(db: &Db) {
    let site = |tenant: &str, name: &str, path: &str| {
        format!("tenants:\n- name: {tenant}\n  sites:\n  - {{name: {name}, hosts: [app.example], paths: [{path}]}}\n")
    };
    apply(db, &site("acme", "one", "/a")).await.unwrap();
    let other = |name: &str, path: &str| {
        site("acme", "one", "/a") + &format!("  - {{name: {name}, hosts: [app.example], paths: [{path}]}}\n")
    };
    assert!(apply(db, &other("two", "/b")).await.is_ok(), "one tenant may divide a host");
    let found = apply(db, &other("three", "/a/")).await.unwrap_err();
    assert!(found.contains("site at app.example/a stands in the file twice, first in line 4"), "{found}");
    let found = apply(db, &site("acme", "three", "/b")).await.unwrap_err();
    assert!(found.contains("acme.yaml:4:26: app.example/b is the place of site two of tenant acme"), "{found}");
    let found = apply(db, &site("evil", "three", "/c")).await.unwrap_err();
    assert!(
        found.contains("acme.yaml:4:26: host app.example is that of site one of tenant acme; sites of two tenants"),
        "{found}"
    );
    let both = site("acme", "one", "/a") + &site("evil", "x", "/c").replace("tenants:\n", "");
    assert!(apply(db, &both).await.unwrap_err().contains("host app.example is that of a site of tenant acme"));
    // Cookies know no ports: another one is no other host.
    let ported = |tenant: &str| site(tenant, "three", "/c").replace("[app.example]", "[\"app.example:8443\"]");
    let found = apply(db, &ported("evil")).await.unwrap_err();
    assert!(found.contains("host app.example is that of site one of tenant acme"), "{found}");
    let both = site("acme", "one", "/a") + &ported("evil").replace("tenants:\n", "");
    assert!(apply(db, &both).await.unwrap_err().contains("host app.example is that of a site of tenant acme"));
    let own = site("acme", "one", "/a")
        + &ported("acme").replace(&ported("acme")[..ported("acme").find("  - {name: three").unwrap()], "");
    assert!(apply(db, &own).await.is_ok(), "one's own port is one's own affair");
}

async fn places_may_move_within_one_file(db: &Db) {
    let file = |a: &str, b: &str| {
        format!(
            "tenants:\n- name: acme\n  sites:\n  - {{name: a, hosts: [{a}]}}\n- name: beta\n  sites:\n  - {{name: b, hosts: [{b}]}}\n"
        )
    };
    apply(db, &file("x.example", "y.example")).await.unwrap();
    let plan = apply(db, &file("y.example", "x.example")).await.unwrap();
    assert_eq!(plan, "~ site acme/a (hosts)\n~ site beta/b (hosts)\n0 created, 2 updated, 0 deleted");
    assert_eq!(apply(db, &file("y.example", "x.example")).await.unwrap(), "no changes");
}

async fn pruning_lists_the_roles_that_are_lost(db: &Db) {
    apply(db, FILE).await.unwrap();
    let less = "tenants:\n- name: acme\n  resources:\n  - {type: model, name: gpt}\n";
    let plan = apply(db, less).await.unwrap();
    assert!(plan.contains("- external identity acme/ci (kept: use --prune)\n"), "{plan}");
    let tenant = acme(db).await;
    apply(db, FILE).await.unwrap();
    let prune = Options { prune: true, ..Options::default() };
    let plan = run(db, less, prune, "").await.unwrap();
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(lines[0], "- external identity acme/ci (loses viewer on model gpt)", "{plan}");
    for line in [
        "- external identity acme/anyone",
        "- virtual account acme/robot (loses viewer on model gpt)",
        "- team acme/sre (loses manager on model gpt, 1 member by hand)",
        "- user acme/ada@acme.example (loses editor on model gpt)",
        "- trusted issuer acme/github (loses the issuer and claims of team sre)",
        "- site acme/app",
    ] {
        assert!(lines.contains(&line), "{line}\n--\n{plan}");
    }
    assert_eq!(run(db, less, prune, "").await.unwrap(), "no changes");
    let meanwhile = {
        apply(db, FILE).await.unwrap();
        let hashing = Hashing { hash: |_| None, verify: |_, _| false };
        let file = File { text: less, origin: "acme.yaml", env: &|_| None };
        let dry = Options { dry_run: true, ..prune };
        let agreed = apply::run(db, &sealer(), hashing, file, dry, 100).await.unwrap();
        apply(db, &FILE.replace("{name: anyone,", "{name: anybody,")).await.unwrap();
        (run(db, less, Options { agreed: Some(&agreed), ..prune }, "").await, agreed)
    };
    let (refused, agreed) = meanwhile;
    assert!(refused.unwrap_err().contains("what --prune would delete has changed meanwhile, so nothing was done"));
    assert!(mapping_of(db, Kind::ExternalIdentity, "ci").await.is_some(), "nobody agreed to that");
    let extra = principals::find_by_name(db, &tenant, Kind::ExternalIdentity, "anybody").await.unwrap().unwrap();
    assert!(principals::delete(db, &extra.id).await.unwrap());
    assert!(run(db, less, Options { agreed: Some(&agreed), ..prune }, "").await.is_ok());
    assert!(mappings::of_tenant(db, &tenant).await.unwrap().is_empty());
    assert!(sites::of_tenant(db, &tenant).await.unwrap().is_empty());
    assert_eq!(resources::of_tenant(db, &tenant).await.unwrap().len(), 1);
}
