//! State to bytes and back.

/// What a restore found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoreReport {}
