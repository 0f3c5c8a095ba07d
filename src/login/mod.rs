//! People with a browser: the sign-in, consent and account pages.

pub mod pages;
