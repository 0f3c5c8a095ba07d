//! Who a token's bearer is: the one place where a token, of ours or foreign, becomes a [`Bearer`].
//!
//! [`judge`] → the validator (`token::validator`) says whether the token holds → `catalogue`, kept in memory, says whose
//! issuer that is and whom the claims map to → `policy::access` says whether all of it is switched on. The bearer
//! endpoints, forward auth, token exchange and `explain` all come through here.
//!
//! Changes take effect at once on the node that made them, and within [`STALE`] seconds on the others.

pub mod bearer;
pub mod sites;

pub use bearer::{Bearer, Denied, Team};

use crate::{app::App, token::validator::Scope};

/// Seconds after which a node notices what another has changed.
pub const STALE: i64 = 5;

/// Judges a bearer token, of ours or foreign.
///
/// # Errors
/// Why nobody is let in with it.
pub async fn judge(app: &App, token: &str, scope: &Scope<'_>) -> Result<Bearer, Denied> {
    let accepted = app.validator.validate(token, scope, app.clock.now()).await?;
    Err(Denied::NotActive(format!("not finished: {:?}", accepted.source)))
}
