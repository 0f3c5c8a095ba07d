//! gatehouse: an SSO broker and authorization server.
//!
//! Customers sign in with their own identity provider; gatehouse links the person to a user, issues its own signed
//! tokens, and judges every bearer token that reaches the platform. The rooms and what each may import are drawn in
//! the README's "House".

pub mod clock;
pub mod connector;
pub mod oauth;
pub mod outbound;
pub mod policy;
pub mod seal;
pub mod secret;
pub mod store;
pub mod token;
