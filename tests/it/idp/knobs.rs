//! What can be turned at the provider.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::Value;

pub type Alter<T> = Option<Arc<dyn Fn(&mut T) + Send + Sync>>;

/// How ID tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Signing {
    #[default]
    Rs256,
    Es256,
    /// Unsigned, with this spelling of `none`.
    None(&'static str),
    /// A key that was never published, under the published kid.
    WrongKey,
    /// HS256 with the published modulus as the secret.
    HmacOfPublicKey,
    /// HS256 with the client secret.
    HmacOfSecret,
    /// Signed well, then one claim changed.
    Altered,
}

/// How an endpoint misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    Status(u16),
    Html,
    Huge,
    Hangs,
    RedirectsAway,
}

/// What can be turned.
#[derive(Clone, Default)]
pub struct Knobs {
    pub discovery: Alter<Value>,
    pub jwks: Alter<Value>,
    /// Parameters of the answer that the browser carries.
    pub redirect: Alter<BTreeMap<String, String>>,
    pub token_response: Alter<Value>,
    pub header: Alter<Value>,
    pub claims: Alter<Value>,
    pub userinfo: Alter<Value>,
    pub signing: Signing,
    /// Userinfo as a signed JWT.
    pub userinfo_jwt: bool,
    /// Claims of the person that only userinfo gives.
    pub only_userinfo: Vec<&'static str>,
    /// By path, e.g. `/token`.
    pub broken: HashMap<&'static str, Broken>,
    /// Ways to authenticate that are accepted; empty accepts all.
    pub accepts: Vec<&'static str>,
    /// A wrong way to authenticate uses the code up.
    pub burns_codes: bool,
    /// The public keys of gatehouse, for assertions and request objects.
    pub client_jwks: Value,
}

pub fn alter<T>(how: &Alter<T>, what: &mut T) {
    if let Some(how) = how {
        how(what);
    }
}

/// A knob's position.
pub fn change<T>(how: impl Fn(&mut T) + Send + Sync + 'static) -> Alter<T> {
    Some(Arc::new(how))
}
