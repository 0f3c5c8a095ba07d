//! Every known cause, provoked over HTTP: a provider, a setting or a person that is broken as the cause says, and then the
//! trace that an operator finds by the code on the person's page. It must name that cause and no other, and what the operator
//! reads there must speak of what was broken.
//!
//! `table` has the scenes of each cause, in a match without a wildcard: a cause that nobody can provoke does not compile.
//! `stage` is one deployment for many of them, each with a tenant of its own; the other files are the scenes that take more
//! than one line.

mod assertions;
mod people;
mod reach;
mod settings;
mod stage;
mod table;
mod web;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
};

use futures_util::{FutureExt as _, future::LocalBoxFuture};
use gatehouse::policy::cause::Cause;

use self::stage::Stage;
use crate::{
    browser::{Answer, Browser},
    idp::{Idp, Knobs, change},
    on_both,
    saml::provider::Message,
    world::Backend,
};

on_both!(providers_that_refuse, openid_answers, saml_answers, settings_and_people, each_code_has_its_own_cause);

/// How a cause comes about, and what an operator must read of it: title, meaning, fix and detail together hold these words.
/// `{issuer}`, `{url}` and `{name}` stand for the provider's issuer, our public URL and the tenant.
pub struct Scene {
    pub how: How,
    pub says: &'static [&'static str],
}

/// How. All but the last are followed by their honest twin: the same provider, mended, signs the person in over the same
/// connection.
pub enum How {
    /// Knobs of an OpenID provider, with further settings of the connection; the second argument is the provider's issuer.
    Oidc(&'static str, fn(&mut Knobs, &str)),
    /// What the token endpoint says: error and description.
    Token(&'static str, &'static str),
    /// What the authorization response says: error and description.
    Denial(&'static str, &'static str),
    /// The honest SAML message, bent, with further settings of the connection.
    Saml(&'static str, fn(&mut Message)),
    /// What the status of a SAML response says: the inner code and the message.
    Status(&'static str, &'static str),
    /// By hand. Honest twins are its own.
    Own(Play),
    /// The same, where somebody has to wait: it goes on beside the others.
    Slow(Play),
}

/// A scene by hand, for a tenant that is to have this name.
pub type Play = for<'a> fn(&'a Stage, &'a str) -> LocalBoxFuture<'a, Found>;

/// Where the operator begins to look.
pub enum Found {
    /// With the code on this page.
    Page(Answer),
    /// With the last failure of the tenant, for what ends without a code: at a form, or at the application.
    Last,
}

/// Whether a scene is of a kind.
type Kind = fn(&How) -> bool;

async fn providers_that_refuse(backend: Backend) {
    all(backend, |how| matches!(how, How::Token(..) | How::Denial(..) | How::Status(..))).await;
}

async fn openid_answers(backend: Backend) {
    all(backend, |how| matches!(how, How::Oidc(..))).await;
}

async fn saml_answers(backend: Backend) {
    all(backend, |how| matches!(how, How::Saml(..))).await;
}

async fn settings_and_people(backend: Backend) {
    all(backend, |how| matches!(how, How::Own(_) | How::Slow(_))).await;
}

/// Plays every scene of the kind.
async fn all(backend: Backend, kind: Kind) {
    let stage = &Stage::new(backend).await;
    let mut quick = Vec::new();
    let mut slow = Vec::new();
    for &cause in Cause::ALL {
        let scenes = table::scenes(cause);
        assert!(!scenes.is_empty(), "{cause:?} has no scene");
        for (at, scene) in scenes.into_iter().enumerate().filter(|(_, scene)| kind(&scene.how)) {
            let list = if matches!(scene.how, How::Slow(_)) { &mut slow } else { &mut quick };
            list.push((cause, format!("{}-{at}", cause.word().replace('_', "-")), scene));
        }
    }
    let played = async |scenes: Vec<(Cause, String, Scene)>| {
        let mut wrong = Vec::new();
        for (cause, name, scene) in scenes {
            // One that fails is named with the others, so that a change of many is seen at once.
            let played = AssertUnwindSafe(play(stage, cause, &name, &scene)).catch_unwind().await;
            let played = played.unwrap_or_else(|_| Err("it panicked, as told above".to_owned()));
            stage.idp.turn(|k| *k = Knobs::default());
            wrong.extend(played.err().map(|why| format!("{name}: {why}")));
        }
        wrong
    };
    let (quick, slow) = tokio::join!(played(quick), played(slow));
    let wrong = [quick, slow].concat();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Plays one scene; what is wrong with what the operator reads then.
async fn play(stage: &Stage, cause: Cause, name: &str, scene: &Scene) -> Result<(), String> {
    let found = match scene.how {
        How::Own(play) | How::Slow(play) => play(stage, name).await,
        How::Oidc(settings, fault) => {
            let set = stage.oidc(name, settings, "").await;
            stage.idp.turn(|k| fault(k, stage.idp.issuer()));
            Found::Page(set.broken().await)
        }
        How::Token(error, description) => {
            // One way to prove who we are: else a refused client is tried again in another.
            let set = stage.oidc(name, "token_endpoint_auth_method: client_secret_basic", "").await;
            let said = serde_json::json!({"error": error, "error_description": description});
            stage.idp.turn(|k| k.token_response = change(move |answer| *answer = said.clone()));
            Found::Page(set.broken().await)
        }
        How::Denial(error, description) => {
            let set = stage.oidc(name, "", "").await;
            stage.idp.turn(|k| {
                k.redirect = change(move |answer: &mut BTreeMap<String, String>| {
                    answer.remove("code");
                    answer.insert("error".to_owned(), error.to_owned());
                    answer.insert("error_description".to_owned(), description.to_owned());
                });
            });
            Found::Page(set.broken().await)
        }
        How::Saml(settings, bend) => {
            let set = stage.saml(name, settings, "").await;
            let page = set.answered(bend).await;
            set.signs_in_by(|_| {}).await;
            Found::Page(page)
        }
        How::Status(code, message) => {
            let set = stage.saml(name, "", "").await;
            let page = set.answered(|m| m.status = assertions::status(code, message)).await;
            set.signs_in_by(|_| {}).await;
            Found::Page(page)
        }
    };
    let told = stage.judge(cause, name, &found, scene.says).await?;
    let is_own = matches!(scene.how, How::Own(_) | How::Slow(_));
    match is_own || told["connection"] == "sso" {
        true => Ok(()),
        false => Err(format!("it is not said over which connection: {told}")),
    }
}

/// A sign-in that failed twice, for different reasons, has two codes, and each leads to its own reason.
async fn each_code_has_its_own_cause(backend: Backend) {
    let stage = Stage::new(backend).await;
    let set = stage.oidc("twice", "", "").await;
    let mut browser = Browser::new();
    let departure = set.depart(&mut browser, &set.url(&[])).await;
    let fault = |idp: &Idp, name: &'static str, value: &'static str| {
        idp.turn(|k| k.claims = change(move |claims: &mut serde_json::Value| claims[name] = value.into()));
    };
    fault(&stage.idp, "nonce", "another");
    let first = browser.get(&set.back(&departure).await).await;
    fault(&stage.idp, "aud", "another");
    let again = format!("{}{}", stage.world.url, first.body.split('"').find(|part| part.starts_with("/login/")).unwrap());
    let departure = set.depart(&mut browser, &again).await;
    let second = browser.get(&set.back(&departure).await).await;
    let codes: BTreeSet<&str> = [first.reference(), second.reference()].into();
    assert_eq!(codes.len(), 2);
    for (page, cause) in [(first, Cause::Nonce), (second, Cause::Audience)] {
        stage.judge(cause, "twice", &Found::Page(page), &[]).await.unwrap();
    }
}
