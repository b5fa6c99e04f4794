//! client/auth
