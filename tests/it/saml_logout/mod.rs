//! Single logout with a provider that signs whatever it is told: `demands` are the provider's, `farewells` ours,
//! `forgeries` nobody's. `message` writes and reads what travels.

mod demands;
mod farewells;
mod forgeries;
mod message;

use std::ops::Deref;

use serde_json::Value;

use self::message::Demand;
use crate::{
    browser::{Answer, Browser},
    saml::{
        provider::Provider,
        sso_saml::{SamlSso, state},
    },
    world::{Backend, text},
};

const SLO: &str = "https://idp.example/saml/slo";

pub struct Scene(SamlSso);

impl Deref for Scene {
    type Target = SamlSso;

    fn deref(&self) -> &SamlSso {
        &self.0
    }
}

/// Somebody who is signed in.
pub struct Person {
    pub browser: Browser,
    pub tokens: Value,
}

impl Person {
    pub fn refresh_token(&self) -> &str {
        text(&self.tokens, "refresh_token")
    }

    pub fn id_token(&self) -> &str {
        text(&self.tokens, "id_token")
    }
}

impl Scene {
    /// A provider that takes logout messages by redirect.
    pub async fn new(backend: Backend) -> Self {
        Self::with(backend, &format!("slo_url: \"{SLO}\"")).await
    }

    pub async fn with(backend: Backend, saml: &str) -> Self {
        Self(SamlSso::with(backend, saml).await)
    }

    /// One that publishes this metadata.
    pub async fn published(backend: Backend, metadata: impl FnOnce(&Provider) -> String) -> Self {
        let described = |idp: &Provider| {
            let metadata = metadata(idp).replace('"', "'");
            state(idp, "", "").replace(&idp.settings(""), &format!("{{metadata_xml: \"{metadata}\"}}"))
        };
        Self(SamlSso::made(backend, Provider::new("idp"), described).await)
    }

    /// Signs in over the provider, which names its session so.
    pub async fn person(&self, email: &str, index: Option<&str>) -> Person {
        let mut browser = Browser::new();
        let answer = self.sign_in(&mut browser, |message| {
            message.about(email);
            message.session_index = index.map(str::to_owned);
        });
        let tokens = self.tokens_of(&answer.await).await;
        Person { browser, tokens }
    }

    /// Our single-logout address for the connection.
    pub fn at(&self) -> String {
        format!("{}/saml/acme/corp/slo", self.url)
    }

    /// An honest demand about Ada's sessions, all of them.
    pub fn demand(&self) -> Demand {
        Demand::new(&self.idp, &self.at(), "ada@acme.example", self.clock.now())
    }

    /// Whether both the session and what came from it live.
    pub async fn is_alive(&self, person: &mut Person) -> bool {
        let answer = person.browser.get(&self.authorize_url("web", &[("prompt", "none")])).await;
        let session = answer.query("code").is_some();
        let userinfo = self.userinfo(text(&person.tokens, "access_token")).await.status == 200;
        assert_eq!(session, userinfo, "the session and its tokens live and die together");
        session
    }

    /// The session is over, and so are its tokens.
    pub async fn assert_ended(&self, name: &str, person: &mut Person) {
        assert!(!self.is_alive(person).await, "{name}: the session lives");
        assert_eq!(self.refresh("web", person.refresh_token()).await.status, 400, "{name}: the refresh token lives");
    }
}

/// A page that says no and leads nowhere.
pub fn assert_refused(name: &str, answer: &Answer) {
    assert!((400..500).contains(&answer.status), "{name}: {} {:?} {}", answer.status, answer.location(), answer.body);
    assert_eq!(answer.location(), None, "{name}");
    assert!(!answer.body.contains("SAMLResponse"), "{name}: {}", answer.body);
}
