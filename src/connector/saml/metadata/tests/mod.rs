//! Documents in the shapes that providers publish (synthetic: no provider's own text), and what is refused.

pub mod made;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openssl::nid::Nid;

use self::made::{NOW, certificate, ec, fresh, issued, rsa};
use super::{Provider, read};
use crate::policy::saml::Binding;

const MD: &str = r#"xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" xmlns:ds="http://www.w3.org/2000/09/xmldsig#""#;
const SAMLP: &str = r#"protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol""#;
const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

fn key(usage: &str, certificate: &str) -> String {
    let usage = if usage.is_empty() { String::new() } else { format!(" use=\"{usage}\"") };
    format!(
        "<md:KeyDescriptor{usage}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>\
         </ds:KeyInfo></md:KeyDescriptor>"
    )
}

fn sso(binding: &str, location: &str) -> String {
    format!("<md:SingleSignOnService Binding=\"{binding}\" Location=\"{location}\"/>")
}

/// An entity in the md prefix; `attributes` are the EntityDescriptor's, `inside` is the role's.
fn entity(id: &str, attributes: &str, inside: &str) -> String {
    format!(
        "<md:EntityDescriptor {MD} entityID=\"{id}\" {attributes}><md:IDPSSODescriptor {SAMLP}>{inside}</md:IDPSSODescriptor>\
         </md:EntityDescriptor>"
    )
}

fn good(id: &str) -> String {
    entity(id, "", &(key("signing", &fresh()) + &sso(REDIRECT, "https://idp.example/sso")))
}

fn parse(xml: &str) -> Result<Provider, String> {
    read(xml, None, &[], NOW)
}

fn refused(xml: &str, cause: &str) {
    let error = parse(xml).expect_err(cause);
    assert!(error.contains(cause), "expected {cause:?}: {error}\n{xml}");
}

#[test]
fn entra_with_its_federation_roles() {
    let (one, two) = (fresh(), fresh());
    let key = |c: &str| {
        format!(
            "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{c}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
        )
    };
    let claims: String = (0..200)
        .map(|n| format!("<auth:ClaimType Uri=\"https://claims.example/{n}\" Optional=\"true\" xmlns:auth=\"http://docs.oasis-open.org/wsfed/authorization/200706\"><auth:DisplayName>Claim {n}</auth:DisplayName></auth:ClaimType>"))
        .collect();
    let xml = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EntityDescriptor ID=\"_aa-1\" entityID=\"https://sts.idp.example/tid/\" \
         xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\"><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><SignedInfo/></Signature>\
         <RoleDescriptor xsi:type=\"fed:SecurityTokenServiceType\" \
         protocolSupportEnumeration=\"http://docs.oasis-open.org/wsfed/federation/200706\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:fed=\"http://docs.oasis-open.org/wsfed/federation/200706\">\
         {0}<fed:ClaimTypesOffered>{claims}</fed:ClaimTypesOffered></RoleDescriptor>\
         <IDPSSODescriptor {SAMLP}>{0}{1}<SingleLogoutService Binding=\"{REDIRECT}\" Location=\"https://login.idp.example/tid/saml2\"/>\
         <SingleSignOnService Binding=\"{REDIRECT}\" Location=\"https://login.idp.example/tid/saml2\"/>\
         <SingleSignOnService Binding=\"{POST}\" Location=\"https://login.idp.example/tid/saml2\"/></IDPSSODescriptor></EntityDescriptor>",
        key(&one),
        key(&two),
    );
    let provider = parse(&xml).unwrap();
    assert_eq!(provider.entity_id, "https://sts.idp.example/tid/");
    assert_eq!(provider.certificates, [one, two], "both, in the order of the document");
    assert_eq!(provider.sso.iter().map(|e| e.binding).collect::<Vec<_>>(), [Binding::Redirect, Binding::Post]);
    assert_eq!(provider.slo[0].location, "https://login.idp.example/tid/saml2");
    assert_eq!((provider.valid_until, provider.cache_duration, provider.wants_signed_requests), (None, None, false));
}

#[test]
fn ad_fs_with_a_service_provider_and_soap() {
    let (signing, next, encryption) = (fresh(), fresh(), fresh());
    let role = [
        key("encryption", &encryption),
        key("signing", &signing),
        key("signing", &next),
        format!("<md:SingleLogoutService Binding=\"{REDIRECT}\" Location=\"https://fs.idp.example/adfs/ls/\"/>"),
        format!("<md:SingleLogoutService Binding=\"{POST}\" Location=\"https://fs.idp.example/adfs/ls/\" ResponseLocation=\"https://fs.idp.example/adfs/done/\"/>"),
        sso("urn:oasis:names:tc:SAML:2.0:bindings:SOAP", "http://fs.idp.example/soap"),
        sso(REDIRECT, "https://fs.idp.example/adfs/ls/"),
        sso(POST, "https://fs.idp.example/adfs/ls/"),
    ]
    .concat();
    let xml = format!(
        "<md:EntityDescriptor {MD} ID=\"_x\" entityID=\"http://fs.idp.example/adfs/services/trust\">\
         <md:SPSSODescriptor WantAssertionsSigned=\"true\" {SAMLP}>{}</md:SPSSODescriptor>\
         <md:IDPSSODescriptor {SAMLP} WantAuthnRequestsSigned=\"true\">{role}</md:IDPSSODescriptor></md:EntityDescriptor>",
        key("signing", &fresh()),
    );
    let provider = parse(&xml).unwrap();
    assert_eq!(provider.certificates, [signing, next], "neither the encryption key nor the service provider's");
    assert_eq!((provider.sso.len(), provider.slo.len(), provider.wants_signed_requests), (2, 2, true));
    assert_eq!(provider.slo[1].response_location.as_deref(), Some("https://fs.idp.example/adfs/done/"));
}

#[test]
fn okta_auth0_jumpcloud_and_pingone() {
    for (id, flag) in [
        ("http://www.idp.example/exk1", "WantAuthnRequestsSigned=\"false\""),
        ("urn:tenant.idp.example", ""),
        ("jumpcloud", "WantAuthnRequestsSigned=\"0\""),
        ("https://auth.idp.example/env", "WantAuthnRequestsSigned=\"1\""),
    ] {
        let certificate = fresh();
        // Line breaks and indentation as consoles write them.
        let broken: String =
            certificate.as_bytes().chunks(64).map(|l| format!("\n      {}", str::from_utf8(l).unwrap())).collect();
        let inside = key("signing", &broken) + &sso(POST, "https://idp.example/post") + &sso(REDIRECT, "https://idp.example/get");
        let xml = entity(id, "", &inside).replace(SAMLP, &format!("{flag} {SAMLP}"));
        let provider = parse(&format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{xml}\n")).unwrap();
        assert_eq!((provider.entity_id.as_str(), provider.certificates), (id, vec![certificate]));
        assert_eq!(provider.wants_signed_requests, flag.contains("\"1\""));
    }
}

#[test]
fn google_says_until_when() {
    let inside = key("signing", &fresh()) + &sso(REDIRECT, "https://accounts.idp.example/o/saml2/idp?idpid=C0&amp;x=1");
    let xml = entity("https://accounts.idp.example/o/saml2?idpid=C0", "validUntil=\"2027-06-01T00:00:00.000Z\"", &inside);
    let provider = parse(&xml).unwrap();
    assert_eq!(provider.valid_until, Some(1_811_808_000));
    assert_eq!(provider.sso[0].location, "https://accounts.idp.example/o/saml2/idp?idpid=C0&x=1", "references are resolved");
    refused(&xml.replace("2027-06", "2026-06"), "validUntil has passed");
    refused(&xml.replace("2027-06-01", "soon"), "cannot be read");
}

#[test]
fn keycloak_now_and_of_old() {
    let inside = key("signing", &fresh()) + &sso(POST, "https://kc.example/saml") + &sso(REDIRECT, "https://kc.example/saml");
    let now = entity("https://kc.example/realms/one", "", &inside);
    let old = format!("<!-- realm one --><md:EntitiesDescriptor {MD} Name=\"urn:keycloak\">{now}</md:EntitiesDescriptor>");
    assert_eq!(parse(&now).unwrap(), parse(&old).unwrap());
    assert_eq!(parse(&now).unwrap().entity_id, "https://kc.example/realms/one");
}

#[test]
fn of_several_entities_one_is_picked() {
    let service = format!("<md:EntityDescriptor {MD} entityID=\"sp\"><md:SPSSODescriptor {SAMLP}/></md:EntityDescriptor>");
    let of = |inside: &[&str]| format!("<md:EntitiesDescriptor {MD}>{}</md:EntitiesDescriptor>", inside.concat());
    let (a, b) = (good("a"), good("b"));
    let both = of(&[&service, &a, &of(&[&b])]);
    refused(&both, "set idp_entity_id to one of \"a\", \"b\"");
    assert_eq!(read(&both, Some("b"), &[], NOW).unwrap().entity_id, "b");
    assert_eq!(parse(&of(&[&service, &a])).unwrap().entity_id, "a");
    for (xml, id, cause) in [
        (&both, "c", "does not describe the idp_entity_id \"c\", but \"a\", \"b\", \"sp\""),
        (&both, "sp", "no SAML 2.0 identity provider"),
        (&of(&[&a, &of(&[&a])]), "a", "more than once"),
        (&a, "b", "but \"a\""),
        (&a, "A", "but \"a\""),
    ] {
        let error = read(xml, Some(id), &[], NOW).unwrap_err();
        assert!(error.contains(cause), "{error}");
    }
    refused(&of(&[&service]), "describes no SAML 2.0 identity provider");
    refused(&of(&[]), "describes no SAML 2.0 identity provider");
}

#[test]
fn the_smallest_period_on_the_way_counts() {
    let of = |outer: &str, own: &str, role: &str| {
        let inside = key("", &fresh()) + &sso(REDIRECT, "https://idp.example/sso");
        let entity = entity("a", own, &inside).replace(SAMLP, &format!("{role} {SAMLP}"));
        let provider = parse(&format!("<md:EntitiesDescriptor {MD} {outer}>{entity}</md:EntitiesDescriptor>"));
        provider.map(|p| (p.valid_until.map(|at| at - NOW), p.cache_duration))
    };
    let until = |hour: u32| format!("validUntil=\"2027-01-15T{hour}:00:00Z\"");
    assert_eq!(of(&until(10), "cacheDuration=\"PT5M\"", ""), Ok((Some(7_200), Some(300))));
    assert_eq!(of(&until(12), &until(11), &until(10)), Ok((Some(7_200), None)));
    assert_eq!(of("cacheDuration=\"P1D\"", "cacheDuration=\"PT1H\"", "cacheDuration=\"PT2H\""), Ok((None, Some(3_600))));
    let past = "validUntil=\"2027-01-15T08:00:00Z\"";
    for (outer, own, role) in [(past, "", ""), ("", past, ""), ("", "", past)] {
        assert!(of(outer, own, role).unwrap_err().contains("validUntil has passed"));
    }
    assert!(of("", "cacheDuration=\"-PT1H\"", "").is_err());
}

/// Threat S9: no document makes a provider without a certificate.
#[test]
fn no_signing_certificate_no_provider() {
    let sso = sso(REDIRECT, "https://idp.example/sso");
    let weak = STANDARD.encode(certificate(&rsa(1024), "weak", NOW + 1));
    let odd = STANDARD.encode(certificate(&ec(Nid::SECP256K1), "odd", NOW + 1));
    let bare =
        "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo><ds:KeyName>k</ds:KeyName><ds:KeyValue/></ds:KeyInfo></md:KeyDescriptor>";
    for (keys, cause) in [
        (String::new(), "no KeyDescriptor"),
        (bare.to_owned(), "holds no X509Certificate"),
        (key("encryption", &fresh()), "encryption only"),
        (key("", ""), "it is empty"),
        (key("signing", "MII"), "not base64"),
        (key("signing", "TUlJ"), "no X.509"),
        (key("signing", &weak), "1024 bits"),
        (key("signing", &odd), "P-256"),
    ] {
        let xml = entity("a", "", &(keys + &sso));
        refused(&xml, "no signing certificate");
        refused(&xml, cause);
    }
    refused(&entity("a", "", &(key("Signing", &fresh()) + &sso)), "unknown use");
    let (one, other) = (fresh(), fresh());
    let keys = bare.to_owned() + &key("signing", &weak) + &key("", &one) + &key("signing", &other) + &key("signing", &one);
    assert_eq!(parse(&entity("a", "", &(keys + &sso))).unwrap().certificates, [one, other], "with and without use, once each");
    let again = key("", &fresh());
    assert_eq!(parse(&entity("a", "", &(again.repeat(128) + &sso))).unwrap().certificates.len(), 1);
    refused(&entity("a", "", &(again.repeat(129) + &sso)), "repeats certificates");
    refused(&entity("a", "", &((0..17).map(|_| key("", &fresh())).collect::<String>() + &sso)), "more than 16");
}

#[test]
fn expired_certificates_are_keys_too() {
    let old = STANDARD.encode(certificate(&ec(Nid::SECP384R1), "old", NOW - 86_400));
    let xml = entity("a", "", &(key("", &old) + &sso(REDIRECT, "https://idp.example/sso")));
    let provider = parse(&xml).unwrap();
    assert_eq!(provider.signers()[0].not_after, NOW - 86_400);
}

/// Who issued a certificate does not sign responses.
#[test]
fn a_chain_gives_its_leaf() {
    let (ca, leaf) = (ec(Nid::SECP521R1), ec(Nid::X9_62_PRIME256V1));
    let root = STANDARD.encode(certificate(&ca, "CA", NOW + 86_400));
    let leaf = STANDARD.encode(issued(&leaf, "leaf", &ca, "CA", NOW + 86_400));
    let several = |list: &[&str]| {
        let keys = key("signing", &list.join("</ds:X509Certificate><ds:X509Certificate>"));
        parse(&entity("a", "", &(keys + &sso(REDIRECT, "https://idp.example/sso")))).unwrap().certificates
    };
    assert_eq!(several(&[&root, &leaf]), [leaf.as_str()]);
    assert_eq!(several(&[&leaf, &root]), [leaf.as_str()]);
    assert_eq!(several(&[&root]), [root.as_str()]);
    let (one, two) = (fresh(), fresh());
    assert_eq!(several(&[&one, &two]), [one.as_str(), &two], "self-signed ones of the same name stand for themselves");
}

#[test]
fn endpoints_are_where_a_browser_may_go() {
    let of = |endpoints: &str| parse(&entity("a", "", &(key("", &fresh()) + endpoints)));
    for bad in ["http://idp.example/sso", "javascript:alert(1)", "/sso", "https://u:p@idp.example/", "https://idp.example/#x", ""]
    {
        assert!(of(&sso(REDIRECT, bad)).unwrap_err().contains("SingleSignOnService"), "{bad}");
        let logout =
            format!("<md:SingleLogoutService Binding=\"{POST}\" Location=\"https://idp.example/\" ResponseLocation=\"{bad}\"/>");
        assert!(of(&logout).unwrap_err().contains("SingleLogoutService"), "{bad}");
    }
    assert!(of(&format!("<md:SingleSignOnService Binding=\"{POST}\"/>")).unwrap_err().contains("no Location"));
    assert!(of(&sso(REDIRECT, "http://localhost:8080/sso")).is_ok());
    assert_eq!(of(&sso(POST, "https://idp.example/sso ")).unwrap().sso[0].location, "https://idp.example/sso");
    assert_eq!(of("").unwrap().sso, [], "such a provider begins sign-ins itself");
}

#[test]
fn what_is_no_metadata_is_refused() {
    let role = format!("<md:IDPSSODescriptor {SAMLP}>{}</md:IDPSSODescriptor>", key("", &fresh()));
    let twice = format!("<md:EntityDescriptor {MD} entityID=\"a\">{role}{role}</md:EntityDescriptor>");
    let old = good("a").replace(SAMLP, "protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol\"");
    for (xml, cause) in [
        ("", "no metadata"),
        ("{\"issuer\":\"x\"}", "no metadata"),
        ("<html><body>Sign in</body></html>", "begins with {}html"),
        ("<EntityDescriptor entityID='a'/>", "begins with {}EntityDescriptor"),
        (&format!("<!DOCTYPE x>{}", good("a")), "DOCTYPE"),
        (&good(""), "entityID is empty"),
        (&good(&"x".repeat(1025)), "longer than 1024"),
        (&good("a").replace("entityID", "entityId"), "no entityID"),
        (&old, "describes no SAML 2.0"),
        (&twice, "more than once"),
        (&good("a").replace("urn:oasis:names:tc:SAML:2.0:metadata", "urn:other"), "no metadata"),
    ] {
        refused(xml, cause);
    }
    let both = good("a").replace(
        SAMLP,
        "protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:1.1:protocol\n urn:oasis:names:tc:SAML:2.0:protocol\"",
    );
    assert!(parse(&both).is_ok(), "one of several protocols");
}
