//! Tenants, users, teams, directories and service tokens; and what the API says that no file does.

use serde_json::{Value, json};

use super::{
    answer, choice, claims, enabled, flag, list, maybe, object, reference, secret, secrets, span, text, texts, time, told,
    warnings,
};

const ROLES: [&str; 3] = ["viewer", "editor", "manager"];

pub fn tenant() -> Value {
    object([
        ("name", text("Small letters, digits and hyphens; it cannot be changed.")),
        ("display_name", text("What people read.")),
        ("domains", texts("Proven domains; for administrators of the deployment to set.")),
        ("provisioning", choice(&["jit", "invite", "scim"], "How users come to be.")),
        enabled("Off, nobody of it signs in; for administrators of the deployment to set."),
        ("password_login", flag("Whether passwords open it.")),
        ("require_sso", flag("Whether people come in by single sign-on alone; on only once a test sign-in has passed.")),
        ("access_token_lifetime", span("Of access tokens.")),
        ("refresh_token_lifetime", span("Of refresh tokens.")),
        warnings(),
    ])
}

pub fn user() -> Value {
    object([
        ("email", text("By it, or by `id`, the user is called.")),
        ("name", text("Their name.")),
        (
            "password",
            secret(
                "At least 12 characters, and more in them than the address, the commonest words or a row of keys. Set anew also where it is the same, and ends what was begun with the one before; null removes it.",
            ),
        ),
        ("admin", flag("Administers the tenant.")),
        ("active", flag("Off, they are shut out: sessions and tokens end.")),
        ("id", told(text("Their id: `sub` of tokens."))),
        ("email_proven", told(flag("Whether somebody vouched for the address."))),
        ("platform", told(flag("Administers the deployment."))),
        ("shut_by", told(choice(&["operator", "directory"], "Who has shut them out."))),
        secrets(),
        warnings(),
    ])
}

pub fn team() -> Value {
    object([
        ("name", text("Its name.")),
        ("members", texts("Addresses of those who are in it by hand; left out, they stay.")),
        (
            "tokens",
            list(
                object([("issuer", text("A trusted issuer or connection.")), ("claims", claims("What they must say."))]),
                "Whose bearers belong to it.",
            ),
        ),
        ("made_for_group", told(flag("It was made for a group of a directory."))),
        (
            "next",
            told(text("Said where these are the first 1,000 members alone: `after` of `listMembers` for those who follow.")),
        ),
        warnings(),
    ])
}

pub fn directory() -> Value {
    object([
        ("name", text("Letters, digits and hyphens.")),
        ("connection", text("Whose unique id is this directory's externalId.")),
        ("token", secret("The token that it pushes with; one that is made on the command line is shown there, once.")),
        ("token_overlap", span("How long the tokens before a new one go on.")),
        enabled("Off, it may push nothing."),
        ("proven_domains_only", flag("Only addresses in the tenant's domains.")),
        ("group_rules", list(group_rule(), "What its groups mean; without any each is a team.")),
        secrets(),
        warnings(),
    ])
}

fn group_rule() -> Value {
    let named = object([("type", text("Of what kind.")), ("name", text("Its name."))]);
    object([
        ("group", text("The pattern of the group's name.")),
        ("team", text("The team that its members belong to.")),
        ("resource", named),
        ("role", choice(&ROLES, "Their role on the resource.")),
        ("roles", json!({"type": "object", "description": "What {role} may say.", "additionalProperties": {"enum": ROLES}})),
    ])
}

pub fn service_token() -> Value {
    object([
        ("name", text("Letters, digits and hyphens.")),
        (
            "token",
            json!({"type": ["string", "null"], "description":
            "32 to 512 characters of your own. Left out for a new one, the answer has one that was made, this once."}),
        ),
        enabled("Off, it opens nothing."),
        ("scopes", texts("What it may.")),
        ("expires_at", json!({"type": "string", "description": "A day or a time; left out: never."})),
        ("last_used_at", told(time("To the minute."))),
        (
            "told",
            told(object([("state", text("open, expired or ended.")), ("ended_because", maybe(text("Why it opens nothing.")))])),
        ),
        secrets(),
        warnings(),
    ])
}

/// What is answered, and asked, about deeds.
pub fn others() -> Vec<(&'static str, Value)> {
    let error = [("error", text("A word for programs.")), ("error_description", text("What is wrong, and what to do."))];
    let [word, words] = error.clone();
    let fault = answer([("path", text("The field: `oidc.issuer`; empty for the whole.")), ("text", text("What is wrong."))]);
    let lost = ("lost", texts("What is lost with it."));
    let counts = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    let receipt = answer([
        ("id", text("Its id.")),
        ("user_id", text("Whose access ended.")),
        ("email", text("Their address then.")),
        ("cause", text("Why.")),
        ("actor", text("Who did it.")),
        ("ended", counts.clone()),
        ("held", counts),
        ("at", json!({"type": "integer", "description": "Unix seconds."})),
    ]);
    let mut conflict = answer([word.clone(), words.clone()]);
    conflict["properties"]["lost"] = lost.1.clone();
    let held =
        object([("type", text("Of what kind.")), ("name", text("Its name.")), ("role", choice(&ROLES, "The role held there."))]);
    conflict["properties"]["resources"] = list(held, "Whose collaborators are better updated before.");
    vec![
        ("Error", answer(error)),
        ("Conflict", conflict),
        ("Faults", answer([word, words, ("faults", list(fault, "Which fields are wrong, and why."))])),
        ("Deleted", answer([("deleted", text("Its name.")), lost])),
        ("Receipt", receipt),
        ("Deactivation", object([("force", flag("Also the last active administrator."))])),
        (
            "Deactivated",
            answer([
                ("user_id", text("Whose.")),
                ("email", text("Their address.")),
                ("active", flag("Always false.")),
                (
                    "receipt",
                    json!({"anyOf": [reference("Receipt"), {"type": "null"}], "description": "What ended; null: they were out."}),
                ),
            ]),
        ),
        ("Activated", answer([("user_id", text("Whose.")), ("email", text("Their address.")), ("active", flag("Always true."))])),
        ("Invite", invite()),
        ("InviteRequest", invite_request()),
        ("Resending", object([("expires_in", lifetime())])),
        ("Entry", entry()),
        ("PersonalToken", personal_token()),
        ("PersonalTokenRequest", personal_token_request()),
        ("Token", answer([("name", text("The service.")), ("token", text("Shown this once."))])),
    ]
}

fn lifetime() -> Value {
    json!({"type": ["integer", "null"], "description": "Seconds that the link works."})
}

fn invite_request() -> Value {
    let mut schema = object([
        ("email", text("Who is invited.")),
        ("name", maybe(text("Their name."))),
        ("teams", texts("The teams that they will belong to.")),
        ("expires_in", lifetime()),
    ]);
    schema["required"] = json!(["email"]);
    schema
}

fn invite() -> Value {
    let mut schema = answer([
        ("id", text("Its id.")),
        ("email", text("Who is invited.")),
        ("name", maybe(text("Their name."))),
        ("state", text("open, accepted, expired or revoked.")),
        ("invited_by", text("Who invites, in words.")),
        ("mailed", flag("The link went by mail.")),
        ("sent", json!({"type": "integer", "description": "How many links were made."})),
        ("sent_at", maybe(time("When the mail was sent."))),
        ("accepted_at", maybe(time("When it was accepted."))),
        ("accepted_by", maybe(text("The user that it became."))),
        ("created_at", time("When it was made.")),
        ("expires_at", time("When its link ends.")),
    ]);
    schema["properties"]["link"] = text("The link, where no mail brings it: this once.");
    schema
}

fn entry() -> Value {
    answer([
        ("seq", json!({"type": "integer", "description": "Its place."})),
        ("at", time("When.")),
        ("tenant", maybe(text("Whose thing it is about; null: the deployment's."))),
        ("tenant_id", maybe(text("The same by id."))),
        ("actor", text("Who, in words.")),
        ("actor_id", maybe(text("The user, where it was one."))),
        ("via", text("How they came.")),
        ("address", maybe(text("Where from."))),
        ("action", text("What they did.")),
        ("subject", text("To what.")),
        ("changes", json!({"type": "object", "description": "By field what it was and is."})),
        ("mac", text("The digest that chains it to the entry before.")),
    ])
}

fn personal_token_request() -> Value {
    let mut schema = object([
        ("name", text("What it is for: 1 to 100 characters.")),
        ("scopes", texts("What it may, at least one.")),
        ("expires_in", json!({"type": ["integer", "null"], "description": "Seconds, at most 365 days; 30 days when left out."})),
    ]);
    schema["required"] = json!(["name", "scopes"]);
    schema
}

fn personal_token() -> Value {
    let mut schema = answer([
        ("id", text("Its id.")),
        ("name", text("What it is for.")),
        ("scopes", texts("What it may.")),
        ("created_at", time("When it was made.")),
        ("expires_at", time("When it ends.")),
        ("last_used_at", maybe(time("To the minute."))),
        ("state", text("open, expired or ended.")),
        ("ended_because", maybe(text("Why it opens nothing."))),
    ]);
    schema["properties"]["token"] = text("Of a new one, this once.");
    schema
}
