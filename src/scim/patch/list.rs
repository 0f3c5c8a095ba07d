//! Operations on an attribute with several values.

use serde_json::{Map, Value};

use crate::scim::{
    fault::Fault,
    filter::{Filter, Literal, Operator},
    patch::{Verb, user::set_sub},
    schema::{
        Attribute, Kind, field,
        value::{elements, is_primary, join, same, tidy},
    },
};

/// Where in a list an operation is at work.
pub(super) struct Change<'c> {
    pub attribute: &'static Attribute,
    pub sub: Option<&'c str>,
    pub selected: Option<&'c Filter>,
}

impl Change<'_> {
    /// Changes the list among `fields`.
    pub fn make(&self, fields: &mut Map<String, Value>, verb: Verb, value: Option<&Value>) -> Result<(), Fault> {
        if let Some(filter) = self.selected {
            filter.check_element(Some(self.attribute))?;
        }
        let mut list = match fields.remove(self.attribute.name) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        };
        match (verb, value.filter(|value| !value.is_null())) {
            (Verb::Remove, value) => self.remove(&mut list, value)?,
            (Verb::Replace, None) => self.remove(&mut list, None)?,
            (Verb::Add, None) => {}
            (verb, Some(value)) => self.write(&mut list, verb, value)?,
        }
        // Each operation leaves what a PUT could have sent, so that the next one meets the same either way.
        let list = tidy(self.attribute, list)?;
        if !list.is_empty() {
            fields.insert(self.attribute.name.to_owned(), list.into());
        }
        Ok(())
    }

    fn chosen(&self, element: &Value) -> bool {
        self.selected.is_none_or(|filter| filter.matches_element(element, Some(self.attribute)))
    }

    fn remove(&self, list: &mut Vec<Value>, named: Option<&Value>) -> Result<(), Fault> {
        if let Some(sub) = self.sub {
            for element in list.iter_mut().filter(|element| self.chosen(element)) {
                if let Value::Object(fields) = element {
                    set_sub(fields, self.attribute, sub, None)?;
                }
            }
            return Ok(());
        }
        match named {
            // Entra names what goes in a list; taking that for all of them empties groups and mailboxes.
            Some(named) => {
                let named = named.as_array().map_or(std::slice::from_ref(named), Vec::as_slice);
                list.retain(|element| !(self.chosen(element) && named.iter().any(|named| self.names(named, element))));
            }
            None => list.retain(|element| !self.chosen(element)),
        }
        Ok(())
    }

    /// Whether an element is the one that `named` describes: all that it says of it is so.
    fn names(&self, named: &Value, element: &Value) -> bool {
        let Some(fields) = named.as_object() else {
            return same(self.attribute.sub("value"), Some(named), field(element, "value"));
        };
        let telling = |name: &str| !["$ref", "display", "primary"].iter().any(|other| name.eq_ignore_ascii_case(other));
        let mut told = fields.iter().filter(|(name, value)| !value.is_null() && telling(name)).peekable();
        told.peek().is_some() && told.all(|(name, value)| same(self.attribute.sub(name), Some(value), field(element, name)))
    }

    fn write(&self, list: &mut Vec<Value>, verb: Verb, value: &Value) -> Result<(), Fault> {
        let touched = match (self.selected, self.sub) {
            (None, None) => {
                let given = elements(self.attribute, value, self.attribute.name)?;
                if verb == Verb::Replace {
                    list.clear();
                }
                given.into_iter().map(|element| join(self.attribute, list, element)).collect()
            }
            (_, Some(sub)) => self.write_sub(list, sub, value)?,
            (Some(filter), None) => self.write_chosen(list, filter, verb, value)?,
        };
        self.promote(list, &touched);
        Ok(())
    }

    /// `emails[type eq "work"].value`.
    fn write_sub(&self, list: &mut Vec<Value>, sub: &str, value: &Value) -> Result<Vec<usize>, Fault> {
        let mut touched = self.positions(list);
        if touched.is_empty() {
            let known = self.attribute.sub(sub).map_or(sub, |known| known.name);
            let made = match self.selected {
                None => Some(Map::new()),
                // Who names the value that is to change does not mean one that is not there.
                Some(filter) => described(self.attribute, filter).filter(|made| !made.contains_key(known)),
            };
            list.push(Value::Object(made.ok_or_else(|| self.no_target())?));
            touched.push(list.len() - 1);
        }
        for at in &touched {
            if let Some(Value::Object(fields)) = list.get_mut(*at) {
                set_sub(fields, self.attribute, sub, Some(value))?;
            }
        }
        Ok(touched)
    }

    /// `emails[type eq "work"]`: replaced, or added to; made if there is none.
    fn write_chosen(&self, list: &mut Vec<Value>, filter: &Filter, verb: Verb, value: &Value) -> Result<Vec<usize>, Fault> {
        let given = elements(self.attribute, value, self.attribute.name)?;
        let [Value::Object(given)] = given.as_slice() else {
            return Err(Fault::invalid_value(format!("one value is expected for what is chosen of {}", self.attribute.name)));
        };
        let described = described(self.attribute, filter);
        let mut touched = self.positions(list);
        if touched.is_empty() {
            list.push(Value::Object(described.clone().ok_or_else(|| self.no_target())?));
            touched.push(list.len() - 1);
        }
        for at in &touched {
            let Some(Value::Object(fields)) = list.get_mut(*at) else { continue };
            if verb == Verb::Replace {
                *fields = described.clone().unwrap_or_default();
            }
            for (name, value) in given {
                set_sub(fields, self.attribute, name, Some(value))?;
            }
        }
        Ok(touched)
    }

    fn positions(&self, list: &[Value]) -> Vec<usize> {
        list.iter().enumerate().filter(|(_, element)| self.chosen(element)).map(|(at, _)| at).collect()
    }

    /// A new primary value ends the old one (RFC 7644 §3.5.2).
    fn promote(&self, list: &mut [Value], touched: &[usize]) {
        if !touched.iter().any(|at| list.get(*at).is_some_and(is_primary)) {
            return;
        }
        for (at, element) in list.iter_mut().enumerate() {
            if let (false, true, Value::Object(fields)) = (touched.contains(&at), is_primary(element), element) {
                fields.insert("primary".to_owned(), false.into());
            }
        }
    }

    fn no_target(&self) -> Fault {
        Fault::no_target(format!("no value of {} is like that", self.attribute.name))
    }
}

/// The element that a filter describes, if it says of everything what it equals.
fn described(attribute: &'static Attribute, filter: &Filter) -> Option<Map<String, Value>> {
    match filter {
        Filter::And(terms) => {
            let mut fields = Map::new();
            for term in terms {
                fields.extend(described(attribute, term)?);
            }
            Some(fields)
        }
        Filter::Compare(path, Operator::Eq, literal) if *literal != Literal::Null => {
            let sub = attribute.sub(&path.attribute);
            let value = match sub.map(|sub| sub.kind) {
                Some(Kind::Boolean) => literal.boolean()?.into(),
                _ => literal.text()?.into_owned().into(),
            };
            let name = sub.map_or(path.attribute.as_str(), |sub| sub.name);
            Some(Map::from_iter([(name.to_owned(), value)]))
        }
        _ => None,
    }
}
