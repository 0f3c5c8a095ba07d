//! What a decision says of itself on its way, where an operator has asked: each rule in the order in which it decides, and
//! what came of it. Where nobody has, nothing is put into words, and the first rule that does not hold ends it.

use std::sync::Arc;

use super::decide::Refusal;
use crate::{
    policy::claim_rules::Verdict,
    token::Step,
    trust::{Bearer, catalogue::Catalogue, report::Report, sites::Site},
};

/// An account of a decision.
#[derive(Debug, Default)]
pub struct Account {
    /// Whose sites it may tell of (row id); `None`: everybody's.
    pub tenant: Option<String>,
    /// What was looked at: also rules after one that does not hold, and the first of those decides.
    pub steps: Vec<Step>,
    /// The site that was found.
    pub site: Option<Arc<Site>>,
    /// How its token was judged, if it came to that.
    pub judged: Option<Judged>,
    refused: Option<Refusal>,
}

/// The judgement of a token.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// What was looked at.
    pub report: Report,
    /// Whose it is, where it holds.
    pub bearer: Option<Bearer>,
}

impl Account {
    /// For who may know of this tenant's sites (row id) alone; `None`: of everybody's.
    #[must_use]
    pub fn of(tenant: Option<&str>) -> Self {
        Self { tenant: tenant.map(str::to_owned), ..Self::default() }
    }
}

/// Who watches a decision: somebody who keeps an account of it, or nobody.
#[derive(Debug)]
pub struct Witness<'a>(Option<&'a mut Account>);

impl<'a> Witness<'a> {
    /// Nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self(None)
    }

    /// Somebody.
    #[must_use]
    pub fn keeping(account: &'a mut Account) -> Self {
        Self(Some(account))
    }

    /// Whether anybody is there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Whether sites of the tenant are there at all, for whoever watches.
    #[must_use]
    pub fn may_see(&self, tenant_id: &str) -> bool {
        let tenant = self.0.as_ref().and_then(|account| account.tenant.as_deref());
        tenant.is_none_or(|own| own == tenant_id)
    }

    /// The same of a host: whether one of its sites is theirs.
    #[must_use]
    pub fn may_see_host(&self, catalogue: &Catalogue, host: &str) -> bool {
        !self.is_there() || catalogue.sites.at_host(host).iter().any(|site| self.may_see(&site.tenant_id))
    }

    /// The site is found.
    pub fn found(&mut self, site: &Arc<Site>, host: &str) {
        self.saw("site", true, || format!("{} is at {host}", site.name));
        if let Some(account) = &mut self.0 {
            account.site = Some(Arc::clone(site));
        }
    }

    /// The token is judged now; where somebody watches, what is looked at goes in here.
    pub fn judges(&mut self) -> Option<&mut Report> {
        self.0.as_mut().map(|account| &mut account.judged.insert(Judged::default()).report)
    }

    /// The token is this bearer's.
    pub fn knows(&mut self, bearer: &Bearer) {
        if let Some(judged) = self.0.as_mut().and_then(|account| account.judged.as_mut()) {
            judged.bearer = Some(bearer.clone());
        }
    }

    /// Something was looked at.
    pub fn saw(&mut self, what: &str, passed: bool, detail: impl FnOnce() -> String) {
        if let Some(account) = &mut self.0 {
            account.steps.push(Step { what: what.to_owned(), passed, detail: detail() });
        }
    }

    /// Rules about claims were looked at.
    pub fn saw_claims(&mut self, verdicts: impl FnOnce() -> Vec<Verdict>) {
        if let Some(account) = &mut self.0 {
            let named =
                |verdict: Verdict| Step { what: format!("claim {}", verdict.claim), passed: verdict.passed, detail: verdict.why };
            account.steps.extend(verdicts().into_iter().map(named));
        }
    }

    /// What came of a rule; `holds` says why it does.
    ///
    /// # Errors
    /// As [`Witness::goes_on`].
    pub fn weighs(&mut self, what: &str, outcome: Result<(), Refusal>, holds: impl FnOnce() -> String) -> Result<(), Refusal> {
        match &outcome {
            Ok(()) => self.saw(what, true, holds),
            Err(refusal) => self.saw(what, false, || refusal.cause()),
        }
        self.goes_on(outcome)
    }

    /// Who watches sees the rules after one that does not hold, too: what it refuses with is kept for
    /// [`Witness::concludes`].
    ///
    /// # Errors
    /// The refusal itself, where nobody watches.
    pub fn goes_on(&mut self, outcome: Result<(), Refusal>) -> Result<(), Refusal> {
        match (outcome, &mut self.0) {
            (Err(refusal), Some(account)) => {
                account.refused.get_or_insert(refusal);
                Ok(())
            }
            (outcome, _) => outcome,
        }
    }

    /// Every rule was looked at.
    ///
    /// # Errors
    /// The first refusal that was gone on after.
    pub fn concludes(&mut self) -> Result<(), Refusal> {
        self.0.as_mut().and_then(|account| account.refused.take()).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no(why: &str) -> Result<(), Refusal> {
        Err(Refusal::Forbidden(why.to_owned()))
    }

    #[test]
    fn who_watches_sees_what_follows_and_the_first_refusal_stays() {
        let mut account = Account::default();
        let mut witness = Witness::keeping(&mut account);
        assert!(witness.weighs("a", Ok(()), || "good".to_owned()).is_ok());
        assert!(witness.weighs("b", no("first"), String::new).is_ok() && witness.weighs("c", no("second"), String::new).is_ok());
        assert!(matches!(witness.concludes(), Err(Refusal::Forbidden(why)) if why == "first"));
        let seen: Vec<_> = account.steps.iter().map(|s| (s.what.as_str(), s.passed, s.detail.as_str())).collect();
        assert_eq!(seen, [("a", true, "good"), ("b", false, "first"), ("c", false, "second")]);
    }

    #[test]
    fn where_nobody_watches_the_first_refusal_ends_it_and_nothing_is_said() {
        let mut nobody = Witness::nobody();
        nobody.saw("x", true, || panic!("nobody has asked"));
        nobody.saw_claims(|| panic!("nobody has asked"));
        assert!(nobody.weighs("a", Ok(()), || panic!("nobody has asked")).is_ok());
        assert!(nobody.weighs("b", no("first"), String::new).is_err() && nobody.concludes().is_ok());
        assert!(nobody.may_see("anybody"));
        let mut account = Account::of(Some("mine"));
        let witness = Witness::keeping(&mut account);
        assert!(witness.may_see("mine") && !witness.may_see("theirs"));
    }
}
