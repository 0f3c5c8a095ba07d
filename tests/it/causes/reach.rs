//! Providers that give no answer which could be judged.

use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::{
    Found,
    stage::{Set, Stage},
};
use crate::{
    browser::{Answer, Browser},
    idp::{Broken, Idp},
};

/// The way over a provider of its own.
async fn over(set: &Set<'_>, idp: &Idp) -> Answer {
    let mut browser = Browser::new();
    let departure = set.depart(&mut browser, &set.url(&[])).await;
    let (back, _) = idp.visit(&Url::parse(departure.location().unwrap()).unwrap()).await;
    browser.get(back.as_str()).await
}

/// A connection to a provider of this issuer that nobody gets through to.
async fn out_of_reach(stage: &Stage, name: &str, issuer: &str) -> Found {
    Found::Page(stage.oidc_at(name, issuer, "", "").await.fresh().await)
}

/// A name that nobody may register (RFC 6761).
pub async fn dns(stage: &Stage, name: &str) -> Found {
    out_of_reach(stage, name, "https://nothing.invalid").await
}

pub async fn private_address(stage: &Stage, name: &str) -> Found {
    out_of_reach(stage, name, "https://10.20.30.40").await
}

pub async fn unreachable(stage: &Stage, name: &str) -> Found {
    out_of_reach(stage, name, "http://127.0.0.1:1").await
}

pub async fn certificate_expired(stage: &Stage, name: &str) -> Found {
    out_of_reach(stage, name, &over_tls((2020, 2021)).await).await
}

/// By an authority that nobody knows.
pub async fn tls(stage: &Stage, name: &str) -> Found {
    out_of_reach(stage, name, &over_tls((2020, 2120)).await).await
}

/// The issuer of a provider whose certificate is valid from one year to the other.
async fn over_tls((from, until): (i32, i32)) -> String {
    let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(until, 1, 1));
    let pair = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&pair).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Nobody gets further than here.
            drop(acceptor.accept(stream).await);
        }
    });
    issuer
}

/// The one scene that takes as long as gatehouse waits. The person tries again when the provider is itself again.
pub async fn timeout(stage: &Stage, name: &str) -> Found {
    let idp = Idp::start(stage.clock.clone()).await;
    let set = stage.oidc_at(name, idp.issuer(), "", "").await;
    idp.turn(|k| k.broken = [("/token", Broken::Hangs)].into());
    let page = over(&set, &idp).await;
    idp.turn(|k| k.broken.clear());
    set.is_in(&over(&set, &idp).await);
    Found::Page(page)
}

/// What another node, or a backup of before, has left in the database does not open with this deployment's key.
pub async fn own_fault(stage: &Stage, name: &str) -> Found {
    let set = stage.oidc(name, "", "").await;
    set.signs_in().await;
    set.sql(
        "UPDATE connections SET secret_sealed = 'broken', version = version + 1 \
         WHERE tenant_id IN (SELECT id FROM tenants WHERE name = $1)",
    )
    .await;
    Found::Page(set.fresh().await)
}

/// The way to authenticate has to be found out, and that uses the code up.
pub async fn auth_method(stage: &Stage, name: &str) -> Found {
    let idp = Idp::start(stage.clock.clone()).await;
    idp.turn(|k| {
        k.accepts = vec!["client_secret_post"];
        k.burns_codes = true;
    });
    let set = stage.oidc_at(name, idp.issuer(), "", "").await;
    let page = over(&set, &idp).await;
    // As it is: nothing was mended.
    set.is_in(&over(&set, &idp).await);
    Found::Page(page)
}
