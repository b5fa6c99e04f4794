//! protocol/message
