//! What an operator has set up, or has not.

use super::{Cause, Text};

pub(super) fn text(cause: Cause) -> Option<Text> {
    let (title, means, fix) = match cause {
        Cause::Settings => (
            "The connection's settings cannot work",
            "Something that signing in needs is missing or contradicts itself.",
            "Open the connection and correct what the detail names. Where sign-ins begin at the provider, \"They land at\" has to be on the origin of one of the application's \"Redirect URIs\".",
        ),
        Cause::ClientSecretMissing => (
            "The connection has no client secret",
            "Its client authentication needs one.",
            "Make a secret at the provider and put it into the connection's \"Client secret\", or choose another \"Client authentication\".",
        ),
        Cause::IssuerShared => (
            "The issuer is shared by all Entra directories",
            "With common or organizations in it, people of any directory in the world could come, so none does.",
            "Put the directory's own id into the connection's \"Issuer URL\" (https://login.microsoftonline.com/{id}/v2.0), or name those that may come in \"Allowed Entra tenants\".",
        ),
        Cause::Endpoint => (
            "An endpoint of the provider cannot be used",
            "The provider's document, or the connection, names no such endpoint or one that is not safe to call.",
            "Correct the field that the detail names; where \"Discover endpoints\" is on, the provider's document is wrong, and the endpoints can be given by hand with it off.",
        ),
        Cause::RequestObjects => (
            "The provider takes no signed requests",
            "The connection signs its requests, and the provider's document says that it does not read them.",
            "Switch \"Sign requests\" off in the connection.",
        ),
        Cause::NoRequestAddress => (
            "The provider has no address for sign-in requests",
            "Nothing says where a person is to be sent, or not over the binding that the connection names.",
            "Give the connection a \"Sign-in URL\", or metadata with a SingleSignOnService over HTTP-Redirect or HTTP-POST; remove the \"Binding of requests\" if it names the other one.",
        ),
        Cause::MetadataUnreadable => (
            "The provider's metadata cannot be used",
            "A document came from the Metadata URL, but it is not the metadata of this provider, or its signature does not hold.",
            "Open the \"Metadata URL\". Compare its entityID with the connection's \"Entity ID of the provider\", and its signer with the \"Metadata certificates\".",
        ),
        Cause::MetadataExpired => (
            "The provider's metadata is out of date",
            "The document says itself until when it may be used, and that is over.",
            "Put the provider's current metadata into the connection, or better its \"Metadata URL\", so that it renews itself.",
        ),
        Cause::MetadataHeld => (
            "New metadata of the provider waits for you",
            "The document in use is out of date, and the one that came has other keys that nothing vouches for: it could be somebody else's.",
            "Open the connection's page and from there its provider's metadata, compare each fingerprint with those that the provider shows, and accept it there (or on the server: gatehouse connections show, then gatehouse connections accept).",
        ),
        Cause::ConnectionChanged => (
            "The connection was changed meanwhile",
            "While the person was at the provider, the connection was pointed at another one.",
            "Nothing needs mending: let the person sign in again.",
        ),
        Cause::ConnectionOff => (
            "The connection is switched off",
            "The person went to the provider over a connection that is not offered for sign-in any more.",
            "Switch the connection on (\"Enabled\", and \"Offered for sign-in\") if people shall use it.",
        ),
        Cause::TenantOff => (
            "The organisation or its application is switched off",
            "The tenant or the client was disabled or deleted.",
            "The detail says which of the two. Switch \"Enabled\" on again, in the organisation's settings or on the application's page, if people shall sign in.",
        ),
        Cause::NoWayIn => (
            "The organisation offers no way to sign in",
            "None of its connections is switched on and offered for sign-in, and it uses no passwords.",
            "Switch a connection on (\"Enabled\", and \"Offered for sign-in\"), or \"Passwords\" in the organisation's settings.",
        ),
        Cause::NotOffered => (
            "The way of signing in is not offered",
            "The page or a link asked for a connection that the tenant does not offer.",
            "Let the person start again; if a link or an application names the connection (idp_hint), correct its name or switch the connection on.",
        ),
        Cause::UnknownClient => (
            "The application is not known here",
            "The request names a client that does not exist or is switched off.",
            "The detail says which. Compare the application's client_id with the applications here, and switch \"Enabled\" on at its page if it is off: switch the client on, or correct the application.",
        ),
        Cause::ClientRedirectUri => (
            "The application's redirect URI is not registered",
            "The application asked for the person to be sent to an address that its client here has not registered, byte for byte.",
            "Add the address of the detail to the application's \"Redirect URIs\" here, or correct it in the application.",
        ),
        Cause::BadRequest => (
            "The application's request is not valid",
            "A parameter of the authorization request is missing, repeated or cannot be used.",
            "It is for the developers of the application: the detail names the parameter.",
        ),
        Cause::UnsolicitedOff => (
            "Sign-ins that begin at the provider are off",
            "The person started at the provider (a tile on its dashboard), and its answer belongs to no sign-in that was begun here.",
            "Switch \"Sign-ins may begin at the provider\" on in the connection, with the application and the address where such sign-ins land; or put a bookmark to your application in the tile's place.",
        ),
        Cause::UnsolicitedUnknown => (
            "An answer to no sign-in, for no connection",
            "An answer came that belongs to no sign-in begun here, and its Audience is no single connection of ours.",
            "Set the provider's Audience to the Entity ID of the connection's page. Where assertions are encrypted, switch the connection's \"A callback URL of its own\" on and give the provider that URL.",
        ),
        Cause::PasswordsOff => (
            "The organisation uses no passwords",
            "Somebody sent a password to a tenant that takes none.",
            "In the organisation's settings, switch \"Passwords\" on, and \"Require single sign-on\" off, if its people shall have passwords.",
        ),
        _ => return None,
    };
    Some(Text { title, means, fix })
}
