//! client/startup
