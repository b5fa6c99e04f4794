//! protocol/startup
