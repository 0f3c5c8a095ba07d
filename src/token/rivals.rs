//! What the tenants say whose issuers know a token. Who names none is answered as the callers of the only tenant that accepts
//! it are. Where a second one accepts it too, or may and cannot be asked, nobody guesses: it is [`Invalid::Ambiguous`], and so
//! it is before keys are known and after.
//!
//! They are asked at the same time, so none waits for another's keys for long: whoever administers one tenant says where its
//! keys are, and could name a place that never answers. What its claims alone refuse asks nobody for keys. That a tenant cannot
//! make its own what another has is for who writes settings (`apply::rivals`).

use std::{collections::HashMap, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use super::{
    invalid::Invalid,
    presented::Presented,
    rules::AudienceRule,
    source::{Proven, Source},
    steps::Trail,
    together,
    unverified::Unverified,
    verify::Demand,
};

/// Tenants that may wait for their keys at a time.
pub(super) const AT_ONCE: usize = 32;
/// How long the others are waited for when one has accepted the token.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A source that accepts a token, and by what.
pub(super) type Won<'s> = (&'s Source, Proven);

/// What is to be judged.
pub(super) struct Question<'a> {
    pub(super) token: &'a Presented<'a>,
    /// Whom it must be for, if not whom the source's rules name.
    pub(super) audience: Option<&'a AudienceRule>,
    /// Unix seconds.
    pub(super) now: i64,
}

impl<'a> Question<'a> {
    /// As it is put to a source.
    fn of(&self, source: &'a Source) -> Demand<'a> {
        Demand { rules: &source.rules, audience: self.audience.unwrap_or(&source.rules.audience), now: self.now }
    }
}

/// Judges a token by the sources of one tenant or several. `elsewhere`: there is one more tenant that may accept it, whose
/// issuer is not asked.
pub(super) async fn judge<'s>(
    question: &Question<'_>,
    mut sources: Vec<&'s Source>,
    elsewhere: bool,
    trail: &mut Trail,
) -> Result<Won<'s>, Invalid> {
    let mut poll = Poll { open: elsewhere, ..Poll::default() };
    // Who asks why is told what each of them says.
    if !trail.is_told() && are_several(&sources) {
        sources = meant(question, question.token.jwt().map_err(Clone::clone)?, sources);
    }
    if !are_several(&sources) {
        // Of one tenant alone the refusal that tells most is its answer.
        let said = if sources.len() > 1 && question.token.jwt().is_err() && !trail.is_told() {
            let asking = Box::pin(together::judge(question, &sources));
            asking.await
        } else {
            of_tenant(question, &sources, &mut None, trail).await
        };
        poll.hear(Said { unasked: None, ..said });
        return poll.close();
    }
    let tenants = by_tenant(sources);
    if !trail.is_told() {
        let asking = Box::pin(at_once(question, &tenants, &mut poll));
        asking.await;
        return poll.close();
    }
    let mut furthest = None;
    for sources in &tenants {
        let asking = Box::pin(of_tenant(question, sources, &mut furthest, trail));
        poll.hear(asking.await);
    }
    poll.close()
}

fn are_several(sources: &[&Source]) -> bool {
    sources.iter().any(|source| source.tenant != sources[0].tenant)
}

/// Those for whose audience the token is and that would not refuse its claims whoever had signed them; if it is for none, one
/// of them, to say why: there may be thousands.
fn meant<'s>(question: &Question<'_>, token: &Unverified<'_>, mut sources: Vec<&'s Source>) -> Vec<&'s Source> {
    let names = AudienceRule::names(&token.claims).unwrap_or_default();
    let mut first = sources.first().copied();
    for judge in [&(|source: &Source| source.rules.audience.meets(&names)) as &dyn Fn(&Source) -> bool, &|source| {
        !source.would_refuse(question.token, &question.of(source))
    }] {
        sources.retain(|source| judge(source));
        let Some(next) = sources.first() else { return first.into_iter().collect() };
        first = Some(next);
    }
    sources
}

/// The sources of each tenant, in their order.
fn by_tenant(sources: Vec<&Source>) -> Vec<Vec<&Source>> {
    let mut tenants: Vec<Vec<&Source>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for source in sources {
        let place = *places.entry(&source.tenant).or_insert(tenants.len());
        match tenants.get_mut(place) {
            Some(tenant) => tenant.push(source),
            None => tenants.push(vec![source]),
        }
    }
    tenants
}

/// What one tenant says.
pub(super) struct Said<'s> {
    pub(super) won: Option<Won<'s>>,
    /// Why it cannot say, if one of its sources could not look.
    pub(super) unasked: Option<Invalid>,
    /// The refusal of the source that came furthest.
    pub(super) refused: Option<Invalid>,
}

/// Asks the sources of one tenant in turn: the first that accepts has the token.
pub(super) async fn of_tenant<'s>(
    question: &Question<'_>,
    sources: &[&'s Source],
    furthest: &mut Option<Invalid>,
    trail: &mut Trail,
) -> Said<'s> {
    let mut said = Said { won: None, unasked: None, refused: None };
    for source in sources {
        trail.begin(&source.id);
        let demand = question.of(source);
        let judged = source.judge(question.token, &demand, trail).await;
        let invalid = match trail.conclude(judged) {
            Ok(proven) => return Said { won: Some((source, proven)), unasked: None, ..said },
            Err(invalid) => invalid,
        };
        // Whatever its keys are, it would not accept the token.
        if invalid.is_unasked() && !source.would_refuse(question.token, &demand) {
            said.unasked.get_or_insert_with(|| invalid.clone());
        }
        if is_further(&invalid, furthest.as_ref()) {
            trail.refuse(Some(source.id.as_str()).filter(|id| !id.is_empty()));
            *furthest = Some(invalid.clone());
        }
        if is_further(&invalid, said.refused.as_ref()) {
            said.refused = Some(invalid);
        }
    }
    said
}

pub(super) fn is_further(invalid: &Invalid, than: Option<&Invalid>) -> bool {
    than.is_none_or(|before| before.reach() < invalid.reach())
}

async fn numbered<'s>(at: usize, question: &Question<'_>, sources: &[&'s Source]) -> (usize, Said<'s>) {
    (at, of_tenant(question, sources, &mut None, &mut Trail::default()).await)
}

/// Asks them all. Once one has accepted the token, whoever keeps us waiting is taken at what it has: with keys of its issuer,
/// none of which fits, it refuses, and without any it might as well accept.
async fn at_once<'s>(question: &Question<'_>, tenants: &[Vec<&'s Source>], poll: &mut Poll<'s>) {
    let asked: Vec<_> = tenants.iter().enumerate().map(|(at, sources)| numbered(at, question, sources)).collect();
    let mut saying = stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut silent = vec![true; tenants.len()];
    let mut until: Option<Instant> = None;
    while !poll.is_over() {
        let next = match until {
            None => saying.next().await,
            Some(until) => timeout_at(until, saying.next()).await.unwrap_or_default(),
        };
        let Some((at, said)) = next else { break };
        silent[at] = false;
        poll.hear(said);
        if poll.winner.is_some() {
            until.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
    }
    let blind = |sources: &[&Source]| !sources.iter().all(|source| source.has_keys(question.now));
    poll.open |= tenants.iter().zip(silent).any(|(sources, silent)| silent && blind(sources));
}

/// What several tenants say.
#[derive(Default)]
struct Poll<'s> {
    winner: Option<Won<'s>>,
    /// Whether one more has accepted it, or may.
    open: bool,
    unasked: Option<Invalid>,
    refused: Option<Invalid>,
}

impl<'s> Poll<'s> {
    fn hear(&mut self, said: Said<'s>) {
        self.open |= said.unasked.is_some() || (said.won.is_some() && self.winner.is_some());
        self.winner = self.winner.take().or(said.won);
        self.unasked = self.unasked.take().or(said.unasked);
        if let Some(refused) = said.refused.filter(|refused| is_further(refused, self.refused.as_ref())) {
            self.refused = Some(refused);
        }
    }

    fn is_over(&self) -> bool {
        self.winner.is_some() && self.open
    }

    fn close(self) -> Result<Won<'s>, Invalid> {
        match self.winner {
            Some(_) if self.open => Err(Invalid::Ambiguous),
            Some(winner) => Ok(winner),
            None => Err(self.unasked.or(self.refused).unwrap_or(Invalid::Signature)),
        }
    }
}
