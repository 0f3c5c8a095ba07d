//! Issuers of one tenant that are asked about a token on which nobody's name is, as the operator has allowed: all at the same
//! time, so none waits for another that does not answer, and first of all the one that knew it lately.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    invalid::Invalid,
    rivals::{AT_ONCE, PATIENCE, Question, Said, Won, is_further, of_tenant},
    source::Source,
    steps::Trail,
};

/// How long they are waited for.
const LIMIT: Duration = Duration::from_secs(5);

/// What they say: the first in their order that accepts the token has it. Once one has, those before it are waited for a
/// moment. Where one could not be asked and no other accepts, nothing is known of the token.
pub(super) async fn judge<'s>(question: &Question<'_>, sources: &[&'s Source]) -> Said<'s> {
    if let Some(known) = sources.iter().find(|source| source.knew_lately(question.token.text())) {
        match timeout(LIMIT, one(question, known)).await {
            Ok(said) if said.won.is_some() => return said,
            Ok(_) => {}
            Err(_) => return refused(late()),
        }
    }
    let asking = sources.iter().enumerate().map(|(at, source)| numbered(at, question, source));
    let asking: Vec<_> = asking.collect();
    let mut saying = stream::iter(asking).buffer_unordered(AT_ONCE);
    let mut heard: Vec<Option<Said<'s>>> = sources.iter().map(|_| None).collect();
    let mut until = Instant::now() + LIMIT;
    while let Ok(Some((at, said))) = timeout_at(until, saying.next()).await {
        if said.won.is_some() {
            until = until.min(Instant::now() + PATIENCE);
        }
        heard[at] = Some(said);
        if heard.iter().map_while(Option::as_ref).any(|said| said.won.is_some()) {
            break;
        }
    }
    conclude(heard)
}

fn conclude(heard: Vec<Option<Said<'_>>>) -> Said<'_> {
    let (mut unasked, mut further) = (None, None);
    for said in heard {
        let Some(said) = said else {
            unasked.get_or_insert_with(late);
            continue;
        };
        if said.won.is_some() {
            return said;
        }
        for invalid in [said.unasked, said.refused].into_iter().flatten() {
            if invalid.is_unasked() {
                unasked.get_or_insert(invalid);
            } else if is_further(&invalid, further.as_ref()) {
                further = Some(invalid);
            }
        }
    }
    refused(unasked.or(further).unwrap_or(Invalid::Signature))
}

fn refused<'s>(invalid: Invalid) -> Said<'s> {
    let won: Option<Won<'s>> = None;
    Said { won, unasked: None, refused: Some(invalid) }
}

fn late() -> Invalid {
    Invalid::Introspection(format!("an endpoint that may know it did not answer within {} s", LIMIT.as_secs()))
}

async fn numbered<'s>(at: usize, question: &Question<'_>, source: &&'s Source) -> (usize, Said<'s>) {
    (at, one(question, source).await)
}

async fn one<'s>(question: &Question<'_>, source: &&'s Source) -> Said<'s> {
    let (mut furthest, mut trail) = (None, Trail::default());
    // Boxed: a call needs much room.
    let asking = Box::pin(of_tenant(question, std::slice::from_ref(source), &mut furthest, &mut trail));
    asking.await
}
