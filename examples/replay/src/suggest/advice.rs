//! Which change is suggested for a bad actor, or why none is.

use std::collections::BTreeMap;

use rpm_core::insight::Owner;
use rpm_core::insight::kpi::Actor;
use serde::Serialize;

use super::change::Change;
use super::history::{Breach, Cost};
use crate::check::counted;
use crate::episode::level_name;
use crate::table;

/// A change is as good as the best if it avoids so many tenths of what that one does.
const GOOD_TENTHS: u64 = 9;
/// The time in alarm may grow so much: what stands for good avoids every other alarm.
const LONGER: i64 = 2;

/// A change that was tried on the recording.
pub struct Trial {
    /// What it changes.
    pub change: Change,
    /// Alarms of the rule as it is and with the change, by patient.
    pub alarms: BTreeMap<Owner, [u64; 2]>,
    /// What it costs each patient.
    pub costs: BTreeMap<Owner, Cost>,
}

/// Why no change is suggested.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// A signal that is missing: no limit will bring it back.
    Technical,
    /// No hold within the longest and no dead band changes this rule.
    NothingToVary,
    /// None of those tried avoids an alarm.
    NothingAvoids {
        /// How many were tried.
        changes: usize,
    },
    /// What would avoid alarms gives up what must be kept.
    GivesUp {
        /// The mildest that avoids most.
        #[serde(flatten)]
        tried: Tried,
        /// Whose episode.
        #[serde(flatten)]
        owner: Owner,
        /// Which.
        episode: Breach,
    },
    /// What would avoid alarms is one that stands instead.
    Stands {
        /// The mildest that avoids most.
        #[serde(flatten)]
        tried: Tried,
    },
    /// In the whole policy it avoids none.
    NotConfirmed {
        /// The change.
        #[serde(flatten)]
        tried: Tried,
    },
}

/// A change that is not suggested.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The change in words.
    pub tried: String,
    /// How many of the actor's alarms it avoids.
    pub avoids: u64,
}

impl Trial {
    /// How many alarms of a patient it avoids.
    fn avoids(&self, owner: &Owner) -> u64 {
        self.alarms.get(owner).map_or(0, |[now, then]| now.saturating_sub(*then))
    }

    fn tried(&self, owner: &Owner) -> Tried {
        Tried { tried: self.change.words.clone(), avoids: self.avoids(owner) }
    }

    /// Why it must not be made: a rule is everybody's, so every patient of the recording counts.
    fn refused(&self, owner: &Owner) -> Option<Refusal> {
        let tried = self.tried(owner);
        let breaches = self.costs.iter().filter_map(|(o, c)| Some((o, c.breach.as_ref()?)));
        // The worst is said; of those as bad the actor's own.
        let worst = breaches.max_by_key(|(o, breach)| (breach.level, *o == owner));
        if let Some((owner, episode)) = worst {
            let (owner, episode) = (owner.clone(), episode.clone());
            return Some(Refusal::GivesUp { tried, owner, episode });
        }
        let longer = |[before, after]: [i64; 2]| after > before.saturating_mul(LONGER);
        let own = self.costs.get(owner).map_or([0, 0], |cost| cost.held);
        let all = self.costs.values().fold([0, 0], |sum: [i64; 2], cost| {
            [sum[0].saturating_add(cost.held[0]), sum[1].saturating_add(cost.held[1])]
        });
        (longer(own) || longer(all)).then_some(Refusal::Stands { tried })
    }
}

/// The mildest change that avoids nine tenths of what the best one does. Trials are in the order of
/// mildness.
pub fn choose<'a>(actor: &Actor, trials: &'a [Trial]) -> Result<&'a Trial, Refusal> {
    if trials.is_empty() {
        return Err(Refusal::NothingToVary);
    }
    let (owner, nothing) = (&actor.owner, Refusal::NothingAvoids { changes: trials.len() });
    let (refused, allowed): (Vec<&Trial>, Vec<&Trial>) =
        trials.iter().partition(|trial| trial.refused(owner).is_some());
    match (mildest(&allowed, owner), mildest(&refused, owner)) {
        (Some(trial), _) => Ok(trial),
        (None, Some(trial)) => Err(trial.refused(owner).unwrap_or(nothing)),
        (None, None) => Err(nothing),
    }
}

fn mildest<'a>(trials: &[&'a Trial], owner: &Owner) -> Option<&'a Trial> {
    let best = trials.iter().map(|trial| trial.avoids(owner)).max().filter(|most| *most > 0)?;
    trials.iter().find(|trial| trial.avoids(owner) * 10 >= best * GOOD_TENTHS).copied()
}

impl Refusal {
    /// For a person.
    pub fn words(&self) -> String {
        let but =
            |tried: &Tried| format!("none: {} would avoid {}, but ", tried.tried, tried.avoids);
        match self {
            Self::Technical => {
                "none: a missing signal is a technical matter; look at the sensor, its seat and \
                 battery, and the link"
                    .into()
            }
            Self::NothingToVary => {
                "none: no dead band applies, and no longer hold is within --longest-hold".into()
            }
            Self::NothingAvoids { changes } => {
                format!("none: of {} tried not one avoids an alarm", counted(*changes, "change"))
            }
            Self::GivesUp { tried, owner, episode } => {
                let Breach { level, from, lasted, late, real } = episode;
                let what = match late {
                    Some(late) => format!("tells {} later of", table::span(late.as_millis())),
                    None => "gives up".into(),
                };
                let people = if *real { ", which people resolved as true" } else { "" };
                let level = level_name(*level);
                let article = if level == "review" { "a" } else { "an" };
                let (from, lasted) = (table::clock(*from), table::span(lasted.as_millis()));
                let of = format!("of {owner} at {from} that lasted {lasted}{people}");
                format!("{}{what} {article} {level} episode {of}", but(tried))
            }
            Self::Stands { tried } => {
                format!("{}more than doubles the time in alarm", but(tried))
            }
            Self::NotConfirmed { tried } => {
                format!(
                    "{}not in the whole policy, with its inhibitions and suppressions",
                    but(tried)
                )
            }
        }
    }
}
