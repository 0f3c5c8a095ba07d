//! The services behind forward auth, found by host and path.

use crate::store::sites::Site;

/// All sites of the deployment.
#[derive(Debug, Default)]
pub struct Sites {
    sites: Vec<Site>,
}

impl Sites {
    /// From the stored ones.
    #[must_use]
    pub fn build(sites: Vec<Site>) -> Self {
        Self { sites }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sites.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }
}
