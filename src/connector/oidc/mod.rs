//! x
mod claims;
