//! `resources:` and who holds which role on them.

use super::twice;
use crate::{
    apply::{
        desired::{CollaboratorFile, ResourceFile},
        reader::{Context, Fields, Text, choose},
        yaml::Node,
    },
    policy::{principal::Kind, role::Role, site::ResourceName},
};

const KINDS: [Kind; 4] = [Kind::User, Kind::Team, Kind::ExternalIdentity, Kind::VirtualAccount];

pub fn read(context: &Context<'_>, node: &Node) -> Option<ResourceFile> {
    let mut f = Fields::of(context, node, "a resource")?;
    let (at, name) = (f.at, name(&mut f));
    let collaborators: Vec<_> = f.list("collaborators").into_iter().filter_map(|n| collaborator(context, n)).collect();
    f.finish();
    let labels: Vec<_> = collaborators.iter().map(|c| (c.at, format!("{} {}", c.kind.as_str(), c.name))).collect();
    twice(context, "collaborator", labels.iter().map(|(at, label)| (*at, label.as_str())));
    Some(ResourceFile { at, name: name?, collaborators })
}

/// `type:` and `name:`.
pub fn name(f: &mut Fields<'_, '_>) -> Option<ResourceName> {
    let (kind, name) = (f.required_text("type"), f.required_text("name"));
    let plain = |text: Text, what: &str| {
        let plain = (1..=255).contains(&text.value.len()) && !text.value.chars().any(char::is_control);
        if !plain || text.value.trim() != text.value {
            f.context.problem(
                text.at,
                format!("a resource's {what} must be 1 to 255 bytes without control characters or outer spaces"),
            );
            return None;
        }
        Some(text.value)
    };
    let (kind, name) = (kind.and_then(|t| plain(t, "type")), name.and_then(|t| plain(t, "name")));
    Some(ResourceName { kind: kind?, name: name? })
}

fn collaborator(context: &Context<'_>, node: &Node) -> Option<CollaboratorFile> {
    let mut f = Fields::of(context, node, "a collaborator")?;
    let named: Vec<(Kind, Text)> = KINDS.into_iter().filter_map(|kind| Some((kind, f.text(kind.as_str())?))).collect();
    let role = f.required_text("role").and_then(|role| choose(context, &role, "role", &Role::ALL.map(|r| (r.as_str(), r))));
    f.finish();
    let Ok([(kind, name)]) = <[_; 1]>::try_from(named) else {
        context.problem(node.at, "a collaborator is one of user, team, external_identity and virtual_account");
        return None;
    };
    Some(CollaboratorFile { at: name.at, kind, name: name.value, role: role? })
}
