//! Invites, and the personal tokens of whoever asks.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Operation, limit, next, operation, page, query, reference, text};
use crate::store::window::Phase;

pub fn invites(method: &Method, path: &str) -> Option<Operation> {
    Some(match (method.as_str(), path) {
        ("GET", "/api/v1/invites") => operation("listInvites", "invites", "Who is invited, the newest first.")
            .query([
                query("search", &text(), "What addresses and names hold, 100 characters at most."),
                query("after", &text(), "`next` of the page before."),
                limit(100),
            ])
            .narrowed(Phase::OF_ENDING, false)
            .answers(200, page("invites", &reference("Invite"), &next("`after` of the following page."))),
        ("POST", "/api/v1/invites") => operation("createInvite", "invites", "Invite somebody.")
            .body(reference("InviteRequest"), true)
            .answers(201, reference("Invite"))
            .fails([404, 409]),
        ("POST", "/api/v1/invites/{id}/resend") => operation("resendInvite", "invites", "Make another link for an invite.")
            .body(reference("Resending"), false)
            .answers(200, reference("Invite"))
            .fails([404, 409]),
        ("DELETE", "/api/v1/invites/{id}") => {
            operation("revokeInvite", "invites", "Take an invite back.").answers(204, None::<Value>).fails([404, 409])
        }
        _ => return None,
    })
}

pub fn personal_tokens(method: &Method, path: &str) -> Option<Operation> {
    let tag = "personal_tokens";
    Some(match (method.as_str(), path) {
        ("GET", "/api/v1/personal_tokens") => {
            let all = json!({
                "type": "object",
                "properties": {tag: {"type": "array", "items": reference("PersonalToken")}},
                "required": [tag],
            });
            operation("listPersonalTokens", tag, "The tokens of whoever asks.")
                .narrowed(Phase::OF_TOKENS, false)
                .answers(200, all)
        }
        ("POST", "/api/v1/personal_tokens") => operation("createPersonalToken", tag, "Make one, shown this once.")
            .body(reference("PersonalTokenRequest"), true)
            .answers(201, reference("PersonalToken")),
        ("DELETE", "/api/v1/personal_tokens/{id}") => {
            operation("revokePersonalToken", tag, "End one at once.").answers(204, None::<Value>).fails([404])
        }
        _ => return None,
    })
}
