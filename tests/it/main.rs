//! tests

mod up;
