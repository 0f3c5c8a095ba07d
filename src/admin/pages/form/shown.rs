//! Fields as they stand on a page: with what is typed or stored, what is wrong with them, and what can be chosen.

use serde_json::Value;

use super::{ADVANCED, Field, Kind, Posted};
use crate::{
    admin::pages::{
        claims::{self, Row},
        rows,
    },
    apply::single::Fault,
};

/// A field ready to be shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The field.
    pub field: Field,
    /// Its id on the page.
    pub id: String,
    /// What stands in it.
    pub value: String,
    /// The rows of [`Kind::Claims`].
    pub rows: Vec<Row>,
    /// The rows of [`Kind::Rows`].
    pub things: Vec<rows::Row>,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Whether the thing is there already, so that a fixed field stays.
    pub kept: bool,
    /// What leaving it empty means for this very thing.
    pub usual: String,
    /// What [`Kind::Named`] can name, where that is few enough to choose from.
    pub options: Option<Vec<(String, String)>>,
}

impl Shown {
    /// Whether it is on, for [`Kind::Switch`].
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.value.is_empty()
    }

    /// What a choice is made from: values and labels.
    #[must_use]
    pub fn choices(&self) -> Vec<(&str, &str)> {
        match (&self.options, self.field.kind) {
            (Some(options), Kind::Named(_, nothing)) => {
                let named = options.iter().map(|(value, label)| (value.as_str(), label.as_str()));
                // What is named and not there (any more) is still what is stored.
                let gone = Some((self.value.as_str(), self.value.as_str()));
                let gone = gone.filter(|(value, _)| !value.is_empty() && !options.iter().any(|(known, _)| known == value));
                std::iter::once(("", nothing)).chain(named).chain(gone).collect()
            }
            (_, Kind::Choice(choices)) => choices.to_vec(),
            _ => Vec::new(),
        }
    }

    /// The name of the kind, for the template.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.field.kind {
            Kind::Named(..) if self.options.is_some() => "choice",
            Kind::Text | Kind::Words | Kind::Named(..) => "text",
            Kind::Number => "number",
            Kind::Block | Kind::Lines | Kind::Certificates | Kind::Json(_) => "block",
            Kind::Secret => "secret",
            Kind::Switch => "switch",
            Kind::Choice(_) => "choice",
            Kind::Claims => "claims",
            Kind::Rows(_) => "rows",
        }
    }

    /// Whether somebody has filled it in: what is switched or chosen from a few words says so by itself.
    fn is_filled(&self) -> bool {
        !self.value.is_empty() && !matches!(self.field.kind, Kind::Switch | Kind::Choice(_))
    }

    /// Whether something is wrong with it, or with a part of it.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        let of = |row: &rows::Row| row.error.is_some() || row.cells.iter().any(|cell| cell.error.is_some());
        self.error.is_some() || self.things.iter().any(of)
    }

    /// Lines of a block.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.value.lines().count().clamp(3, 12)
    }

    /// What stands in the field while it is empty, in grey: what the provider's preset has for it. It is not sent with the form,
    /// so that nothing freezes in the row what a later version knows better.
    #[must_use]
    pub fn placeholder(&self) -> &str {
        self.usual.strip_prefix("Empty: ").map_or("", |text| text.strip_suffix('.').unwrap_or(text))
    }

    /// The ids that describe it.
    #[must_use]
    pub fn described_by(&self) -> String {
        let hint = (!self.field.hint.is_empty()).then(|| format!("{}-hint", self.id));
        let error = self.error.is_some().then(|| format!("{}-error", self.id));
        let usual = (!self.usual.is_empty()).then(|| format!("{}-usual", self.id));
        [error, hint, usual].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Field {
    /// Whether it stays as it is stored: what a thing has lost since, as the issuer that was deleted, can be chosen anew.
    #[must_use]
    pub fn stays(&self, stored: &Value) -> bool {
        self.fixed && found(self, stored).is_some_and(|value| !value.is_null())
    }
}

/// The fields as they are shown: with what was typed, or else with what is stored.
#[must_use]
pub fn show(fields: &[Field], posted: Option<Posted<'_>>, stored: &Value, faults: &[Fault], kept: bool) -> Vec<Shown> {
    let shown = fields.iter().map(|field| {
        let stays = kept && field.stays(stored);
        let value = match posted {
            _ if matches!(field.kind, Kind::Secret | Kind::Claims | Kind::Rows(_)) => String::new(),
            _ if stays => text_of(field, stored),
            Some(posted) => posted(field.path).unwrap_or_default().to_owned(),
            None => text_of(field, stored),
        };
        let rows = match field.kind {
            Kind::Claims => claims::rows(field.path, posted, found(field, stored)),
            _ => Vec::new(),
        };
        let things = match field.kind {
            Kind::Rows(cells) => rows::rows(field.path, cells, posted, found(field, stored), faults),
            _ => Vec::new(),
        };
        // What is wrong with a row is said there.
        let within = |fault: &&Fault| !matches!(field.kind, Kind::Rows(_)) || fault.path == field.path;
        let own: Vec<&str> =
            faults.iter().filter(|f| belongs(fields, &f.path, field)).filter(within).map(|f| f.text.as_str()).collect();
        let error = (!own.is_empty()).then(|| own.join(". "));
        let (id, field) = (field.path.replace('.', "-"), Field { fixed: stays, ..*field });
        Shown { field, id, value, rows, things, error, kept, usual: String::new(), options: None }
    });
    shown.collect()
}

/// Values and their labels.
pub type Options = Vec<(String, String)>;

/// What only the tenant and the thing themselves say of fields, by path.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What leaving a field empty means.
    pub usual: Vec<(&'static str, String)>,
    /// What a field can name: values and labels.
    pub options: Vec<(&'static str, Options)>,
    /// What the cell of a field's rows can name, by the paths of both.
    pub cells: Vec<(&'static str, &'static str, Options)>,
}

impl Known {
    /// Adds it to the fields.
    pub fn tell(self, shown: &mut [Shown]) {
        for (path, text) in self.usual {
            shown.iter_mut().filter(|s| s.field.path == path).for_each(|s| s.usual.clone_from(&text));
        }
        for (path, options) in self.options {
            shown.iter_mut().filter(|s| s.field.path == path).for_each(|s| s.options = Some(options.clone()));
        }
        for (path, cell, options) in self.cells {
            let of_field = shown.iter_mut().filter(|s| s.field.path == path).flat_map(|s| &mut s.things);
            let of_cell = of_field.flat_map(|row| &mut row.cells).filter(|shown| shown.cell.path == cell);
            of_cell.for_each(|shown| shown.options = Some(options.clone()));
        }
    }
}

/// What is folded away under one title.
#[derive(Clone, Debug)]
pub struct Fold {
    /// What people read.
    pub title: &'static str,
    /// Whether it is unfolded.
    pub open: bool,
    /// What is in it.
    pub shown: Vec<Shown>,
}

/// The fields in the order of the page: those that show, then each fold.
#[derive(Clone, Debug, Default)]
pub struct Laid {
    /// What shows.
    pub plain: Vec<Shown>,
    /// What is folded away.
    pub folds: Vec<Fold>,
}

impl Laid {
    /// Lays them out. What is wrong is never folded away, nor is what somebody has filled in under a title of its own.
    #[must_use]
    pub fn of(shown: Vec<Shown>) -> Self {
        let mut laid = Self::default();
        for one in shown {
            let title = one.field.fold;
            if title.is_empty() {
                laid.plain.push(one);
                continue;
            }
            let filled = title != ADVANCED && one.is_filled();
            let open = one.is_wrong() || filled;
            match laid.folds.iter_mut().find(|fold| fold.title == title) {
                Some(fold) => {
                    fold.open |= open;
                    fold.shown.push(one);
                }
                None => laid.folds.push(Fold { title, open, shown: vec![one] }),
            }
        }
        // What few need comes last.
        laid.folds.sort_by_key(|fold| fold.title == ADVANCED);
        laid
    }
}

/// The faults that no field can show.
#[must_use]
pub fn rest<'f>(fields: &[Field], faults: &'f [Fault]) -> Vec<&'f str> {
    faults
        .iter()
        .filter(|fault| !fields.iter().any(|field| belongs(fields, &fault.path, field)))
        .map(|f| f.text.as_str())
        .collect()
}

/// A fault is shown at the field of its path, or at the nearest above it: `claims.email` at `claims`.
fn belongs(fields: &[Field], path: &str, field: &Field) -> bool {
    let covers = |own: &str| path == own || path.strip_prefix(own).is_some_and(|rest| rest.starts_with(['.', '[']));
    let nearest = fields.iter().filter(|f| covers(f.path)).max_by_key(|f| f.path.len());
    nearest.is_some_and(|f| f.path == field.path)
}

pub(super) fn found<'v>(field: &Field, stored: &'v Value) -> Option<&'v Value> {
    stored.pointer(&format!("/{}", field.path.replace('.', "/")))
}

fn text_of(field: &Field, stored: &Value) -> String {
    text_in(field.kind, found(field, stored))
}

/// A value as it stands in a field of this kind.
pub(super) fn text_in(kind: Kind, found: Option<&Value>) -> String {
    let line = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (kind, found) {
        (_, None | Some(Value::Null)) => String::new(),
        (Kind::Switch, Some(value)) => {
            if value.as_bool() == Some(true) {
                "on".to_owned()
            } else {
                String::new()
            }
        }
        (Kind::Named(..), Some(Value::Object(named))) => {
            named.iter().map(|(key, name)| format!("{key}:{}", line(name))).collect::<Vec<_>>().join(" ")
        }
        (Kind::Words, Some(Value::Array(items))) => items.iter().map(line).collect::<Vec<_>>().join(" "),
        (Kind::Certificates, Some(Value::Array(items))) => items.iter().map(line).collect::<Vec<_>>().join("\n\n"),
        (Kind::Json(_), Some(value)) if value.as_array().is_some_and(Vec::is_empty) => String::new(),
        (Kind::Json(_), Some(value)) => serde_json::to_string_pretty(value).unwrap_or_default(),
        (_, Some(Value::Array(items))) => items.iter().map(line).collect::<Vec<_>>().join("\n"),
        (_, Some(value)) => line(value),
    }
}
