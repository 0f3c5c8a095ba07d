//! `external_identities:` and `virtual_accounts:`.

use super::{claims, issuer::valid_name};
use crate::{
    apply::{
        desired::PrincipalFile,
        reader::{Context, Fields},
        yaml::Node,
    },
    policy::principal::Kind,
};

pub fn read(context: &Context<'_>, node: &Node, kind: Kind) -> Option<PrincipalFile> {
    let what = if kind == Kind::ExternalIdentity { "an external identity" } else { "a virtual account" };
    let mut f = Fields::of(context, node, what)?;
    let name = f.required_text("name").filter(|name| valid_name(context, name));
    let enabled = f.bool("enabled");
    let missing = (kind == Kind::ExternalIdentity)
        .then_some("an external identity needs issuer: the trusted issuer whose tokens act as it");
    let tokens = claims::tokens(&mut f, missing);
    f.finish();
    let name = name?;
    Some(PrincipalFile { at: name.at, kind, name: name.value, enabled, tokens })
}
