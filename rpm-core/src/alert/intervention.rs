//! What is being done about an alert, until it is known whether it helped.
//!
//! An intervention *helped* if the alert's condition, active when it was begun, is found to be over by
//! data observed after that, while the remediation runs or within [`HELPS_WITHIN`] after it was
//! finished. It did *not* if before that the alert becomes more severe, the remediation or what
//! follows it lapses, a person resolves what is still active or begins another remediation, or the time
//! is over. Of everything else nobody can say: of a condition that was on its way to be over already, of
//! late evidence that takes it back, of what keeps coming and going, of a remediation that was given
//! back. That counts neither way. Data that stop never count as help.

use alloc::string::String;

use crate::time::{Duration, HostTime, Timestamp};

/// For so long after a remediation was finished, what is over counts as helped.
pub const HELPS_WITHIN: Duration = Duration::from_secs(30 * 60);

/// The longest name of an intervention, in bytes.
pub const MAX_INTERVENTION_LEN: usize = 64;

/// What is being done, or was done lately.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    pub intervention: String,
    pub since: HostTime,
    pub finished_at: Option<HostTime>,
}

impl Trial {
    /// When it is too late to help.
    pub fn ends_at(&self) -> Option<HostTime> {
        self.finished_at.map(|at| at.plus(HELPS_WITHIN))
    }

    /// Whether what was observed then may have come of it. A device's clock is taken at its word: what
    /// it dates before the beginning is no evidence for us.
    pub fn may_have_led_to(&self, observed_at: Timestamp) -> bool {
        observed_at.as_millis() > self.since.as_millis()
    }
}

/// Whether a word can name an intervention: as names in policies are written.
pub(crate) fn is_name(word: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=MAX_INTERVENTION_LEN).contains(&word.len()) && word.bytes().all(fits)
}
