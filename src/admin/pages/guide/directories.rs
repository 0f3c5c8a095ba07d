//! What to do at the source of a directory, in its own words.

use super::{
    Copied, Guide, named,
    steps::{Reader, told},
};
use crate::{admin::directory_tokens::base_url, app::App};

/// A source's own words.
struct Words {
    /// Its connections' presets.
    presets: &'static [&'static str],
    /// What the base URL is called there.
    url: &'static str,
    /// And the token.
    token: &'static str,
    /// What to do there.
    steps: &'static [&'static str],
    /// What else is copied: what it is called there, and the text.
    template: Option<(&'static str, &'static str)>,
}

/// What OneLogin renders for each user, who is called there as the sign-in calls them.
const ONELOGIN: &str = include_str!("onelogin.json");

/// Where nothing better is known.
const ANY: Words = Words {
    presets: &[],
    url: "base URL, tenant URL",
    token: "bearer token, secret token",
    steps: &[
        "Enter the SCIM URL and a token of this directory.",
        "Have externalId be [[what the connection has as unique ID|the id that people are known by at their sign-in]]: a sign-in and the directory's record are one by it.",
        "Assign users and groups there: they appear here within minutes.",
    ],
    template: None,
};

#[rustfmt::skip]
const SOURCES: [Words; 7] = [
    Words { presets: &["entra"], url: "Tenant URL", token: "Secret Token", steps: &[
        "In the Entra admin center open the enterprise application, Provisioning, and choose the mode Automatic.",
        "Enter Tenant URL and Secret Token, and press Test Connection. ?aadOptscim062020 behind the URL is understood and not needed.",
        "Under Mappings, Provision Microsoft Entra ID Users, map objectId to externalId, in the place of mailNickname: it is what the connection knows people by.",
        "Under Users and groups assign who is to be here, and switch the provisioning status on. A cycle takes some 40 minutes.",
    ], template: None },
    Words { presets: &["okta"], url: "SCIM connector base URL", token: "Authorization: Bearer, under HTTP Header", steps: &[
        "In the Okta admin console open the application, General, App Settings, and choose SCIM as provisioning.",
        "On the Provisioning tab, Integration, enter the base URL, userName as unique identifier field, and HTTP Header as authentication mode with a token[[ (a catalog application that offers OAuth 2 client credentials may have those of an application here with the grant client_credentials and this directory)]]; press Test Connector Configuration.",
        "Under To App switch on Create Users, Update User Attributes and Deactivate Users. externalId is Okta's user id, which OpenID Connect has as sub: nothing is to be mapped. Over SAML the application needs the attribute statement id = user.id, or people are known by an address there and by the id here.",
        "Assign people under Assignments, and push groups under Push Groups.",
    ], template: None },
    Words { presets: &["jumpcloud"], url: "Base URL", token: "Token Key", steps: &[
        "In the JumpCloud admin portal open the application, Identity Management, and choose SCIM 2.0.",
        "Enter Base URL and Token Key, and a Test User Email that nobody has here: activating makes a user and a group of it, and deletes both.",
        "Switch on the management of groups, press Activate, and assign user groups.",
        "Where the attribute mapping offers externalId, have it be the JumpCloud user id, which OpenID Connect has as sub. Over SAML people are known by the NameID, an address: then have externalId be the same[[, or name an attribute with the user id in the connection's field Unique ID]].",
    ], template: None },
    Words { presets: &["onelogin"], url: "SCIM Base URL", token: "SCIM Bearer Token", steps: &[
        "In the OneLogin administration add the app SCIM Provisioner with SAML (SCIM v2 Enterprise), and open Configuration.",
        "Enter SCIM Base URL and SCIM Bearer Token. Replace the SCIM JSON Template by the one below.",
        "Its externalId is the user's OneLogin ID, which OpenID Connect has as sub. Over SAML add under Parameters a field id with that value, and include it in the SAML assertion.",
        "Enable the API connection; under Provisioning switch it on, and choose what happens when a user is deleted: Suspend or Delete.",
        "Under Parameters include groups, and assign people.",
    ], template: Some(("SCIM JSON Template", ONELOGIN)) },
    Words { presets: &["pingone", "pingfederate"], url: "SCIM base URL", token: "OAuth 2 Bearer Token", steps: &[
        "Add a SCIM outbound connection (PingOne: Integrations, Provisioning; PingFederate: an SP connection with outbound provisioning).",
        "Enter the base URL with /Users as users and /Groups as groups resource, OAuth 2 Bearer Token with a token[[ (or OAuth 2 client credentials with an application of this organisation that has the grant client_credentials and this directory, and the scope scim)]], userName as unique user identifier, and the filter expression userName eq \"%s\".",
        "Map the stable id of a user to externalId: the one that OpenID Connect has as sub, or that the SAML attribute id holds. PingOne's is the user ID; PingFederate's is what its attribute contract says, such as objectGUID.",
        "Choose Disable as removal action, and add a rule for who is provisioned.",
    ], template: None },
    Words { presets: &["rippling"], url: "SCIM base URL", token: "Bearer token", steps: &[
        "In Rippling open the custom integration, SCIM, and enter the base URL and a token.",
        "Switch on groups, and Use PATCH to edit Groups.",
        "Choose who is provisioned: who leaves there is deactivated here.",
    ], template: None },
    Words { presets: &["google"], url: "", token: "", steps: &[
        "Google Workspace pushes users and groups to applications of its catalog alone. [[Let people come to be at their first sign-in (Settings, How users come to be), or push from another source.|Tell that to whoever sent you the link: then people come to be at their first sign-in, or you push from another source.]]",
    ], template: None },
];

/// The guide to a directory of a connection with this preset.
#[must_use]
pub fn of(app: &App, preset: Option<&str>, reader: Reader) -> Guide {
    let words = preset.and_then(|preset| SOURCES.iter().find(|words| words.presets.contains(&preset)));
    let title = match (preset.and_then(named), preset) {
        (Some(provider), Some(_)) if words.is_some() => format!("At {}, for users and groups", provider.title),
        _ => "At the directory".to_owned(),
    };
    let words = words.unwrap_or(&ANY);
    let mut copies = vec![Copied::new("SCIM URL", words.url, base_url(app)), Copied::new("Token", words.token, String::new())];
    copies.extend(words.template.map(|(name, text)| Copied::new(name, "", text.to_owned())));
    Guide { title, steps: told(words.steps, reader), copies, follows: None }
}

/// The steps of each source.
#[cfg(test)]
pub fn all() -> impl Iterator<Item = &'static [&'static str]> {
    SOURCES.iter().chain([&ANY]).map(|words| words.steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_of_a_provider_that_is_offered() {
        for preset in SOURCES.iter().flat_map(|words| words.presets) {
            assert!(named(preset).is_some(), "{preset}");
        }
        for promised in ["entra", "okta", "jumpcloud", "onelogin"] {
            assert!(SOURCES.iter().any(|words| words.presets.contains(&promised)), "{promised}");
        }
    }
}
