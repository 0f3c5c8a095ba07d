//! `gatehouse token …`: what a token is worth here, and why.

use std::{fmt::Write as _, io::Read as _};

use clap::{Args, Subcommand};

use super::{Problems, one, say};
use crate::{
    app::App,
    clock::Clock,
    config::Settings,
    explanation::{self, Page, SiteReport},
    policy::{role::Role, site::ResourceName},
    trust::report::{Report, Weighed},
};

#[derive(Subcommand)]
pub enum Token {
    /// Show every step that judges a token, every rule, and who its bearer is
    ///
    /// By the same lines that decide. Ends with 0 when the bearer is let in (and holds the role that was asked about), with 1
    /// when not.
    Explain(Asked),
}

#[derive(Args)]
pub struct Asked {
    /// Judge it for this tenant, as requests with ?tenant= are
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// The trusted issuer that is to judge it, by its name or iss, where several could know an opaque token
    #[arg(long, value_name = "NAME", conflicts_with = "site")]
    issuer: Option<String>,
    /// Also whether its bearer may do something with this resource
    #[arg(long, value_name = "TYPE/NAME")]
    resource: Option<String>,
    /// The role on it: viewer, editor or manager
    #[arg(long, value_parser = role, requires = "resource")]
    role: Option<Role>,
    /// Also what becomes of a request with it at a site behind forward auth: its host, or the whole URL
    ///
    /// By the decision itself, rule by rule, with what the site would be told. Ends with 0 when the request passes.
    #[arg(long, value_name = "URL")]
    site: Option<String>,
    /// The request's method (default: GET)
    #[arg(long, requires = "site")]
    method: Option<String>,
    /// The header that the token comes in (default: Authorization); Cookie for a browser with the control plane's cookie
    #[arg(long, value_name = "NAME", requires = "site")]
    header: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// The token, better given on the standard input: other users of this machine can read command lines
    token: Option<String>,
}

/// Runs one command.
pub async fn run(settings: Settings, command: Token) -> Result<(), Problems> {
    match command {
        Token::Explain(asked) => explain(settings, asked).await,
    }
}

fn role(name: &str) -> Result<Role, String> {
    Role::parse(name).ok_or_else(|| format!("must be one of {}", Role::ALL.map(Role::as_str).join(", ")))
}

/// Prints everything about a token.
async fn explain(settings: Settings, asked: Asked) -> Result<(), Problems> {
    let resource = asked.resource.as_deref().map(resource).transpose()?;
    let token = match asked.token.filter(|token| token != "-") {
        Some(token) => token,
        None => read()?,
    };
    if token.trim().is_empty() {
        return Err(one("there is no token: give it on the standard input"));
    }
    let app = App::open(settings, Clock::system()).await.map_err(one)?;
    let catalogue = app.trust.catalogue(app.clock.now()).await.map_err(one)?;
    let tenant = match &asked.tenant {
        Some(name) => Some(catalogue.tenant_by_name(name).ok_or_else(|| one(format!("there is no tenant {name}")))?.id.clone()),
        None => None,
    };
    let about = resource.as_ref().map(|resource| (resource, asked.role));
    let (method, header) = (asked.method.as_deref(), asked.header.as_deref());
    let page = asked.site.as_deref().map(|site| Page { site, path: None, method, header });
    let question = explanation::Asked { token: &token, tenant: tenant.as_deref(), issuer: asked.issuer.as_deref(), about, page };
    let all = explanation::explain(&app, &question).await.map_err(one)?;
    app.db.close().await;
    if asked.json {
        say(serde_json::to_string_pretty(&all).map_err(one)?);
    } else {
        let site = all.site.as_ref().map(at_site).unwrap_or_default();
        say(format!("{site}{}", text(&all.report)).trim_end());
    }
    let report = all.report;
    if report.allowed { Ok(()) } else { Err(one(format!("refused: {}", report.error.unwrap_or_default()))) }
}

fn read() -> Result<String, Problems> {
    let mut token = String::new();
    let most = 128 * 1024;
    std::io::stdin().take(most).read_to_string(&mut token).map_err(|e| one(format!("the token cannot be read: {e}")))?;
    Ok(token)
}

fn resource(text: &str) -> Result<ResourceName, Problems> {
    let (kind, name) = text.split_once('/').ok_or_else(|| one("--resource must be TYPE/NAME, for example model/gpt"))?;
    Ok(ResourceName { kind: kind.to_owned(), name: name.to_owned() })
}

/// What a site says, before what the token is worth there.
fn at_site(site: &SiteReport) -> String {
    let mut out = format!("{} {}\n", site.method, plain(&site.url));
    for step in &site.steps {
        line(&mut out, step.passed, &plain(&step.what), &plain(&step.detail));
    }
    for told in &site.headers {
        let _ = writeln!(out, "told {:<20} {}", told.name, plain(&told.value));
    }
    let by = site.decided_by.as_deref().map(|what| format!(", by {}", plain(what))).unwrap_or_default();
    let _ = writeln!(out, "{:<12}{}{by}\n", "answer", site.outcome);
    out
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    for step in &report.steps {
        line(&mut out, step.passed, &step.what, &plain(&step.detail));
    }
    for footing in &report.standing {
        line(&mut out, footing.on, &footing.what, if footing.on { "on" } else { "off or gone" });
    }
    if !report.mappings.is_empty() {
        out.push_str("\nMappings, the closest first");
        out.push_str(match (report.accepted, report.proven) {
            (true, _) => "\n",
            (false, true) => "; the token is refused, this is what would come of it\n",
            (false, false) => "; the token is refused, and nothing shows that its issuer says what it says\n",
        });
        report.mappings.iter().for_each(|mapping| weighed(&mut out, mapping));
    }
    if report.more_mappings > 0 {
        let _ = writeln!(out, "  … and {} more", report.more_mappings);
    }
    out.push('\n');
    let mut fact = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<12}{value}");
    };
    if let Some(issuer) = &report.issuer {
        fact("issuer", &format!("{} {}", issuer.kind.replace('_', " "), issuer.name));
    }
    for (name, value) in [("tenant", &report.tenant), ("subject", &report.subject), ("email", &report.email)] {
        if let Some(value) = value {
            fact(name, &plain(value));
        }
    }
    for principal in &report.principals {
        fact("acts as", &format!("{} {} ({})", principal.kind.as_str().replace('_', " "), principal.name, principal.id));
    }
    if !report.teams.is_empty() {
        fact("teams", &report.teams.join(", "));
    }
    for held in &report.roles {
        fact("role", &format!("{} on {}/{} (by {})", held.role.as_str(), held.resource.kind, held.resource.name, held.by));
    }
    if report.more_roles {
        fact("role", "… and more");
    }
    if let Some(access) = &report.access {
        let asked = access.asked.map_or("any role", Role::as_str);
        let held = access.role.map_or("none", Role::as_str);
        fact("asked", &format!("{asked} on {}/{}; held: {held}", access.resource.kind, access.resource.name));
    }
    fact("decision", if report.allowed { "allowed" } else { "refused" });
    if let Some(error) = &report.error {
        fact("told", error);
    }
    if let Some(cause) = &report.cause {
        fact("because", &plain(cause));
    }
    out
}

fn line(out: &mut String, passed: bool, what: &str, detail: &str) {
    let mark = if passed { "ok  " } else { "FAIL" };
    let _ = writeln!(out, "{mark} {what:<20} {detail}");
}

fn weighed(out: &mut String, mapping: &Weighed) {
    let mark = if mapping.chosen { "->" } else { "  " };
    let kind = mapping.target.kind.as_str().replace('_', " ");
    let _ = writeln!(out, "{mark} {kind} {}: {}", mapping.target.name, plain(&mapping.note));
    for rule in &mapping.rules {
        let mark = if rule.passed { "ok  " } else { "FAIL" };
        let _ = writeln!(out, "     {mark} {}: {}", rule.claim, plain(&rule.why));
    }
}

/// What a token says cannot write to the terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
