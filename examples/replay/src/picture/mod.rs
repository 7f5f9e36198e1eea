//! A patient's signals, limits, gaps and alerts as one SVG, for a clinician's eye.
//!
//! | module | holds |
//! |---|---|
//! | [`chart`] | what is shown: panels and lanes over one time axis |
//! | [`layout`] | the drawing of it |
//! | [`panel`] | one signal |
//! | [`lane`] | one rule's alerts |
//! | [`trace`] | readings thinned out without losing an extreme, and the gaps between them |
//! | [`axis`] | ticks and scales |
//! | [`svg`] | the markup |
//! | [`page`] | all pictures and alerts on one HTML page |

pub mod axis;
pub mod chart;
pub mod lane;
pub mod layout;
pub mod page;
pub mod panel;
pub mod svg;
pub mod trace;
