//! What a Bulk request asks for, and in which order it can be done.

use std::collections::HashMap;

use serde_json::Value;

use crate::scim::{
    fault::Fault,
    schema::{BULK_OPERATIONS, GROUP, ResourceType, USER, field},
};

/// How a reference to what another operation makes begins.
const REFERENCE: &str = "bulkId:";

/// The operations of a request, in its order.
#[derive(Debug)]
pub(super) struct Job {
    pub entries: Vec<Entry>,
    /// After how many errors the rest is left alone.
    pub fail_on_errors: Option<usize>,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Entry {
    /// As it was sent: it comes back in the answer.
    pub method: String,
    pub bulk_id: Option<String>,
    /// What is to be done, or why it cannot.
    pub request: Result<Request, Fault>,
}

/// An operation that is well formed.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub verb: Verb,
    pub kind: &'static ResourceType,
    /// The resource; empty for one to be made.
    pub id: String,
    /// The ETag that it must have.
    pub version: Option<String>,
    pub data: Value,
}

/// What a Bulk operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Post,
    Put,
    Patch,
    Delete,
}

impl Job {
    /// Reads the body.
    ///
    /// # Errors
    /// `invalidSyntax` for what is no Bulk request, `invalidValue` for one id of two operations, 413 for too many.
    pub fn parse(body: &Value) -> Result<Self, Fault> {
        let operations = field(body, "Operations").and_then(Value::as_array);
        let operations = operations.ok_or_else(|| Fault::invalid_syntax("a Bulk request has a list of Operations"))?;
        if operations.len() > BULK_OPERATIONS {
            let detail = format!("the request has {} operations; {BULK_OPERATIONS} are the most", operations.len());
            return Err(Fault::new(413, detail));
        }
        let fail_on_errors = match field(body, "failOnErrors") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let errors = value.as_u64().filter(|errors| *errors > 0).and_then(|errors| usize::try_from(errors).ok());
                Some(errors.ok_or_else(|| Fault::invalid_value("failOnErrors is a number of errors, one or more"))?)
            }
        };
        let job = Self { entries: operations.iter().map(Entry::parse).collect(), fail_on_errors };
        let mut ids: Vec<&str> = job.entries.iter().filter_map(|entry| entry.bulk_id.as_deref()).collect();
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(_) => Err(Fault::invalid_value("two operations have the same bulkId")),
            None => Ok(job),
        }
    }

    /// The operations in an order in which each finds what it refers to made: their own, but for those that refer to
    /// later ones. What leads back to itself (RFC 7644 §3.7.1) has become an operation that cannot be done.
    pub fn order(&mut self) -> Vec<usize> {
        let makers: HashMap<String, usize> = self.entries.iter().enumerate().filter_map(|(at, entry)| entry.makes(at)).collect();
        let needs = self.entries.iter().map(|entry| entry.needs(&makers)).collect();
        let mut walk =
            Walk { needs, seen: vec![Seen::Not; self.entries.len()], path: Vec::new(), order: Vec::new(), circular: Vec::new() };
        (0..self.entries.len()).for_each(|at| walk.visit(at));
        for at in walk.circular {
            if let Some(entry) = self.entries.get_mut(at) {
                entry.request = Err(Fault::new(409, "its references lead back to itself: send one of them in another request"));
            }
        }
        walk.order
    }
}

impl Entry {
    fn parse(operation: &Value) -> Self {
        let text = |name: &str| field(operation, name).and_then(Value::as_str);
        let method: String = text("method").unwrap_or_default().chars().take(16).collect();
        let bulk_id = text("bulkId").filter(|id| !id.is_empty()).map(str::to_owned);
        let data = field(operation, "data").cloned().unwrap_or_default();
        let version = text("version").map(str::to_owned);
        let request = Request::parse(&method, text("path").unwrap_or_default(), bulk_id.is_some(), version, data);
        Self { method, bulk_id, request }
    }

    fn makes(&self, at: usize) -> Option<(String, usize)> {
        self.request.as_ref().ok().filter(|request| request.verb == Verb::Post)?;
        Some((self.bulk_id.clone()?, at))
    }

    /// The operations that make what this one refers to.
    fn needs(&self, makers: &HashMap<String, usize>) -> Vec<usize> {
        let Ok(request) = &self.request else { return Vec::new() };
        let mut needs = Vec::new();
        let mut note = |text: &str| needs.extend(text.strip_prefix(REFERENCE).and_then(|id| makers.get(id)));
        note(&request.id);
        each_text(&request.data, &mut note);
        needs
    }
}

impl Request {
    fn parse(method: &str, path: &str, named: bool, version: Option<String>, data: Value) -> Result<Self, Fault> {
        let verbs = [("POST", Verb::Post), ("PUT", Verb::Put), ("PATCH", Verb::Patch), ("DELETE", Verb::Delete)];
        let verb = verbs.into_iter().find(|(name, _)| method.eq_ignore_ascii_case(name)).map(|(_, verb)| verb);
        let verb = verb.ok_or_else(|| Fault::invalid_syntax("the method is POST, PUT, PATCH or DELETE"))?;
        let path = path.trim_start_matches('/');
        let (endpoint, id) = path.split_once('/').unwrap_or((path, ""));
        let kind = [&USER, &GROUP].into_iter().find(|kind| kind.endpoint.trim_start_matches('/') == endpoint);
        let kind = kind.filter(|_| !id.contains(['/', '?'])).ok_or_else(|| {
            let shown: String = path.chars().take(80).collect();
            Fault::new(404, format!("there is nothing at {shown:?}"))
        })?;
        match verb {
            Verb::Post if !id.is_empty() => Err(Fault::new(405, "a resource is made at /Users or /Groups")),
            Verb::Post if !named => Err(Fault::invalid_syntax("an operation that makes a resource needs a bulkId")),
            Verb::Put | Verb::Patch | Verb::Delete if id.is_empty() => Err(Fault::new(405, "the path names no resource")),
            _ => Ok(Self { verb, kind, id: id.to_owned(), version, data }),
        }
    }

    /// The same with the ids of what was made in place of references.
    ///
    /// # Errors
    /// 409 if what it refers to could not be made.
    pub fn resolved(&self, made: &HashMap<String, Option<String>>) -> Result<Self, Fault> {
        let mut request = self.clone();
        let mut missing = None;
        let mut resolve = |text: &mut String| match text.strip_prefix(REFERENCE).and_then(|id| made.get(id)) {
            Some(Some(id)) => *text = id.clone(),
            Some(None) => missing = Some(text.clone()),
            None => {}
        };
        resolve(&mut request.id);
        change_texts(&mut request.data, &mut resolve);
        match missing {
            Some(reference) => Err(Fault::new(409, format!("{reference} was not made"))),
            None => Ok(request),
        }
    }
}

fn each_text(value: &Value, note: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => note(text),
        Value::Array(list) => list.iter().for_each(|value| each_text(value, note)),
        Value::Object(fields) => fields.values().for_each(|value| each_text(value, note)),
        _ => {}
    }
}

fn change_texts(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(list) => list.iter_mut().for_each(|value| change_texts(value, change)),
        Value::Object(fields) => fields.values_mut().for_each(|value| change_texts(value, change)),
        _ => {}
    }
}

/// Goes through what operations need, depth first.
struct Walk {
    needs: Vec<Vec<usize>>,
    seen: Vec<Seen>,
    path: Vec<usize>,
    order: Vec<usize>,
    circular: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Not,
    OnThePath,
    Done,
}

impl Walk {
    fn visit(&mut self, at: usize) {
        match self.seen.get(at) {
            Some(Seen::Not) => {}
            Some(Seen::OnThePath) => {
                let start = self.path.iter().position(|passed| *passed == at).unwrap_or_default();
                self.circular.extend(self.path.iter().skip(start));
                return;
            }
            _ => return,
        }
        self.seen[at] = Seen::OnThePath;
        self.path.push(at);
        let needs = self.needs.get_mut(at).map(std::mem::take).unwrap_or_default();
        needs.into_iter().for_each(|need| self.visit(need));
        self.path.pop();
        self.seen[at] = Seen::Done;
        self.order.push(at);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(operations: Value) -> Job {
        Job::parse(&json!({"Operations": operations})).expect("a job")
    }

    fn make(bulk_id: &str, refers_to: &[&str]) -> Value {
        let members: Vec<Value> = refers_to.iter().map(|id| json!({"value": format!("bulkId:{id}")})).collect();
        json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": {"members": members}})
    }

    #[test]
    fn what_others_need_goes_first() {
        for (operations, order) in [
            (json!([make("a", &[]), make("b", &["a"])]), vec![0, 1]),
            (json!([make("a", &["c"]), make("b", &[]), make("c", &["d"]), make("d", &[])]), vec![3, 2, 0, 1]),
            (
                json!([make("a", &["nobody"]), {"method": "PATCH", "path": "/Users/bulkId:c", "data": {}}, make("c", &[])]),
                vec![0, 2, 1],
            ),
        ] {
            let mut job = job(operations);
            assert_eq!(job.order(), order);
            assert!(job.entries.iter().all(|entry| entry.request.is_ok()));
        }
    }

    #[test]
    fn circles_are_refused_and_nothing_else() {
        let operations =
            [make("a", &["b"]), make("b", &["c"]), make("c", &["b"]), make("d", &["d"]), make("e", &["a"]), make("f", &[])];
        let mut job = job(json!(operations));
        let mut order = job.order();
        order.sort_unstable();
        assert_eq!(order, [0, 1, 2, 3, 4, 5]);
        let refused = |entry: &Entry| entry.request.as_ref().is_err_and(|fault| fault.status == 409);
        assert_eq!(job.entries.iter().map(refused).collect::<Vec<_>>(), [false, true, true, true, false, false]);
    }

    #[test]
    fn a_long_chain_is_walked() {
        let operations: Vec<Value> = (0..1000).map(|n| make(&n.to_string(), &[&(n + 1).to_string()])).collect();
        let mut job = job(json!(operations));
        assert_eq!(job.order(), (0..1000).rev().collect::<Vec<_>>());
    }

    #[test]
    fn references_become_ids() {
        let request = job(
            json!([{"method": "put", "path": "Users/bulkId:a", "data": {"manager": "bulkId:b", "title": "bulkId:", "x": "bulkId:z"}}]),
        );
        let request = request.entries[0].request.as_ref().expect("an operation");
        let mut made = HashMap::from([("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), Some("2".to_owned()))]);
        let resolved = request.resolved(&made).expect("both are made");
        assert_eq!((resolved.id.as_str(), resolved.data), ("1", json!({"manager": "2", "title": "bulkId:", "x": "bulkId:z"})));
        made.insert("b".to_owned(), None);
        let fault = request.resolved(&made).expect_err("one is not");
        assert_eq!((fault.status, fault.detail.as_str()), (409, "bulkId:b was not made"));
    }

    #[test]
    fn operations_that_cannot_be() {
        for (operation, status) in [
            (json!(7), 400),
            (json!({"method": "GET", "path": "/Users/1"}), 400),
            (json!({"method": "POST", "path": "/Users"}), 400),
            (json!({"method": "POST", "path": "/Users/1", "bulkId": "a"}), 405),
            (json!({"method": "DELETE", "path": "/Users/"}), 405),
            (json!({"method": "DELETE", "path": "/Schemas/x"}), 404),
            (json!({"method": "DELETE", "path": "/Users/../Groups/1"}), 404),
            (json!({"method": "DELETE", "path": "https://elsewhere.example/Users/1"}), 404),
            (json!({"method": "DELETE"}), 404),
        ] {
            let job = job(json!([operation]));
            assert_eq!(job.entries[0].request.as_ref().expect_err("no operation").status, status, "{operation}");
        }
    }

    #[test]
    fn requests_that_cannot_be() {
        let many = vec![json!({"method": "DELETE", "path": "/Users/1"}); 1001];
        for (body, status) in [
            (json!([]), 400),
            (json!({"Operations": {}}), 400),
            (json!({"Operations": [], "failOnErrors": 0}), 400),
            (json!({"Operations": [], "failOnErrors": "1"}), 400),
            (json!({"Operations": [make("a", &[]), make("a", &[])]}), 400),
            (json!({"Operations": many}), 413),
        ] {
            assert_eq!(Job::parse(&body).expect_err("no job").status, status);
        }
    }
}
