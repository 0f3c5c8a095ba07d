//! Password hashing, done before the transaction begins: it takes tens of milliseconds each, and nobody else may write
//! meanwhile.

use super::desired::{TenantFile, UserFile};
use crate::{
    policy::email::Email,
    seal::Sealer,
    store::{
        Db, StoreError,
        db::Tx,
        meta,
        tenants::{self, Tenant},
        users,
    },
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

impl Hashed {
    /// That of one user by themselves, whose password was hashed before: it is set, whatever the stored one is.
    pub fn given(tenant: &Tenant, user: &UserFile, hash: Option<&str>) -> Option<Self> {
        user.password.as_ref()?;
        let new = hash.map(str::to_owned);
        let impossible = new.is_none();
        Some(Self { tenant: tenant.name.clone(), email: user.email.clone(), stored: None, new, impossible })
    }
}

/// What the transaction needs to know of passwords.
pub struct Prepared {
    /// Those of all users whose password the file gives.
    pub hashed: Vec<Hashed>,
    /// What [`remember`] is to note; nothing when that is noted already.
    pub memo: Option<String>,
}

/// Names the note in the database.
const MEMO: &str = "apply-passwords";

/// Compares all passwords of the files with what is stored.
///
/// Verifying every one at each start would take seconds, so it is remembered that all of them fitted: as one Argon2id
/// hash of a keyed fingerprint of all pairs of password and stored hash. While it verifies, every password is still the
/// one of its hash, and one hash's time was spent. Whoever tries out passwords on the note has to pay for each the same
/// Argon2id as on a user's own hash, needs the master key, and must guess all passwords at once.
pub async fn prepare(db: &Db, sealer: &Sealer, hashing: Hashing, files: &[TenantFile]) -> Result<Prepared, StoreError> {
    let mut passwords = Vec::new();
    let mut hashed = Vec::new();
    for file in files {
        let tenant = tenants::find_by_name(db, &file.name).await?;
        for user in &file.users {
            let Some(password) = &user.password else { continue };
            let stored = match &tenant {
                Some(tenant) => users::find_by_email(db, &tenant.id, &user.email).await?.and_then(|u| u.password_hash),
                None => None,
            };
            passwords.push(password);
            hashed.push(Hashed { tenant: file.name.clone(), email: user.email.clone(), stored, new: None, impossible: false });
        }
    }
    // A single password is verified in the same time.
    let worth_it = hashed.len() > 1;
    if worth_it
        && let Some(print) = fingerprint(sealer, &passwords, &hashed)
        && let Some(memo) = meta::find(db, MEMO).await?
        && (hashing.verify)(&print, &memo)
    {
        return Ok(Prepared { hashed, memo: None });
    }
    for (password, user) in passwords.iter().zip(&mut hashed) {
        let same = user.stored.as_ref().is_some_and(|hash| (hashing.verify)(password, hash));
        user.new = if same { None } else { (hashing.hash)(password) };
        user.impossible = !same && user.new.is_none();
    }
    let print = fingerprint(sealer, &passwords, &hashed).filter(|_| worth_it);
    Ok(Prepared { hashed, memo: print.and_then(|print| (hashing.hash)(&print)) })
}

/// Of each password with its hash; nothing while one has none. That they fit together is for the caller to know.
fn fingerprint(sealer: &Sealer, passwords: &[&String], hashed: &[Hashed]) -> Option<String> {
    let hashes = hashed.iter().map(|user| user.new.as_ref().or(user.stored.as_ref()).filter(|_| !user.impossible));
    let pairs: Option<Vec<_>> = passwords.iter().zip(hashes).map(|(password, hash)| Some((password, hash?))).collect();
    Some(sealer.fingerprint(MEMO, &serde_json::to_string(&pairs?).ok()?))
}

/// Notes that the passwords fit, for the next time. It stays true whatever happens to the users: another hash makes
/// another fingerprint.
pub async fn remember(tx: &mut Tx, memo: &str) -> Result<(), StoreError> {
    meta::save(tx, MEMO, memo).await
}

/// That of one user.
pub fn of<'a>(all: &'a [Hashed], tenant: &str, email: &Email) -> Option<&'a Hashed> {
    all.iter().find(|h| h.tenant == tenant && h.email == *email)
}
