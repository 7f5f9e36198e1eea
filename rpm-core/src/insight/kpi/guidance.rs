//! What the standards say a figure should be.
//!
//! ISA-18.2 (ANSI/ISA-18.2-2016, "Management of Alarm Systems for the Process Industries") and IEC
//! 62682 have these as guidance for one operator over at least thirty days; they were written for
//! plants, not for wards, and a site may set its own. The numbers were taken from summaries of the
//! standards, not from their text: confirm them there before claiming conformity.

use crate::time::Duration;

/// The length of a bin: alarms are counted by ten minutes (ISA-18.2, alarm rate and flood figures).
pub const BIN: Duration = Duration::from_secs(600);

/// So many days of records a figure should rest on (ISA-18.2, monitoring and assessment).
pub const DAYS: u64 = 30;

/// Alarms an hour for one operator: very likely to be acceptable (ISA-18.2, average rate: about one
/// in ten minutes).
pub const PER_HOUR_ACCEPTABLE: u64 = 6;

/// Alarms an hour for one operator: the most that can be managed (ISA-18.2, average rate: about two
/// in ten minutes).
pub const PER_HOUR_MOST: u64 = 12;

/// More in ten minutes than this start a flood (ISA-18.2, IEC 62682, alarm flood); no ten minutes
/// should have more (peak rate).
pub const FLOOD_ABOVE: u64 = 10;

/// Fewer in ten minutes than this end a flood (ISA-18.2, IEC 62682, alarm flood).
pub const FLOOD_ENDS_BELOW: u64 = 5;

/// Thousandths of the time that may be spent in flood, and of ten minutes that may have more than
/// [`FLOOD_ABOVE`]: fewer than this (ISA-18.2, flood and peak rate: less than one per cent).
pub const FLOOD_PERMILLE: u64 = 10;

/// Thousandths of all alarms that the ten most frequent should make up at most (ISA-18.2, frequent
/// alarms: one to five per cent).
pub const TOP_TEN_PERMILLE: u64 = 50;

/// So many are listed as the most frequent (ISA-18.2, frequent alarms).
pub const TOP: usize = 10;

/// Fewer alerts than this should be stale on any day (ISA-18.2, stale alarms).
pub const STALE_BELOW: u64 = 5;

/// Thousandths of all alarms that should have low, medium and high priority (ISA-18.2, priority
/// distribution: about 80, 15 and 5 per cent).
pub const MIX_PERMILLE: [u64; 3] = [800, 150, 50];

pub(super) const PER_HOUR: &str = "about 6, at most 12";
pub(super) const PEAK: &str = "at most 10";
pub(super) const FLOOD: &str = "under 1 %";
pub(super) const STALE: &str = "under 5";
/// Chattering, fleeting and unauthorized suppression (ISA-18.2): none at all.
pub(super) const NONE: &str = "none";
pub(super) const TOP_TEN: &str = "1 to 5 %";
pub(super) const MIX: &str = "about 80/15/5 %";
