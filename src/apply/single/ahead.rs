//! What is done of a change before anybody has to wait for it: reading takes as long as the body is large, and a password is
//! hashed in tens of milliseconds. Under the lock of all writers only what became another meanwhile is read again.

use serde_json::{Map, Value};

use super::{Expect, Noun, Order, Refusal, literal::Literal, saying};
use crate::{
    apply::{
        desired::TenantFile,
        read,
        reader::{Context, Problem},
    },
    store::{On, tenants::Tenant},
};

/// What there is already when the transaction begins.
#[derive(Debug, Default)]
pub struct Ahead {
    /// The body, as it was read.
    pub reading: Option<Reading>,
    /// The hash of the password that the body gives ([`password`]); nothing where none can be made of it.
    pub password: Option<String>,
}

/// A body that was read, with what it leaves out and stays.
pub struct Reading {
    fields: Map<String, Value>,
    stays: Option<&'static str>,
    literal: Literal,
    file: TenantFile,
    problems: Vec<Problem>,
}

impl std::fmt::Debug for Reading {
    /// It holds secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Reading {
    pub(super) fn new(tenant: &Tenant, noun: Noun, fields: Map<String, Value>, stays: Option<&'static str>) -> Self {
        let literal = Literal::new(fields.clone(), stays);
        let context = Context::literal("");
        let file = read::one(&context, tenant, noun, &literal.node);
        Self { fields, stays, literal, file, problems: context.into_problems() }
    }

    /// Whether it is what this would be read as.
    pub(super) fn is_of(&self, fields: &Map<String, Value>, stays: Option<&'static str>) -> bool {
        self.fields == *fields && self.stays == stays
    }

    /// What it says, and where.
    pub(super) fn sound(&self) -> Result<(&TenantFile, &Literal), Refusal> {
        self.literal.judge(self.problems.clone())?;
        Ok((&self.file, &self.literal))
    }
}

/// Reads a body while nobody waits. What is refused here would be refused by [`super::put`] too.
///
/// # Errors
/// Why.
pub async fn read(
    on: impl Into<On<'_>>,
    order: &Order<'_>,
    tenant: &Tenant,
    noun: Noun,
    name: Option<&str>,
    body: &Value,
    expect: Expect,
) -> Result<Reading, Refusal> {
    let (_, fields, stays) = saying(&mut on.into(), order, tenant, noun, name, body, expect).await?;
    let reading = Reading::new(tenant, noun, fields, stays);
    reading.sound()?;
    Ok(reading)
}

/// The password that is to be hashed before [`super::put`]. It is never compared with the one that is stored: whoever may set a
/// password must not learn by the time that takes whether they have guessed the one that was there.
#[must_use]
pub fn password(noun: Noun, body: &Value) -> Option<&str> {
    body["password"].as_str().filter(|password| noun == Noun::Users && !password.is_empty())
}
