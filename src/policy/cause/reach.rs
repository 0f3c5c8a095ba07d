//! No answer that could be judged.

use super::{Cause, Text};

pub(super) fn text(cause: Cause) -> Option<Text> {
    let (title, means, fix) = match cause {
        Cause::Dns => (
            "The provider's name leads nowhere",
            "gatehouse asked its resolver for the provider's host and got no address, or one of a private network, which it does not call.",
            "Look for a typing error in the connection's \"Issuer URL\", endpoints or \"Metadata URL\". If the provider runs in your own network, whoever runs gatehouse sees in its log which of the two it is: the name has to be resolved by that machine, and the host be named in the setting GATEHOUSE_OUTBOUND_ALLOW.",
        ),
        Cause::PrivateAddress => (
            "The provider's address may not be called from here",
            "It is an address of a private network, plain http, or a URL with a user name or of another scheme. gatehouse calls no such address, since whoever fills in a connection could reach into your network with it.",
            "Correct the connection's \"Issuer URL\", endpoints or \"Metadata URL\" to an https address without a user name. If the provider really runs there, whoever runs gatehouse names its host or network in the setting GATEHOUSE_OUTBOUND_ALLOW.",
        ),
        Cause::ProviderTimeout => (
            "The provider does not answer in time",
            "The connection was made, or tried, and no whole answer came within ten seconds.",
            "See whether the provider is up, and whether a firewall between the two drops what gatehouse sends. The person can try again.",
        ),
        Cause::ProviderCertificateExpired => (
            "The TLS certificate of the provider has expired",
            "The provider's web server shows a certificate that is past its end, so nobody can be sure whom they speak to.",
            "Let whoever runs the provider renew the certificate of its web server.",
        ),
        Cause::ProviderTls => (
            "The provider cannot be reached by TLS",
            "The two could not agree on an encrypted connection: the certificate is for another name or by an authority that this machine does not know, or there is no TLS at that port.",
            "Open the provider's discovery document, or its metadata, with curl on the machine that gatehouse runs on: it names the same problem. A private authority has to be among that machine's trusted certificates; an incomplete chain is the provider's to mend.",
        ),
        Cause::ProviderUnreachable => (
            "The provider cannot be reached",
            "There is an address, but no connection to it, or it broke off.",
            "See whether the provider is up, whether the port in the connection's \"Issuer URL\" or endpoints is right, and whether gatehouse may make outgoing connections.",
        ),
        Cause::ProviderRedirects => (
            "The provider's address leads elsewhere",
            "The address answered with a redirect to another host, scheme or port, which is not followed: it could lead anywhere.",
            "Put the address that it leads to into the connection (\"Issuer URL\", endpoint or \"Metadata URL\"), if that is the provider's own.",
        ),
        Cause::ProviderStatus => (
            "The provider answers with an error status",
            "The address that gatehouse called (discovery, token, userinfo or metadata) answered with an HTTP status that means failure.",
            "404 mostly means that the connection's \"Issuer URL\" or \"Metadata URL\" is not quite right: open it with /.well-known/openid-configuration behind it. 401 or 403 of userinfo: let the application at the provider call it, and compare the connection's \"UserInfo endpoint\". 5xx is the provider's own trouble: try again later.",
        ),
        Cause::ProviderAnswer => (
            "The provider's answer is not what was asked for",
            "The address answered with something that is not the expected JSON or is too large: often a sign-in page or a proxy's error page.",
            "Open the address that the detail names. If it shows a page for people, the connection's \"Issuer URL\" or endpoint is not the right one.",
        ),
        Cause::ProviderKeys => (
            "The provider's signing keys cannot be fetched",
            "The ID token cannot be verified without the keys that the provider publishes at its jwks_uri.",
            "Open the provider's jwks_uri from the machine that gatehouse runs on. Where \"Discover endpoints\" is off, correct the connection's \"JWKS endpoint\".",
        ),
        Cause::NoIdToken => (
            "The provider sent no ID token",
            "The code was redeemed, but the answer says nothing of who signed in.",
            "gatehouse always asks for the scope openid: allow it for the application at the provider, and make the application one of OpenID Connect, not of OAuth 2.0 alone.",
        ),
        Cause::OwnFault => (
            "Something of gatehouse's own failed",
            "It is nothing that the person, the connection or the provider has done: the database, a key, or too much at once.",
            "Let the person try again. If the detail names the client secret, put it into the connection's \"Client secret\" anew: the master key is another one than when it was stored. Else whoever runs gatehouse finds more in its log, under the code that the person saw.",
        ),
        _ => return None,
    };
    Some(Text { title, means, fix })
}
