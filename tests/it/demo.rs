//! The demo as a newcomer walks it, over HTTP: a control plane, gatehouse and an identity provider that talk to each other.

use gatehouse::demo::{self, Demo, DemoError, Options};
use serde_json::json;
use tempfile::TempDir;

use crate::browser::{Answer, Browser};

const ADA: (&str, &str) = ("ada@demo.example", "analytical-engine");
const GRACE: (&str, &str) = ("grace@demo.example", "nanosecond-wire");
const EVE: (&str, &str) = ("eve@demo.example", "man-in-the-middle");

struct Walk {
    demo: Demo,
    browser: Browser,
    _dir: TempDir,
}

fn options(dir: &TempDir) -> Options {
    Options { dir: dir.path().join("demo"), port: 0, idp_port: 0, control_plane_port: 0 }
}

impl Walk {
    async fn begin() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let demo = demo::start(options(&dir)).await.expect("the demo starts");
        Self { demo, browser: Browser::new(), _dir: dir }
    }

    /// Follows redirects wherever they lead.
    async fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..15 {
            let Some(to) = answer.location() else { return answer };
            let next = url::Url::parse(&answer.url).unwrap().join(to).unwrap();
            answer = self.browser.get(next.as_str()).await;
        }
        panic!("redirects without end at {}", answer.url)
    }

    async fn home(&mut self) -> Answer {
        self.browser.get(&self.demo.control_plane.clone()).await
    }

    /// From the control plane to gatehouse's sign-in page.
    async fn sign_in(&mut self) -> Answer {
        let answer = self.browser.get(&format!("{}/sign-in", self.demo.control_plane)).await;
        self.follow(answer).await
    }

    /// Through the sign-in page that is open, with a password.
    async fn password(&mut self, page: &Answer, (email, password): (&str, &str)) -> Answer {
        let csrf = page.csrf();
        let page = self.browser.post(&page.url, &[("csrf", &csrf), ("email", email), ("with", "password")]).await;
        let form = [("csrf", page.csrf()), ("email", email.to_owned()), ("password", password.to_owned())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = self.browser.post(&format!("{}/password", page.url), &form).await;
        self.follow(answer).await
    }

    /// From gatehouse's sign-in page over the identity provider.
    async fn single_sign_on(&mut self, page: &Answer, who: (&str, &str)) -> Answer {
        let answer = self.browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "dev-idp")]).await;
        let page = self.follow(answer).await;
        assert!(page.url.starts_with(&self.demo.identity_provider), "{}", page.url);
        self.password(&page, who).await
    }

    /// From gatehouse's sign-in page over the SAML identity provider.
    async fn saml(&mut self, page: &Answer, (email, _): (&str, &str)) -> Answer {
        let answer = self.browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "dev-saml")]).await;
        let page = self.follow(answer).await;
        assert!(page.url.starts_with(&self.demo.identity_provider) && page.body.contains("Who are you?"), "{}", page.body);
        let form = self.browser.post(&page.url, &[("email", email)]).await;
        let callback = format!("{}/oauth2/callback", self.demo.gatehouse);
        assert!(form.body.contains(&format!("action=\"{callback}\"")), "{}", form.body);
        let fields = ["SAMLResponse", "RelayState"].map(|name| (name, form.field(name).expect(name)));
        let answer = self.browser.post(&callback, &fields.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
        self.follow(answer).await
    }

    /// Sends a form of the control plane's page.
    async fn press(&mut self, path: &str) -> Answer {
        let csrf = self.home().await.csrf();
        self.browser.post(&format!("{}{path}", self.demo.control_plane), &[("csrf", &csrf)]).await
    }

    fn token(&self, name: &str) -> Option<String> {
        self.browser.cookies.get("localhost")?.get(name).cloned()
    }
}

/// A claim of the access token as the page shows it.
fn shown(page: &Answer, claim: &str) -> String {
    let (_, rest) = page.body.split_once(&format!("<code>{claim}</code></th><td><code>")).expect(claim);
    rest.split_once("</code>").unwrap().0.to_owned()
}

fn is_signed_in(page: &Answer, who: &str) -> bool {
    page.status == 200 && page.body.contains(&format!("Signed in as <strong><bdi>{who}</bdi>"))
}

#[tokio::test]
async fn by_password_to_the_claims_a_fresh_pair_and_out() {
    let mut walk = Walk::begin().await;
    let page = walk.home().await;
    assert!(page.status == 200 && page.body.contains(ADA.0) && page.body.contains(ADA.1), "{}", page.body);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' http: https:;"), "{policy}");

    let page = walk.sign_in().await;
    let page = walk.password(&page, ADA).await;
    assert!(is_signed_in(&page, ADA.0), "{} {}", page.url, page.body);
    assert_eq!(page.url, format!("{}/", walk.demo.control_plane), "no code stays in the address");
    assert_eq!((shown(&page, "tenant"), shown(&page, "iss")), ("demo".to_owned(), walk.demo.gatehouse.clone()));
    let (access, refresh) = (walk.token("accessToken").unwrap(), walk.token("refreshToken").unwrap());

    let answer = walk.press("/refresh").await;
    let again = walk.follow(answer).await;
    assert!(is_signed_in(&again, ADA.0) && again.body.contains("role=\"status\""), "{}", again.body);
    assert_ne!((walk.token("accessToken").unwrap(), walk.token("refreshToken").unwrap()), (access, refresh));
    assert_ne!(shown(&page, "jti"), shown(&again, "jti"));
    assert_eq!(shown(&page, "sub"), shown(&again, "sub"));
    assert!(!walk.home().await.body.contains("role=\"status\""), "a notice is shown once");

    let answer = walk.press("/sign-out").await;
    let session_cookie = answer.cookie_lines().into_iter().find(|l| l.starts_with("__Host-gatehouse=;")).unwrap();
    assert!(session_cookie.contains("Max-Age=0") && session_cookie.contains("Secure"), "{session_cookie}");
    assert!(answer.location().unwrap().starts_with(&walk.demo.gatehouse), "{:?}", answer.location());
    let page = walk.follow(answer).await;
    assert!(page.body.contains("You are signed out") && page.body.contains("href=\"/sign-in\""), "{}", page.body);
    assert_eq!((walk.token("accessToken"), walk.token("refreshToken")), (None, None));
    let page = walk.sign_in().await;
    assert!(page.url.contains("/login/"), "the next sign-in asks again: {}", page.url);
}

#[tokio::test]
async fn by_single_sign_on_to_the_same_user_or_a_new_one() {
    let mut walk = Walk::begin().await;
    let mut subjects = Vec::new();
    let page = walk.sign_in().await;
    let page = walk.password(&page, ADA).await;
    subjects.push(shown(&page, "sub"));
    for who in [ADA, GRACE] {
        let answer = walk.press("/sign-out").await;
        walk.follow(answer).await;
        let page = walk.sign_in().await;
        let page = walk.single_sign_on(&page, who).await;
        assert!(is_signed_in(&page, who.0), "{} {}", page.url, page.body);
        assert_eq!(shown(&page, "email_verified"), "true");
        subjects.push(shown(&page, "sub"));
    }
    assert_eq!(subjects[0], subjects[1], "linked by the verified address");
    assert_ne!(subjects[0], subjects[2]);
}

#[tokio::test]
async fn by_saml_to_the_same_user_or_a_new_one() {
    let mut walk = Walk::begin().await;
    let mut subjects = Vec::new();
    let page = walk.sign_in().await;
    let page = walk.single_sign_on(&page, ADA).await;
    subjects.push(shown(&page, "sub"));
    for who in [ADA, GRACE] {
        let answer = walk.press("/sign-out").await;
        let page = walk.follow(answer).await;
        assert!(page.body.contains("You are signed out"), "{} {}", page.url, page.body);
        let page = walk.sign_in().await;
        let page = walk.saml(&page, who).await;
        assert!(is_signed_in(&page, who.0), "{} {}", page.url, page.body);
        subjects.push(shown(&page, "sub"));
    }
    assert_eq!(subjects[0], subjects[1], "linked by an address within the tenant's domains");
    assert_ne!(subjects[0], subjects[2]);
}

#[tokio::test]
async fn the_saml_provider_answers_signed_requests_of_this_gatehouse_alone() {
    let mut walk = Walk::begin().await;
    let idp = walk.demo.identity_provider.clone();
    let metadata = walk.browser.get(&format!("{idp}/dev-saml/metadata")).await;
    assert_eq!((metadata.status, metadata.header("content-type")), (200, Some("application/samlmetadata+xml")));
    let page = walk.sign_in().await;
    let departure = walk.browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "dev-saml")]).await;
    let request = departure.location().unwrap().to_owned();
    assert_eq!(walk.browser.get(&request).await.status, 200);
    let unsigned = request.split("&SigAlg=").next().unwrap();
    let changed = request.replace("RelayState=", "RelayState=x");
    for forged in
        [unsigned, &changed, &format!("{idp}/dev-saml/sign-on"), &request.replace("sign-on", "sign-off").replace("SigAlg", "Sig")]
    {
        assert_eq!(walk.browser.get(forged).await.status, 400, "{forged}");
        assert_eq!(walk.browser.post(forged, &[("email", ADA.0)]).await.status / 100, 4, "{forged}");
    }
    assert_eq!(walk.browser.post(&request, &[("email", "mallory@demo.example")]).await.status, 400);
}

#[tokio::test]
async fn the_deactivated_user_is_refused_either_way_and_can_start_over() {
    let mut walk = Walk::begin().await;
    let page = walk.sign_in().await;
    let refused = walk.password(&page, EVE).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("Your account is deactivated"), "{}", refused.body);
    let page = walk.sign_in().await;
    let refused = walk.single_sign_on(&page, EVE).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("Your account is deactivated"), "{}", refused.body);
    assert_eq!(walk.token("accessToken"), None);
    let (_, rest) = refused.body.split_once("href=\"/login/").expect("a way back");
    let back = format!("{}/login/{}", walk.demo.gatehouse, rest.split_once('"').unwrap().0);
    let page = walk.browser.get(&back).await;
    let page = walk.saml(&page, EVE).await;
    assert!(page.status == 403 && page.body.contains("Your account is deactivated"), "{}", page.body);
    let page = walk.browser.get(&back).await;
    let page = walk.single_sign_on(&page, GRACE).await;
    assert!(is_signed_in(&page, GRACE.0), "the identity provider keeps nobody signed in: {}", page.body);
}

#[tokio::test]
async fn the_hops_are_on_the_control_planes_own_host() {
    let mut walk = Walk::begin().await;
    let url = walk.demo.control_plane.clone();
    let query = format!("tenantName=demo&controlPlaneURL={url}&redirectURL={url}/auth/callback");
    let answer = walk.browser.get(&format!("{url}/api/svc/v1/oauth2/authorize?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json()["authorizationEndpoint"].as_str().unwrap().starts_with(&walk.demo.gatehouse));
    let page = walk.sign_in().await;
    walk.password(&page, ADA).await;
    let body = json!({"tenantName": "demo", "grantType": "refresh_token"});
    let token = format!("{url}/api/svc/v1/oauth2/token");
    let foreign = walk.browser.post_json(&token, &[("origin", "https://evil.example")], &body).await;
    assert_eq!(foreign.status, 400, "the origin is passed on: {}", foreign.body);
    let answer = walk.browser.post_json(&token, &[("origin", &url)], &body).await;
    assert_eq!((answer.status, answer.cookie_lines().len()), (201, 2), "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let logout = format!("{url}/api/svc/v1/oauth2/logout");
    let answer = walk.browser.post_json(&logout, &[("origin", &url)], &json!({"tenantName": "demo"})).await;
    assert_eq!(answer.json()["userState"], "SignedOut");
}

#[tokio::test]
async fn the_control_plane_believes_nothing_unproven() {
    let mut walk = Walk::begin().await;
    let url = walk.demo.control_plane.clone();
    for path in ["/refresh", "/sign-out"] {
        let answer = walk.browser.post(&format!("{url}{path}"), &[("csrf", "guessed")]).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    let page = walk.sign_in().await;
    walk.password(&page, ADA).await;
    let good = walk.token("accessToken").unwrap();
    // Another signature over the same claims.
    let forged = format!("{}.{}", good.rsplit_once('.').unwrap().0, "A".repeat(86));
    walk.browser.cookies.get_mut("localhost").unwrap().insert("accessToken".into(), forged);
    let page = walk.home().await;
    assert!(page.body.contains("thrown away") && page.body.contains("href=\"/sign-in\""), "{}", page.body);
    assert_eq!(walk.token("accessToken"), None);

    let answer = walk.browser.get(&format!("{url}/auth/callback?code=stolen&state=x&iss=https://evil.example")).await;
    assert!(answer.status == 400 && answer.body.contains("not gatehouse&#39;s"), "{}", answer.body);
    let elsewhere = url.replace("localhost", "127.0.0.1");
    assert_eq!(walk.browser.get(&elsewhere).await.location(), Some(url.as_str()), "one name for cookies and callback");
}

#[tokio::test]
async fn a_taken_port_and_foreign_data_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = demo::start(Options { idp_port: port, ..options(&dir) }).await.err().expect("the port is taken").to_string();
    assert!(error.contains(&port.to_string()) && error.contains("--idp-port"), "{error}");

    let demo = demo::start(options(&dir)).await.unwrap();
    let lines = demo.to_string();
    for (name, url) in [("control plane", &demo.control_plane), ("gatehouse", &demo.gatehouse)] {
        let line = lines.lines().find(|l| l.contains("listening on") && l.contains(name)).expect(name);
        assert!(line.ends_with(url.as_str()), "{line}");
    }
    let idp_port: u16 = demo.identity_provider.rsplit_once(':').unwrap().1.parse().unwrap();
    demo.stop();
    demo.finished().await.unwrap();
    // The same data with the provider elsewhere would make strangers of people who signed in over it.
    let other = demo::start(options(&dir)).await.err();
    assert!(matches!(other, Some(DemoError::OtherProvider { .. })), "{:?}", other.map(|e| e.to_string()));
    let again = demo::start(Options { idp_port, ..options(&dir) }).await.expect("the demo starts again on its data");
    again.stop();
    again.finished().await.unwrap();
}
