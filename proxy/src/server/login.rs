//! server/login
