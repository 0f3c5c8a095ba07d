//! Parts of the format that this version cannot keep. They are read like the others, so that their errors show, and
//! then refused: a part that is silently ignored would leave a door open that the file says is shut.

use crate::apply::{
    reader::{Context, Fields, choose},
    yaml::{Kind, Node},
};

type Read = fn(&mut Fields<'_, '_>);

pub fn refuse(f: &mut Fields<'_, '_>) {
    let parts: [(&'static str, Read); 6] = [
        ("directories", directory),
        ("service_tokens", service_token),
        ("trusted_issuers", trusted_issuer),
        ("external_identities", claimed),
        ("virtual_accounts", claimed),
        ("resources", resource),
    ];
    for (name, read) in parts {
        let context = f.context;
        let items = f.list(name);
        for item in &items {
            if let Some(mut fields) = Fields::of(context, item, &format!("an entry of {name}")) {
                read(&mut fields);
                fields.finish();
            }
        }
        if let Some(first) = items.first() {
            context.problem(first.at, format!("{name} are not supported by this version; remove them"));
        }
    }
}

fn directory(f: &mut Fields<'_, '_>) {
    f.required_text("name");
    f.text("connection");
    f.secret("token");
}

fn service_token(f: &mut Fields<'_, '_>) {
    f.required_text("name");
    f.secret("token");
    f.texts("scopes");
}

fn trusted_issuer(f: &mut Fields<'_, '_>) {
    f.required_text("name");
    f.required_text("issuer");
    for name in ["jwks_uri", "introspection_endpoint", "introspection_client_id", "unique_id_claim", "email_claim"] {
        f.text(name);
    }
    f.secret("introspection_client_secret");
    f.int("introspection_cache_max_age", 0..=86_400);
    f.one_or_more("audience");
    f.texts("algorithms");
    f.texts("required_claims");
    f.choice("match", &[("best", ()), ("all", ())]);
    if let Some(node) = f.take("jwks") {
        mapping(f.context, node, "jwks");
    }
    if let Some(Node { kind: Kind::Map(entries), .. }) = f.take("claim_values").filter(|n| mapping(f.context, n, "claim_values"))
    {
        for (_, rule) in entries {
            if let Some(mut rule) = Fields::of(f.context, rule, "a rule of claim_values") {
                rule.one_or_more("values");
                let kinds = [("exact", ()), ("contains", ()), ("containsAll", ()), ("regex", ())];
                rule.choice("match_type", &kinds);
                rule.finish();
            }
        }
    }
}

fn claimed(f: &mut Fields<'_, '_>) {
    f.required_text("name");
    f.required_text("issuer");
    if let Some(node) = f.take("claims") {
        mapping(f.context, node, "claims");
    }
}

fn resource(f: &mut Fields<'_, '_>) {
    f.required_text("type");
    f.required_text("name");
    for item in f.list("collaborators") {
        let Some(mut who) = Fields::of(f.context, item, "a collaborator") else { continue };
        let named =
            ["user", "team", "external_identity", "virtual_account"].map(|kind| who.text(kind)).into_iter().flatten().count();
        if named != 1 {
            let text = "a collaborator is one of user, team, external_identity and virtual_account";
            f.context.problem(item.at, text);
        }
        if let Some(role) = who.required_text("role") {
            choose(f.context, &role, "role", &[("viewer", ()), ("editor", ()), ("manager", ())]);
        }
        who.finish();
    }
}

fn mapping(context: &Context<'_>, node: &Node, name: &str) -> bool {
    let is = matches!(node.kind, Kind::Map(_));
    if !is {
        context.problem(node.at, format!("{name} must be a mapping, not {}", node.what()));
    }
    is
}
