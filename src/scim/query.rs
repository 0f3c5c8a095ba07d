//! What a list is asked for: the parameters of an address (RFC 7644 §3.4.2), or a search body with the same (§3.4.3).
//! Unknown ones are left alone: directories add their own to every address.

use serde_json::Value;

use crate::scim::{
    fault::Fault,
    schema::{Projection, ResourceType},
};

/// How many resources a page has unless the caller says.
const USUAL: i64 = 100;
/// The most it has whatever the caller says; `/ServiceProviderConfig` says it.
pub const MOST: i64 = 200;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which resources.
    pub filter: Option<String>,
    /// In which order.
    pub sort_by: Option<String>,
    /// The last first.
    pub descending: bool,
    /// The first of the page, counted from 1.
    pub start_index: i64,
    /// How many.
    pub count: i64,
    /// What of each.
    pub attributes: Option<String>,
    /// What not.
    pub excluded: Option<String>,
}

impl Default for Query {
    fn default() -> Self {
        Self { filter: None, sort_by: None, descending: false, start_index: 1, count: USUAL, attributes: None, excluded: None }
    }
}

impl Query {
    /// Reads the parameters of an address.
    ///
    /// # Errors
    /// `invalidValue` for what is no number or order, `invalidFilter` for a filter that cannot be one.
    pub fn of_url(raw: Option<&str>) -> Result<Self, Fault> {
        let mut query = Self::default();
        for (name, value) in url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
            query.set(&name, &value)?;
        }
        Ok(query)
    }

    /// Reads a search body.
    ///
    /// # Errors
    /// As [`Query::of_url`], and `invalidSyntax` for what is no search.
    pub fn of_body(body: &Value) -> Result<Self, Fault> {
        let fields = body.as_object().ok_or_else(|| Fault::invalid_syntax("the body is not a JSON object"))?;
        let mut query = Self::default();
        for (name, value) in fields {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            query.set(name, &text)?;
        }
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        let number = || value.trim().parse::<i64>().map_err(|_| Fault::invalid_value(format!("{name} is not a number")));
        let list = || Some(value.to_owned()).filter(|list| !list.trim().is_empty());
        match name.to_ascii_lowercase().as_str() {
            // A form that has the field and nothing in it.
            "sortorder" | "startindex" | "count" if value.trim().is_empty() => {}
            // Databases do not agree on what a NUL is.
            "filter" if value.contains('\0') => return Err(Fault::invalid_filter("a filter must not hold NUL")),
            "filter" => self.filter = Some(value.to_owned()),
            "sortby" => self.sort_by = list(),
            "sortorder" => self.descending = descending(value)?,
            "startindex" => self.start_index = number()?.max(1),
            "count" => self.count = number()?.clamp(0, MOST),
            "attributes" => self.attributes = list(),
            "excludedattributes" => self.excluded = list(),
            _ => {}
        }
        Ok(())
    }

    /// What of each resource is returned.
    ///
    /// # Errors
    /// `invalidValue` for too many names.
    pub fn projection(&self, kind: &'static ResourceType) -> Result<Projection, Fault> {
        Projection::new(kind, self.attributes.as_deref(), self.excluded.as_deref())
    }
}

fn descending(order: &str) -> Result<bool, Fault> {
    match order {
        _ if order.eq_ignore_ascii_case("ascending") => Ok(false),
        _ if order.eq_ignore_ascii_case("descending") => Ok(true),
        _ => Err(Fault::invalid_value("sortOrder must be ascending or descending")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_and_a_body_ask_alike() {
        let asked = Query {
            filter: Some("userName eq \"kim\"".into()),
            sort_by: Some("userName".into()),
            descending: true,
            start_index: 3,
            count: 7,
            attributes: Some("userName,emails".into()),
            excluded: None,
        };
        let url = "filter=userName+eq+%22kim%22&sortBy=userName&sortOrder=Descending&startIndex=3&count=7\
                   &attributes=userName%2Cemails&excludedAttributes=&aadOptscim062020&x=%00&";
        assert_eq!(Query::of_url(Some(url)), Ok(asked.clone()));
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName eq \"kim\"",
            "sortBy": "userName", "sortOrder": "descending", "startIndex": 3, "count": 7,
            "attributes": ["userName", "emails"], "excludedAttributes": null,
        });
        assert_eq!(Query::of_body(&body), Ok(asked));
        assert_eq!(Query::of_url(Some("")), Query::of_url(None));
    }

    #[test]
    fn numbers_are_numbers_and_stay_within_limits() {
        let asked = |text: &str| Query::of_url(Some(text)).map(|q| (q.start_index, q.count)).map_err(|f| f.scim_type);
        assert_eq!(asked("startIndex=0&count=0"), Ok((1, 0)));
        assert_eq!(asked("startIndex=-5&count=-1"), Ok((1, 0)));
        assert_eq!(asked("count=100000"), Ok((1, 200)));
        for bad in ["count=ten", "startIndex=1.5", "startIndex=99999999999999999999", "sortOrder=up"] {
            assert_eq!(asked(bad), Err(Some("invalidValue")), "{bad}");
        }
        assert_eq!(asked("startIndex=&count=&sortOrder=+&sortBy="), asked(""), "empty is absent");
        assert_eq!(asked("filter=a%00"), Err(Some("invalidFilter")));
    }
}
