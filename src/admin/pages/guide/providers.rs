//! What providers call things, and what is to be done at each.

/// A provider that the pages know.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    /// As people know it.
    pub title: &'static str,
    /// Its preset (`connector::presets`).
    pub preset: &'static str,
    /// What a connection to it is called, unless somebody has a better name.
    pub name: &'static str,
    /// How it is done over OpenID Connect.
    pub oidc: Option<Words>,
    /// How it is done over SAML.
    pub saml: Option<Words>,
}

/// A provider's own words.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Our callback URL.
    pub callback: &'static str,
    /// Our entity id; SAML only.
    pub entity_id: &'static str,
    /// What to do there, with what is for operators alone marked (`steps`).
    pub steps: &'static [&'static str],
}

const fn oidc(callback: &'static str, steps: &'static [&'static str]) -> Option<Words> {
    Some(Words { callback, entity_id: "", steps })
}

const fn saml(callback: &'static str, entity_id: &'static str, steps: &'static [&'static str]) -> Option<Words> {
    Some(Words { callback, entity_id, steps })
}

/// All that are offered, the best known first.
#[rustfmt::skip]
pub const PROVIDERS: [Provider; 14] = [
    Provider {
        title: "Microsoft Entra ID", preset: "entra", name: "entra",
        oidc: oidc("Redirect URI (platform Web)", &[
            "In the Entra admin center open App registrations, New registration; choose Accounts in this organizational directory only, and add the redirect URI below on the platform Web.",
            "Copy Application (client) ID, and under Certificates & secrets make a client secret: copy its Value, not its Secret ID, and note when it expires.",
            "The issuer is https://login.microsoftonline.com/{tenant id}/v2.0, with the Directory (tenant) ID of the overview.",
            "Under Token configuration add the optional claim email. No groups claim is needed: teams follow a directory that pushes groups (SCIM), and no sign-in.",
            "Under Enterprise applications open the application of the same name, and assign under Users and groups who may come in, with Assignment required switched on under Properties.",
        ]),
        saml: saml("Reply URL (Assertion Consumer Service URL)", "Identifier (Entity ID)", &[
            "In the Entra admin center open Enterprise applications, New application, Create your own application, and choose Integrate any other application you don't find in the gallery.",
            "Open Single sign-on, SAML, and enter Identifier and Reply URL as below; the Logout Url is the single logout URL.",
            "Copy the App Federation Metadata Url, with its appid, into the form.",
            "Under Users and groups assign who may come in.",
        ]),
    },
    Provider {
        title: "Okta", preset: "okta", name: "okta",
        oidc: oidc("Sign-in redirect URI", &[
            "In the Okta admin console open Applications, Create App Integration: OIDC, Web Application.",
            "Enter the sign-in redirect URI below, save, and copy Client ID and Client secret.",
            "Under Assignments assign the people and groups who may come in: Okta refuses everybody else.",
            "The issuer is https://{organisation}.okta.com for the organisation's own server; for a custom one it ends in /oauth2/default or the server's id.",
            "For groups, add a groups claim with a filter on the Sign On tab. A custom server without the scope groups refuses it: set the scopes to openid profile email then.",
        ]),
        saml: saml("Single sign-on URL", "Audience URI (SP Entity ID)", &[
            "In the Okta admin console open Applications, Create App Integration: SAML 2.0.",
            "Enter Single sign-on URL and Audience URI as below; choose the Name ID format EmailAddress, which is what is asked for here unless the advanced field NameID format says otherwise.",
            "Add attribute statements: id = user.id, email = user.email, firstName = user.firstName, lastName = user.lastName, and a group attribute statement groups.",
            "On the Sign On tab copy the Metadata URL into the form, and assign people.",
        ]),
    },
    Provider {
        title: "Google Workspace", preset: "google", name: "google",
        oidc: oidc("Authorized redirect URI", &[
            "In the Google Cloud console open APIs & Services, Credentials, Create credentials, OAuth client ID: Web application.",
            "Enter the authorized redirect URI below, and copy Client ID and Client secret.",
            "The issuer is https://accounts.google.com. Fill in Google Workspace domains below, one on each line: without them everybody with a Google account may come in. Google sends no groups.",
        ]),
        saml: saml("ACS URL", "Entity ID", &[
            "In the Google Admin console open Apps, Web and mobile apps, Add app, Add custom SAML app.",
            "Download the metadata, and paste the file's text into the form: Google has no metadata URL.",
            "Enter ACS URL and Entity ID as below; Name ID format EMAIL, Name ID Basic Information > Primary email.",
            "Map Primary email to email, First name to firstName, Last name to lastName. Under Group membership choose the groups, 75 at most, and write groups as the name of their app attribute. Switch the app on for your organizational units.",
        ]),
    },
    Provider {
        title: "JumpCloud", preset: "jumpcloud", name: "jumpcloud",
        oidc: oidc("Redirect URI", &[
            "In the JumpCloud admin portal open SSO Applications, Add New Application, Custom Application, and choose Configure SSO with OIDC.",
            "Enter the redirect URI below, and choose Client Secret Basic or POST as client authentication type.",
            "Copy Client ID and Client Secret, which is shown once. The issuer is https://oauth.id.jumpcloud.com/ with the slash at its end.",
        ]),
        saml: saml("ACS URL", "SP Entity ID", &[
            "In the JumpCloud admin portal open SSO Applications, Add New Application, Custom Application, and choose Configure SSO with SAML.",
            "Enter ACS URL and SP Entity ID as below (capitals count), and an IdP Entity ID of your own choice.",
            "Sign the assertion, or both; add the attributes email, firstName and lastName, and include the group attribute under the name groups.",
            "Copy Metadata URL into the form, and assign user groups.",
        ]),
    },
    Provider {
        title: "OneLogin", preset: "onelogin", name: "onelogin",
        oidc: oidc("Redirect URI", &[
            "In the OneLogin administration open Applications, Add App, OpenId Connect (OIDC).",
            "Enter the redirect URI below; on the SSO tab copy Client ID and Client Secret, and set the token endpoint to Basic or POST.",
            "The issuer is https://{subdomain}.onelogin.com/oidc/2.",
        ]),
        saml: saml("ACS (Consumer) URL, and Recipient", "Audience (EntityID)", &[
            "In the OneLogin administration open Applications, Add App, SAML Custom Connector (Advanced).",
            "Enter Audience, Recipient and ACS URL as below; the ACS URL Validator is a regular expression that must match the ACS URL. The SAML initiator is Service Provider.",
            "On the SSO tab choose SHA-256. Add the parameters id, email, firstName, lastName and groups.",
            "Copy the SAML Metadata URL of More Actions into the form.",
        ]),
    },
    Provider {
        title: "Auth0", preset: "auth0", name: "auth0",
        oidc: oidc("Allowed Callback URLs", &[
            "In the Auth0 dashboard open Applications, Create Application, Regular Web Application.",
            "Enter the allowed callback URL below, and copy Client ID and Client Secret.",
            "The issuer is https://{tenant}.{region}.auth0.com/ or your custom domain, with the slash at its end.",
            "Auth0 sends no groups by itself. For groups add an Action of the Login flow that sets a namespaced claim of the ID token, such as https://example.com/groups, and [[write that name into the advanced field Groups claim|tell that name to whoever sent you the link]].",
        ]),
        saml: saml("Application Callback URL", "audience, in the settings", &[
            "In the Auth0 dashboard open the application's Addons tab and switch on SAML2 Web App.",
            "Enter the Application Callback URL below, and in the settings audience as below with signatureAlgorithm rsa-sha256 and digestAlgorithm sha256: its defaults are SHA-1, which is refused here.",
            "Copy the Identity Provider Metadata address of the Usage tab into the form.",
        ]),
    },
    Provider {
        title: "Keycloak", preset: "keycloak", name: "keycloak",
        oidc: oidc("Valid redirect URIs", &[
            "In the admin console of the realm open Clients, Create client, OpenID Connect; switch Client authentication on.",
            "Enter the valid redirect URI below, and copy the client secret of the Credentials tab.",
            "The issuer is https://{host}/realms/{realm}.",
            "For groups add a Group Membership mapper to the client's dedicated scope: Token Claim Name groups, Full group path off[[ (or switch Drop the slash before groups on among the advanced fields)]].",
        ]),
        saml: saml("Valid redirect URIs, and Assertion Consumer Service POST Binding URL", "Client ID", &[
            "The metadata URL of the form is https://{host}/realms/{realm}/protocol/saml/descriptor. Once the draft is created, open the metadata of gatehouse below and save the document as a file.",
            "In the admin console of the realm open Clients, Import client, and choose that file: Client ID, redirect URIs, logout addresses and our signing certificate come with it. Without the certificate Keycloak refuses our signed requests.",
            "By hand instead: Create client, SAML, with the Client ID below; the callback URL as one of the Valid redirect URIs and (under Advanced) as Assertion Consumer Service POST Binding URL; the single logout URL as Logout Service POST and Redirect Binding URL, and no Master SAML Processing URL, which would take the logout too. Under Keys import our certificate from the metadata, or switch Client signature required off there and Sign requests off in the form.",
            "Under Settings switch Sign assertions on, with RSA_SHA256. In the client's dedicated scope add mappers for email, firstName, lastName and groups.",
        ]),
    },
    Provider {
        title: "AD FS", preset: "adfs", name: "adfs",
        oidc: oidc("Redirect URI", &[
            "In AD FS Management open Application Groups, Add Application Group, Server application accessing a web API.",
            "Enter the redirect URI below, copy the Client Identifier, and generate a shared secret.",
            "Under Configure Web API give the Client Identifier itself as the identifier of the web API: only then do its rules count for the ID token.",
            "Permit the scopes openid, email, profile and allatclaims. Without allatclaims the ID token has no e-mail address, and the sign-in is refused because the scope is asked for.",
            "On the web API's Issuance Transform Rules send E-Mail-Addresses as email, User-Principal-Name as upn, Given-Name as given_name, Surname as family_name, and Token-Groups as group, each typed as it stands here.",
            "The issuer is https://{host}/adfs.",
        ]),
        saml: saml("SAML Assertion Consumer endpoint", "Relying party trust identifier", &[
            "The metadata URL of the form is https://{host}/FederationMetadata/2007-06/FederationMetadata.xml. Once the draft is created, the metadata of gatehouse below can be read.",
            "In AD FS Management open Relying Party Trusts, Add Relying Party Trust, Claims aware, and import the metadata of gatehouse by its URL, or from a file where AD FS does not reach it. Our signing certificate comes with it, without which AD FS refuses our signed requests.",
            "By hand instead: enter endpoint and identifier as below, and add the certificate from the metadata on the Signature tab of the trust, or switch Sign requests off in the form.",
            "AD FS encrypts as soon as it knows our metadata, in a mode that counts only within a signed response: run Set-AdfsRelyingPartyTrust -TargetName … -SamlResponseSignature MessageAndAssertion[[, or switch Offer encryption off in the form before the import]].",
            "Add a rule that sends LDAP attributes: E-Mail-Addresses as E-Mail Address, Given-Name, Surname, User-Principal-Name as UPN, Token-Groups as Group; and a rule that transforms E-Mail Address to Name ID with the format Email.",
        ]),
    },
    Provider {
        title: "PingOne", preset: "pingone", name: "pingone",
        oidc: oidc("Redirect URIs", &[
            "In the PingOne console open Applications, add an OIDC Web App, and switch it on.",
            "Enter the redirect URI below; on the Resources tab grant email and profile. Copy Client ID and Client Secret.",
            "The issuer is https://auth.pingone.com/{environment id}/as; the host ends as your region has it.",
        ]),
        saml: saml("ACS URLs", "Entity ID", &[
            "In the PingOne console open Applications, add a SAML Application, enter ACS URLs and Entity ID as below, and switch it on.",
            "Sign assertion, or both. Map the attributes id, email, firstName, lastName and groups.",
            "Paste the text that Configuration, Download Metadata gives into the form.",
        ]),
    },
    Provider {
        title: "PingFederate", preset: "pingfederate", name: "pingfederate",
        oidc: oidc("Redirect URIs", &[
            "In PingFederate open Applications, OAuth, Clients, and add one with the grant Authorization Code and the redirect URI below.",
            "Choose Client Secret as client authentication, generate one, and copy Client ID and Client Secret: the secret is shown this once.",
            "The issuer is the base URL of the deployment, as its discovery document has it.",
        ]),
        saml: saml("Assertion Consumer Service URL", "Partner's Entity ID", &[
            "In PingFederate add an SP connection with the partner's entity ID and the assertion consumer service URL below, or import the metadata of gatehouse.",
            "Put id, email, firstName, lastName and groups into the attribute contract, and sign assertions with SHA-256.",
            "Paste the exported metadata into the form.",
        ]),
    },
    Provider {
        title: "Rippling", preset: "rippling", name: "rippling",
        oidc: None,
        saml: saml("ACS URL", "Service Provider Entity ID", &[
            "In Rippling add a Custom Integration with Single Sign-on (SAML).",
            "Enter ACS URL and Service Provider Entity ID as below.",
            "Tick Disable InResponseTo field in assertions for IdP initiated SSO: an answer to a request that nobody made is refused here.",
            "Copy the IdP Metadata URL or its XML into the form.",
        ]),
    },
    Provider {
        title: "Amazon Cognito", preset: "cognito", name: "cognito",
        oidc: oidc("Allowed callback URLs", &[
            "In the Cognito console open the user pool's app clients, and add a confidential client with a secret and the authorization code grant.",
            "Enter the allowed callback URL below, with the scopes openid, email and profile.",
            "The issuer is https://cognito-idp.{region}.amazonaws.com/{pool id}.",
        ]),
        saml: None,
    },
    Provider {
        title: "Custom OIDC", preset: "custom_oidc", name: "oidc",
        oidc: oidc("Callback URL (redirect URI)", &[
            "Register a confidential web client with the authorization code grant and the callback URL below.",
            "The issuer is what the provider's discovery document says, byte for byte. Have it send email, email_verified and sub, and groups if it knows them.",
        ]),
        saml: None,
    },
    Provider {
        title: "Custom SAML", preset: "custom_saml", name: "saml",
        oidc: None,
        saml: saml("Callback URL (ACS URL)", "Issuer (SP entity ID)", &[
            "Register a service provider by the metadata of gatehouse, or with the values below.",
            "Have assertions signed with SHA-256 or better, a persistent NameID, and the attributes email, firstName, lastName and groups.",
        ]),
    },
];
