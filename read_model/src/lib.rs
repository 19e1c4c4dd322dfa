//! read_model
