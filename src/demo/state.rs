//! What is applied to the two gatehouses, and who is in it.

use super::page::Person;

/// The demo's own state, also written to `demo.yaml` for people to read and change.
pub const DEMO: &str = include_str!("demo.yaml");
/// The development identity provider's.
pub const DEV_IDP: &str = include_str!("dev_idp.yaml");

/// The tenant of [`DEMO`].
pub const TENANT: &str = "demo";
/// The tenant of [`DEMO`] that nobody enters without an invite.
pub const GUESTS: &str = "guests";
/// Whom the mailbox suggests to invite: the identity provider knows them.
pub const GUEST: &str = "katherine@guests.example";
/// The control plane's client of [`DEMO`].
pub const CLIENT: &str = "control-plane";

/// Everybody in it. Their passwords are words of the demo, which listens on loopback only.
pub const PEOPLE: [Person<'static>; 3] = [
    Person {
        email: "ada@demo.example",
        name: ("Ada", "Lovelace"),
        password: Some("analytical-engine"),
        brief: "by password or single sign-on",
        note: "Signs in by password or by single sign-on, and is the same user either way.",
    },
    Person {
        email: "grace@demo.example",
        name: ("Grace", "Hopper"),
        password: Some("nanosecond-wire"),
        brief: "by single sign-on only",
        note: "Known only to the identity provider: use single sign-on, and her account is made on the way.",
    },
    Person {
        email: "eve@demo.example",
        name: ("Eve", ""),
        password: Some("man-in-the-middle"),
        brief: "deactivated: refused either way",
        note: "Deactivated: refused by password and by single sign-on.",
    },
];

/// Where the three are.
#[derive(Clone, Debug)]
pub struct Urls {
    /// Gatehouse: its public URL and issuer.
    pub gatehouse: String,
    /// The identity provider: its public URL and issuer.
    pub identity_provider: String,
    /// The control plane.
    pub control_plane: String,
}

impl Urls {
    /// What `${NAME}` stands for in the files; names that are not the demo's come from the environment.
    pub fn variable(&self, idp_secret: &str, name: &str) -> Option<String> {
        match name {
            "DEMO_GATEHOUSE" => Some(self.gatehouse.clone()),
            "DEMO_IDP" => Some(self.identity_provider.clone()),
            "DEMO_CONTROL_PLANE" => Some(self.control_plane.clone()),
            "DEMO_IDP_SECRET" => Some(idp_secret.to_owned()),
            _ => std::env::var(name).ok(),
        }
    }
}
