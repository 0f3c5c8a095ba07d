//! Whether somebody may become a user of a tenant: one rule for every path on which users come to be. The store inserts
//! nobody without its word ([`Admitted`]).
//!
//! It is about who is no user yet. Whoever is one is let in again, linked and renamed by rules of their own, in every mode.

use super::{identity::Provisioning, linking::Refusal};

/// What speaks for somebody who is no user yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A directory has a record of them: pushed now, or before they sign in.
    Directory {
        /// Whether they have an open invite too.
        invited: bool,
    },
    /// They come by themselves: a sign-in over a connection, or a password that is chosen with an invite.
    Themselves {
        /// Whether they have an open invite.
        invited: bool,
    },
}

/// That somebody may become a user. Nothing but [`admit`] and [`named`] says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted(());

/// Whoever runs gatehouse or administers the tenant names whom they like, in every mode: in a file, on the pages, by the API,
/// on the command line.
#[must_use]
pub fn named() -> Admitted {
    Admitted(())
}

/// Whether somebody may whom nobody has named.
///
/// # Errors
/// `NotInvited`, `NotProvisioned`.
pub fn admit(mode: Provisioning, by: By) -> Result<Admitted, Refusal> {
    match (mode, by) {
        (Provisioning::Jit, _) | (Provisioning::Scim, By::Directory { .. }) => Ok(Admitted(())),
        (Provisioning::Scim, By::Themselves { .. }) => Err(Refusal::NotProvisioned),
        // Whoever can push would bring in whom they like, and the invites would mean nothing.
        (Provisioning::Invite, By::Directory { invited } | By::Themselves { invited }) => {
            if invited {
                Ok(Admitted(()))
            } else {
                Err(Refusal::NotInvited)
            }
        }
    }
}

/// Whether an invite leads anywhere.
#[must_use]
pub fn takes_invites(mode: Provisioning) -> bool {
    admit(mode, By::Themselves { invited: true }).is_ok()
}

/// Whether directories bring in anybody without an invite.
#[must_use]
pub fn takes_pushed(mode: Provisioning) -> bool {
    admit(mode, By::Directory { invited: false }).is_ok()
}

/// What whoever administers a tenant is told of its directories where they do not.
pub const PUSHES_IN_VAIN: &str = "the organisation takes only who is invited (provisioning: invite), so a directory brings in nobody \
                                  without an open invite; with provisioning: scim, or jit, it does";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        use Provisioning::{Invite, Jit, Scim};
        let (pushed, alone) = (|invited| By::Directory { invited }, |invited| By::Themselves { invited });
        for (mode, by, refusal) in [
            (Jit, pushed(false), None),
            (Jit, pushed(true), None),
            (Invite, pushed(false), Some(Refusal::NotInvited)),
            (Invite, pushed(true), None),
            (Scim, pushed(false), None),
            (Scim, pushed(true), None),
            (Jit, alone(false), None),
            (Jit, alone(true), None),
            (Invite, alone(false), Some(Refusal::NotInvited)),
            (Invite, alone(true), None),
            (Scim, alone(false), Some(Refusal::NotProvisioned)),
            (Scim, alone(true), Some(Refusal::NotProvisioned)),
        ] {
            assert_eq!(admit(mode, by).err(), refusal, "{mode:?} {by:?}");
        }
        assert_eq!([Jit, Invite, Scim].map(takes_invites), [true, true, false]);
        assert_eq!([Jit, Invite, Scim].map(takes_pushed), [true, false, true]);
    }
}
