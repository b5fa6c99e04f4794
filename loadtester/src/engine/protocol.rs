//! The client's side of PostgreSQL's protocol, without sockets: messages out, frames in, and what
//! each of them means. Message formats are those of chapter «Frontend/Backend Protocol» of
//! PostgreSQL's manual.

mod answer;
mod error_fields;
mod frames;
mod login;
mod rows;
mod scram;
mod script;

pub(super) use self::login::database_of;
pub(super) use self::{
    answer::{Answer, Awaits, Progress, Status},
    error_fields::error_response,
    frames::Frames,
    script::{Coded, Encoded, Expected, Order, Script, literal, numbered, sql_with},
};
pub(crate) use self::{
    frames::Frame,
    login::{Credentials, Login, LoginStep},
};
