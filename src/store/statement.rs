//! A statement put together at run time, of pieces that stand in this program and of bound values: no text from outside
//! can become part of it, whatever a filter looks like (Ory CVE-2026-33504).

use super::db::Param;

/// A statement under construction, in the spellings of both databases.
#[derive(Debug)]
pub struct Statement<'a> {
    lite: String,
    postgres: String,
    params: Vec<Param<'a>>,
}

impl<'a> Statement<'a> {
    /// Begins with `sql`, which holds no parameters.
    #[must_use]
    pub fn new(sql: &'static str) -> Self {
        Self { lite: sql.to_owned(), postgres: sql.to_owned(), params: Vec::new() }
    }

    /// All of a statement with its parameters.
    pub(super) fn whole(sql: &'static str, params: &[Param<'a>]) -> Self {
        Self { params: params.to_vec(), ..Self::new(sql) }
    }

    /// Goes on with `sql`, which holds no parameters.
    pub fn push(&mut self, sql: &'static str) -> &mut Self {
        self.lite.push_str(sql);
        self.postgres.push_str(sql);
        self
    }

    /// Goes on with a parameter of this value.
    pub fn bind(&mut self, value: impl Into<Param<'a>>) -> &mut Self {
        self.params.push(value.into());
        let place = format!("${}", self.params.len());
        self.lite.push_str(&place);
        self.postgres.push_str(&place);
        self
    }

    /// Goes on with what each of them has its own way for, without parameters.
    pub(super) fn either(&mut self, lite: &'static str, postgres: &'static str) -> &mut Self {
        self.lite.push_str(lite);
        self.postgres.push_str(postgres);
        self
    }

    /// Goes on with what SQLite has its own way for, around a parameter of this value.
    pub(super) fn on_sqlite(&mut self, before: &'static str, value: &'a str, after: &'static str) -> &mut Self {
        self.params.push(value.into());
        self.lite.push_str(&format!("{before}${}{after}", self.params.len()));
        self
    }

    /// The same for PostgreSQL.
    pub(super) fn on_postgres(&mut self, before: &'static str, value: &'a str, after: &'static str) -> &mut Self {
        self.params.push(value.into());
        self.postgres.push_str(&format!("{before}${}{after}", self.params.len()));
        self
    }

    /// Goes on with parameters of these values, with commas between them.
    pub fn bind_each<T: Into<Param<'a>>>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        for (n, value) in values.into_iter().enumerate() {
            if n > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self
    }

    /// Has the text before it compared byte by byte, as SQLite does anyway and PostgreSQL where a column says so.
    pub fn bytewise(&mut self) -> &mut Self {
        self.postgres.push_str(" COLLATE \"C\"");
        self
    }

    /// Ends with a lock on the rows that it reads, until the transaction ends. SQLite's transactions have it anyway: one at a
    /// time writes.
    pub fn locked(&mut self) -> &mut Self {
        self.postgres.push_str(" FOR UPDATE");
        self
    }

    /// Asks how the database would go about it instead: which indexes it would use.
    #[must_use]
    pub fn explained(self) -> Self {
        Self { lite: format!("EXPLAIN QUERY PLAN {}", self.lite), postgres: format!("EXPLAIN {}", self.postgres), ..self }
    }

    pub(super) fn lite(&self) -> &str {
        &self.lite
    }

    pub(super) fn postgres(&self) -> &str {
        &self.postgres
    }

    pub(super) fn params(&self) -> &[Param<'a>] {
        &self.params
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_in_the_order_they_come() {
        let mut s = Statement::new("SELECT 1 WHERE a = ");
        s.bind("x' OR 1=1")
            .push(" AND b")
            .bytewise()
            .push(" > ")
            .bind(3)
            .push(" AND c IN (")
            .bind_each(["p", "q"])
            .push(")")
            .locked();
        assert_eq!(s.lite(), "SELECT 1 WHERE a = $1 AND b > $2 AND c IN ($3, $4)");
        assert_eq!(s.postgres(), "SELECT 1 WHERE a = $1 AND b COLLATE \"C\" > $2 AND c IN ($3, $4) FOR UPDATE");
        assert_eq!(s.params().len(), 4);
        let mut s = Statement::new("SELECT a");
        s.on_sqlite(" GLOB ", "x", "").on_postgres(" ~ ", "y", "").push(" = ").bind(1);
        assert_eq!((s.lite(), s.postgres()), ("SELECT a GLOB $1 = $3", "SELECT a ~ $2 = $3"));
    }
}
