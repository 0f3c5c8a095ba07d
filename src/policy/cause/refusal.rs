//! The provider said no.

use super::{Cause, Text};

pub(super) fn text(cause: Cause) -> Option<Text> {
    let (title, means, fix) = match cause {
        Cause::AccessDenied => (
            "The provider did not let the person through",
            "The person cancelled, or a rule at the provider (conditional access, a sign-on policy) refused them.",
            "Ask the person whether they cancelled. If not, the provider's own sign-in log names the rule.",
        ),
        Cause::NotAssigned => (
            "The person is not assigned to the application",
            "The provider knows the person, but they may not use this application.",
            "At the provider, assign the person or one of their groups to the application (Entra ID: Enterprise application, Users and groups; Okta: Assignments).",
        ),
        Cause::RedirectUri => (
            "The callback URL is not registered at the provider",
            "The provider sends people only to addresses that are registered, byte for byte, and gatehouse's callback URL is not among them.",
            "Copy the Callback URL from the connection's page into the application at the provider (Redirect URI, Sign-in redirect URI, Allowed Callback URLs).",
        ),
        Cause::ClientUnknown => (
            "The provider does not know the client id",
            "There is no application of this id in the directory that was asked, or it has been deleted.",
            "Compare the connection's \"Client ID\" with the application's at the provider, and see whether the \"Issuer URL\" names the right directory or organisation.",
        ),
        Cause::ClientSecret => (
            "The client secret is wrong",
            "The provider does not accept the client secret. It may have been deleted there, or what was copied is its id and not its value.",
            "Make a new secret at the provider and put its value (Entra ID: Value, not Secret ID) into the connection's \"Client secret\".",
        ),
        Cause::ClientSecretExpired => (
            "The client secret has expired",
            "Secrets at this provider end after a time that was chosen when they were made.",
            "Make a new secret at the provider (Entra ID: App registrations, Certificates & secrets) and put it into the connection's \"Client secret\".",
        ),
        Cause::ClientProofWanted => (
            "The provider wants gatehouse to authenticate",
            "The connection has no client secret, but the application at the provider is one that needs it.",
            "Put the application's secret into the connection's \"Client secret\", or choose private_key_jwt as \"Client authentication\" and register gatehouse's keys at the provider.",
        ),
        Cause::AuthMethod => (
            "The client authentication had to be found out",
            "The first way to authenticate was refused, and the try used the code up. The way that works is known now: the next sign-in goes through.",
            "Set the connection's \"Client authentication\" to the way that the detail names, so that it need not be found out again.",
        ),
        Cause::CodeRefused => (
            "The provider does not take its code back",
            "The code was redeemed before, took too long, or was made for another callback URL.",
            "Let the person sign in again, once. If it stays so, compare the Callback URL of the connection's page with the one registered at the provider.",
        ),
        Cause::Scope => (
            "The provider does not know a scope",
            "One of the scopes that the connection asks for does not exist at the provider, or the application may not ask for it.",
            "Remove it from the connection's \"Scopes\", or allow it for the application at the provider.",
        ),
        Cause::GrantNotAllowed => (
            "The application may not use the code flow",
            "The application at the provider is not allowed the authorization code grant.",
            "At the provider, make it a web application, or switch the grant type Authorization Code on.",
        ),
        Cause::ConsentWanted => (
            "Consent is missing at the provider",
            "Somebody has to agree there that the application may read who signs in; often only an administrator can.",
            "Let an administrator consent for the organisation (Entra ID: Enterprise application, Permissions, Grant admin consent).",
        ),
        Cause::PersonWanted => (
            "The provider needs the person to do something",
            "It wants them to sign in, to choose an account or to prove a second factor, and was not able to ask.",
            "Let the person sign in at the provider first, and then here again.",
        ),
        Cause::ProviderProblem => (
            "The provider has a problem of its own",
            "It says that it cannot answer at the moment.",
            "Try again in a minute; if it stays so, see the provider's status page or its log.",
        ),
        Cause::ProviderRefused => (
            "The provider refused",
            "It answered with an error that is not among those known here.",
            "Look up the error of the detail in the provider's documentation; its own sign-in log often says more.",
        ),
        Cause::NameIdPolicy => (
            "The provider cannot send the NameID that is asked for",
            "The connection asks for a format of NameID that the application at the provider does not offer.",
            "Leave the connection's \"NameID format\" empty, or set the same format at the provider.",
        ),
        Cause::AuthnFailed => (
            "The person could not sign in at the provider",
            "The provider says that the authentication failed.",
            "The provider's own sign-in log names the reason; mostly the password or the second factor.",
        ),
        Cause::NoAuthnContext => (
            "The provider cannot sign people in the way that is asked for",
            "The connection asks for certain classes of authentication, and the provider offers none of them.",
            "Remove them from the connection's \"Authentication context\", or name one that the provider knows.",
        ),
        Cause::RequestRefused => (
            "The provider does not accept our request",
            "It says that the request itself is wrong: mostly that it does not know our Entity ID, our callback URL or our signing certificate.",
            "Give the provider the SP metadata of the connection's page again: Entity ID, ACS URL and the signing certificate in it.",
        ),
        _ => return None,
    };
    Some(Text { title, means, fix })
}
