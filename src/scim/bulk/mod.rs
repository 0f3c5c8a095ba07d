//! Many operations in one request (RFC 7644 §3.7). Each is what it would be alone: the same functions, a transaction of
//! its own, and one more request in the directory's pace, or Bulk would be the way around that.
//!
//! `job` reads the request and puts the operations in an order in which each finds what it refers to.

mod job;

use std::{collections::HashMap, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::{
    body,
    caller::Caller,
    error::{ScimError, reply},
    fault::Fault,
    resource::{Versions, etag, location},
    verb,
};
use crate::app::App;
use job::{Entry, Job, Request, Verb};

/// After which it is tried again whether the directory may go on.
const A_MOMENT: Duration = Duration::from_millis(100);
/// After which one that is too much for the moment is tried again.
const A_WHILE: Duration = Duration::from_millis(500);

/// `POST /Bulk`.
///
/// # Errors
/// 413 for too many operations or bytes, 400 for what is no Bulk request. What is wrong with an operation is in the answer.
pub async fn bulk(State(app): State<App>, caller: Caller, headers: HeaderMap, body: Body) -> Result<Response, ScimError> {
    let body = body::read(&app, &caller, &headers, body, body::BULK).await?;
    let mut job = Job::parse(&body)?;
    let order = job.order();
    let mut run = Run { app: &app, caller: &caller, until: caller.until(), made: HashMap::new(), ended: None };
    let mut answers: Vec<Option<Value>> = vec![None; job.entries.len()];
    let mut errors = 0;
    for (at, entry) in order.into_iter().filter_map(|at| Some((at, job.entries.get(at)?))) {
        if job.fail_on_errors.is_some_and(|most| errors >= most) {
            break;
        }
        let done = run.perform(entry).await;
        errors += usize::from(done.is_err());
        answers[at] = Some(run.answer(entry, done));
    }
    let answers: Vec<Value> = answers.into_iter().flatten().collect();
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"];
    Ok(reply(StatusCode::OK, json!({"schemas": schemas, "Operations": answers})))
}

struct Run<'r> {
    app: &'r App,
    caller: &'r Caller,
    /// Counted from the beginning of the request, which may have waited for its body.
    until: Instant,
    /// What operations that make something have made: an id, or nothing.
    made: HashMap<String, Option<String>>,
    /// Why the directory may push no more, since it began: then nothing waits for anything.
    ended: Option<Fault>,
}

/// What came of an operation.
struct Done {
    status: StatusCode,
    id: String,
    version: Option<i64>,
}

impl Run<'_> {
    async fn perform(&mut self, entry: &Entry) -> Result<Done, Fault> {
        let done = self.attempt(entry).await;
        let makes = entry.request.as_ref().is_ok_and(|request| request.verb == Verb::Post);
        if let Some(bulk_id) = entry.bulk_id.clone().filter(|_| makes || entry.request.is_err()) {
            self.made.insert(bulk_id, done.as_ref().ok().map(|done| done.id.clone()));
        }
        done
    }

    async fn attempt(&mut self, entry: &Entry) -> Result<Done, Fault> {
        let request = entry.request.clone()?.resolved(&self.made)?;
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        self.pace().await?;
        self.stand().await?;
        loop {
            match self.apply(&request).await {
                // It is too much for this moment, and has changed nothing.
                Err(e) if e.retry_after.is_some() && Instant::now() < self.until => sleep(A_WHILE).await,
                done => return done.map_err(ScimError::told),
            }
        }
    }

    /// That the directory may push still: somebody may have ended its token, or switched it or its tenant off, while operations
    /// before this one were done.
    async fn stand(&mut self) -> Result<(), Fault> {
        let Err(error) = self.caller.still(self.app).await else { return Ok(()) };
        let fault = error.told();
        if fault.status == StatusCode::UNAUTHORIZED.as_u16() {
            self.ended = Some(fault.clone());
        }
        Err(fault)
    }

    /// Waits until the directory may go on.
    async fn pace(&self) -> Result<(), Fault> {
        while Instant::now() < self.until {
            match self.app.limits.pushes.take(&self.caller.directory.id) {
                Ok(()) => return Ok(()),
                Err(_) => sleep(A_MOMENT).await,
            }
        }
        Err(Fault::new(429, "there was no time left for it: send it in another request"))
    }

    async fn apply(&self, request: &Request) -> Result<Done, ScimError> {
        let (app, caller, id, data) = (self.app, self.caller, request.id.as_str(), &request.data);
        let expected = request.version.as_deref().map(Versions::read);
        let (kind, expected) = (request.kind, expected.as_ref());
        let (status, resource) = match request.verb {
            Verb::Post => (StatusCode::CREATED, verb::create(app, caller, kind, data).await?),
            Verb::Put => (StatusCode::OK, verb::replace(app, caller, kind, id, expected, data).await?),
            Verb::Patch => (StatusCode::OK, verb::patch(app, caller, kind, id, expected, data).await?),
            Verb::Delete => {
                verb::delete(app, caller, kind, id, expected).await?;
                return Ok(Done { status: StatusCode::NO_CONTENT, id: id.to_owned(), version: None });
            }
        };
        Ok(Done { status, id: resource.id().to_owned(), version: Some(resource.version()) })
    }

    fn answer(&self, entry: &Entry, done: Result<Done, Fault>) -> Value {
        let mut fields = Map::from_iter([("method".to_owned(), entry.method.as_str().into())]);
        let mut set = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        if let Some(bulk_id) = &entry.bulk_id {
            set("bulkId", bulk_id.as_str().into());
        }
        // Where the resource is, unless it is one that was not made.
        let request = entry.request.as_ref().ok();
        let target = request.and_then(|request| request.resolved(&self.made).ok()).map(|request| request.id);
        let id = done.as_ref().ok().map(|done| done.id.clone()).or(target).filter(|id| !id.is_empty());
        if let (Some(request), Some(id)) = (request, id) {
            set("location", location(self.app, request.kind, &id).into());
        }
        match done {
            Ok(done) => {
                set("status", done.status.as_str().into());
                if let Some(version) = done.version {
                    set("version", etag(version).into());
                }
            }
            Err(fault) => {
                set("status", fault.status.to_string().into());
                set("response", fault.body());
            }
        }
        Value::Object(fields)
    }
}
