//! How a sign-in begins: an `AuthnRequest` (SAML Core §3.4.1) that asks for one person, once, to be sent back to our
//! callback. It has no `Subject`, which Entra takes for an error.

use serde_json::json;

use super::{
    super::{Departure, Error, Go, Wish},
    credentials::Credentials,
    metadata::{Endpoint, Provider},
    parcel::Parcel,
    redirect::Kind,
    write::{self, Out},
};
use crate::policy::{
    connection::ConnectionSettings,
    saml::{Binding, SamlSettings},
};

/// The namespace of protocol messages.
const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// The namespace of assertions.
const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

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
    let xml = message(saml, &id, entity_id, &endpoint.location, wish, forced)?.to_xml();
    let credential = match saml.sign_requests || provider.wants_signed_requests {
        true => Some(credentials.signing(wish.now).ok_or_else(no_credential)?),
        false => None,
    };
    let Endpoint { binding, location, .. } = endpoint.clone();
    let relay_state = Some(wish.state.to_owned());
    let parcel = Parcel { kind: Kind::Request, id, xml, binding, location, relay_state, credential };
    let mut go = off_thread(move || parcel.send()).await?;
    // Entra documents it; nobody else does.
    if let (Go::Redirect(url), Some(hint), true) = (&mut go, wish.login_hint, is_entra(settings)) {
        url.query_pairs_mut().append_pair("login_hint", hint);
    }
    Ok(Departure { go, memo })
}

/// Runs what blocks (signing) where it may.
///
/// # Errors
/// What `work` says; [`Error::Misconfigured`] when it did not end.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Error::Misconfigured(format!("the message could not be made: {e}"))))
}

fn no_credential() -> Error {
    Error::Misconfigured("there is no SAML signing key yet; `gatehouse keys rotate --saml sign` makes one".to_owned())
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
        Error::Misconfigured(match (provider.sso.is_empty(), saml.request_binding) {
            (false, Some(binding)) => format!(
                "the provider takes no sign-in requests over the binding {}; remove request_binding, or set the other",
                binding.as_str()
            ),
            _ => "the provider has no address for sign-in requests: sign-ins can only begin there; give sso_url, or metadata \
                  with a SingleSignOnService over HTTP-Redirect or HTTP-POST"
                .to_owned(),
        })
    })
}

fn message(saml: &SamlSettings, id: &str, entity_id: &str, to: &str, wish: &Wish<'_>, forced: bool) -> Result<Out, Error> {
    let format = saml.name_id_format_uri().map_err(Error::Misconfigured)?;
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
        .attribute_if("ForceAuthn", forced.then_some("true"))
        .attribute("ProtocolBinding", POST)
        .attribute("AssertionConsumerServiceURL", wish.redirect_uri)
        .child(Out::new("saml:Issuer").text(entity_id))
        .children(policy)
        .children(context))
}
