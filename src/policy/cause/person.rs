//! Whom it is about.

use super::{Cause, Text};

pub(super) fn text(cause: Cause) -> Option<Text> {
    let (title, means, fix) = match cause {
        Cause::UniqueId => (
            "The provider does not say who it is",
            "None of the claims or attributes that can identify a person for good was sent.",
            "Set the connection's \"Unique ID claim\" to one that the provider sends (the trace names those that came), or let it send the usual one.",
        ),
        Cause::TransientNameId => (
            "The NameID is another one each time",
            "A transient NameID names nobody for longer than one sign-in: each would make a new user.",
            "Set the connection's \"NameID format\" to persistent and let the provider send that, or set \"Unique ID claim\" to an attribute that stays the same.",
        ),
        Cause::Directory => (
            "The person is of another Entra directory",
            "The token's directory (tid) is not one that the connection is for, or is missing.",
            "If people of that directory shall come, add its id to the connection's \"Allowed Entra tenants\". If tid is missing, put profile into the \"Scopes\".",
        ),
        Cause::HostedDomain => (
            "The Google account is of another domain",
            "The connection lets in only accounts of certain Workspace domains, and this one is of another or a private account.",
            "Let the person choose their work account. If the domain is yours, add it to the connection's \"Google Workspace domains\".",
        ),
        Cause::EmailMissing => (
            "The provider sent no e-mail address",
            "A user is known here by an address, and none was among the claims.",
            "Set the connection's \"Email claim\" to one that the provider sends (the trace names those that came), allow the application at the provider to read addresses (the scope email is always asked for), or fill in the person's address at the provider.",
        ),
        Cause::EmailUnusable => (
            "The e-mail address cannot be used",
            "It is not a plain local@domain: it has a display name, several addresses, spaces or unusual characters.",
            "Set the connection's \"Email claim\" to one that holds the plain address, or correct the person's address at the provider.",
        ),
        Cause::EmailDomain => (
            "The e-mail address is in no allowed domain",
            "The connection lets in only addresses of certain domains, and this person's is in none of them.",
            "If people of that domain shall come, add it to the connection's \"Allowed domains\" (a subdomain counts only where \"Subdomains too\" is on). If not, the person used the wrong account.",
        ),
        Cause::EmailUnproven => (
            "The e-mail address is not proven",
            "The provider does not vouch for the address (email_verified is not true), or its domain is not one that the tenant has proven.",
            "Prove the domain under Domains and choose that for \"When the e-mail address links to a user\" in the connection, or let the provider verify the address.",
        ),
        Cause::UserUnproven => (
            "A user with this address exists, unproven",
            "Nobody has ever shown that the user's address is theirs, so the sign-in could be somebody else's.",
            "See on the user's page whether it is the same person. If it is, link the identity there (Link an identity) with the unique id that the provider has for them.",
        ),
        Cause::AlreadyLinked => (
            "The user has another identity at this connection",
            "The address belongs to a user who is linked to another account of the same provider: somebody may have inherited the address.",
            "If it is somebody else, give one of the two another address. If it is the same person, unlink the old identity on the user's page: their next sign-in links the new one.",
        ),
        Cause::WrongAccount => (
            "The invite is for another address",
            "Who followed the invite signed in with another account.",
            "Let them sign in with the invited address, or send an invite to the address that they use.",
        ),
        Cause::AnotherPerson => (
            "Another person signed in than the application expected",
            "The application named whom it wants (id_token_hint), and somebody else signed in.",
            "Let the person sign out at the application and at the provider, and sign in as the one whom the application knows. If it is nobody's fault, the application should send no id_token_hint.",
        ),
        Cause::AddressTaken => (
            "The invited address has a user meanwhile",
            "Somebody accepted an invite with a password, and a user with this address is there already.",
            "Let the person sign in as usual; the invite can be withdrawn.",
        ),
        Cause::NotInvited => (
            "The person has not been invited",
            "The tenant takes only invited people, and there is no open invite for this address.",
            "Send an invite to exactly this address, or change \"How users come to be\" in the tenant's settings.",
        ),
        Cause::NotProvisioned => (
            "The directory has not made this user",
            "Users of this tenant come from its directory alone, and this address is not among them.",
            "Assign the person to the application that provisions over SCIM at the provider, and see the directory's page for the last calls.",
        ),
        Cause::InviteOver => (
            "The invite is over",
            "It was accepted, withdrawn or has expired while the person was signing in.",
            "Send a new invite.",
        ),
        Cause::Deactivated => (
            "The user is deactivated",
            "An administrator or the directory has shut the user out.",
            "Activate the user on their page, or at the directory where it has the say.",
        ),
        Cause::PasswordWrong => (
            "The address and the password do not match",
            "There is no such user, they have no password, or it is another one.",
            "Let the person try again, or give the user a new password in the file that describes them.",
        ),
        Cause::TooManyAttempts => (
            "Too many passwords were tried",
            "The account or the network has used up its attempts for a quarter of an hour.",
            "Wait. If the person did not try themselves, somebody guesses their password.",
        ),
        Cause::TooManySignIns => (
            "Too many sign-ins were begun from one network",
            "More sign-ins than GATEHOUSE_SIGN_IN_RATE allows in a minute came from one address.",
            "If many people share the address, raise the setting; if they all have the proxy's address, name it in GATEHOUSE_TRUSTED_PROXIES.",
        ),
        Cause::FormToken => (
            "The page was too old, or another browser's",
            "The form came without the token of this browser: cookies are blocked, the page was open for too long, or another site sent it.",
            "Let the person start again with cookies allowed.",
        ),
        Cause::ConsentRefused => (
            "The person did not consent",
            "They were asked whether the application may know who they are, and said no.",
            "Nothing needs mending. For an application of your own, switch \"Trusted\" on at its page, and nobody is asked.",
        ),
        _ => return None,
    };
    Some(Text { title, means, fix })
}
