//! What `gatehouse demo` adds to show the whole journey on one machine; never reachable under `serve`.

pub mod page;
