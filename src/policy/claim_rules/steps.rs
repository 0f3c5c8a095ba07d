//! What comparing costs. Whoever writes rules writes many, whoever writes claims writes long ones, and each rule is cheap
//! while all of them together keep a node busy that serves every tenant: so what is looked at is counted, and comparing ends
//! where there is too much of it. What was not compared does not hold.

/// Most steps that the rules of one trusted issuer or site take for one token.
pub const OF_RULES: usize = 1_000_000;
/// Most that all mappings of an issuer take together.
pub const OF_ISSUER: usize = 4_000_000;

/// How many steps are left. One is about as much as looking at one byte of a claim.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    left: usize,
    spent: bool,
}

impl Steps {
    /// So many, and no more.
    #[must_use]
    pub fn at_most(left: usize) -> Self {
        Self { left, spent: false }
    }

    /// Takes `count` of them, if there are as many; after the first time that there are not, there is none.
    #[must_use]
    pub fn take(&mut self, count: usize) -> bool {
        let left = self.left.checked_sub(count).filter(|_| !self.spent);
        self.spent = left.is_none();
        self.left = left.unwrap_or_default();
        !self.spent
    }

    /// Whether there were too few: then nothing that was found is all there is.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.spent
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }
}
