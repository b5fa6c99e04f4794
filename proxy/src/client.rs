//! The side of the pooler that faces clients.

mod acquaint;
mod admitted;
pub mod auth;
pub mod card;
pub mod connection;
pub mod end;
pub mod farewell;
pub mod hello;
pub mod intake;
mod login;
mod mention;
pub mod origin;
pub mod refusal;
pub mod rehearsal;
pub mod replication;
pub mod session;
pub mod startup;
