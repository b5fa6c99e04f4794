//! The client's side of PostgreSQL's protocol, without sockets: messages out, frames in, and what
//! each of them means. Message formats are those of chapter «Frontend/Backend Protocol» of
//! PostgreSQL's manual.

mod answer;
mod error_fields;
mod frames;
mod login;
mod scram;
mod script;

pub(super) use self::{
    answer::{Answer, Progress, Status},
    error_fields::error_response,
    frames::Frames,
    script::{Encoded, Expected, Order, Script, with_nonces},
};
pub(crate) use self::{
    frames::Frame,
    login::{Credentials, Login, LoginStep},
};
