//! Why a sign-in failed: the causes that are known by name, each with what it means and how to mend it, in the words of
//! whoever has to click. The person at the browser reads none of it; the operator finds it by the code that they saw.
//!
//! A check that fails names its cause where it is made ([`Cause::with`]); only what a provider says in its own words is
//! looked up (`said`). The texts stand by kind: `reach` (no answer that could be judged), `refusal` (the provider said no),
//! `settings` (what an operator set up), `answer` (an answer that does not hold), `person` (whom it is about).

mod answer;
mod person;
mod reach;
mod refusal;
mod said;
mod settings;
#[cfg(test)]
mod tests;

use std::{fmt, ops::Deref};

use serde::{Deserialize, Serialize};

pub use self::said::{Saying, of_error, of_status};

/// What an operator reads about a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// In a few words.
    pub title: &'static str,
    /// What has happened.
    pub means: &'static str,
    /// What to do, and where.
    pub fix: &'static str,
}

macro_rules! causes {
    ($($name:ident $word:literal)+) => {
        /// A known cause. Its word is stable: it stands in logs, traces and the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "its text says it")]
        pub enum Cause { $(#[serde(rename = $word)] $name,)+ }

        impl Cause {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

causes! {
    // reach
    Dns "dns"
    PrivateAddress "private_address"
    ProviderTimeout "provider_timeout"
    ProviderCertificateExpired "provider_certificate_expired"
    ProviderTls "provider_tls"
    ProviderUnreachable "provider_unreachable"
    ProviderRedirects "provider_redirects"
    ProviderStatus "provider_status"
    ProviderAnswer "provider_answer"
    ProviderKeys "provider_keys"
    NoIdToken "no_id_token"
    OwnFault "own_fault"
    // refusal
    AccessDenied "access_denied"
    NotAssigned "not_assigned"
    RedirectUri "redirect_uri"
    ClientUnknown "client_unknown"
    ClientSecret "client_secret"
    ClientSecretExpired "client_secret_expired"
    ClientProofWanted "client_proof_wanted"
    AuthMethod "auth_method"
    CodeRefused "code_refused"
    Scope "scope"
    GrantNotAllowed "grant_not_allowed"
    ConsentWanted "consent_wanted"
    PersonWanted "person_wanted"
    ProviderProblem "provider_problem"
    ProviderRefused "provider_refused"
    NameIdPolicy "name_id_policy"
    AuthnFailed "authn_failed"
    NoAuthnContext "no_authn_context"
    RequestRefused "request_refused"
    // settings
    Settings "settings"
    ClientSecretMissing "client_secret_missing"
    IssuerShared "issuer_shared"
    Endpoint "endpoint"
    RequestObjects "request_objects"
    NoRequestAddress "no_request_address"
    MetadataUnreadable "metadata_unreadable"
    MetadataExpired "metadata_expired"
    MetadataHeld "metadata_held"
    ConnectionChanged "connection_changed"
    ConnectionOff "connection_off"
    TenantOff "tenant_off"
    NoWayIn "no_way_in"
    NotOffered "not_offered"
    UnknownClient "unknown_client"
    ClientRedirectUri "client_redirect_uri"
    BadRequest "bad_request"
    UnsolicitedOff "unsolicited_off"
    UnsolicitedUnknown "unsolicited_unknown"
    PasswordsOff "passwords_off"
    // answer
    IssuerSlash "issuer_slash"
    Issuer "issuer"
    MixUp "mix_up"
    AnswerUnreadable "answer_unreadable"
    AnotherCallback "another_callback"
    NoLogin "no_login"
    Audience "audience"
    ClockAhead "clock_ahead"
    Expired "expired"
    UnknownKey "unknown_key"
    Signature "signature"
    Algorithm "algorithm"
    Sha1 "sha1"
    TokenMalformed "token_malformed"
    Nonce "nonce"
    AccessTokenHash "access_token_hash"
    NotFresh "not_fresh"
    UserinfoSubject "userinfo_subject"
    NotSigned "not_signed"
    SignatureForm "signature_form"
    CertificateExpired "certificate_expired"
    Destination "destination"
    Recipient "recipient"
    InResponseTo "in_response_to"
    Replayed "replayed"
    NotEncrypted "not_encrypted"
    EncryptedForAnotherKey "encrypted_for_another_key"
    EncryptionAlgorithm "encryption_algorithm"
    AuthnContext "authn_context"
    SamlForm "saml_form"
    // person
    UniqueId "unique_id"
    TransientNameId "transient_name_id"
    Directory "directory"
    HostedDomain "hosted_domain"
    EmailMissing "email_missing"
    EmailUnusable "email_unusable"
    EmailDomain "email_domain"
    EmailUnproven "email_unproven"
    UserUnproven "user_unproven"
    AlreadyLinked "already_linked"
    WrongAccount "wrong_account"
    AnotherPerson "another_person"
    AddressTaken "address_taken"
    NotInvited "not_invited"
    NotProvisioned "not_provisioned"
    InviteOver "invite_over"
    Deactivated "deactivated"
    PasswordWrong "password_wrong"
    TooManyAttempts "too_many_attempts"
    TooManySignIns "too_many_sign_ins"
    FormToken "form_token"
    ConsentRefused "consent_refused"
}

impl Cause {
    /// The cause of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cause| cause.word() == word)
    }

    /// What an operator reads about it.
    #[must_use]
    pub fn text(self) -> Text {
        let texts = [reach::text, refusal::text, settings::text, answer::text, person::text];
        let nothing = Text { title: "Something went wrong", means: "No more is known of it.", fix: "Read the log." };
        texts.iter().find_map(|text| text(self)).unwrap_or(nothing)
    }

    /// It, with what was found: both values that differ, how many seconds, which key.
    #[must_use]
    pub fn with(self, detail: impl Into<String>) -> Fault {
        Fault { cause: self, detail: detail.into() }
    }

    /// That two issuers differ; `detail` says how.
    #[must_use]
    pub fn of_issuers(expected: &str, found: &str) -> Self {
        match found != expected && found.trim_end_matches('/') == expected.trim_end_matches('/') {
            true => Self::IssuerSlash,
            false => Self::Issuer,
        }
    }
}

/// A cause as it was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub cause: Cause,
    /// What was found, in one line for the log and the trace; it holds no secret.
    pub detail: String,
}

impl Fault {
    /// The same, in more words.
    #[must_use]
    pub fn told(self, tell: impl FnOnce(&str) -> String) -> Self {
        Self { detail: tell(&self.detail), ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Deref for Fault {
    type Target = str;

    fn deref(&self) -> &str {
        &self.detail
    }
}
