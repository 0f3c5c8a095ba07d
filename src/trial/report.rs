//! What is told of a test sign-in: the decision with its reason, what each mapping gave, and what the provider sent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::policy::{
    connection::ConnectionSettings,
    email::Email,
    identity::{EmailTrust, Identity},
    linking::{self, Rules},
};

/// All of it, as it is kept and as the API gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What would happen, and why.
    #[serde(rename = "decision")]
    pub verdict: Verdict,
    /// What each mapping gave.
    pub mappings: Vec<Mapping>,
    /// What the provider sent.
    pub documents: Vec<Sent>,
    /// What else would keep people out, or should be known.
    pub notes: Vec<String>,
}

/// What would happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The person is known.
    SignIn,
    /// They would be linked to a user who is there.
    Link,
    /// They would become a user.
    Create,
    /// The provider vouches for them; who they are here is not told (a guest's test).
    Vouched,
    /// The provider vouches for them, and they would be refused.
    Refuse,
    /// It came to nothing before anybody was known.
    Failed,
}

impl Outcome {
    /// Whether whoever came would be let in.
    #[must_use]
    pub fn passed(self) -> bool {
        !matches!(self, Self::Refuse | Self::Failed)
    }
}

/// What would happen, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What.
    pub outcome: Outcome,
    /// The known cause, when it would not let the person in.
    pub cause: Option<String>,
    /// The same in a few words.
    pub title: String,
    /// What the cause means; empty when there is none.
    pub means: String,
    /// Why exactly.
    pub reason: String,
    /// What to do about it; empty when nothing is to be done.
    pub fix: String,
    /// The user it is about, if there is one.
    pub user: Option<Person>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Row id.
    pub id: String,
    /// Their address here.
    pub email: String,
}

/// What one setting made of what came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The setting, as the file spells it.
    pub setting: String,
    /// What it is for people.
    pub title: String,
    /// The claims that are looked at, in their order.
    pub looked_for: Vec<String>,
    /// What was found; nothing: none of them was there.
    pub gave: Option<Vec<String>>,
    /// What is to be said of it.
    pub note: String,
}

/// Claims that came together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// In what.
    pub name: String,
    /// Each claim.
    pub claims: Vec<Claim>,
    /// How many more there were.
    pub more: usize,
}

/// A claim as it was sent, cut where it is long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl Claim {
    /// The value as a page shows it: a text as it is, anything else as JSON.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            other => serde_json::to_string_pretty(other).unwrap_or_default(),
        }
    }
}

/// Most groups that are listed.
const GROUPS: usize = 100;

/// Who reads a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Whoever administers the tenant.
    Operator,
    /// The guest of a set-up link, who is told nothing of the tenant but what their own settings show.
    Guest,
}

/// What each mapping of the settings, filled from their preset, gave.
#[must_use]
pub fn mappings(settings: &ConnectionSettings, identity: &Identity, rules: &Rules<'_>, reader: Reader) -> Vec<Mapping> {
    let row = |setting: &str, title: &str, names: Vec<&str>, gave: Option<Vec<String>>, note: String| Mapping {
        setting: setting.to_owned(),
        title: title.to_owned(),
        looked_for: names.into_iter().map(str::to_owned).collect(),
        gave,
        note,
    };
    let one = |value: &Option<String>| value.clone().map(|value| vec![value]);
    let name_parts = [settings.name_claims(), settings.given_name_claims(), settings.family_name_claims()].concat();
    let groups = identity.groups.as_ref().map(|groups| groups.iter().take(GROUPS).cloned().collect::<Vec<_>>());
    let groups_note = match &identity.groups {
        None => "Not sent, which is not the same as being in no group: nothing is changed by it.".to_owned(),
        Some(all) if all.is_empty() => "Sent, and the person is in none.".to_owned(),
        Some(all) if all.len() > GROUPS => format!("The first {GROUPS} of {}.", all.len()),
        Some(_) => String::new(),
    };
    let email_note = match identity.email.as_deref().map(Email::parse) {
        Some(None) => "It is not a plain local@domain address.".to_owned(),
        _ => String::new(),
    };
    let mut rows = vec![
        row("unique_id_claim", "Unique id", settings.unique_id_claims(), Some(vec![identity.subject.clone()]), String::new()),
        row("email_claim", "E-mail address", settings.email_claims(), one(&identity.email), email_note),
        row(
            "email_trust",
            "E-mail trust",
            Vec::new(),
            Some(vec![rules.email_trust.as_str().to_owned()]),
            trust(identity, rules, reader),
        ),
        row("name_claim", "Name", name_parts, one(&identity.name), String::new()),
        row("groups_claim", "Groups", settings.groups_claims(), groups, groups_note),
    ];
    if let Some((domain, note)) = allowed(identity, rules, reader) {
        rows.insert(3, row("allowed_domains", "Allowed domains", Vec::new(), domain.map(|domain| vec![domain]), note));
    }
    rows
}

/// The address's domain, and whether the connection lets it in; nothing where it keeps nobody out.
fn allowed(identity: &Identity, rules: &Rules<'_>, reader: Reader) -> Option<(Option<String>, String)> {
    if !rules.allowed.restrict() {
        return None;
    }
    let Some(email) = identity.email.as_deref().and_then(Email::parse) else {
        return Some((
            None,
            "Without an address nobody is let in: the connection names the domains of those who are.".to_owned(),
        ));
    };
    let note = match (rules.allowed.admit(&email), reader) {
        (true, _) => "The connection lets it in.".to_owned(),
        (false, Reader::Guest) => "The connection does not let it in.".to_owned(),
        (false, Reader::Operator) => format!("The connection lets in {} alone.", rules.allowed.names().join(", ")),
    };
    Some((Some(email.domain().to_owned()), note))
}

/// Whether the address is believed, and why.
fn trust(identity: &Identity, rules: &Rules<'_>, reader: Reader) -> String {
    let Some(email) = identity.email.as_deref().and_then(Email::parse) else {
        return "There is no address to believe.".to_owned();
    };
    let domain = email.domain();
    match (rules.email_trust, linking::is_trusted(identity, &email, rules)) {
        (EmailTrust::Verified, true) => "The address is believed: the provider says that it is verified.".to_owned(),
        (EmailTrust::Verified, false) => "The address is not believed: the provider does not say email_verified: true beside \
             it (JSON true; Entra: xms_edov; Google: for addresses that it hosts)."
            .to_owned(),
        (EmailTrust::Domain, true) => format!("The address is believed: {domain} is a proven domain of the organisation."),
        (EmailTrust::Domain, false) if reader == Reader::Guest => {
            format!("The address does not count yet: {domain} is no proven domain of the organisation.")
        }
        (EmailTrust::Domain, false) => {
            let proven = if rules.domains.is_empty() { "there is none".to_owned() } else { rules.domains.join(", ") };
            format!("The address is not believed: {domain} is no proven domain of the organisation ({proven}).")
        }
        (EmailTrust::Never, _) => "Addresses of this connection are never believed.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{allowed_domains::AllowedDomains, identity::Provisioning};

    fn identity(email: &str, verified: bool) -> Identity {
        Identity {
            issuer: "https://idp.example".into(),
            subject: "1".into(),
            email: Some(email.into()),
            email_verified: verified,
            name: None,
            groups: None,
            auth_time: None,
            session_until: None,
        }
    }

    #[test]
    fn says_why_an_address_is_believed() {
        let domains = ["acme.example".to_owned()];
        for (trust_setting, verified, email, words) in [
            (EmailTrust::Verified, true, "ada@acme.example", "is believed: the provider says"),
            (EmailTrust::Verified, false, "ada@acme.example", "is not believed: the provider does not say"),
            (EmailTrust::Domain, false, "ada@acme.example", "is believed: acme.example is a proven"),
            (EmailTrust::Domain, true, "ada@evil.example", "is not believed: evil.example is no proven domain"),
            (EmailTrust::Never, true, "ada@acme.example", "never believed"),
            (EmailTrust::Verified, true, "no address", "no address to believe"),
        ] {
            let rules = Rules {
                email_trust: trust_setting,
                domains: &domains,
                provisioning: Provisioning::Jit,
                allowed: &AllowedDomains::default(),
            };
            let note = |reader| {
                let rows = mappings(&ConnectionSettings::default(), &identity(email, verified), &rules, reader);
                rows.into_iter().find(|row| row.setting == "email_trust").unwrap().note
            };
            assert!(note(Reader::Operator).contains(words), "{}", note(Reader::Operator));
            // A guest is not told what other domains there are.
            let told = note(Reader::Guest);
            assert!(!told.contains("acme.example") || email.ends_with("acme.example"), "{told}");
        }
    }
}
