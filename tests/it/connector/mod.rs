//! The OpenID Connect relying party against a provider that can lie about everything. Each attack has its honest twin:
//! the same sign-in with the one thing put right.

mod answers;
mod discovery;
mod id_token;
mod requests;

use std::{sync::Arc, time::Duration};

use gatehouse::{
    clock::Clock,
    connector::{
        Connector, Departure, Deps, Error, Go, Wish,
        oidc::Oidc,
        registry::{Registry, StoredConnection},
        saml::credentials::Credentials,
    },
    oauth::client::SigningAlg,
    outbound::Outbound,
    policy::{
        connection::{ConnectionSettings, OidcSettings, Protocol},
        identity::Identity,
    },
    secret,
    token::{
        jwks::{FLOOR, KeySets},
        keys::{SigningKey, Validity},
        material::KeyMaterial,
        ring::KeyRing,
    },
};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::idp::{CLIENT_ID, CLIENT_SECRET, Idp, Knobs};

const CALLBACK: &str = "https://us.example/oauth2/callback";
const START: i64 = 1_800_000_000;

/// A provider, a connection to it, and the time.
struct World {
    idp: Idp,
    clock: Clock,
    deps: Deps,
    settings: ConnectionSettings,
    secret: Option<SecretString>,
}

impl World {
    async fn new() -> Self {
        let clock = Clock::manual(START);
        let idp = Idp::start(clock.clone()).await;
        let outbound = Outbound::new("127.0.0.1".parse().unwrap()).unwrap();
        let material = KeyMaterial::generate(SigningAlg::RS256).unwrap();
        let validity = Validity { generation: 1, imported: false, created_at: 0, active_from: 0, expires_at: None };
        let ring = KeyRing::new(vec![SigningKey::new(&material, validity).unwrap()]);
        let jwks: Value = serde_json::from_str(&ring.jwks(START).json).unwrap();
        idp.turn(|k| k.client_jwks = jwks);
        let deps = Deps {
            issuer: "https://us.example".into(),
            key_sets: KeySets::new(Arc::new(outbound.clone()), 100, FLOOR),
            outbound,
            ring,
            credentials: Credentials::default(),
        };
        let oidc = OidcSettings { issuer: idp.issuer().into(), client_id: CLIENT_ID.into(), ..OidcSettings::default() };
        let settings = ConnectionSettings { oidc: Some(oidc), ..ConnectionSettings::default() };
        Self { idp, clock, deps, settings, secret: Some(CLIENT_SECRET.into()) }
    }

    fn oidc(&mut self) -> &mut OidcSettings {
        self.settings.oidc.as_mut().unwrap()
    }

    fn open(&self) -> Oidc {
        Oidc::open(&self.settings, self.secret.clone(), &self.deps).unwrap()
    }

    fn wish<'a>(&self, state: &'a str) -> Wish<'a> {
        let now = self.clock.now();
        Wish { state, redirect_uri: CALLBACK, login_hint: None, force: false, select_account: false, max_age: None, now }
    }

    /// A whole sign-in.
    async fn sign_in(&self, connector: &dyn Connector) -> Result<Identity, Error> {
        self.sign_in_as(connector, |_| {}).await
    }

    async fn sign_in_as(&self, connector: &dyn Connector, change: impl FnOnce(&mut Wish<'_>)) -> Result<Identity, Error> {
        let state = secret::random();
        let mut wish = self.wish(&state);
        change(&mut wish);
        let departure = connector.depart(wish).await?;
        let (back, arrival) = self.idp.visit(&target(&departure)).await;
        assert!(back.as_str().starts_with(CALLBACK));
        assert_eq!(arrival["state"], state);
        connector.arrive(&departure.memo, &arrival, CALLBACK, self.clock.now()).await.and_then(|a| a.identity)
    }

    /// Signs in with one fault, then with none on the same connector; gives the fault's error.
    async fn fault_and_twin(&self, connector: &dyn Connector, fault: impl FnOnce(&mut Knobs)) -> Error {
        let mut honest = Knobs::default();
        self.idp.turn(|k| honest = k.clone());
        self.idp.turn(fault);
        let error = self.sign_in(connector).await.expect_err("the fault is noticed");
        self.idp.turn(|k| *k = honest);
        self.sign_in(connector).await.expect("the honest twin signs in");
        error
    }
}

fn target(departure: &Departure) -> Url {
    match &departure.go {
        Go::Redirect(url) => url.clone(),
        Go::Post { .. } => panic!("OIDC departs by a redirect"),
    }
}

fn untrusted(error: &Error) -> &str {
    match error {
        Error::Untrusted(cause) => cause,
        other => panic!("untrusted was expected: {other}"),
    }
}

#[tokio::test]
async fn an_honest_sign_in_tells_who_it_is() {
    let world = World::new().await;
    let identity = world.sign_in(&world.open()).await.unwrap();
    let expected = Identity {
        issuer: world.idp.issuer().into(),
        subject: "idp|ada".into(),
        email: Some("ada@acme.example".into()),
        email_verified: true,
        name: Some("Ada Lovelace".into()),
        groups: Some(vec!["sre".into()]),
        auth_time: Some(START - 1000),
        session_until: None,
    };
    assert_eq!(identity, expected);
    assert!(world.idp.seen("/userinfo").is_empty(), "nothing was missing");
}

#[tokio::test]
async fn five_hundred_people_at_once_are_each_themselves() {
    let world = Arc::new(World::new().await);
    let connector = Arc::new(world.open());
    // The nonce tells the provider nothing about who it is, so the e-mail of the hint does.
    world.idp.turn(|k| {
        k.claims = crate::idp::change(|claims: &mut Value| {
            claims["sub"] = claims["nonce"].clone();
        });
    });
    let tasks = (0..500).map(|_| {
        let (world, connector) = (Arc::clone(&world), Arc::clone(&connector));
        tokio::spawn(async move {
            let state = secret::random();
            let departure = connector.depart(world.wish(&state)).await.unwrap();
            let (_, arrival) = world.idp.visit(&target(&departure)).await;
            let identity = connector.arrive(&departure.memo, &arrival, CALLBACK, START).await.unwrap().identity.unwrap();
            assert_eq!(departure.memo["nonce"], identity.subject.as_str());
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(world.idp.seen("/.well-known/openid-configuration").len(), 1, "discovered once for all");
    assert_eq!(world.idp.seen("/jwks").len(), 1);
}

#[tokio::test]
async fn the_registry_opens_a_changed_connection_anew() {
    let mut world = World::new().await;
    let registry = Registry::new(world.deps.clone());
    let registry = &registry;
    let stored = async |world: &World, version| registry.get(as_stored(world, &world.settings, version, Protocol::Oidc)).await;
    let first = stored(&world, 1).await.unwrap();
    assert!(Arc::ptr_eq(&first, &stored(&world, 1).await.unwrap()));
    world.oidc().client_id = "another".into();
    assert!(Arc::ptr_eq(&first, &stored(&world, 1).await.unwrap()), "the same version is the same connector");
    let second = stored(&world, 2).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    let departure = second.depart(world.wish("s")).await.unwrap();
    assert!(target(&departure).query_pairs().any(|(n, v)| n == "client_id" && v == "another"));
    world.oidc().issuer = "http://idp.example".into();
    assert!(matches!(stored(&world, 3).await, Err(Error::Misconfigured(cause)) if cause.contains("https://")));
    let saml = StoredConnection { id: "c2", ..as_stored(&world, &world.settings, 1, Protocol::Saml) };
    assert!(matches!(registry.get(saml).await, Err(Error::Misconfigured(_))));
}

fn as_stored<'a>(world: &World, settings: &'a ConnectionSettings, version: i64, protocol: Protocol) -> StoredConnection<'a> {
    let secret = world.secret.clone();
    StoredConnection { id: "c1", version, protocol, settings, secret, tenant: "acme", name: "okta", provider: None }
}

/// Lets background tasks run.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}
