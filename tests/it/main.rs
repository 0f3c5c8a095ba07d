//! The whole product, in one test binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: clippy allows these only inside test functions"
)]

mod connector;
mod idp;
