//! What somebody is still typing, read as it would be when it is saved, and written nowhere.

use serde_json::Value;

use super::{Fault, Noun, judge, literal::Literal};
use crate::{
    apply::{read, reader::Context},
    policy::{
        connection::{ConnectionSettings, Protocol},
        trusted_issuer::IssuerSettings,
    },
    store::tenants::Tenant,
};

/// Settings that can be looked at before they are saved.
#[derive(Clone, Debug)]
pub enum Draft {
    /// Of a connection.
    Connection(Protocol, Box<ConnectionSettings>),
    /// Of a trusted issuer.
    Issuer(Box<IssuerSettings>),
}

/// As much of the thing as can be read, and what is wrong with it. Its name and its secrets play no part.
#[must_use]
pub fn draft(tenant: &Tenant, noun: Noun, body: &Value) -> (Option<Draft>, Vec<Fault>) {
    let Ok(mut fields) = judge::fields(noun, body) else { return (None, vec![Fault::new("", "this must be an object")]) };
    fields.insert(noun.key().to_owned(), "draft".into());
    if noun == Noun::Connections {
        // What it lacks before people can sign in over it is said, although it may be saved without.
        fields.insert("enabled".to_owned(), true.into());
    }
    let literal = Literal::new(fields, None);
    let context = Context::literal("");
    let file = read::one(&context, tenant, noun, &literal.node);
    let mut problems = context.into_problems();
    problems.sort_by_key(|problem| problem.line);
    let faults = problems.into_iter().map(|problem| literal.fault(problem));
    let faults = literal.nul().into_iter().chain(faults).filter(|fault| !is_of_secret(fault)).collect();
    let connection = file.connections.into_iter().next().map(|c| Draft::Connection(c.protocol, Box::new(c.settings)));
    let issuer = file.trusted_issuers.into_iter().next().map(|i| Draft::Issuer(Box::new(i.settings)));
    (connection.or(issuer), faults)
}

/// One may be stored that nobody types again.
fn is_of_secret(fault: &Fault) -> bool {
    ["client_secret is missing", "introspection_client_secret is missing"].iter().any(|text| fault.text.starts_with(text))
}
