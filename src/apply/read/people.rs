//! `users:` and `teams:`.

use super::{claims, place, twice};
use crate::{
    apply::{
        desired::{TeamFile, TokensFile, UserFile},
        reader::{Context, Fields, Text},
        yaml::{At, Node},
    },
    policy::{chosen_password, directory::can_stand_in_an_address, email::Email},
};

pub fn user(context: &Context<'_>, node: &Node) -> Option<UserFile> {
    let mut f = Fields::of(context, node, "a user")?;
    let email = f.required_text("email");
    let name = f.name("name");
    // In a file, where nothing stands as in `password: ~`, nothing is said.
    let password_goes = context.env.is_none() && f.denies("password");
    let password = f.secret("password");
    let active_at = place(node, "active");
    let (admin, active) = (f.bool("admin").unwrap_or_default(), f.bool("active"));
    f.finish();
    let email = email?;
    let address = address(context, &email)?;
    // Whoever gives it: with a page, over the API or in a file. It is not told what it was.
    if let Some(weakness) = password.as_ref().and_then(|given| chosen_password::judge(&given.value, &address).err()) {
        context.problem(password.as_ref().map_or(email.at, |given| given.at), format!("the password is {weakness}"));
    }
    let password = password.map(|given| given.value);
    Some(UserFile { at: email.at, email: address, name, password, password_goes, admin, active, active_at })
}

pub fn team(context: &Context<'_>, node: &Node) -> Option<TeamFile> {
    let mut f = Fields::of(context, node, "a team")?;
    let name = f.required_text("name");
    let is_said = f.has("members");
    let members: Vec<(At, Email)> = f.texts("members").into_iter().filter_map(|t| Some((t.at, address(context, &t)?))).collect();
    let tokens = f.list("tokens").into_iter().filter_map(|n| tokens(context, n)).collect();
    f.finish();
    twice(context, "member", members.iter().map(|(at, m)| (*at, m.as_str())));
    let name = name?;
    if name.value.trim().is_empty() || name.value.len() > 128 || name.value.chars().any(char::is_control) {
        context.problem(name.at, "a team's name must be 1 to 128 bytes without control characters");
        return None;
    }
    if !can_stand_in_an_address(&name.value) {
        context.problem(name.at, "no address can name a team that is called . or ..; call it otherwise");
        return None;
    }
    Some(TeamFile { at: name.at, name: name.value, members: is_said.then_some(members), tokens })
}

/// Tokens whose bearers belong to a team.
fn tokens(context: &Context<'_>, node: &Node) -> Option<TokensFile> {
    let mut f = Fields::of(context, node, "an entry of tokens")?;
    let tokens = claims::tokens(&mut f, Some("an entry of tokens needs issuer: whose tokens belong to the team?"));
    f.finish();
    tokens
}

fn address(context: &Context<'_>, text: &Text) -> Option<Email> {
    let email = Email::parse(&text.value);
    if email.is_none() {
        context.problem(text.at, format!("{:?} is no plain e-mail address; write it like ada@acme.example", text.raw));
    }
    email
}
