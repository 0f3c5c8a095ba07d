//! What the audit log keeps of an apply: one entry for each thing that it changed.

use super::plan::{Action, Change, Line, Plan};
use crate::{
    seal::Sealer,
    store::{
        audit::{self, Actor, Changes, Event},
        db::Tx,
    },
};

/// Notes every line that is a change.
pub fn note(tx: &mut Tx, sealer: &Sealer, actor: &Actor, plan: &Plan, now: i64) {
    for event in plan.lines.iter().filter_map(event) {
        audit::append(tx, sealer, actor, event, now);
    }
}

/// Users who are shut out, let in again or deleted have the entry that `store::users` writes.
fn event(line: &Line) -> Option<Event> {
    let is_user = line.name.starts_with("user ");
    let elsewhere = |change: &&Change| is_user && line.action == Action::Update && change.field == "active";
    let changes: Vec<&Change> = line.changes.iter().filter(|change| !elsewhere(change)).collect();
    let (action, changes) = match line.action {
        Action::Create => {
            (audit::Action::Create, changes.into_iter().fold(Changes::default(), |all, c| all.is(&c.field, c.is.clone())))
        }
        Action::Update if is_user && changes.is_empty() => return None,
        Action::Update => (audit::Action::Update, changes.into_iter().fold(Changes::default(), changed)),
        Action::Delete if is_user => return None,
        Action::Delete => {
            let was = changes.into_iter().fold(Changes::default(), |all, c| all.was(&c.field, c.was.clone()));
            let lost: Vec<String> = line.lost().collect();
            (audit::Action::Delete, if lost.is_empty() { was } else { was.is("lost", lost) })
        }
        Action::Keep | Action::Spare | Action::Unchanged => return None,
    };
    Some(Event::new(line.tenant_id.as_deref(), action, line.name.as_str()).with(changes))
}

fn changed(all: Changes, change: &Change) -> Changes {
    all.changed(&change.field, change.was.clone(), change.is.clone())
}
