//! Reading recordings: from bytes of any quality to readings in the order of their arrival.
//!
//! | module | holds |
//! |---|---|
//! | [`lines`] | lines of bounded length from a plain or gzipped file |
//! | [`fields`] | one CSV line as fields |
//! | [`columns`] | the header: which field is what |
//! | [`names`] | patients, devices and kinds as small numbers |
//! | [`row`] | one CSV row as a reading, or why it is none |
//! | [`item`] | what is sorted: a reading, or an event as JSON text |
//! | [`sort`] | a stable merge sort that spills to disk |
//! | [`recording`] | a whole file, row by row |

pub mod columns;
pub mod fields;
pub mod item;
pub mod lines;
pub mod names;
pub mod recording;
pub mod row;
pub mod sort;
