//! The database; no SQL stands anywhere else. One file per noun, each with plain functions over [`db::Db`].
//!
//! House rules of the SQL: every text is a `&'static str` in the function that owns it, in the subset that SQLite and
//! PostgreSQL read alike; every change that must happen once is one conditional statement on one row whose
//! affected-row count is the verdict; ids and times come from the caller.

pub mod clients;
pub mod connections;
pub mod db;
pub mod domains;
pub mod meta;
pub mod on;
pub mod teams;
pub mod tenants;
pub mod users;

pub use db::{Db, StoreError};
pub use on::On;
