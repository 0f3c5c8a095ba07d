//! Forms that can say everything a promise names, mark what is missing, and know the provider that they are for.

use gatehouse::{apply::single::Noun, store::users};
use serde_json::json;

use crate::{
    admin_pages::{Desk, STATE},
    browser::Answer,
    on_both,
    setup_links::Bench,
    world::Backend,
};

on_both!(
    what_is_missing_is_said_beside_its_field,
    an_issuer_can_sign_browsers_in_to_a_site,
    what_empty_fields_mean_is_said,
    who_could_come_in_is_said_beforehand,
    a_directory_is_guided_by_its_connections_provider,
    a_connections_row_unfolds_to_what_is_copied,
    what_is_copied_holds_the_name_that_is_typed,
    a_guest_copies_what_their_connection_will_have,
    lists_of_things_are_rows,
);

fn marked(answer: &Answer, field: &str) -> bool {
    answer.body.contains(&format!("id=\"{field}-error\""))
}

fn is_open(answer: &Answer, fold: &str) -> bool {
    answer.body.contains(&format!("<details open>\n<summary>{fold}</summary>"))
}

async fn what_is_missing_is_said_beside_its_field(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let new = "/admin/acme/connections/new?preset=custom_oidc&protocol=oidc";
    let chosen = [("preset", "custom_oidc"), ("protocol", "oidc"), ("enabled", "on")];
    let answer = desk.fill(&mut ada, new, "/admin/acme/connections", &chosen).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    let endpoints = ["oidc-authorization_endpoint", "oidc-token_endpoint", "oidc-jwks_uri"];
    for field in ["name", "oidc-issuer", "oidc-client_id"].into_iter().chain(endpoints) {
        assert!(marked(&answer, field), "{field}: {}", answer.body);
    }
    assert!(answer.body.contains("See the fields that are marked."), "nothing is said elsewhere: {}", answer.body);
    assert!(is_open(&answer, "Endpoints, where they are not discovered"), "{}", answer.body);
    assert!(!is_open(&answer, "Advanced fields"));
    let discovered: Vec<_> = chosen.into_iter().chain([("oidc.discover", "on")]).collect();
    let answer = desk.fill(&mut ada, new, "/admin/acme/connections", &discovered).await;
    assert!(marked(&answer, "oidc-issuer") && !endpoints.iter().any(|field| marked(&answer, field)), "{}", answer.body);

    let saml = [("preset", "okta"), ("protocol", "saml"), ("name", "s"), ("enabled", "on")];
    let answer =
        desk.fill(&mut ada, "/admin/acme/connections/new?preset=okta&protocol=saml", "/admin/acme/connections", &saml).await;
    assert!(answer.status == 422 && marked(&answer, "saml-metadata_url"), "{}", answer.body);

    let (new, issuers) = ("/admin/acme/trusted_issuers/new", "/admin/acme/trusted_issuers");
    let answer = desk.fill(&mut ada, new, issuers, &[("oauth_client.client_id", "x")]).await;
    for field in ["name", "issuer", "audience", "jwks_uri", "oauth_client-authorization_endpoint", "oauth_client-token_endpoint"]
    {
        assert!(marked(&answer, field), "{field}: {}", answer.body);
    }
    assert!(is_open(&answer, "OAuth2 client configuration"), "{}", answer.body);
}

async fn an_issuer_can_sign_browsers_in_to_a_site(backend: Backend) {
    let desk = Desk::new(backend).await;
    users::set_platform(&desk.app.db, &desk.user_id("ada@acme.example").await, true, desk.clock.now()).await.unwrap();
    let mut ada = desk.ada().await;
    let path = "/admin/acme/trusted_issuers/idp";
    let fields = [
        ("enabled", "on"),
        ("issuer", "https://idp.example"),
        ("audience", "api"),
        ("jwks_uri", "https://idp.example/keys"),
        ("oauth_client.client_id", "site"),
        ("oauth_client.client_secret", "site-secret"),
        ("oauth_client.authorization_endpoint", "https://idp.example/authorize"),
        ("oauth_client.token_endpoint", "https://idp.example/token"),
        ("oauth_client.scopes", "openid email"),
        ("clock_tolerance", "1m"),
        ("max_token_age", "30m"),
    ];
    let answer = desk.fill(&mut ada, path, path, &fields).await;
    assert_eq!(answer.location(), Some(format!("{path}?done=saved").as_str()), "{}", answer.body);
    let stored = desk.stored(Noun::TrustedIssuers, "idp").await.unwrap();
    assert_eq!(stored["oauth_client"]["scopes"], json!(["openid", "email"]));
    assert_eq!((&stored["secrets"], &stored["max_token_age"]), (&json!(["oauth_client.client_secret"]), &json!(1800)));
    let page = ada.get(&desk.at(path)).await;
    assert!(page.body.contains("value=\"openid email\"") && !page.body.contains("site-secret"), "{}", page.body);
    assert!(is_open(&page, "OAuth2 client configuration"), "{}", page.body);

    let site = ada.get(&desk.at("/admin/acme/sites/wiki")).await;
    for option in
        ["<option value=\"client:web\">Over gatehouse, as the application web", "<option value=\"issuer:idp\">At the issuer idp"]
    {
        assert!(site.body.contains(option), "{option}: {}", site.body);
    }
    let fields = [
        ("enabled", "on"),
        ("hosts", "wiki.example"),
        ("issuers", "idp"),
        ("login", "issuer:idp"),
        ("resource.type", "model"),
        ("resource.name", "gpt"),
        ("role", "viewer"),
        ("identity.method", "jwt_header"),
        ("claims.0.name", "email"),
        ("claims.0.values", "*@acme.example"),
    ];
    let path = "/admin/acme/sites/wiki";
    let answer = desk.fill(&mut ada, path, path, &fields).await;
    assert_eq!(answer.location(), Some(format!("{path}?done=saved").as_str()), "{}", answer.body);
    let stored = desk.stored(Noun::Sites, "wiki").await.unwrap();
    assert_eq!((&stored["login"], &stored["role"]), (&json!({"issuer": "idp"}), &json!("viewer")));
    assert_eq!((&stored["resource"], &stored["access_cookie"]), (&json!({"type": "model", "name": "gpt"}), &json!(false)));
    assert_eq!(stored["identity"]["method"], "jwt_header");
    let shown = ada.get(&desk.at(path)).await;
    assert!(shown.body.contains("<option value=\"issuer:idp\" selected>"), "{}", shown.body);

    // Whose identity provider is chosen, not typed.
    let form = ada.get(&desk.at("/admin/acme/external_identities/new")).await;
    assert!(form.body.contains("<select id=\"issuer\"") && form.body.contains("<option value=\"idp\">idp"), "{}", form.body);
    let list = ada.get(&desk.at("/admin/acme/users")).await;
    assert!(list.body.contains("<th scope=\"col\">E-mail address</th><th scope=\"col\">Name</th>"), "{}", list.body);
    assert!(list.body.contains("<td><bdi>Active</bdi></td>"), "{}", list.body);
}

async fn what_empty_fields_mean_is_said(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let form = ada.get(&desk.at("/admin/acme/connections/new?preset=entra&protocol=oidc")).await;
    for says in ["Empty: email, else preferred_username.", "Empty: oid.", "Empty: openid profile email."] {
        assert!(form.body.contains(says), "{says}: {}", form.body);
    }
    let wrong = [("name", "x"), ("jwks", "okta")];
    let answer = desk.fill(&mut ada, "/admin/acme/trusted_issuers/new", "/admin/acme/trusted_issuers", &wrong).await;
    assert!(
        answer.status == 422 && answer.body.contains("this cannot be read as JSON (at line 1, column 1); write it like"),
        "{}",
        answer.body
    );
}

async fn who_could_come_in_is_said_beforehand(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let (path, nobody) = ("/admin/acme/connections/okta", "nobody new can come in");
    assert!(!ada.get(&desk.at(path)).await.body.contains(nobody), "its domain is proven");
    desk.apply(&STATE.replace("  domains: [acme.example]\n", "  domains: []\n")).await;
    let page = ada.get(&desk.at(path)).await;
    assert!(page.body.contains(nobody), "{}", page.body);
    let typed = [("enabled", "on"), ("oidc.client_id", "gatehouse"), ("email_trust", "domain")];
    let checked = desk.fill(&mut ada, path, &format!("{path}/check"), &typed).await;
    assert!(checked.body.contains(&format!("and there is none: {nobody}")), "{}", checked.body);
    let otherwise = [("enabled", "on"), ("oidc.client_id", "gatehouse"), ("email_trust", "verified")];
    let checked = desk.fill(&mut ada, path, &format!("{path}/check"), &otherwise).await;
    let (_, findings) = checked.body.split_once("id=\"findings\"").unwrap();
    assert!(!findings.contains(nobody), "{}", checked.body);

    // Google lets everybody in unless its domains are named.
    let google = |domains: &'static str| {
        [
            ("preset", "google"),
            ("protocol", "oidc"),
            ("name", "google"),
            ("enabled", "on"),
            ("oidc.client_id", "g"),
            ("oidc.issuer", "https://accounts.google.com"),
            ("oidc.discover", "on"),
            ("oidc.hosted_domains", domains),
        ]
    };
    let new = "/admin/acme/connections/new?preset=google&protocol=oidc";
    let answer = desk.fill(&mut ada, new, "/admin/acme/connections", &google("")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let (path, everybody) = ("/admin/acme/connections/google", "everybody with a Google account may come in.");
    assert!(ada.get(&desk.at(path)).await.body.contains(&format!("named: {everybody}")));
    let answer = desk.fill(&mut ada, path, path, &google("acme.example")).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(!ada.get(&desk.at(path)).await.body.contains(&format!("named: {everybody}")));
}

async fn a_directory_is_guided_by_its_connections_provider(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at("/admin/acme/directories/people")).await;
    for says in ["At Okta, for users and groups", "SCIM connector base URL", "href=\"/admin/acme/connections/okta\""] {
        assert!(page.body.contains(says), "{says}: {}", page.body);
    }
    let page = ada.get(&desk.at("/admin/acme/connections/okta")).await;
    assert!(
        page.body.contains("href=\"/admin/acme/directories/people/token\"") && page.body.contains("/scim/v2"),
        "{}",
        page.body
    );
    desk.apply(&STATE.replace("{name: people, connection: okta}", "{name: people}")).await;
    let page = ada.get(&desk.at("/admin/acme/connections/okta")).await;
    assert!(page.body.contains("href=\"/admin/acme/directories/new?connection=okta\""), "{}", page.body);
    let form = ada.get(&desk.at("/admin/acme/directories/new?connection=okta")).await;
    assert!(form.body.contains("<option value=\"okta\" selected>"), "{}", form.body);
    assert!(ada.get(&desk.at("/admin/acme/directories/people")).await.body.contains("At the directory"));
    desk.apply(&STATE.replace("preset: okta", "preset: onelogin")).await;
    let page = ada.get(&desk.at("/admin/acme/directories/people")).await.body.replace("&#34;", "\"");
    assert!(
        page.contains(&format!("<code class=\"copy long\">{}</code>", include_str!("../../src/admin/pages/guide/onelogin.json"))),
        "{page}"
    );
}

async fn a_connections_row_unfolds_to_what_is_copied(backend: Backend) {
    let desk = Desk::new(backend).await;
    desk.apply(&STATE.replace("{name: people, connection: okta}", "{name: people, connection: okta}\n  - {name: others}")).await;
    let mut ada = desk.ada().await;
    let page = ada.get(&desk.at("/admin/acme/connections")).await;
    let rows: Vec<&str> = page.body.split("<p class=\"thing\">").skip(1).collect();
    let [okta, read] = rows.as_slice() else { panic!("two rows: {}", page.body) };
    let issuer = desk.app.issuer();
    let copied = |row: &str, what: &str, value: &str| {
        let said = format!("<dt>{what}</dt><dd><code class=\"copy\">{value}</code>");
        assert!(row.contains(&said), "{said} in {row}");
    };
    assert!(okta.contains("href=\"/admin/acme/connections/okta\"") && okta.contains("OpenID Connect \u{b7} Okta"), "{okta}");
    copied(okta, "Callback URL", &format!("{issuer}/oauth2/callback"));
    copied(okta, "Issuer of the provider", "https://acme.okta.com");
    copied(okta, "SCIM URL", &format!("{issuer}/scim/v2"));
    assert!(okta.contains("href=\"/admin/acme/directories/people/token\"") && !okta.contains("others"), "{okta}");
    assert!(read.contains("SAML 2.0") && read.contains("<span class=\"off\">off</span>"), "{read}");
    copied(read, "Callback URL", &format!("{issuer}/oauth2/callback"));
    copied(read, "Issuer (our Entity ID)", &format!("{issuer}/saml/acme/read/metadata"));
    assert!(read.contains("href=\"/admin/acme/directories/new?connection=read\""), "{read}");
    let found = ada.get(&desk.at("/admin/acme/connections?search=KT")).await;
    assert!(found.body.contains("connections/okta") && !found.body.contains("connections/read"), "{}", found.body);
    let none = ada.get(&desk.at("/admin/acme/connections?search=none")).await;
    assert!(none.body.contains("Nothing is called like"), "{}", none.body);
    // Beside the form all that is copied stands together.
    let form = ada.get(&desk.at("/admin/acme/connections/okta")).await;
    let (_, guide) = form.body.split_once("<section class=\"guide\"").unwrap();
    let (guide, _) = guide.split_once("</section>").unwrap();
    for value in [format!("{issuer}/oauth2/callback"), format!("{issuer}/scim/v2")] {
        assert!(guide.contains(&format!("<code class=\"copy\">{value}</code>")), "{value}: {guide}");
    }
    assert!(form.body.contains(&format!("it is the one that all share: {issuer}/oauth2/callback")), "{}", form.body);
}

async fn lists_of_things_are_rows(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let path = "/admin/acme/directories/people";
    let form = ada.get(&desk.at(path)).await;
    assert!(form.body.contains("name=\"group_rules.0.group\"") && !form.body.contains("name=\"group_rules\""), "{}", form.body);
    let rules = [
        ("enabled", "on"),
        ("connection", "okta"),
        ("group_rules.0.group", "platform-*"),
        ("group_rules.0.team", "platform"),
        // Somebody has emptied a row between others.
        ("group_rules.1.group", ""),
        ("group_rules.2.group", "ws-{workspace}-role-{role}"),
        ("group_rules.2.resource.type", "workspace"),
        ("group_rules.2.resource.name", "{workspace}"),
        ("group_rules.2.roles", "admin = manager\r\nmember = viewer"),
    ];
    let answer = desk.fill(&mut ada, path, path, &rules).await;
    assert_eq!(answer.location(), Some(format!("{path}?done=saved").as_str()), "{}", answer.body);
    let stored = desk.stored(Noun::Directories, "people").await.unwrap();
    let expected = json!([
        {"group": "platform-*", "team": "platform"},
        {"group": "ws-{workspace}-role-{role}", "resource": {"type": "workspace", "name": "{workspace}"}, "roles": {"admin": "manager", "member": "viewer"}},
    ]);
    assert_eq!(stored["group_rules"], expected);
    let form = ada.get(&desk.at(path)).await;
    for value in ["value=\"platform-*\"", "value=\"{workspace}\"", "\nadmin = manager\nmember = viewer</textarea>"] {
        assert!(form.body.contains(value), "{value}: {}", form.body);
    }
    // What is wrong stands at its row and cell, unfolded, and what was typed stays.
    let wrong = [
        ("group_rules.0.group", "platform-*"),
        ("group_rules.0.team", "platform"),
        ("group_rules.1.group", "x"),
        ("group_rules.1.role", "viewer"),
        ("group_rules.2.group", "y-{role}"),
        ("group_rules.2.resource.type", "workspace"),
        ("group_rules.2.resource.name", "w"),
        ("group_rules.2.roles", "admin"),
    ];
    let answer = desk.fill(&mut ada, path, path, &wrong).await;
    assert!(answer.status == 422 && is_open(&answer, "Advanced fields"), "{}", answer.body);
    assert!(marked(&answer, "group_rules-2-roles") && answer.body.contains("value=\"y-{role}\""), "{}", answer.body);
    let without: Vec<_> = wrong.into_iter().take(4).collect();
    let answer = desk.fill(&mut ada, path, path, &without).await;
    let row = answer.body.split("aria-label=\"Group rules, row 2\"").nth(1).unwrap_or_default();
    assert!(answer.status == 422 && row.contains("<p class=\"error wide\">"), "{}", answer.body);
    let half = [("group_rules.0.group", "x"), ("group_rules.0.resource.type", "workspace"), ("group_rules.0.role", "viewer")];
    let answer = desk.fill(&mut ada, path, path, &half).await;
    assert!(answer.status == 422 && marked(&answer, "group_rules-0-resource-name"), "{}", answer.body);

    let path = "/admin/acme/teams/sre";
    let tokens = [
        ("tokens.0.issuer", "idp"),
        ("tokens.0.claims.0.name", "department"),
        ("tokens.0.claims.0.values", "sre\r\nops"),
        ("tokens.0.claims.1.name", "level"),
        ("tokens.0.claims.1.values", "3"),
        ("tokens.0.claims.1.shape", "json"),
    ];
    let form = ada.get(&desk.at(path)).await;
    assert!(
        form.body.contains("<select id=\"tokens-0-issuer\"") && form.body.contains("<option value=\"idp\">idp"),
        "{}",
        form.body
    );
    let answer = desk.fill(&mut ada, path, path, &tokens).await;
    assert_eq!(answer.location(), Some(format!("{path}?done=saved").as_str()), "{}", answer.body);
    let stored = desk.stored(Noun::Teams, "sre").await.unwrap();
    assert_eq!(stored["tokens"], json!([{"issuer": "idp", "claims": {"department": ["sre", "ops"], "level": 3}}]));
    let form = ada.get(&desk.at(path)).await;
    assert!(
        form.body.contains("<option value=\"idp\" selected>") && form.body.contains("\nsre\nops</textarea>"),
        "{}",
        form.body
    );
    let nameless = [("tokens.0.issuer", "idp"), ("tokens.0.claims.0.values", "x")];
    let answer = desk.fill(&mut ada, path, path, &nameless).await;
    assert!(answer.status == 422 && marked(&answer, "tokens-0-claims"), "{}", answer.body);
    let more = [("tokens.0.issuer", "idp"), ("more", "tokens")];
    let answer = desk.fill(&mut ada, path, path, &more).await;
    assert!(answer.body.contains("name=\"tokens.5.issuer\""), "{}", answer.body);
    assert_eq!(desk.stored(Noun::Teams, "sre").await.unwrap()["tokens"], stored["tokens"], "nothing was saved");
}

/// What is copied under this name, beside the form.
fn copied(answer: &Answer, what: &str) -> String {
    let (_, guide) = answer.body.split_once("<section class=\"guide\" aria-labelledby=\"guide\">").unwrap();
    let (_, rest) = guide.split_once(&format!("<dt>{what}")).unwrap_or_else(|| panic!("{what}: {}", answer.body));
    let (_, rest) = rest.split_once("<code class=\"copy\">").unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

async fn what_is_copied_holds_the_name_that_is_typed(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let issuer = desk.app.issuer();
    let (list, at) = ("/admin/acme/connections", |name: &str| format!("{}/oauth2/callback/acme/{name}", desk.app.issuer()));

    // What is suggested is free, and what is shown is made of it: there is a connection okta.
    let new = "/admin/acme/connections/new?preset=okta&protocol=oidc";
    let form = ada.get(&desk.at(new)).await;
    assert!(form.body.contains("id=\"name\" name=\"name\"") && form.body.contains(" value=\"okta-2\""), "{}", form.body);
    assert_eq!(copied(&form, "Callback URL"), at("okta-2"));
    assert!(form.body.contains("here <code>okta-2</code>") && form.body.contains("press Check before you copy"), "{}", form.body);
    // The script has what it fills in, and may run.
    let made = format!("data-own=\"{}\" data-shared=\"{issuer}/oauth2/callback\"", at("{name}"));
    assert!(form.body.contains(&made) && form.body.contains("/.gatehouse/assets/follow."), "{made}: {}", form.body);
    assert!(form.header("content-security-policy").unwrap().contains("script-src 'self'"));

    let chosen = [("preset", "okta"), ("protocol", "oidc"), ("oidc.discover", "on")];
    let typed = |name: &'static str, own: bool| {
        let own = own.then_some(("own_callback", "on"));
        chosen.into_iter().chain([("name", name), ("enabled", "on")]).chain(own).collect::<Vec<_>>()
    };
    for (to, status) in [(list, 422), ("/admin/acme/connections/new/check", 200)] {
        for (name, own, expected) in [
            ("subsidiary", true, at("subsidiary")),
            (" subsidiary ", true, at("subsidiary")),
            ("subsidiary", false, format!("{issuer}/oauth2/callback")),
            // What cannot be a name is in no address.
            ("", true, at("{name}")),
            ("\"><script>", true, at("{name}")),
        ] {
            let answer = desk.fill(&mut ada, new, to, &typed(name, own)).await;
            assert_eq!((answer.status, copied(&answer, "Callback URL")), (status, expected), "{to} {name} {own}");
        }
    }
    // What was shown is what the connection has.
    let complete: Vec<_> =
        typed("subsidiary", true).into_iter().chain([("oidc.issuer", "https://b.okta.com"), ("oidc.client_id", "b")]).collect();
    let checked = desk.fill(&mut ada, new, "/admin/acme/connections/new/check", &complete).await;
    let answer = desk.fill(&mut ada, new, list, &complete).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = ada.get(&desk.at("/admin/acme/connections/subsidiary")).await;
    assert_eq!(copied(&page, "Callback URL"), copied(&checked, "Callback URL"));
    assert!(!page.body.contains("data-own=") && !page.body.contains("/assets/follow."), "its name stays: {}", page.body);
    // Whether it has a callback of its own may still be another.
    let path = "/admin/acme/connections/subsidiary";
    let shared = [("oidc.issuer", "https://b.okta.com"), ("oidc.client_id", "b"), ("oidc.discover", "on"), ("name", "evil")];
    let answer = desk.fill(&mut ada, path, &format!("{path}/check"), &shared).await;
    assert_eq!(copied(&answer, "Callback URL"), format!("{issuer}/oauth2/callback"));

    let new = "/admin/acme/connections/new?preset=entra&protocol=saml";
    let saml = [("preset", "entra"), ("protocol", "saml"), ("name", "staff"), ("saml.metadata_url", "x y")];
    let answer = desk.fill(&mut ada, new, list, &saml).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    for (what, part) in [("Entity ID", "metadata"), ("Metadata of gatehouse", "metadata"), ("Single logout URL", "slo")] {
        assert_eq!(copied(&answer, what), format!("{issuer}/saml/acme/staff/{part}"));
    }
}

async fn a_guest_copies_what_their_connection_will_have(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = bench.follow(&bench.link("corp", &[]).await).await;
    let issuer = bench.app.issuer();
    let form = guest.get(&bench.at("/setup?preset=okta&protocol=oidc")).await;
    assert_eq!(copied(&form, "Callback URL"), format!("{issuer}/oauth2/callback/acme/corp"));
    let form = guest.get(&bench.at("/setup?preset=okta&protocol=saml")).await;
    assert_eq!(copied(&form, "Entity ID"), format!("{issuer}/saml/acme/corp/metadata"));
    // Whatever they send along as a name.
    let typed = [("preset", "okta"), ("protocol", "oidc"), ("name", "okta"), ("oidc.issuer", "not a URL")];
    let answer = bench.send(&mut guest, "/setup/check", &typed).await;
    assert_eq!(copied(&answer, "Callback URL"), format!("{issuer}/oauth2/callback/acme/corp"));
    assert!(!answer.body.contains("data-own="), "{}", answer.body);
}
