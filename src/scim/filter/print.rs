//! A filter as text, which reads as the same filter.
