//! Each cause with its scenes, and what the operator must read of it.

use std::collections::BTreeMap;

use gatehouse::policy::cause::Cause;
use serde_json::{Value, json};

use super::{How, Play, Scene, assertions, people, reach, settings, web};
use crate::{
    idp::{Broken, Knobs, Signing, change},
    saml::{
        dsig::{Algorithm, Digest, Signer, edit},
        keys::key,
        provider::{Message, Signs, moment},
    },
    world::START,
};

type Words = &'static [&'static str];

fn oidc(fault: fn(&mut Knobs, &str), says: Words) -> Scene {
    Scene { how: How::Oidc("", fault), says }
}

fn token(error: &'static str, description: &'static str, says: Words) -> Scene {
    Scene { how: How::Token(error, description), says }
}

fn denial(error: &'static str, description: &'static str, says: Words) -> Scene {
    Scene { how: How::Denial(error, description), says }
}

fn saml(bend: fn(&mut Message), says: Words) -> Scene {
    Scene { how: How::Saml("", bend), says }
}

fn status(code: &'static str, message: &'static str, says: Words) -> Scene {
    Scene { how: How::Status(code, message), says }
}

fn own(play: Play, says: Words) -> Scene {
    Scene { how: How::Own(play), says }
}

fn claim(knobs: &mut Knobs, name: &'static str, value: Value) {
    knobs.claims = change(move |claims: &mut Value| claims[name] = value.clone());
}

fn no_email(claims: &mut Value) {
    claims.as_object_mut().unwrap().remove("email");
}

fn broken(knobs: &mut Knobs, path: &'static str, how: Broken) {
    knobs.broken = [(path, how)].into();
}

fn answer(knobs: &mut Knobs, how: impl Fn(&mut BTreeMap<String, String>) + Send + Sync + 'static) {
    knobs.redirect = change(how);
}

/// Without a wildcard: a new cause needs its scene.
#[rustfmt::skip]
pub fn scenes(cause: Cause) -> Vec<Scene> {
    match cause {
        // reach
        Cause::Dns => vec![own(|s, n| Box::pin(reach::dns(s, n)), &["nothing.invalid cannot be called from here", "GATEHOUSE_OUTBOUND_ALLOW"])],
        Cause::PrivateAddress => vec![own(|s, n| Box::pin(reach::private_address(s, n)), &["10.20.30.40", "GATEHOUSE_OUTBOUND_ALLOW"])],
        Cause::ProviderTimeout => vec![Scene { how: How::Slow(|s, n| Box::pin(reach::timeout(s, n))), says: &["token endpoint: 127.0.0.1 did not answer within 10 s", "firewall"] }],
        Cause::ProviderCertificateExpired => vec![own(|s, n| Box::pin(reach::certificate_expired(s, n)), &["discovery: 127.0.0.1", "expired", "days ago", "renew"])],
        Cause::ProviderTls => vec![own(|s, n| Box::pin(reach::tls(s, n)), &["discovery: 127.0.0.1 shows a certificate that is not accepted", "authority"])],
        Cause::ProviderUnreachable => vec![own(|s, n| Box::pin(reach::unreachable(s, n)), &["discovery: 127.0.0.1 cannot be reached", "\"Issuer URL\""])],
        Cause::ProviderRedirects => vec![
            oidc(|k, _| broken(k, "/token", Broken::RedirectsAway), &["token endpoint: 127.0.0.1 redirects to http://127.0.0.1:1"]),
            oidc(|k, _| broken(k, "/.well-known/openid-configuration", Broken::RedirectsAway), &["discovery: 127.0.0.1 redirects to http://127.0.0.1:1", "\"Issuer URL\""]),
        ],
        Cause::ProviderStatus => vec![
            oidc(|k, _| broken(k, "/token", Broken::Status(500)), &["the token endpoint answered with status 500", "try again later"]),
            oidc(|k, _| broken(k, "/.well-known/openid-configuration", Broken::Status(404)), &["{issuer}/.well-known/openid-configuration answered with status 404", "\"Issuer URL\""]),
            oidc(|k, _| { k.only_userinfo = vec!["email"]; broken(k, "/userinfo", Broken::Status(403)); }, &["userinfo: 127.0.0.1 answered with status 403", "\"UserInfo endpoint\""]),
        ],
        Cause::ProviderAnswer => vec![
            oidc(|k, _| broken(k, "/token", Broken::Html), &["the token endpoint's answer is not a JSON object"]),
            oidc(|k, _| broken(k, "/token", Broken::Huge), &["token endpoint: 127.0.0.1 answered with more than"]),
            oidc(|k, _| broken(k, "/.well-known/openid-configuration", Broken::Html), &["discovery: 127.0.0.1 answered with a body that is not the expected JSON", "\"Issuer URL\""]),
        ],
        // Keys are shared by all who trust the address, so this one is of a document that nobody else has read.
        Cause::ProviderKeys => vec![oidc(|k, issuer| {
            let jwks = json!(format!("{issuer}/jwks?provider-keys"));
            k.discovery = change(move |d: &mut Value| d["jwks_uri"] = jwks.clone());
            broken(k, "/jwks", Broken::Status(500));
        }, &["the ID token cannot be verified", "500", "jwks_uri", "\"JWKS endpoint\""])],
        Cause::NoIdToken => vec![oidc(|k, _| k.token_response = change(|v: &mut Value| v["id_token"] = Value::Null), &["no id_token", "openid", "OAuth 2.0 alone"])],
        Cause::OwnFault => vec![own(|s, n| Box::pin(reach::own_fault(s, n)), &["its client secret", "log"])],
        // refusal
        Cause::AccessDenied => vec![
            denial("access_denied", "", &["access_denied", "cancelled", "sign-in log"]),
            status("RequestDenied", "conditional access", &["RequestDenied: conditional access"]),
        ],
        Cause::NotAssigned => vec![
            denial("access_denied", "User is not assigned to the client application.", &["User is not assigned", "assign the person"]),
            status("AuthnFailed", "AADSTS50105: not assigned", &["AADSTS50105", "assign the person"]),
        ],
        Cause::RedirectUri => vec![
            token("invalid_request", "AADSTS50011: The redirect URI does not match.", &["AADSTS50011", "Callback URL"]),
            denial("redirect_uri_mismatch", "", &["redirect_uri_mismatch", "Callback URL"]),
        ],
        Cause::ClientUnknown => vec![token("unauthorized_client", "AADSTS700016: Application was not found.", &["AADSTS700016", "\"Client ID\""])],
        Cause::ClientSecret => vec![
            token("invalid_client", "AADSTS7000215: Invalid client secret provided.", &["AADSTS7000215", "\"Client secret\"", "Secret ID"]),
            token("invalid_client", "", &["client_secret_basic", "invalid_client", "\"Client secret\""]),
        ],
        Cause::ClientSecretExpired => vec![token("invalid_client", "AADSTS7000222: The provided client secret keys are expired.", &["AADSTS7000222", "\"Client secret\"", "Certificates & secrets"])],
        Cause::ClientProofWanted => vec![token("invalid_client", "AADSTS7000218: The request body must contain client_secret.", &["AADSTS7000218", "\"Client secret\"", "private_key_jwt"])],
        Cause::AuthMethod => vec![own(|s, n| Box::pin(reach::auth_method(s, n)), &["client_secret_post", "\"Client authentication\"", "the next sign-in goes through"])],
        Cause::CodeRefused => vec![token("invalid_grant", "", &["invalid_grant", "{url}/oauth2/callback", "Callback URL"])],
        Cause::Scope => vec![denial("invalid_scope", "groups", &["invalid_scope: groups", "\"Scopes\""])],
        Cause::GrantNotAllowed => vec![denial("unauthorized_client", "", &["unauthorized_client", "Authorization Code"])],
        Cause::ConsentWanted => vec![denial("consent_required", "AADSTS65001", &["AADSTS65001", "Grant admin consent"])],
        Cause::PersonWanted => vec![
            denial("interaction_required", "", &["interaction_required"]),
            status("NoPassive", "", &["NoPassive"]),
        ],
        Cause::ProviderProblem => vec![
            denial("temporarily_unavailable", "", &["temporarily_unavailable", "Try again in a minute"]),
            saml(|m| m.status = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"></samlp:StatusCode>".to_owned(), &["Responder"]),
        ],
        Cause::ProviderRefused => vec![denial("an_error_of_its_own", "because", &["an_error_of_its_own: because", "provider's documentation"])],
        Cause::NameIdPolicy => vec![status("InvalidNameIDPolicy", "", &["InvalidNameIDPolicy", "\"NameID format\""])],
        Cause::AuthnFailed => vec![status("AuthnFailed", "locked out", &["AuthnFailed: locked out", "sign-in log"])],
        Cause::NoAuthnContext => vec![status("NoAuthnContext", "", &["NoAuthnContext", "\"Authentication context\""])],
        Cause::RequestRefused => vec![
            status("RequestUnsupported", "", &["RequestUnsupported", "SP metadata"]),
            saml(|m| m.status = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Requester\"></samlp:StatusCode>".to_owned(), &["Requester", "SP metadata"]),
        ],
        // settings
        Cause::Settings => vec![
            own(|s, n| Box::pin(settings::landing_lost(s, n)), &["idp_initiated_url https://{name}.example/home", "\"They land at\""]),
            own(|s, n| Box::pin(settings::client_id_lost(s, n)), &["client_id is missing"]),
        ],
        Cause::ClientSecretMissing => vec![own(|s, n| Box::pin(settings::client_secret_missing(s, n)), &["no client secret", "\"Client secret\"", "\"Client authentication\""])],
        Cause::IssuerShared => vec![own(|s, n| Box::pin(settings::issuer_shared(s, n)), &["\"Issuer URL\"", "\"Allowed Entra tenants\""])],
        Cause::Endpoint => vec![oidc(|k, _| k.discovery = change(|d: &mut Value| d["token_endpoint"] = Value::Null), &["the provider has no token_endpoint", "\"Discover endpoints\""])],
        Cause::RequestObjects => vec![own(|s, n| Box::pin(settings::request_objects(s, n)), &["request_parameter_supported", "\"Sign requests\""])],
        Cause::NoRequestAddress => vec![own(|s, n| Box::pin(settings::no_request_address(s, n)), &["over the binding post", "\"Binding of requests\""])],
        Cause::MetadataUnreadable => vec![own(|s, n| Box::pin(settings::metadata_unreadable(s, n)), &["the metadata at http://127.0.0.1", "\"Metadata URL\""])],
        Cause::MetadataExpired => vec![own(|s, n| Box::pin(settings::metadata_expired(s, n)), &["validUntil", "\"Metadata URL\""])],
        Cause::MetadataHeld => vec![own(|s, n| Box::pin(settings::metadata_held(s, n)), &["gatehouse connections accept {name} sso", "fingerprints"])],
        Cause::ConnectionChanged => vec![own(|s, n| Box::pin(settings::connection_changed(s, n)), &["another issuer", "sign in again"])],
        Cause::ConnectionOff => vec![own(|s, n| Box::pin(settings::connection_off(s, n)), &["\"Enabled\"", "\"Offered for sign-in\""])],
        Cause::TenantOff => vec![
            own(|s, n| Box::pin(settings::tenant_off(s, n)), &["the tenant is disabled", "\"Enabled\""]),
            own(|s, n| Box::pin(settings::client_off(s, n)), &["the client is disabled", "\"Enabled\""]),
        ],
        Cause::NoWayIn => vec![
            own(|s, n| Box::pin(settings::no_way_in(s, n)), &["offers no way to sign in", "\"Offered for sign-in\"", "\"Passwords\""]),
            own(|s, n| Box::pin(settings::no_way_into_our_pages(s, n)), &["offers no way to sign in", "\"Enabled\""]),
        ],
        Cause::NotOffered => vec![own(|s, n| Box::pin(web::not_offered(s, n)), &["\"gone\" is not offered by tenant {name}"])],
        Cause::UnknownClient => vec![
            own(|s, n| Box::pin(web::unknown_client(s, n)), &["unknown client \"nobody\""]),
            own(|s, n| Box::pin(web::client_off(s, n)), &["client \"{name}\": the client is disabled", "switch the client on"]),
        ],
        Cause::ClientRedirectUri => vec![own(|s, n| Box::pin(web::redirect_uri(s, n)), &["https://evil.example/cb", "{name}", "\"Redirect URIs\""])],
        Cause::BadRequest => vec![
            own(|s, n| Box::pin(web::repeated_parameter(s, n)), &["a parameter is repeated: client_id", "developers of the application"]),
            own(|s, n| Box::pin(web::wrong_parameter(s, n)), &["client {name}", "response_type"]),
        ],
        Cause::UnsolicitedOff => vec![own(|s, n| Box::pin(settings::unsolicited_off(s, n)), &["\"Sign-ins may begin at the provider\""])],
        Cause::UnsolicitedUnknown => vec![own(|s, n| Box::pin(settings::unsolicited_unknown(s, n)), &["Entity ID", "\"A callback URL of its own\""])],
        Cause::PasswordsOff => vec![own(|s, n| Box::pin(settings::passwords_off(s, n)), &["\"Passwords\""])],
        // answer
        Cause::IssuerSlash => vec![
            oidc(|k, issuer| claim(k, "iss", json!(format!("{issuer}/"))), &["\"{issuer}/\"", "\"{issuer}\"", "\"Issuer URL\"", "\"Discover endpoints\""]),
            own(|s, n| Box::pin(settings::issuer_slash(s, n)), &["{issuer}/slash/ instead of {issuer}/slash", "\"Issuer URL\""]),
            saml(|m| m.response_issuer = Some(format!("{}/", m.response_issuer.as_ref().unwrap())), &["https://idp.example/saml/\"", "https://idp.example/saml\"", "\"Entity ID of the provider\""]),
        ],
        Cause::Issuer => vec![
            oidc(|k, _| claim(k, "iss", json!("https://evil.example")), &["\"https://evil.example\"", "\"{issuer}\"", "\"Issuer URL\""]),
            oidc(|k, issuer| {
                let upper = json!(issuer.replace("http:", "https:"));
                k.discovery = change(move |d: &mut Value| d["issuer"] = upper.clone());
            }, &["begins with", "instead of {issuer}", "\"Issuer URL\""]),
            saml(|m| m.response_issuer = Some("https://evil.example".to_owned()), &["\"https://evil.example\"", "\"https://idp.example/saml\"", "\"Entity ID of the provider\""]),
        ],
        Cause::MixUp => vec![
            oidc(|k, _| answer(k, |a| drop(a.insert("iss".to_owned(), "https://evil.example".to_owned()))), &["https://evil.example instead of {issuer}", "mix-up"]),
            oidc(|k, _| answer(k, |a| drop(a.remove("iss"))), &["has no iss"]),
        ],
        Cause::AnswerUnreadable => vec![
            oidc(|k, _| answer(k, |a| drop(a.remove("code"))), &["neither code nor error"]),
            own(|s, n| Box::pin(web::unreadable_form(s, n)), &["SAMLResponse is missing", "proxy"]),
        ],
        Cause::AnotherCallback => vec![own(|s, n| Box::pin(web::another_callback(s, n)), &["by the callback URL of another connection", "Callback URL"])],
        Cause::NoLogin => vec![
            own(|s, n| Box::pin(web::no_login(s, n)), &["fifteen minutes", "GATEHOUSE_PUBLIC_URL"]),
            own(|s, n| Box::pin(web::finished_login(s, n)), &["back button"]),
        ],
        Cause::Audience => vec![
            oidc(|k, _| claim(k, "aud", json!("another-client")), &["another-client", "gatehouse at idp", "\"Client ID\""]),
            oidc(|k, _| claim(k, "azp", json!("another-client")), &["azp", "another-client", "\"Client ID\""]),
            saml(|m| m.audiences = vec![vec!["https://another.example".to_owned()]], &["https://another.example", "{url}/saml/{name}/sso/metadata", "Entity ID"]),
        ],
        Cause::ClockAhead => vec![
            oidc(|k, _| k.claims = change(|c: &mut Value| c["iat"] = json!(c["iat"].as_i64().unwrap() + 94)), &["iat is 94 s ahead of this clock", "60 s", "NTP", "\"Clock skew\""]),
            oidc(|k, _| k.claims = change(|c: &mut Value| c["auth_time"] = json!(c["iat"].as_i64().unwrap() + 94)), &["auth_time is 94 s ahead of this clock", "60 s", "NTP", "\"Clock skew\""]),
            saml(|m| m.issue_instant = later(&m.issue_instant, 194), &["194 s ahead of this clock", "120 s", "NTP", "\"Clock skew\""]),
        ],
        Cause::Expired => vec![
            oidc(|k, _| k.claims = change(|c: &mut Value| c["exp"] = json!(c["iat"].as_i64().unwrap() - 94)), &["expired 94 s ago", "60 s", "NTP", "\"Clock skew\""]),
            saml(|m| m.not_on_or_after = Some(later(&m.issue_instant, -194)), &["194 s ago", "120 s", "NTP", "\"Clock skew\""]),
            saml(|m| m.session_not_on_or_after = Some(moment(START - 10)), &["the provider's session ended"]),
        ],
        Cause::UnknownKey => vec![oidc(|k, _| k.header = change(|h: &mut Value| h["kid"] = json!("unpublished")), &["unpublished", "jwks_uri", "\"JWKS endpoint\""])],
        Cause::Signature => vec![
            oidc(|k, _| k.signing = Signing::WrongKey, &["the signature does not verify", "\"JWKS endpoint\""]),
            saml(|m| m.signer = Signer::of(key(1)), &["is not by any of the provider's certificates", "certificate"]),
        ],
        Cause::Algorithm => vec![
            oidc(|k, _| k.signing = Signing::HmacOfSecret, &["HS256", "RS256", "\"Allowed algorithms\""]),
            saml(|m| m.signer = Signer::with(Algorithm::RsaMd5, Digest::Sha256), &["rsa-md5", "RSA-SHA256"]),
        ],
        Cause::Sha1 => vec![own(|s, n| Box::pin(assertions::sha1(s, n)), &["SHA-1", "\"Accept SHA-1 signatures\""])],
        Cause::TokenMalformed => vec![
            oidc(|k, _| claim(k, "sub", Value::Null), &["sub", "OpenID Connect Core"]),
            oidc(|k, _| k.token_response = change(|v: &mut Value| v["id_token"] = json!("not.a.jwt")), &["the ID token"]),
        ],
        Cause::Nonce => vec![
            oidc(|k, _| claim(k, "nonce", json!("another")), &["nonce is another"]),
            oidc(|k, _| claim(k, "nonce", Value::Null), &["has no nonce"]),
        ],
        Cause::AccessTokenHash => vec![oidc(|k, _| claim(k, "at_hash", json!("another")), &["at_hash", "access token"])],
        Cause::NotFresh => vec![
            own(|s, n| Box::pin(people::not_fresh(s, n)), &["3600 s before the sign-in began", "prompt=login"]),
            own(|s, n| Box::pin(assertions::not_fresh(s, n)), &["ForceAuthn"]),
        ],
        Cause::UserinfoSubject => vec![oidc(|k, _| {
            k.only_userinfo = vec!["email"];
            k.userinfo = change(|claims: &mut Value| claims["sub"] = json!("idp|another"));
        }, &["another sub", "\"UserInfo endpoint\""])],
        Cause::NotSigned => vec![saml(|m| m.signs = Signs::Nothing, &["neither the response nor its assertion is signed", "Signing Option"])],
        Cause::SignatureForm => vec![saml(|m| {
            m.signer.signed_info = edit(|info| {
                let (before, rest) = info.split_once("<ds:Reference").unwrap();
                let (reference, after) = rest.rsplit_once("</ds:Reference>").unwrap();
                let reference = format!("<ds:Reference{reference}</ds:Reference>");
                format!("{before}{reference}{reference}{after}")
            });
        }, &["one Reference", "exclusive canonicalisation"])],
        Cause::CertificateExpired => vec![own(|s, n| Box::pin(assertions::certificate_expired(s, n)), &["expired 20 days ago", "\"Metadata URL\""])],
        Cause::Destination => vec![
            saml(|m| m.destination = Some("https://old.example/acs".to_owned()), &["https://old.example/acs", "{url}/oauth2/callback", "ACS URL"]),
            saml(|m| m.destination = None, &["no Destination"]),
        ],
        Cause::Recipient => vec![saml(|m| m.recipient = Some("https://old.example/acs".to_owned()), &["https://old.example/acs", "{url}/oauth2/callback", "Recipient"])],
        Cause::InResponseTo => vec![
            own(|s, n| Box::pin(assertions::another_request(s, n)), &["is not the request that this browser left with", "start again"]),
            saml(|m| (m.in_response_to, m.subject_in_response_to) = (None, None), &["has no InResponseTo", "send InResponseTo"]),
        ],
        Cause::Replayed => vec![own(|s, n| Box::pin(assertions::replayed(s, n)), &["was used before", "start again"])],
        Cause::NotEncrypted => vec![own(|s, n| Box::pin(assertions::not_encrypted(s, n)), &["not encrypted", "\"Assertions must be encrypted\""])],
        Cause::EncryptedForAnotherKey => vec![own(|s, n| Box::pin(assertions::encrypted_for_another_key(s, n)), &["cannot be decrypted", "SP metadata"])],
        Cause::EncryptionAlgorithm => vec![own(|s, n| Box::pin(assertions::encryption_algorithm(s, n)), &["rsa-1_5", "RSA-OAEP"])],
        Cause::AuthnContext => vec![own(|s, n| Box::pin(assertions::authn_context(s, n)), &["PasswordProtectedTransport", "\"Authentication context\""])],
        Cause::SamlForm => vec![
            saml(|m| m.authn = None, &["no AuthnStatement"]),
            saml(|m| m.not_on_or_after = Some(moment(START + 30 * 86_400)), &["longer than a week"]),
            saml(|m| m.response_version = "1.1".to_owned(), &["only SAML 2.0"]),
        ],
        // person
        Cause::UniqueId => vec![
            own(|s, n| Box::pin(people::unique_id(s, n)), &["none of the claims employee_id", "\"Unique ID claim\""]),
            saml(|m| (m.name_id, m.name_id_format) = (String::new(), None), &["NameID", "\"Unique ID claim\""]),
        ],
        Cause::TransientNameId => vec![saml(|m| m.name_id_format = Some("urn:oasis:names:tc:SAML:2.0:nameid-format:transient".to_owned()), &["transient", "\"Unique ID claim\"", "\"NameID format\""])],
        Cause::Directory => vec![own(|s, n| Box::pin(people::directory(s, n)), &["00000000-1111-4222-8333-444444444444", "\"Allowed Entra tenants\""])],
        Cause::HostedDomain => vec![own(|s, n| Box::pin(people::hosted_domain(s, n)), &["no Workspace domain (hd)", "acme.example", "\"Google Workspace domains\""])],
        Cause::EmailMissing => vec![
            oidc(|k, _| (k.claims, k.userinfo) = (change(no_email), change(no_email)), &["no e-mail address", "\"Email claim\"", "the scope email"]),
            saml(|m| m.attributes.retain(|(name, _)| name != "email"), &["no e-mail address", "\"Email claim\""]),
        ],
        Cause::EmailUnusable => vec![oidc(|k, _| claim(k, "email", json!("Ada <ada@acme.example>")), &["local@domain", "\"Email claim\""])],
        Cause::EmailDomain => vec![own(|s, n| Box::pin(people::email_domain(s, n)), &["none of the domains", "\"Allowed domains\""])],
        Cause::EmailUnproven => vec![
            oidc(|k, _| claim(k, "email_verified", json!(false)), &["email_verified", "\"When the e-mail address links to a user\""]),
            saml(|m| m.attribute("email", &["ada@elsewhere.example"]), &["\"When the e-mail address links to a user\"", "Domains"]),
        ],
        Cause::UserUnproven => vec![own(|s, n| Box::pin(people::user_unproven(s, n)), &["never proven"])],
        Cause::AlreadyLinked => vec![own(|s, n| Box::pin(people::already_linked(s, n)), &["another identity of this connection"])],
        Cause::WrongAccount => vec![own(|s, n| Box::pin(people::wrong_account(s, n)), &["for another address", "invited address"])],
        Cause::AnotherPerson => vec![own(|s, n| Box::pin(people::another_person(s, n)), &["another person signed in", "id_token_hint"])],
        Cause::AddressTaken => vec![own(|s, n| Box::pin(people::address_taken(s, n)), &["has a user", "sign in as usual"])],
        Cause::NotInvited => vec![own(|s, n| Box::pin(people::not_invited(s, n)), &["invite-only", "Send an invite", "\"How users come to be\""])],
        Cause::NotProvisioned => vec![own(|s, n| Box::pin(people::not_provisioned(s, n)), &["directory", "SCIM"])],
        Cause::InviteOver => vec![
            own(|s, n| Box::pin(people::invite_used(s, n)), &["is accepted", "new invite"]),
            own(|s, n| Box::pin(people::invite_withdrawn(s, n)), &["new invite"]),
        ],
        Cause::Deactivated => vec![own(|s, n| Box::pin(people::deactivated(s, n)), &["deactivated", "Activate the user"])],
        Cause::PasswordWrong => vec![own(|s, n| Box::pin(people::password_wrong(s, n)), &["do not match"])],
        Cause::TooManyAttempts => vec![own(|s, n| Box::pin(people::too_many_attempts(s, n)), &["the next one may be made in", "Wait"])],
        Cause::TooManySignIns => vec![own(|s, n| Box::pin(web::too_many_sign_ins(s, n)), &["127.0.0.1", "GATEHOUSE_SIGN_IN_RATE", "GATEHOUSE_TRUSTED_PROXIES"])],
        Cause::FormToken => vec![own(|s, n| Box::pin(web::form_token(s, n)), &["form token", "cookies"])],
        Cause::ConsentRefused => vec![own(|s, n| Box::pin(web::consent_refused(s, n)), &["client {name}", "\"Trusted\""])],
    }
}

/// A moment of SAML, so many seconds later.
fn later(text: &str, seconds: i64) -> String {
    let at = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap();
    moment(at.unix_timestamp() + seconds)
}
