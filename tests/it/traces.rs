//! The trace that a sign-in leaves: found by the code that the person saw, naming the cause, and holding no secret.

use std::collections::BTreeMap;

use gatehouse::store::{
    tenants,
    traces::{self, Filter, Trace, Whose},
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::{Broken, Knobs, change},
    on_both,
    sso::Sso,
    world::{Backend, START},
};

on_both!(
    an_honest_sign_in_leaves_its_story_and_no_secret,
    calls_to_the_provider_are_among_the_hops,
    the_command_line_tells_the_same_story,
    traces_are_their_tenants_alone,
    an_answer_in_another_browser_is_found_by_whose_it_was,
    nothing_is_kept_for_ever_or_without_end,
);

const EVERYBODY: Whose<'_> = Whose::Everybody;

async fn found(sso: &Sso, page: &Answer) -> Trace {
    let code = page.reference();
    let trace = traces::by_code(&sso.app.db, EVERYBODY, code).await.unwrap();
    trace.unwrap_or_else(|| panic!("no trace of {code}: {}", page.body))
}

/// Sets a fault, signs in, and puts the provider right again: the cause that the trace names.
async fn cause(sso: &Sso, fault: impl FnOnce(&mut Knobs)) -> (String, Trace) {
    sso.idp.turn(fault);
    let page = sso.fresh().await;
    sso.idp.turn(|k| *k = Knobs::default());
    let trace = found(sso, &page).await;
    assert_eq!(trace.outcome, "failed");
    let word = trace.cause.clone().unwrap();
    assert!(!page.body.contains(&word), "the cause is the operator's alone: {}", page.body);
    (word, trace)
}

async fn all(sso: &Sso, whose: Whose<'_>) -> Vec<Trace> {
    let filter = Filter { whose, outcome: None, cause: None, connection: None, email: None };
    traces::page(&sso.app.db, &filter, None, 100).await.unwrap()
}

async fn an_honest_sign_in_leaves_its_story_and_no_secret(backend: Backend) {
    let sso = Sso::new(backend).await;
    let mut browser = Browser::new();
    let away = sso.depart(&mut browser, &sso.authorize_url("web", &[])).await;
    let back = sso.back(&away).await;
    let answer = browser.get(&back).await;
    let tokens = sso.tokens_of(&answer).await;
    let [trace] = &all(&sso, EVERYBODY).await[..] else { panic!("one sign-in, one trace") };
    assert_eq!((trace.outcome.as_str(), trace.cause.as_deref()), ("success", None));
    assert_eq!((trace.email.as_deref(), trace.connection.as_deref()), (Some("ada@acme.example"), Some("okta")));
    let hops: Vec<String> = trace.hops().iter().map(|hop| hop["hop"].as_str().unwrap().to_owned()).collect();
    assert_eq!(hops.last().map(String::as_str), Some("issued"), "{hops:?}");
    let decided = trace.hops().into_iter().find(|hop| hop["hop"] == "decided").unwrap();
    assert_eq!(decided["decision"], "create");
    assert!(decided["why"].as_str().unwrap().contains("just in time"), "{decided:?}");
    for name in ["asked", "left", "came_back", "identity", "user"] {
        assert!(hops.iter().any(|hop| hop == name), "{name} in {hops:?}");
    }
    let pairs = |url: &str| url::Url::parse(url).unwrap().query_pairs().into_owned().collect::<BTreeMap<_, _>>();
    let (left, came) = (pairs(away.location().unwrap()), pairs(&back));
    let secrets = [&left["state"], &left["nonce"], &left["code_challenge"], &came["code"], &answer.query("code").unwrap()];
    let whole = format!("{trace:?}");
    for secret in secrets.into_iter().map(String::as_str).chain(["access_token", "id_token"].map(|t| tokens[t].as_str().unwrap()))
    {
        assert!(!whole.contains(secret), "{secret} in {whole}");
    }
    for cookie in browser.cookies["localhost"].values() {
        assert!(!whole.contains(cookie.as_str()), "{cookie} in {whole}");
    }
}

/// The calls of the newest sign-in: what for, whom, and what came of it.
async fn calls(sso: &Sso) -> Vec<(String, String, String)> {
    let hops = all(sso, EVERYBODY).await.remove(0).hops();
    let calls = hops.iter().filter(|hop| hop["hop"] == "called").map(|hop| {
        let word = |name: &str| hop.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert!(word("ms").parse::<u64>().is_ok_and(|ms| ms < 60_000), "{hop:?}");
        assert!(
            hop.keys().all(|name| ["at", "hop", "call", "host", "status", "failure", "ms"].contains(&name.as_str())),
            "{hop:?}"
        );
        (word("call"), word("host"), word("status") + &word("failure"))
    });
    calls.collect()
}

async fn calls_to_the_provider_are_among_the_hops(backend: Backend) {
    let sso = Sso::new(backend).await;
    let told = async |sso: &Sso| calls(sso).await.into_iter().map(|(call, _, came)| format!("{call} {came}")).collect::<Vec<_>>();
    sso.fresh().await;
    assert_eq!(told(&sso).await, ["discovery 200", "token 200", "jwks 200"]);
    let [trace] = &all(&sso, EVERYBODY).await[..] else { panic!("one sign-in, one trace") };
    let hops: Vec<String> = trace.hops().iter().map(|hop| hop["hop"].as_str().unwrap().to_owned()).collect();
    let at = |name: &str| hops.iter().position(|hop| hop == name).unwrap();
    assert!(
        at("called") < at("left") && hops[at("came_back") + 1] == "called" && hops[at("identity") - 1] == "called",
        "{hops:?}"
    );
    // What is known is not asked for again.
    sso.clock.advance(1);
    sso.fresh().await;
    assert_eq!(told(&sso).await, ["token 200"]);
    sso.clock.advance(1);
    sso.idp.turn(|k| k.only_userinfo = vec!["email", "email_verified"]);
    sso.fresh().await;
    assert_eq!(told(&sso).await, ["token 200", "userinfo 200"]);
    for (broken, came) in [(Broken::Status(503), "503"), (Broken::Huge, "unusable"), (Broken::RedirectsAway, "redirect")] {
        sso.clock.advance(1);
        let (_, trace) = cause(&sso, |k| k.broken = [("/token", broken)].into()).await;
        assert_eq!(told(&sso).await, [format!("token {came}")]);
        assert!(!format!("{trace:?}").contains("/token"), "no more of the address than the host: {trace:?}");
    }
    // What a test of a sign-in calls makes no trace, and what goes on in the background is nobody's.
    sso.clock.advance(4_000);
    let before = all(&sso, EVERYBODY).await.len();
    sso.fresh().await;
    assert_eq!(told(&sso).await, ["token 200"]);
    assert_eq!(all(&sso, EVERYBODY).await.len(), before + 1);
}

async fn the_command_line_tells_the_same_story(backend: Backend) {
    let sso = Sso::new(backend).await;
    sso.fresh().await;
    let slash = json!(format!("{}/", sso.idp.issuer()));
    let (_, trace) = cause(&sso, |k| k.claims = change(move |c: &mut Value| c["iss"] = slash.clone())).await;
    let code = traces::codes(&sso.app.db, &trace.id).await.unwrap().remove(0);
    for name in [code.to_lowercase(), trace.id.clone()] {
        let (done, told) = sso.command(&["sign-ins", "show", &name]).await;
        assert_eq!(done, 0, "{told}");
        let call = "For: the token endpoint, to redeem the code\n    Host: 127.0.0.1\n    HTTP status: 200\n    Milliseconds: ";
        for part in ["tenant          acme", "outcome         Failed", "issuer_slash", "mend it", &code, "Application: web", call]
        {
            assert!(told.contains(part), "{part} in {told}");
        }
    }
    let listed = async |filter: &[&str]| {
        let (done, told) = sso.command(&[&["sign-ins", "list"], filter].concat()).await;
        assert_eq!(done, 0, "{told}");
        told.lines().skip(1).map(|line| line.split_whitespace().nth(2).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]).await.len(), 2);
    assert_eq!(listed(&["--cause", "issuer_slash", "--tenant", "acme"]).await, ["failed"]);
    assert_eq!(listed(&["--email", "Ada@acme.example", "--connection", "okta"]).await, ["success"]);
    assert_eq!(listed(&["--connection", "other"]).await.len(), 0);
    let (refused, why) = sso.command(&["sign-ins", "show", "AAAA-AAAA"]).await;
    assert!(refused == 1 && why.contains("there is no sign-in with the code AAAA-AAAA"), "{why}");
    let (refused, why) = sso.command(&["sign-ins", "list", "--cause", "isuer_slash"]).await;
    assert!(refused == 2 && why.contains("did you mean issuer_slash?"), "{why}");
}

async fn traces_are_their_tenants_alone(backend: Backend) {
    let other = "- {name: other, clients: [{client_id: other-web, secret: s-e-c-r-e-t-1, redirect_uris: [\"https://other.example/cb\"]}]}";
    let sso = Sso::with(backend, "jit", "verified", other).await;
    let (word, trace) = cause(&sso, |k| k.claims = change(|c: &mut Value| c["nonce"] = json!("x"))).await;
    assert_eq!(word, "nonce");
    let code = traces::codes(&sso.app.db, &trace.id).await.unwrap().remove(0);
    let id = async |name| tenants::find_by_name(&sso.app.db, name).await.unwrap().unwrap().id;
    let (acme, other) = (id("acme").await, id("other").await);
    assert!(traces::by_code(&sso.app.db, Whose::Tenant(&acme), &code).await.unwrap().is_some());
    let small = code.to_lowercase();
    assert_eq!(
        traces::by_code(&sso.app.db, Whose::Tenant(&acme), &small).await.unwrap().map(|found| found.id),
        Some(trace.id.clone())
    );
    for code in [&code, &small, &trace.id] {
        assert_eq!(traces::by_code(&sso.app.db, Whose::Tenant(&other), code).await.unwrap(), None);
    }
    assert_eq!((all(&sso, Whose::Tenant(&acme)).await.len(), all(&sso, Whose::Tenant(&other)).await.len()), (1, 0));
    // What belongs to no tenant is no tenant's.
    let stray = Browser::new().get(&sso.authorize_url("nobody", &[])).await;
    assert!(traces::by_code(&sso.app.db, Whose::Tenant(&acme), stray.reference()).await.unwrap().is_none());
}

async fn nothing_is_kept_for_ever_or_without_end(backend: Backend) {
    let sso = Sso::new(backend).await;
    for _ in 0..5 {
        sso.fresh().await;
    }
    let url = sso.authorize_url("nobody", &[]);
    for _ in 0..70 {
        Browser::new().get(&url).await;
    }
    assert!(all(&sso, EVERYBODY).await.len() <= 5 + 61, "an address that fails for ever leaves no more than so many a minute");
    let db = &sso.app.db;
    assert!(traces::sweep(db, START, 2).await.unwrap() > 0);
    assert_eq!(all(&sso, EVERYBODY).await.len(), 4, "two of each tenant and outcome");
    assert_eq!(traces::sweep(db, START, 2).await.unwrap(), 0);
    assert_eq!(traces::sweep(db, START + 1, 2).await.unwrap(), 4, "and in time they go");
}

/// Cookies that are blocked, another host name, another browser: the commonest failures are the tenant's too.
async fn an_answer_in_another_browser_is_found_by_whose_it_was(backend: Backend) {
    let sso = Sso::new(backend).await;
    let away = sso.depart(&mut Browser::new(), &sso.authorize_url("web", &[])).await;
    let back = sso.back(&away).await;
    let page = Browser::new().get(&back).await;
    assert!(page.status == 400 && page.body.contains("Please start again"), "{}", page.body);
    let acme = tenants::find_by_name(&sso.app.db, "acme").await.unwrap().unwrap().id;
    let trace = traces::by_code(&sso.app.db, Whose::Tenant(&acme), page.reference()).await.unwrap().unwrap();
    assert_eq!((trace.connection.as_deref(), trace.cause.as_deref(), trace.user_id), (Some("okta"), Some("no_login"), None));
    assert!(!page.body.contains("okta") && !page.body.contains("acme"), "the browser learns nothing: {}", page.body);
    // The sign-in itself goes on as if nothing had been, and a state of nobody's is nobody's.
    let begun = all(&sso, Whose::Tenant(&acme)).await;
    assert_eq!(begun.iter().filter(|trace| trace.outcome == "failed").count(), 1);
    let unknown = Browser::new().get(&format!("{}/oauth2/callback?code=x&state=unknown", sso.url)).await;
    assert!(traces::by_code(&sso.app.db, Whose::Tenant(&acme), unknown.reference()).await.unwrap().is_none());
    assert!(traces::by_code(&sso.app.db, EVERYBODY, unknown.reference()).await.unwrap().is_some());
}
