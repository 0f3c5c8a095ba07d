//! What a connection does not say yet. A draft may leave it out (a provider may want our metadata before it gives its own);
//! it is due when somebody tests the connection or people shall sign in over it.

use super::{
    connection::{ConnectionSettings, OidcSettings},
    saml::SamlSettings,
};

impl ConnectionSettings {
    /// Everything that is not said and must be, each with what it is; all of it is among [`Self::problems`].
    #[must_use]
    pub fn lacking(&self) -> Vec<String> {
        let oidc = self.oidc.iter().flat_map(OidcSettings::lacking);
        oidc.chain(self.saml.iter().flat_map(SamlSettings::lacking)).collect()
    }
}

impl OidcSettings {
    /// See [`ConnectionSettings::lacking`].
    #[must_use]
    pub fn lacking(&self) -> Vec<String> {
        let is_missing = |value: &Option<String>| value.as_deref().is_none_or(str::is_empty);
        let mut found = Vec::new();
        if self.issuer.is_empty() {
            found.push("issuer is missing: it is the `issuer` of the provider's discovery document".to_owned());
        }
        if self.client_id.is_empty() {
            found.push("client_id is missing: register gatehouse at the provider and copy the id that it gives".to_owned());
        }
        let endpoints = [
            ("authorization_endpoint", &self.authorization_endpoint),
            ("token_endpoint", &self.token_endpoint),
            ("jwks_uri", &self.jwks_uri),
        ];
        for (field, _) in endpoints.into_iter().filter(|(_, value)| !self.discover && is_missing(value)) {
            found.push(format!("{field} is missing: give it, or set discover to true"));
        }
        found
    }
}

impl SamlSettings {
    /// See [`ConnectionSettings::lacking`].
    #[must_use]
    pub fn lacking(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.metadata_url.is_none() && self.metadata_xml.is_none() {
            found.extend(self.by_hand());
        }
        if self.idp_initiated && (self.idp_initiated_client.is_none() || self.idp_initiated_url.is_none()) {
            found.push(
                "idp_initiated needs idp_initiated_client and idp_initiated_url: such a sign-in must land on one known page"
                    .to_owned(),
            );
        }
        found
    }

    fn by_hand(&self) -> Vec<String> {
        if self.idp_entity_id.is_none() && self.sso_url.is_none() && self.certificates.is_empty() {
            return vec!["saml needs metadata_url, metadata_xml, or all of idp_entity_id, sso_url and certificates".to_owned()];
        }
        let mut found = Vec::new();
        if self.idp_entity_id.is_none() {
            found.push("idp_entity_id is missing: it is the provider's Issuer or entity id".to_owned());
        }
        if self.sso_url.is_none() && !self.idp_initiated {
            found.push("sso_url is missing: it is where the provider takes sign-in requests".to_owned());
        }
        if self.certificates.is_empty() {
            found.push("certificates is empty: nothing the provider says could be verified".to_owned());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_wrong_with_a_live_one_and_nothing_else_is_lacking() {
        let oidc = |oidc| ConnectionSettings { oidc: Some(oidc), ..ConnectionSettings::default() };
        let saml = |saml| ConnectionSettings { saml: Some(saml), ..ConnectionSettings::default() };
        let url = || Some("https://idp.example/metadata".to_owned());
        for (settings, lacks) in [
            (oidc(OidcSettings::default()), 2),
            (oidc(OidcSettings { issuer: "https://idp.example".into(), ..OidcSettings::default() }), 1),
            (oidc(OidcSettings { discover: false, jwks_uri: Some(String::new()), ..OidcSettings::default() }), 5),
            (saml(SamlSettings::default()), 1),
            (saml(SamlSettings { sso_url: url(), ..SamlSettings::default() }), 2),
            (saml(SamlSettings { metadata_url: url(), ..SamlSettings::default() }), 0),
            (saml(SamlSettings { metadata_url: url(), idp_initiated: true, ..SamlSettings::default() }), 1),
        ] {
            let (lacking, problems) = (settings.lacking(), settings.problems());
            assert_eq!((lacking.len(), &lacking), (lacks, &problems), "nothing else is wrong with it");
        }
        // What is wrong is not lacking.
        for wrong in [
            oidc(OidcSettings { issuer: "http://idp.example".into(), client_id: "x".into(), ..OidcSettings::default() }),
            saml(SamlSettings { metadata_url: url(), sso_url: url(), ..SamlSettings::default() }),
        ] {
            assert_eq!((wrong.lacking().len(), wrong.problems().len()), (0, 1));
        }
    }
}
