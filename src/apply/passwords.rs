//! Password hashing, done before the transaction begins: it takes tens of milliseconds each, and nobody else may write
//! meanwhile.

use super::desired::TenantFile;
use crate::{
    policy::email::Email,
    store::{Db, StoreError, tenants, users},
};

/// How passwords are hashed and verified (argon2id in PHC form); both take tens of milliseconds on the calling thread.
#[derive(Clone, Copy, Debug)]
pub struct Hashing {
    /// The hash of a password, or nothing when it cannot be hashed.
    pub hash: fn(&str) -> Option<String>,
    /// Whether a password is the one of a hash.
    pub verify: fn(&str, &str) -> bool,
}

/// What a user's password in the file means for the hash that is stored.
pub struct Hashed {
    tenant: String,
    email: Email,
    /// The hash that was stored meanwhile.
    pub stored: Option<String>,
    /// The new hash; nothing when the stored one is of the same password.
    pub new: Option<String>,
    /// No hash can be made of it.
    pub impossible: bool,
}

/// Those of all users whose password the file gives.
pub async fn prepare(db: &Db, hashing: Hashing, files: &[TenantFile]) -> Result<Vec<Hashed>, StoreError> {
    let mut all = Vec::new();
    for file in files {
        let tenant = tenants::find_by_name(db, &file.name).await?;
        for user in &file.users {
            let Some(password) = &user.password else { continue };
            let stored = match &tenant {
                Some(tenant) => users::find_by_email(db, &tenant.id, &user.email).await?.and_then(|u| u.password_hash),
                None => None,
            };
            let same = stored.as_ref().is_some_and(|hash| (hashing.verify)(password, hash));
            let new = if same { None } else { (hashing.hash)(password) };
            let impossible = !same && new.is_none();
            all.push(Hashed { tenant: file.name.clone(), email: user.email.clone(), stored, new, impossible });
        }
    }
    Ok(all)
}

/// That of one user.
pub fn of<'a>(all: &'a [Hashed], tenant: &str, email: &Email) -> Option<&'a Hashed> {
    all.iter().find(|h| h.tenant == tenant && h.email == *email)
}
