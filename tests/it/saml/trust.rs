//! Keys that the message brings itself, algorithms that prove nothing, and keys of somebody else (S11, S12, S24).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::net::TcpListener;

use super::{
    dsig::{Algorithm, Digest, Signer},
    keys::{base64, key},
    provider::{EVERYWHERE, Message, Provider},
    sso_saml::{SamlSso, assert_refused, assert_signed_in},
};
use crate::{
    browser::Browser,
    world::{Backend, World},
};

const WEAK: [(Algorithm, Digest); 8] = [
    (Algorithm::RsaSha1, Digest::Sha1),
    (Algorithm::RsaSha1, Digest::Sha256),
    (Algorithm::RsaSha256, Digest::Sha1),
    (Algorithm::RsaMd5, Digest::Sha256),
    (Algorithm::RsaMd5, Digest::Md5),
    (Algorithm::RsaSha256, Digest::Md5),
    (Algorithm::HmacSha256, Digest::Sha256),
    (Algorithm::HmacSha256, Digest::Sha1),
];

fn bent(signs: super::provider::Signs, signer: Signer) -> impl FnOnce(&mut Message) -> String {
    move |message| {
        message.signs = signs;
        message.signer = signer;
        message.build()
    }
}

#[tokio::test]
async fn weak_algorithms_are_refused() {
    let world = SamlSso::new(Backend::Sqlite).await;
    for (algorithm, digest) in WEAK {
        for signs in EVERYWHERE {
            let cause = match (algorithm, digest) {
                (Algorithm::RsaSha1, _) | (Algorithm::RsaSha256, Digest::Sha1) => "SHA-1",
                _ => "is not accepted",
            };
            let name = format!("{algorithm:?} {digest:?} {signs:?}");
            world.refuses(signs, &name, cause, bent(signs, Signer::with(algorithm, digest))).await;
        }
    }
}

/// The opt-in admits RSA with SHA-1, and nothing else that is weak.
#[tokio::test]
async fn sha1_by_opt_in_admits_only_sha1() {
    let world = SamlSso::with(Backend::Sqlite, "allow_sha1: true").await;
    for (algorithm, digest) in WEAK {
        for signs in EVERYWHERE {
            let name = format!("{algorithm:?} {digest:?} {signs:?}");
            let forge = bent(signs, Signer::with(algorithm, digest));
            if matches!(algorithm, Algorithm::RsaSha1 | Algorithm::RsaSha256) && digest != Digest::Md5 {
                assert_signed_in(&name, &world.sign_in_with(&mut Browser::new(), forge).await);
            } else {
                world.refuses(signs, &name, "is not accepted", forge).await;
            }
        }
    }
    let forge = |message: &mut Message| {
        message.signer = Signer { key: key(1), ..Signer::with(Algorithm::RsaSha1, Digest::Sha1) };
        message.build()
    };
    world.refused_but_honest_passes("SHA-1 by another key", "not by any of the provider's certificates", forge).await;
}

/// The attacker signs with a key of theirs and brings it along, in every way that there is.
#[tokio::test]
async fn keys_in_the_message_count_for_nothing() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/key", listener.local_addr().unwrap());
    let evil = key(1);
    let rsa = evil.rsa.rsa().unwrap();
    let (n, e) = (STANDARD.encode(rsa.n().to_vec()), STANDARD.encode(rsa.e().to_vec()));
    let (theirs, honest) = (base64(&evil.rsa_certificate), base64(&key(0).rsa_certificate));
    let x509 = |c: &str| format!("<ds:X509Data><ds:X509Certificate>{c}</ds:X509Certificate></ds:X509Data>");
    let infos = [
        ("a certificate", x509(&theirs)),
        ("two certificates", x509(&theirs) + &x509(&honest)),
        ("the honest certificate", x509(&honest)),
        (
            "RSAKeyValue",
            format!(
                "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{n}</ds:Modulus><ds:Exponent>{e}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
            ),
        ),
        (
            "RetrievalMethod",
            format!(
                "<ds:RetrievalMethod Type=\"http://www.w3.org/2000/09/xmldsig#rawX509Certificate\" URI=\"{url}\"></ds:RetrievalMethod>"
            ),
        ),
        (
            "KeyInfoReference",
            format!(
                "<dsig11:KeyInfoReference xmlns:dsig11=\"http://www.w3.org/2009/xmldsig11#\" URI=\"{url}\"></dsig11:KeyInfoReference>"
            ),
        ),
        ("a key name", "<ds:KeyName>idp.example</ds:KeyName>".to_owned()),
        ("a file for a name", "<ds:KeyName>/etc/ssl/certs/ca-certificates.crt</ds:KeyName>".to_owned()),
        ("nothing", String::new()),
    ];
    for (name, info) in infos {
        for signs in EVERYWHERE {
            let signer = Signer { key_info: Some(info.clone()), ..Signer::of(key(1)) };
            let name = format!("{name}, {signs:?}");
            world.refuses(signs, &name, "not by any of the provider's certificates", bent(signs, signer)).await;
        }
    }
    let called = tokio::time::timeout(std::time::Duration::from_millis(10), listener.accept()).await;
    assert!(called.is_err(), "nobody is called");
    // An honest signature is one without or with another KeyInfo as well.
    for info in [String::new(), x509(&theirs), "<ds:KeyName>x</ds:KeyName>".to_owned()] {
        let signer = Signer { key_info: Some(info), ..Signer::default() };
        let forge = bent(super::provider::Signs::Both, signer);
        assert_signed_in("KeyInfo is not read", &world.sign_in_with(&mut Browser::new(), forge).await);
    }
}

/// A wrong kind of key under a right name: no verifier is to be talked into one.
#[tokio::test]
async fn the_algorithm_does_not_choose_the_key() {
    let world = SamlSso::new(Backend::Sqlite).await;
    let ecdsa = Signer::with(Algorithm::EcdsaSha256, Digest::Sha256);
    for signs in EVERYWHERE {
        let forge = bent(signs, ecdsa.clone());
        world.refuses(signs, "ECDSA for RSA", "not by any of the provider's certificates", forge).await;
    }
}

/// Two tenants name the same entity id, each with a certificate of its own; another tenant has an evil provider.
fn tenants(providers: &[(&str, &Provider)]) -> String {
    let tenant = |(name, idp): &(&str, &Provider)| {
        format!(
            "- name: {name}\n  domains: [{name}.example]\n  provisioning: jit\n  password_login: false\n  connections:\n  - {{name: corp, \
             email_trust: domain, saml: {}}}\n  clients:\n  - {{client_id: c-{name}, secret: x, redirect_uris: \
             [\"https://c-{name}.example/cb\"], trusted: true}}\n",
            idp.settings("")
        )
    };
    format!("tenants:\n{}", providers.iter().map(tenant).collect::<String>())
}

#[tokio::test]
async fn a_provider_speaks_only_for_its_own_connection() {
    let honest = Provider::new("idp");
    let same_name = Provider { signer: Signer::of(key(1)), ..Provider::new("idp") };
    let evil = Provider { signer: Signer::of(key(2)), ..Provider::new("evil") };
    let all = [("acme", &honest), ("second", &same_name), ("third", &evil)];
    let idp = honest.clone();
    let world = SamlSso::made(Backend::Sqlite, idp, |_| tenants(&all)).await;
    let url = |world: &World, tenant: &str| {
        let client = format!("c-{tenant}");
        let redirect = format!("https://c-{tenant}.example/cb");
        world.authorize_url(&client, &[("redirect_uri", &redirect)])
    };
    for (tenant, own) in all {
        for (other, speaks) in all {
            for audience in [tenant, other] {
                for signs in EVERYWHERE {
                    let mut browser = Browser::new();
                    let request = world.depart(&mut browser, &url(&world, tenant)).await;
                    let mut message = own.answer(&request, world.clock.now());
                    message.signer = speaks.signer.clone();
                    message.signs = signs;
                    let here = format!("/{tenant}/");
                    message.audiences = vec![vec![request.issuer.replace(&here, &format!("/{audience}/"))]];
                    message.about(&format!("ada@{tenant}.example"));
                    let answer = world.deliver(&mut browser, &request, &message.build()).await;
                    let name = format!("{other} signs for {tenant}, meant for {audience}, {signs:?}");
                    if tenant == other && tenant == audience {
                        assert!(answer.query("code").is_some(), "{name}: {} {}", answer.status, answer.body);
                    } else {
                        assert_refused(&name, &answer);
                    }
                }
            }
        }
    }
}
