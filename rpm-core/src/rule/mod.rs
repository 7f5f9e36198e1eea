//! Rules at work: predicates with four answers, and conditions that remember.
//!
//! | module | holds |
//! |---|---|
//! | [`predicate`] | comparisons and their compositions at one time |
//! | [`condition`] | holds, levels, hysteresis; taking back and evaluating again |
//! | [`score`] | early warning scores: points, total, what it means |
//! | [`derived`] | scores as signals |
//! | [`pulses`] | what readings no rule need look at |
//! | `modified` | what circumstances make of limits and holds |
//! | [`calm`] | the newest value of what others are derived of |
//! | [`background`] | what is usual, and what is known of the patient's circumstances |
//! | [`wearing`] | which devices were worn when |

pub(crate) mod background;
pub(crate) mod calm;
pub(crate) mod condition;
pub(crate) mod derived;
mod modified;
pub(crate) mod predicate;
pub(crate) mod pulses;
pub(crate) mod score;
pub(crate) mod wearing;
