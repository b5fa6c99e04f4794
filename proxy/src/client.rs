//! The side of the pooler that faces clients.

pub mod auth;
pub mod refusal;
pub mod startup;
