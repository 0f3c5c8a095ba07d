//! How a sign-in begins: an `AuthnRequest` (SAML Core §3.4.1) that asks for one person, once, to be sent back to our
//! callback. It has no `Subject`, which Entra takes for an error.

use serde_json::json;

use super::{
    super::{Departure, Error, Go, Wish},
    credentials::Credentials,
    metadata::{Endpoint, Provider},
    names::{POST, SAML, SAMLP},
    parcel::Parcel,
    redirect::Kind,
    turn,
    write::{self, Out},
};
use crate::policy::{
    cause::Cause,
    connection::ConnectionSettings,
    saml::{Binding, SamlSettings},
};

/// Begins a sign-in at `provider`. `settings` are filled from their preset, `entity_id` is ours for this connection.
///
/// # Errors
/// [`Error::Misconfigured`] when the provider takes no requests (over the binding that the settings name), or when there
/// is no key to sign with.
pub async fn build(
    settings: &ConnectionSettings,
    provider: &Provider,
    entity_id: &str,
    credentials: &Credentials,
    wish: &Wish<'_>,
) -> Result<Departure, Error> {
    let default = SamlSettings::default();
    let saml = settings.saml.as_ref().unwrap_or(&default);
    let endpoint = endpoint(saml, provider)?;
    let id = write::fresh_id();
    let forced = wish.force || wish.max_age == Some(0);
    let memo = json!({
        "request_id": id,
        "entity_id": provider.entity_id,
        "forced": forced,
        "max_age": wish.max_age,
        "departed_at": wish.now,
    });
    // SAML knows no greatest age, and a provider that is not asked to force answers from a session of any age.
    let force = forced || wish.max_age.is_some();
    let xml = message(saml, &id, entity_id, &endpoint.location, wish, force)?.to_xml();
    let credential = match saml.sign_requests || provider.wants_signed_requests {
        true => Some(credentials.signing(wish.now).ok_or_else(no_credential)?),
        false => None,
    };
    let Endpoint { binding, location, .. } = endpoint.clone();
    let relay_state = Some(wish.state.to_owned());
    let parcel = Parcel { kind: Kind::Request, id, xml, binding, location, relay_state, credential };
    let mut go = turn::take(move || parcel.send()).await?;
    // Entra documents it; nobody else does.
    if let (Go::Redirect(url), Some(hint), true) = (&mut go, wish.login_hint, is_entra(settings)) {
        url.query_pairs_mut().append_pair("login_hint", hint);
    }
    Ok(Departure { go, memo })
}

/// The error of a message that must be signed and cannot be.
pub(super) fn no_credential() -> Error {
    let none = "there is no SAML signing key yet; `gatehouse keys rotate --saml sign` makes one";
    Error::Misconfigured(Cause::OwnFault.with(none))
}

fn is_entra(settings: &ConnectionSettings) -> bool {
    settings.preset.as_deref().is_some_and(|preset| preset.eq_ignore_ascii_case("entra"))
}

/// Where the request goes: over the binding of the settings, else by redirect where the provider takes that.
fn endpoint<'p>(saml: &SamlSettings, provider: &'p Provider) -> Result<&'p Endpoint, Error> {
    let over = |binding: Binding| provider.sso.iter().find(|endpoint| endpoint.binding == binding);
    let found = match saml.request_binding {
        Some(binding) => over(binding),
        None => over(Binding::Redirect).or_else(|| over(Binding::Post)),
    };
    found.ok_or_else(|| {
        Error::Misconfigured(
            Cause::NoRequestAddress.with(match (provider.sso.is_empty(), saml.request_binding) {
                (false, Some(binding)) => format!(
                    "the provider takes no sign-in requests over the binding {}; remove request_binding, or set the other",
                    binding.as_str()
                ),
                _ => {
                    "the provider has no address for sign-in requests: sign-ins can only begin there; give sso_url, or metadata \
                  with a SingleSignOnService over HTTP-Redirect or HTTP-POST"
                        .to_owned()
                }
            }),
        )
    })
}

fn message(saml: &SamlSettings, id: &str, entity_id: &str, to: &str, wish: &Wish<'_>, force: bool) -> Result<Out, Error> {
    let format = saml.name_id_format_uri().map_err(|why| Error::Misconfigured(Cause::Settings.with(why)))?;
    let policy = format.map(|format| {
        let create = format.ends_with(":persistent").then_some("true");
        Out::new("samlp:NameIDPolicy").attribute("Format", format).attribute_if("AllowCreate", create)
    });
    let class = |class: &String| Out::new("saml:AuthnContextClassRef").text(class);
    let context = (!saml.authn_context.is_empty()).then(|| {
        let classes = saml.authn_context.iter().map(class);
        Out::new("samlp:RequestedAuthnContext").attribute("Comparison", "exact").children(classes)
    });
    Ok(Out::new("samlp:AuthnRequest")
        .attribute("xmlns:samlp", SAMLP)
        .attribute("xmlns:saml", SAML)
        .attribute("ID", id)
        .attribute("Version", "2.0")
        .attribute("IssueInstant", write::instant(wish.now))
        .attribute("Destination", to)
        .attribute_if("ForceAuthn", force.then_some("true"))
        .attribute("ProtocolBinding", POST)
        .attribute("AssertionConsumerServiceURL", wish.redirect_uri)
        .child(Out::new("saml:Issuer").text(entity_id))
        .children(policy)
        .children(context))
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use url::Url;

    use super::{
        super::{certificate::Material, credentials::Usage, redirect},
        *,
    };

    const ENTITY: &str = "https://gate.example/saml/acme/idp/metadata";
    const CALLBACK: &str = "https://gate.example/oauth2/callback";
    const NOW: i64 = 1_763_808_900;

    fn provider() -> Provider {
        let at = |binding, location: &str| Endpoint { binding, location: location.to_owned(), response_location: None };
        Provider {
            entity_id: "https://idp.example".into(),
            sso: vec![at(Binding::Post, "https://idp.example/post?a=b"), at(Binding::Redirect, "https://idp.example/go?a=b")],
            slo: vec![],
            certificates: vec![],
            wants_signed_requests: false,
            valid_until: None,
            cache_duration: None,
        }
    }

    fn credentials() -> (Credentials, Vec<Vec<u8>>) {
        let material = Material::generate(Usage::Sign, "localhost", NOW, NOW + 1_000).unwrap();
        let credentials = Credentials::default();
        credentials.replace(vec![material.open(Usage::Sign, NOW, NOW, None).unwrap()]);
        (credentials, vec![material.certificate])
    }

    fn settings(preset: &str, saml: SamlSettings) -> ConnectionSettings {
        ConnectionSettings { preset: Some(preset.into()), saml: Some(saml), ..ConnectionSettings::default() }
    }

    fn wish() -> Wish<'static> {
        Wish {
            state: "the-state",
            redirect_uri: CALLBACK,
            login_hint: Some("ada@acme.example"),
            force: false,
            select_account: false,
            max_age: None,
            now: NOW,
        }
    }

    async fn redirected(settings: &ConnectionSettings, wish: &Wish<'_>) -> (Url, String, serde_json::Value) {
        let (credentials, certificates) = credentials();
        let departure = build(settings, &provider(), ENTITY, &credentials, wish).await.unwrap();
        let Go::Redirect(url) = departure.go else { panic!("a form") };
        let decoded = redirect::decode(url.query().unwrap(), &certificates, false).unwrap();
        assert_eq!((decoded.kind, decoded.relay_state.as_deref()), (Kind::Request, Some(wish.state)));
        (url, decoded.xml, departure.memo)
    }

    #[tokio::test]
    async fn a_signed_redirect_that_asks_for_little() {
        let (url, xml, memo) = redirected(&settings("okta", SamlSettings::default()), &wish()).await;
        assert!(url.as_str().starts_with("https://idp.example/go?a=b&SAMLRequest="), "{url}");
        let id = memo["request_id"].as_str().unwrap();
        let whole = format!(
            "<samlp:AuthnRequest xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" ID=\"{id}\" Version=\"2.0\" \
             IssueInstant=\"2025-11-22T10:55:00Z\" Destination=\"https://idp.example/go?a=b\" ProtocolBinding=\"{POST}\" \
             AssertionConsumerServiceURL=\"{CALLBACK}\"><saml:Issuer>{ENTITY}</saml:Issuer></samlp:AuthnRequest>"
        );
        assert_eq!(xml, whole);
        let departed =
            json!({"request_id": id, "entity_id": "https://idp.example", "forced": false, "max_age": null, "departed_at": NOW});
        assert_eq!(memo, departed);
        assert!(!url.as_str().contains("hint"), "Okta documents none");
    }

    #[tokio::test]
    async fn what_the_settings_and_the_client_ask_for() {
        let saml = SamlSettings {
            name_id_format: Some("persistent".into()),
            authn_context: vec!["urn:one".into(), "urn:<two>".into()],
            ..SamlSettings::default()
        };
        let (url, xml, memo) = redirected(&settings("Entra", saml.clone()), &Wish { force: true, ..wish() }).await;
        assert!(url.as_str().ends_with("&login_hint=ada%40acme.example"), "{url}");
        for part in [
            "</saml:Issuer><samlp:NameIDPolicy Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent\" AllowCreate=\"true\"/>\
             <samlp:RequestedAuthnContext Comparison=\"exact\"><saml:AuthnContextClassRef>urn:one</saml:AuthnContextClassRef>\
             <saml:AuthnContextClassRef>urn:&lt;two&gt;</saml:AuthnContextClassRef></samlp:RequestedAuthnContext></samlp",
            " ForceAuthn=\"true\" ",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
        assert!(!xml.contains("Subject"), "Entra refuses it");
        assert_eq!(memo["forced"], true);
        for (max_age, asked, forced) in [(Some(0), true, true), (Some(300), true, false), (None, false, false)] {
            let (_, xml, memo) = redirected(&settings("okta", saml.clone()), &Wish { max_age, ..wish() }).await;
            assert_eq!((xml.contains("ForceAuthn"), memo["forced"].as_bool()), (asked, Some(forced)), "{max_age:?}");
            assert_eq!(memo["max_age"].as_i64(), max_age);
        }
    }

    #[tokio::test]
    async fn a_form_carries_its_signature_within() {
        let (credentials, certificates) = credentials();
        let saml = SamlSettings { request_binding: Some(Binding::Post), ..SamlSettings::default() };
        let departure = build(&settings("okta", saml), &provider(), ENTITY, &credentials, &wish()).await.unwrap();
        let Go::Post { action, fields } = departure.go else { panic!("a redirect") };
        assert_eq!(action.as_str(), "https://idp.example/post?a=b");
        assert_eq!((fields[0].0, &fields[1]), ("SAMLRequest", &("RelayState", "the-state".to_owned())));
        let xml = String::from_utf8(STANDARD.decode(&fields[0].1).unwrap()).unwrap();
        assert!(xml.contains(&format!("<ds:Reference URI=\"#{}\">", departure.memo["request_id"].as_str().unwrap())), "{xml}");
        assert!(
            xml.contains(&STANDARD.encode(&certificates[0])) && xml.contains(&format!("{ENTITY}</saml:Issuer><ds:Signature"))
        );
    }

    #[tokio::test]
    async fn signs_unless_told_otherwise_and_says_what_is_missing() {
        let (credentials, _) = credentials();
        let none = Credentials::default();
        let unsigned = settings("okta", SamlSettings { sign_requests: false, ..SamlSettings::default() });
        let signed = settings("okta", SamlSettings::default());
        let departure = build(&unsigned, &provider(), ENTITY, &none, &wish()).await.unwrap();
        assert!(matches!(departure.go, Go::Redirect(url) if !url.as_str().contains("Signature")));
        let wants = Provider { wants_signed_requests: true, ..provider() };
        let departure = build(&unsigned, &wants, ENTITY, &credentials, &wish()).await.unwrap();
        assert!(matches!(departure.go, Go::Redirect(url) if url.as_str().contains("Signature")), "the provider's word counts");

        let only_post = Provider { sso: provider().sso[..1].to_vec(), ..provider() };
        let departure = build(&signed, &only_post, ENTITY, &credentials, &wish()).await.unwrap();
        assert!(matches!(departure.go, Go::Post { .. }));
        let redirect = SamlSettings { request_binding: Some(Binding::Redirect), ..SamlSettings::default() };
        for (settings, provider, credentials, why) in [
            (&signed, &provider(), &none, "gatehouse keys rotate --saml sign"),
            (&signed, &Provider { sso: vec![], ..provider() }, &credentials, "sso_url"),
            (&settings("okta", redirect), &only_post, &credentials, "remove request_binding"),
        ] {
            let refused = build(settings, provider, ENTITY, credentials, &wish()).await.unwrap_err();
            assert!(matches!(&refused, Error::Misconfigured(cause) if cause.contains(why)), "{refused}");
        }
    }
}
