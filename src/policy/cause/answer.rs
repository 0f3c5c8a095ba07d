//! An answer that does not hold.

use super::{Cause, Text};

pub(super) fn text(cause: Cause) -> Option<Text> {
    token(cause).or_else(|| assertion(cause)).map(|(title, means, fix)| Text { title, means, fix })
}

type Words = (&'static str, &'static str, &'static str);

fn token(cause: Cause) -> Option<Words> {
    Some(match cause {
        Cause::IssuerSlash => (
            "The issuer differs by a slash at its end",
            "Issuers are compared byte for byte, and the provider spells its own with a slash more or less than the connection.",
            "Put the issuer into the connection's \"Issuer URL\" (of SAML: \"Entity ID of the provider\") exactly as the detail shows it (Auth0 and JumpCloud have the slash, most others do not). Where a provider's discovery document spells it in one way and its tokens in the other, put that of its tokens, switch \"Discover endpoints\" off and give the endpoints by hand.",
        ),
        Cause::Issuer => (
            "The issuer is another one",
            "What came names another issuer than the connection: another directory, host name, capitals or http for https, or another provider altogether.",
            "If the detail shows the provider that you mean, put its issuer into the connection's \"Issuer URL\" (of SAML: \"Entity ID of the provider\") exactly so. If not, somebody else's answer came: leave it.",
        ),
        Cause::MixUp => (
            "The answer came from another provider",
            "The authorization response does not name the provider that the person was sent to, which is how a hostile provider would steal a code.",
            "Compare the connection's \"Issuer URL\" with the iss of the detail. If they should be the same, correct it; else find out who answered.",
        ),
        Cause::AnswerUnreadable => (
            "The provider's answer cannot be read",
            "The browser came back without what an answer has: a state, and a code or an error, or a SAMLResponse, each once.",
            "See whether a proxy in front of gatehouse cuts queries or forms, and whether the provider answers by the protocol that the connection is for.",
        ),
        Cause::AnotherCallback => (
            "The answer came by another callback URL",
            "Each connection has its way back: its protocol, and its own URL where it has one.",
            "Copy the Callback URL from the connection's page into the application at the provider.",
        ),
        Cause::NoLogin => (
            "The sign-in was not under way in this browser",
            "It took longer than fifteen minutes, was finished already (the back button, a bookmark), began in another browser, or cookies are blocked.",
            "Let the person start at the application again. If it happens to everyone, see whether a proxy takes the cookies away or serves another host name than GATEHOUSE_PUBLIC_URL.",
        ),
        Cause::Audience => (
            "The answer is meant for another application",
            "The token or assertion names another client or service as its audience.",
            "OpenID Connect: compare the connection's \"Client ID\" with the application's at the provider. SAML: set the provider's Audience (Identifier, SP Entity ID) to the Entity ID of the connection's page.",
        ),
        Cause::ClockAhead => (
            "The provider's clock is ahead",
            "What came was issued, by its own word, in the future. The detail says by how many seconds.",
            "Synchronise both clocks (NTP). If the provider's cannot be mended, raise the connection's \"Clock skew\" to a little more.",
        ),
        Cause::Expired => (
            "The answer was too old when it came",
            "Its time was over before it was read: the provider's clock is behind, the person took very long, or an old answer was sent again.",
            "Synchronise both clocks (NTP). If the provider's cannot be mended, raise the connection's \"Clock skew\" to a little more.",
        ),
        Cause::UnknownKey => (
            "The token is signed with a key that the provider does not publish",
            "The keys at its jwks_uri were fetched anew, and none has the name (kid) of the token's.",
            "If the provider has just changed its keys, try again in a minute. Where \"Discover endpoints\" is off, compare the connection's \"JWKS endpoint\" with the provider's. Else its document points to the keys of something else: Entra ID applications with their own signing key need ?appid={client id} behind the discovery address.",
        ),
        Cause::Signature => (
            "The signature does not hold",
            "The answer was changed after it was signed, or signed with a key that is not the provider's.",
            "OpenID Connect: compare the connection's \"JWKS endpoint\" with the provider's. SAML: the provider may have changed its certificate: put its current metadata or certificate into the connection.",
        ),
        Cause::Algorithm => (
            "The algorithm is not accepted",
            "The answer is signed with an algorithm that the connection does not allow.",
            "Choose RS256 (SAML: RSA-SHA256) at the provider, or allow the algorithm in the connection's \"Allowed algorithms\".",
        ),
        Cause::TokenMalformed => (
            "The provider's token breaks the rules",
            "The ID token lacks something that OpenID Connect Core §2 asks for, or has it in an impossible form.",
            "The detail names what it is; it is for whoever runs the provider, often a claim mapping or a custom script there.",
        ),
        Cause::Nonce => (
            "The token belongs to another sign-in",
            "Its nonce is missing or not the one that was sent: it was made for another sign-in, or by a provider that drops it.",
            "Let the person try again. If it stays so, the provider must return the nonce of the request.",
        ),
        Cause::AccessTokenHash => (
            "The two tokens do not belong together",
            "The ID token's at_hash does not fit the access token beside it.",
            "It is for whoever runs the provider: a proxy or a script there changes one of the two.",
        ),
        Cause::NotFresh => (
            "The person was not asked to prove again who they are",
            "The application wanted a fresh sign-in, and the provider answered from an old session, or does not say when the person signed in.",
            "Let the provider honour prompt=login and max_age and send auth_time (SAML: ForceAuthn, AuthnInstant), or do not ask for it in the application.",
        ),
        Cause::UserinfoSubject => (
            "Userinfo is about somebody else",
            "The userinfo endpoint names another sub than the ID token, or none.",
            "Compare the connection's \"UserInfo endpoint\" with the provider's; it may belong to another of its authorization servers.",
        ),
        _ => return None,
    })
}

fn assertion(cause: Cause) -> Option<Words> {
    Some(match cause {
        Cause::NotSigned => (
            "The answer is not signed",
            "Neither the response nor its assertion has a signature, so anybody could have written it.",
            "Let the provider sign the assertion or the response (Entra ID: Signing Option; Okta: Assertion Signature).",
        ),
        Cause::SignatureForm => (
            "The signature has a form that is not accepted",
            "It signs something else than the element it stands in, or in another way than SAML allows; attacks look like this, and a few broken products.",
            "The detail names the rule. Let the provider sign with exclusive canonicalisation and one reference to the signed element.",
        ),
        Cause::CertificateExpired => (
            "The provider's signing certificate has expired",
            "The signature is by none of the certificates that the connection knows, and all of those are past their end: the provider has a new one.",
            "Put the provider's current certificate or metadata into the connection, or better its \"Metadata URL\", so that new certificates arrive by themselves.",
        ),
        Cause::Sha1 => (
            "The signature uses SHA-1",
            "SHA-1 can be forged by whoever pays for it, so it counts only where a connection says so.",
            "Set RSA-SHA256 and SHA-256 at the provider (Auth0: signatureAlgorithm and digestAlgorithm). If it cannot, switch \"Accept SHA-1 signatures\" on in the connection.",
        ),
        Cause::Destination => (
            "The answer was sent to another address",
            "The response says where it must arrive, and that is not our callback URL.",
            "Copy the Callback URL (ACS URL) from the connection's page to the provider (Reply URL, Single sign-on URL), exactly so.",
        ),
        Cause::Recipient => (
            "The assertion is for another address",
            "The subject confirmation names a Recipient that is not our callback URL.",
            "Copy the Callback URL (ACS URL) from the connection's page to the provider's Recipient (OneLogin has a field of that name).",
        ),
        Cause::InResponseTo => (
            "The answer is to another request",
            "It does not name the request that this browser left with: an old page, another browser's answer, or a provider that leaves the name out.",
            "Let the person start again. If it stays so, let the provider send InResponseTo for sign-ins that begin here, and none for those that begin there.",
        ),
        Cause::Replayed => (
            "The answer was used before",
            "It came a second time: the page was sent again, or somebody replays what they have seen.",
            "Let the person start again. If it happens to many, see who can read what their browsers send.",
        ),
        Cause::NotEncrypted => (
            "The assertion is not encrypted",
            "The connection wants encrypted assertions, and this one is plain.",
            "Let the provider encrypt to the certificate in our SP metadata, or switch \"Assertions must be encrypted\" off in the connection.",
        ),
        Cause::EncryptedForAnotherKey => (
            "The assertion is encrypted for another key",
            "None of our keys opens it: the provider encrypts to a certificate that is not, or no longer, ours.",
            "Give the provider the encryption certificate of our SP metadata anew.",
        ),
        Cause::EncryptionAlgorithm => (
            "The encryption is not accepted",
            "The assertion is encrypted in a way that is unsafe or not known here.",
            "Let the provider use AES-256-GCM with RSA-OAEP; with AES-CBC the response has to be signed too.",
        ),
        Cause::AuthnContext => (
            "The person signed in another way than asked for",
            "The connection asks for certain classes of authentication, and the answer names another.",
            "Let the provider enforce that class for this application, or change the connection's \"Authentication context\".",
        ),
        Cause::SamlForm => (
            "The answer is not a proper SAML response",
            "It is not XML as it must be, lacks a part, or has one twice.",
            "The detail names the part. It is for whoever runs the provider; a proxy that changes forms can be the reason too.",
        ),
        _ => return None,
    })
}
