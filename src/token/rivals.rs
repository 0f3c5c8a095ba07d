//! A token for which no tenant is named, and that issuers of several may judge. None of them waits for another's: whoever
//! administers one tenant says where its keys are, and could name a place that never answers. So the keys at hand judge
//! first, and what must be fetched is fetched for all at the same time; the first that accepts decides.
//!
//! Two whose keys are at hand and that both accept it are [`Invalid::Ambiguous`]. That a tenant cannot make its own what
//! another has is for who writes settings (`apply::rivals`).

use futures_util::{StreamExt as _, stream};

use super::{
    invalid::Invalid,
    presented::Presented,
    source::{Proven, Source},
    steps::Trail,
    unverified::Unverified,
    verify::Demand,
};

/// Sources that may wait for their keys at a time.
const AT_ONCE: usize = 32;

/// Judges a token by candidates of several tenants; `now` is unix seconds.
pub(super) async fn judge<'s>(
    token: &Presented<'_>,
    candidates: Vec<&'s Source>,
    now: i64,
) -> Result<(&'s Source, Proven), Invalid> {
    let jwt = token.jwt().map_err(Clone::clone)?;
    if let Some(winner) = at_hand(jwt, &candidates, now).await? {
        return Ok(winner);
    }
    let all: Vec<_> = in_turns(&candidates).into_iter().map(|source| one(token, source, now)).collect();
    let mut judging = stream::iter(all).buffer_unordered(AT_ONCE);
    let mut refused: Option<Invalid> = None;
    while let Some((source, judged)) = judging.next().await {
        match judged {
            // Whoever shares the keys has them by now, too: the answer is the same as the next time.
            Ok(proven) => return Ok(at_hand(jwt, &candidates, now).await?.unwrap_or((source, proven))),
            Err(invalid) if refused.as_ref().is_none_or(|before| before.reach() < invalid.reach()) => refused = Some(invalid),
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or(Invalid::Signature))
}

async fn one<'s>(token: &Presented<'_>, source: &'s Source, now: i64) -> (&'s Source, Result<Proven, Invalid>) {
    (source, source.judge(token, &Demand::of(&source.rules, now), &mut Trail::default()).await)
}

/// The one whose keys are at hand and that accepts the token; of a tenant's own its first.
async fn at_hand<'s>(jwt: &Unverified<'_>, candidates: &[&'s Source], now: i64) -> Result<Option<(&'s Source, Proven)>, Invalid> {
    let mut winner: Option<(&Source, Proven)> = None;
    for source in candidates {
        if winner.as_ref().is_some_and(|(first, _)| first.tenant == source.tenant) {
            continue;
        }
        match source.judge_at_hand(jwt, now).await {
            Some(_) if winner.is_some() => return Err(Invalid::Ambiguous),
            Some(proven) => winner = Some((source, proven)),
            None => {}
        }
    }
    Ok(winner)
}

/// The first of each tenant, then the second of each, and so on: one with a thousand does not keep the others waiting.
fn in_turns<'s>(candidates: &[&'s Source]) -> Vec<&'s Source> {
    let mut turns: Vec<(usize, &Source)> = Vec::with_capacity(candidates.len());
    for source in candidates {
        let turn = turns.iter().filter(|(_, before)| before.tenant == source.tenant).count();
        turns.push((turn, source));
    }
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, source)| source).collect()
}
