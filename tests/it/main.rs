//! The whole application in process, built by the same function as `main` uses, over HTTP, on a fresh database for each
//! test, with a clock that is moved by hand. Everything runs on SQLite, and on PostgreSQL when `GATEHOUSE_TEST_POSTGRES`
//! names a server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod access;
mod admin;
mod apply;
mod apply_trust;
mod assertions;
mod attacks;
mod authorize;
mod backchannel;
mod browser;
mod cli;
mod cli_directories;
mod cli_users;
mod client_credentials;
mod codes;
mod connector;
mod crowd;
mod databases;
mod demo;
mod direct;
mod directories;
mod exchange;
mod failures;
mod forward;
mod hops;
mod idp;
mod imported_keys;
mod linking;
mod logout;
mod matrix;
mod mix_up;
mod nodes;
mod operations;
mod passwords;
mod protected_resource;
mod publisher;
mod pushed;
mod readme;
mod refresh;
mod saml;
mod saml_arrivals;
mod saml_callback;
mod saml_logout;
mod saml_metadata;
mod saml_provider;
mod scim;
mod secrets;
mod serve;
mod shut_out;
mod sign_in;
mod sso;
mod starts;
mod store;
mod tokens;
mod trust;
mod trust_matrix;
mod trusted;
mod vectors;
mod whoami;
mod world;
