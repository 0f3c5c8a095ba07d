//! What an apply changes, one line a thing.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::losses::Losses;
use crate::store::audit::SECRET;

/// What happens to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Create,
    /// Some of its fields change.
    Update,
    /// It goes, with all it owns.
    Delete,
    /// The file no longer names it; without `--prune` it stays.
    Keep,
    /// Users whom sign-ins or directories made, a line for each tenant: pruning is not for them.
    Spare,
    /// It is as the file says.
    Unchanged,
}

/// What one field was, and what it becomes: for the audit log, never printed with the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The field, as the file spells it.
    pub field: String,
    /// What it was; null when there was nothing. Of a secret only that it was there, of a list that changes only what leaves.
    pub was: Value,
    /// What it becomes; of a list that changes only what is added.
    pub is: Value,
}

impl Change {
    /// Nothing is cut here: the audit log does, and leaves a digest of the whole.
    pub(super) fn new(field: impl Into<String>, was: impl Serialize, is: impl Serialize) -> Self {
        let shown = |x: serde_json::Result<Value>| x.unwrap_or_default();
        Self { field: field.into(), was: shown(serde_json::to_value(was)), is: shown(serde_json::to_value(is)) }
    }

    /// A secret that changes: whether there was one, and whether there is one.
    pub(super) fn secret(field: &str, was: bool, is: bool) -> Self {
        let shown = |there: bool| there.then_some(SECRET);
        Self::new(format!("{field} {SECRET}"), shown(was), shown(is))
    }
}

/// One thing of the file or of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The row id of the tenant whose thing it is.
    pub tenant_id: Option<String>,
    /// What happens to it.
    pub action: Action,
    /// Its kind and name: `connection acme/okta`.
    pub name: String,
    /// The fields that change, as the file spells them, never their values; of [`Action::Spare`] the addresses, of
    /// [`Action::Delete`] what somebody has set and is lost with it, as roles.
    pub fields: Vec<String>,
    /// Of [`Action::Delete`] how many of these are roles that are held: the first.
    pub roles: usize,
    /// Of [`Action::Delete`] what else is lost, in numbers that change with every sign-in; of [`Action::Update`] what the
    /// change takes, which nobody named.
    pub counts: Vec<Count>,
    /// The same fields with their values; of [`Action::Create`] and [`Action::Delete`] those that are not as by default.
    pub changes: Vec<Change>,
}

impl Line {
    fn new(action: Action, name: String) -> Self {
        Self { tenant_id: None, action, name, fields: Vec::new(), roles: 0, counts: Vec::new(), changes: Vec::new() }
    }

    /// What an update takes with it: with the people's names, or for whoever may not read who they are without.
    pub fn taken(&self, named: bool) -> impl Iterator<Item = String> {
        self.counts.iter().filter(|_| self.action == Action::Update).map(move |count| count.told(named))
    }

    /// All that is lost with what goes.
    pub fn lost(&self) -> impl Iterator<Item = String> {
        self.lost_as(true, true)
    }

    /// The part of it that somebody has set.
    pub fn settings_lost(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(String::as_str)
    }

    /// All that is lost, for whoever may read who the people are, and who holds which role: else in numbers alone.
    pub fn lost_as(&self, people: bool, roles: bool) -> impl Iterator<Item = String> {
        let unnamed = if roles { 0 } else { self.roles };
        let number = match unnamed {
            0 => None,
            1 => Some("1 role".to_owned()),
            n => Some(format!("{n} roles")),
        };
        let named = self.fields.iter().skip(unnamed).cloned();
        number.into_iter().chain(named).chain(self.counts.iter().map(move |count| count.told(people)))
    }
}

/// A number of what is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many of what.
    pub text: String,
    /// Some of them, where they are people.
    pub people: Option<String>,
}

impl Count {
    fn told(&self, named: bool) -> String {
        match self.people.as_ref().filter(|_| named) {
            Some(people) => format!("{} ({people})", self.text),
            None => self.text.clone(),
        }
    }
}

impl<T: Into<String>> From<T> for Count {
    fn from(text: T) -> Self {
        Self { text: text.into(), people: None }
    }
}

/// All lines, in the order they were worked on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The lines.
    pub lines: Vec<Line>,
    /// What the file leaves open on purpose, and its operator should read again.
    pub warnings: Vec<String>,
    /// The tenant that is worked on.
    pub(super) tenant_id: Option<String>,
}

impl Plan {
    /// How many things are created, updated or deleted.
    #[must_use]
    pub fn changes(&self) -> usize {
        [Action::Create, Action::Update, Action::Delete].map(|a| self.count(a)).iter().sum()
    }

    /// What goes, with what is lost.
    pub fn deletions(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.action == Action::Delete)
    }

    /// What is changed, and takes something with it.
    pub fn takings(&self, named: bool) -> Vec<String> {
        self.lines.iter().flat_map(|line| line.taken(named)).collect()
    }

    /// Whether whoever has agreed to the deletions of this plan has agreed to those of another.
    pub(super) fn covers(&self, other: &Self) -> bool {
        fn named(line: &Line) -> (&str, &[String]) {
            (&line.name, &line.fields)
        }
        self.deletions().map(named).eq(other.deletions().map(named))
    }

    /// Tells of tenants that go as they were told of before their people went.
    pub(super) fn goes_as(&mut self, before: &Self) {
        for line in self.lines.iter_mut().filter(|line| line.action == Action::Delete && line.name.starts_with("tenant ")) {
            if let Some(was) = before.deletions().find(|was| was.name == line.name) {
                line.clone_from(was);
            }
        }
    }

    pub(super) fn add(&mut self, action: Action, name: String, fields: Vec<String>) {
        self.push(Line { fields, ..Line::new(action, name) });
    }

    pub(super) fn create(&mut self, name: String, changes: Vec<Change>) {
        self.push(Line { changes, ..Line::new(Action::Create, name) });
    }

    /// Something goes: what is lost with it, and what it was.
    pub(super) fn goes(&mut self, name: String, lost: Losses, was: Vec<Change>) {
        let Losses { named, roles, counted } = lost;
        self.push(Line { fields: named, roles, counts: counted, changes: was, ..Line::new(Action::Delete, name) });
    }

    /// What the change of the last line takes with it.
    pub(super) fn takes(&mut self, lost: Losses) {
        if let Some(line) = self.lines.last_mut() {
            line.counts = lost.counted;
        }
    }

    fn push(&mut self, line: Line) {
        self.lines.push(Line { tenant_id: self.tenant_id.clone(), ..line });
    }

    pub(super) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// An update, or nothing changed.
    pub(super) fn compare(&mut self, name: String, changes: Vec<Change>) -> bool {
        let changed = !changes.is_empty();
        let action = if changed { Action::Update } else { Action::Unchanged };
        let mut fields: Vec<String> = Vec::new();
        for change in &changes {
            // Two that are stored apart may be one in the file.
            if !fields.contains(&change.field) {
                fields.push(change.field.clone());
            }
        }
        self.push(Line { fields, changes, ..Line::new(action, name) });
        changed
    }

    fn count(&self, action: Action) -> usize {
        self.lines.iter().filter(|l| l.action == action).count()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line @ Line { action, name, fields, .. } in &self.lines {
            match action {
                Action::Create => writeln!(f, "+ {name}")?,
                Action::Update if line.counts.is_empty() => writeln!(f, "~ {name} ({})", fields.join(", "))?,
                Action::Update => {
                    let lost: Vec<String> = line.taken(true).collect();
                    writeln!(f, "~ {name} ({}; loses {})", fields.join(", "), lost.join(", "))?;
                }
                Action::Delete if line.lost().next().is_none() => writeln!(f, "- {name}")?,
                Action::Delete => {
                    let lost: Vec<String> = line.lost().collect();
                    writeln!(f, "- {name} (loses {})", lost.join(", "))?;
                }
                Action::Keep => writeln!(f, "- {name} (kept: use --prune)")?,
                Action::Spare => writeln!(f, "- {name} (kept: made by sign-ins or a directory: {})", fields.join(", "))?,
                Action::Unchanged => {}
            }
        }
        for warning in &self.warnings {
            writeln!(f, "! {warning}")?;
        }
        if self.changes() == 0 {
            return f.write_str("no changes");
        }
        let [new, changed, gone] = [Action::Create, Action::Update, Action::Delete].map(|a| self.count(a));
        write!(f, "{new} created, {changed} updated, {gone} deleted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_one_line_a_change() {
        let mut plan = Plan::default();
        plan.compare("tenant acme".into(), vec![]);
        assert_eq!(plan.to_string(), "no changes");
        plan.add(Action::Create, "user acme/ada@acme.example".into(), vec![]);
        plan.compare(
            "connection acme/okta".into(),
            ["oidc.scopes", "button_text", "button_text"].map(|field| Change::new(field, 1, 2)).into(),
        );
        plan.takes(Losses { counted: vec!["the sign-in of 1 person linked over it".into()], ..Losses::default() });
        plan.add(Action::Keep, "client old".into(), vec![]);
        let lost = Losses { named: vec!["viewer on model gpt".into()], counted: vec!["2 sign-ins".into()], ..Losses::default() };
        plan.goes("external identity acme/ci".into(), lost, vec![]);
        plan.warn("careful".into());
        let text = "+ user acme/ada@acme.example\n~ connection acme/okta (oidc.scopes, button_text; loses the sign-in of 1 person linked over it)\n\
                    - client old (kept: use --prune)\n- external identity acme/ci (loses viewer on model gpt, 2 sign-ins)\n! careful\n\
                    1 created, 1 updated, 1 deleted";
        assert_eq!(plan.to_string(), text);
        let other = |role: &str, signed_in: &str| {
            let mut plan = Plan::default();
            let lost = Losses { named: vec![role.into()], counted: vec![signed_in.into()], ..Losses::default() };
            plan.goes("external identity acme/ci".into(), lost, vec![]);
            plan
        };
        assert!(plan.covers(&other("viewer on model gpt", "3 sign-ins")), "somebody signs in every minute");
        assert!(!plan.covers(&other("editor on model gpt", "2 sign-ins")));
        let lost = Losses {
            named: ["viewer on a", "viewer on b", "a client"].map(str::to_owned).into(),
            roles: 2,
            counted: vec!["3 users".into()],
        };
        plan.goes("virtual account acme/bot".into(), lost, vec![]);
        let line = plan.deletions().last().unwrap();
        assert_eq!(line.lost_as(false, false).collect::<Vec<_>>(), ["2 roles", "a client", "3 users"]);
        assert_eq!(line.lost().count(), 4);
    }
}
