//! What a window is about.

use std::fmt;

/// Which target under which scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// The target's name.
    pub target: &'a str,
    /// The block, from 1, and how many there are; absent while warming up.
    pub block: Option<(u32, u32)>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario,
            target,
            block,
        } = self;
        match block {
            Some((block, of)) => write!(out, "{scenario}  {block}/{of}  {target}"),
            None => write!(out, "{scenario}  warming up {target}"),
        }
    }
}
