//! What an operator says about a SAML connection, and what is wrong with it. Pure: certificates and metadata documents
//! are read by `connector::saml`.

use serde::{Deserialize, Serialize};
use url::{Origin, Url};

use super::connection::url_problem;
use crate::oauth::redirect_uri::RedirectUri;

/// Seconds that a provider's clock may be apart from ours when the settings say nothing.
pub const DEFAULT_SKEW: i64 = 120;
/// Most seconds that the settings may allow.
pub const MAX_SKEW: i64 = 300;
/// The NameID formats that have a name (SAML Core §8.3), and the version that their URI names.
const NAME_ID_FORMATS: [(&str, &str); 7] = [
    ("persistent", "2.0"),
    ("transient", "2.0"),
    ("entity", "2.0"),
    ("emailAddress", "1.1"),
    ("unspecified", "1.1"),
    ("X509SubjectName", "1.1"),
    ("WindowsDomainQualifiedName", "1.1"),
];

/// How a message travels through the browser (SAML Bindings §3.4, §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// HTTP-Redirect: deflated in a query, the signature beside it.
    Redirect,
    /// HTTP-POST: in a form, the signature within.
    Post,
}

impl Binding {
    /// The setting's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redirect => "redirect",
            Self::Post => "post",
        }
    }
}

/// SAML's part of the settings. The provider is described by metadata (a URL or the document itself) or by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SamlSettings {
    /// Where the provider publishes its metadata; it is read again in the background.
    pub metadata_url: Option<String>,
    /// The provider's metadata document.
    pub metadata_xml: Option<String>,
    /// PEM or base64 certificates that must have signed the metadata; empty asks for no signature.
    pub metadata_certificates: Vec<String>,
    /// The provider's entity id. By hand it is needed; with metadata it picks the entity of a document that has several,
    /// and any other is refused.
    pub idp_entity_id: Option<String>,
    /// By hand: where requests go. Without one, only sign-ins begun at the provider are possible.
    pub sso_url: Option<String>,
    /// By hand: where logout requests go.
    pub slo_url: Option<String>,
    /// By hand: the provider's signing certificates, PEM or base64 DER; any of them may have signed.
    pub certificates: Vec<String>,
    /// Whether requests are signed.
    pub sign_requests: bool,
    /// How requests travel; left out, by redirect where the provider takes that, else by form.
    pub request_binding: Option<Binding>,
    /// The NameID format to ask for: a URI or its last part (`persistent`, `emailAddress`); left out, the preset's; empty
    /// asks for none.
    pub name_id_format: Option<String>,
    /// The authentication context classes to ask for (`Comparison="exact"`); empty asks for none.
    pub authn_context: Vec<String>,
    /// Whether assertions must come encrypted.
    pub want_encrypted: bool,
    /// Whether the metadata that we publish offers an encryption key. AD FS encrypts as soon as it sees one.
    pub offer_encryption: bool,
    /// Whether sign-ins may begin at the provider.
    pub idp_initiated: bool,
    /// The client on whose behalf such a sign-in happens.
    pub idp_initiated_client: Option<String>,
    /// Where such a sign-in lands: on the origin of one of that client's redirect URIs.
    pub idp_initiated_url: Option<String>,
    /// Whether signatures over SHA-1 are accepted. Collisions of SHA-1 can be bought; this is for providers that cannot do
    /// better, and opening such a connection warns of it.
    pub allow_sha1: bool,
    /// Whether signing out here signs out at the provider too, where it offers that.
    pub single_logout: bool,
    /// How many seconds the provider's clock may be apart from ours; [`DEFAULT_SKEW`] when left out, at most [`MAX_SKEW`].
    pub skew: Option<i64>,
}

impl Default for SamlSettings {
    fn default() -> Self {
        Self {
            metadata_url: None,
            metadata_xml: None,
            metadata_certificates: Vec::new(),
            idp_entity_id: None,
            sso_url: None,
            slo_url: None,
            certificates: Vec::new(),
            sign_requests: true,
            request_binding: None,
            name_id_format: None,
            authn_context: Vec::new(),
            want_encrypted: false,
            offer_encryption: true,
            idp_initiated: false,
            idp_initiated_client: None,
            idp_initiated_url: None,
            allow_sha1: false,
            single_logout: true,
            skew: None,
        }
    }
}

impl SamlSettings {
    /// How many seconds the provider's clock may be apart from ours.
    #[must_use]
    pub fn skew(&self) -> i64 {
        self.skew.unwrap_or(DEFAULT_SKEW).clamp(0, MAX_SKEW)
    }

    /// The URI of the NameID format to ask for; `None` asks for none (left out by settings and preset, or empty).
    ///
    /// # Errors
    /// When the format is neither a URI nor a name that SAML gives one.
    pub fn name_id_format_uri(&self) -> Result<Option<String>, String> {
        let format = self.name_id_format.as_deref().unwrap_or_default();
        if format.is_empty() || format.contains(':') {
            return Ok(Some(format.to_owned()).filter(|format| !format.is_empty()));
        }
        let known = NAME_ID_FORMATS.iter().find(|(name, _)| name.eq_ignore_ascii_case(format));
        let Some((name, version)) = known else {
            let known: Vec<_> = NAME_ID_FORMATS.iter().map(|(name, _)| *name).collect();
            return Err(format!("name_id_format {format:?} is unknown; known are {}, or give a URI", known.join(", ")));
        };
        Ok(Some(format!("urn:oasis:names:tc:SAML:{version}:nameid-format:{name}")))
    }

    /// Everything that is wrong, each with its fix.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut found = self.lacking();
        found.extend(self.source_problem());
        let urls = [
            ("metadata_url", &self.metadata_url),
            ("sso_url", &self.sso_url),
            ("slo_url", &self.slo_url),
            ("idp_initiated_url", &self.idp_initiated_url),
        ];
        found.extend(urls.into_iter().filter_map(|(field, url)| url_problem(field, url.as_deref()?)));
        if !self.idp_initiated && (self.idp_initiated_client.is_some() || self.idp_initiated_url.is_some()) {
            found.push("idp_initiated is false, so idp_initiated_client and idp_initiated_url have no effect".to_owned());
        }
        if self.want_encrypted && !self.offer_encryption {
            found.push("want_encrypted needs offer_encryption: the provider reads our key from our metadata".to_owned());
        }
        if self.skew.is_some_and(|s| !(0..=MAX_SKEW).contains(&s)) {
            found.push(format!("skew must be 0 to {MAX_SKEW} seconds"));
        }
        let text = |value: &str| value.is_empty() || value.len() > 1024 || value.contains(|c: char| c.is_control());
        if self.idp_entity_id.as_deref().is_some_and(text) {
            found.push("idp_entity_id is empty, longer than 1024 bytes or has control characters".to_owned());
        }
        match self.name_id_format_uri() {
            Ok(Some(uri)) if text(&uri) => {
                found.push("name_id_format is longer than 1024 bytes or has control characters".to_owned());
            }
            Ok(_) => {}
            Err(problem) => found.push(problem),
        }
        found
    }

    fn source_problem(&self) -> Option<String> {
        let by_hand = self.sso_url.is_some() || !self.certificates.is_empty();
        match (&self.metadata_url, &self.metadata_xml) {
            (Some(_), Some(_)) => Some("metadata_url and metadata_xml are both given; keep one".to_owned()),
            (None, None) => None,
            _ => by_hand.then(|| "certificates and sso_url come from the metadata; remove them, or the metadata".to_owned()),
        }
    }

    /// Whether `landing` is on the origin of one of `redirect_uris`: only there may a sign-in begun at the provider land.
    #[must_use]
    pub fn may_land(landing: &str, redirect_uris: &[RedirectUri]) -> bool {
        Self::landing(landing, redirect_uris).is_some()
    }

    /// The first of `redirect_uris` on whose origin `landing` is.
    #[must_use]
    pub fn landing<'a>(landing: &str, redirect_uris: &'a [RedirectUri]) -> Option<&'a RedirectUri> {
        let origin = Url::parse(landing).ok().map(|url| url.origin()).filter(Origin::is_tuple)?;
        redirect_uris.iter().find(|uri| Url::parse(uri.as_str()).is_ok_and(|url| url.origin() == origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_hand() -> SamlSettings {
        SamlSettings {
            idp_entity_id: Some("https://idp.example".into()),
            sso_url: Some("https://idp.example/sso".into()),
            certificates: vec!["MII".into()],
            ..SamlSettings::default()
        }
    }

    #[test]
    fn each_source_is_enough_alone_and_no_two_together() {
        let url = SamlSettings { metadata_url: Some("https://idp.example/metadata".into()), ..SamlSettings::default() };
        let xml = SamlSettings { metadata_xml: Some("<x/>".into()), ..SamlSettings::default() };
        for good in [&by_hand(), &url, &xml] {
            assert_eq!(good.problems(), Vec::<String>::new());
        }
        for bad in [
            SamlSettings::default(),
            SamlSettings { metadata_url: url.metadata_url.clone(), ..xml.clone() },
            SamlSettings { metadata_url: url.metadata_url.clone(), ..by_hand() },
            SamlSettings { certificates: vec![], ..by_hand() },
            SamlSettings { idp_entity_id: None, ..by_hand() },
            SamlSettings { sso_url: None, ..by_hand() },
            SamlSettings { sso_url: Some("http://idp.example/sso".into()), ..by_hand() },
            SamlSettings { idp_initiated: true, ..by_hand() },
            SamlSettings { idp_initiated_url: Some("https://app.example/".into()), ..by_hand() },
            SamlSettings { skew: Some(301), ..by_hand() },
            SamlSettings { name_id_format: Some("email".into()), ..by_hand() },
            SamlSettings { name_id_format: Some("urn:x\n".into()), ..by_hand() },
            SamlSettings { want_encrypted: true, offer_encryption: false, ..by_hand() },
        ] {
            assert_eq!(bad.problems().len(), 1, "{:?}", bad.problems());
        }
    }

    #[test]
    fn name_id_formats_are_uris_or_their_last_part() {
        let uri = |format: &str| {
            let settings = SamlSettings { name_id_format: Some(format.into()), ..by_hand() };
            assert_eq!(settings.problems(), Vec::<String>::new(), "{format}");
            settings.name_id_format_uri().unwrap()
        };
        let persistent = Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned());
        assert_eq!(uri("persistent"), persistent);
        assert_eq!(uri(persistent.as_deref().unwrap()), persistent);
        assert_eq!(uri("emailaddress").as_deref(), Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"));
        assert_eq!((uri(""), by_hand().name_id_format_uri()), (None, Ok(None)));
    }

    #[test]
    fn a_landing_is_on_an_origin_of_the_client() {
        let registered = ["https://app.example/cb", "com.example.app:/cb"].map(|uri| RedirectUri::register(uri).unwrap());
        assert!(SamlSettings::may_land("https://app.example/home?x=1", &registered));
        for evil in [
            "https://evil.example/",
            "http://app.example/",
            "https://app.example:444/",
            "com.example.app:/x",
            "//app.example",
            "javascript:1",
        ] {
            assert!(!SamlSettings::may_land(evil, &registered), "{evil}");
        }
    }
}
