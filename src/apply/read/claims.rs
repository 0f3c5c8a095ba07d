//! `claims:` of external identities, virtual accounts, teams and sites, and `claim_values:` of trusted issuers.

use crate::{
    apply::{
        desired::TokensFile,
        reader::{Context, Fields},
        yaml::Node,
    },
    policy::claim_rules::{ClaimRule, ClaimRules, Load, OF_ONE, shorthand},
};

/// What claims must be, sorted by claim: the order in which the file has them means nothing.
pub fn read(context: &Context<'_>, node: &Node, what: &str) -> Vec<ClaimRule> {
    let mut load = Load::default();
    let read = |(key, value): (&str, &Node)| {
        let (rule, weight) =
            rule(context, key, value).map_err(|why| context.problem(value.at, format!("{what}: {why}"))).ok()??;
        load = load.and(weight.of_expressions());
        Some(rule)
    };
    let mut rules: Vec<ClaimRule> =
        context.entries(node, what).into_iter().map(|(key, value)| (key.name.as_str(), value)).filter_map(read).collect();
    if let Err(why) = load.and(Load::counted(&rules).of_patterns()).within(OF_ONE) {
        context.problem(node.at, format!("{what}: {why}"));
    }
    rules.sort_by(|a, b| a.claim.cmp(&b.claim));
    rules
}

/// With what its expressions weigh; nothing where the value's own problem has been noted already.
fn rule(context: &Context<'_>, claim: &str, value: &Node) -> Result<Option<(ClaimRule, Load)>, String> {
    let Some(json) = context.json(value) else { return Ok(None) };
    let rule = shorthand(claim, &json)?;
    let load = ClaimRules::compile(std::slice::from_ref(&rule))?.load();
    Ok(Some((rule, load)))
}

/// `issuer:` and `claims:`: which tokens lead to somebody. `missing` says what is wrong without an issuer; where it is
/// nothing, there need be none.
pub fn tokens(f: &mut Fields<'_, '_>, missing: Option<&str>) -> Option<TokensFile> {
    let context = f.context;
    let named = f.has("issuer");
    let issuer = f.text("issuer");
    let claims = f.take("claims").map(|node| (node, read(context, node, "claims")));
    match (missing, &claims) {
        _ if named => {}
        (Some(missing), _) => context.problem(f.at, missing),
        (None, Some((node, rules))) if !rules.is_empty() => {
            context.problem(node.at, "claims need an issuer: whose tokens have them?");
        }
        _ => {}
    }
    let issuer = issuer?;
    Some(TokensFile { at: issuer.at, issuer: issuer.value, claims: claims.map(|(_, rules)| rules).unwrap_or_default() })
}
