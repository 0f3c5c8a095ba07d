//! A window on a long list: what comes after a name, as many as asked for, and only what is searched for. Each noun has its
//! own statement, which goes along the index of its names.

/// Which part of a tenant's things of one noun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window<'a> {
    /// Whose.
    pub tenant_id: &'a str,
    /// The name that came last; empty: from the beginning.
    pub after: &'a str,
    /// At most this many.
    pub limit: i64,
    like: String,
}

impl<'a> Window<'a> {
    /// Things whose name holds `search`, whatever its case.
    #[must_use]
    pub fn new(tenant_id: &'a str, search: &str, after: &'a str, limit: i64) -> Self {
        let mut like = String::from("%");
        for c in search.trim().to_lowercase().chars() {
            if matches!(c, '%' | '_' | '!') {
                like.push('!');
            }
            like.push(c);
        }
        if like.len() > 1 {
            like.push('%');
        }
        Self { tenant_id, after, limit, like }
    }

    /// The pattern for `LOWER(…) LIKE … ESCAPE '!'`.
    #[must_use]
    pub fn like(&self) -> &str {
        &self.like
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_means_itself() {
        for (search, like) in [("", "%"), (" Ok ", "%ok%"), ("a_b%!", "%a!_b!%!!%")] {
            assert_eq!(Window::new("t", search, "", 1).like(), like);
        }
    }
}
