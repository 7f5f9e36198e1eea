//! What people, rotas, channels and circumstances may say.

use rpm_core::alert::{Action, Roster, Shift};
use rpm_core::event::{Body, Context, DeviceStatus, Profile};
use rpm_core::record::{DeliveryState, Resolution};
use rpm_core::{HostTime, PatientId};

use super::bytes::Bytes;

/// A time around now, or nonsense.
fn time(input: &mut Bytes<'_>, now: HostTime) -> HostTime {
    let ahead = input.pick(&[30_000, 120_000, 600_000, 3_600_000, -1, i64::MAX]);
    HostTime::from_millis(now.as_millis().saturating_add(ahead))
}

pub fn action(input: &mut Bytes<'_>, now: HostTime) -> Action {
    let text = || "done \"so\"\n".to_string();
    match input.u8() % 12 {
        0 | 1 => Action::Acknowledge,
        2 => Action::Resolve {
            reason: input.pick(&[
                Resolution::TrueActedOn,
                Resolution::FalseArtifact,
                Resolution::FalseLimit,
                Resolution::Other,
            ]),
            note: Some(text()),
        },
        3 => Action::Unacknowledge,
        4 => {
            let due = input.pick(&[false, true]).then(|| time(input, now));
            let intervention = due.map(|_| "oxygen".to_string());
            Action::StartRemediation { owner: None, due, intervention }
        }
        5 => Action::FinishRemediation,
        6 | 7 => Action::Shelve { until: time(input, now), reason: text() },
        8 => Action::Unshelve,
        9 => Action::TakeOutOfService { reference: text() },
        10 => Action::ReturnToService,
        _ => match input.u8() % 2 {
            0 => Action::Assign { to: "eve".into() },
            _ => Action::Note { text: text() },
        },
    }
}

pub fn state(input: &mut Bytes<'_>) -> DeliveryState {
    input.pick(&[
        DeliveryState::Handed,
        DeliveryState::Delivered,
        DeliveryState::Seen,
        DeliveryState::Failed,
        DeliveryState::Cancelled,
        DeliveryState::Planned,
    ])
}

pub fn circumstances(input: &mut Bytes<'_>) -> Body {
    match input.u8() % 3 {
        0 => {
            let worn = input.pick(&[None, Some(false), Some(true)]);
            Body::DeviceStatus(DeviceStatus { worn, ..DeviceStatus::default() })
        }
        1 => {
            let phase = input.pick(&[None, Some("procedure"), Some("ward")]);
            let care_phase = phase.map(Into::into);
            Body::Context(Context { care_phase, ..Context::default() })
        }
        _ => Body::Profile(Box::new(Profile {
            cohort: input.pick(&[None, Some("north")]).map(Into::into),
            utc_offset_min: input.pick(&[None, Some(60), Some(i16::MIN), Some(i16::MAX)]),
            consent: input.pick(&[None, Some(true), Some(false)]),
            conditions: Vec::from(["copd".to_string()]),
            declined_channels: input
                .pick(&[None, Some("push")])
                .map(Into::into)
                .into_iter()
                .collect(),
            ..Profile::default()
        })),
    }
}

pub fn roster(input: &mut Bytes<'_>, clock: i64) -> Roster {
    let shift = |input: &mut Bytes<'_>| {
        let from = input.pick(&[clock - 60_000, clock, clock + 90_000, i64::MIN]);
        let length = input.pick(&[1, 60_000, 28_800_000, i64::MAX]);
        let patient = input.pick(&[None, Some("p0")]).and_then(|p| PatientId::new(p).ok());
        Shift {
            function: input.pick(&["nurse", "head"]).into(),
            person: input.pick(&["nurse", "ann", "eve"]).into(),
            from: HostTime::from_millis(from),
            until: HostTime::from_millis(from.saturating_add(length)),
            tenant: None,
            patient,
        }
    };
    let shifts: Vec<Shift> = (0..input.u8() % 5).map(|_| shift(input)).collect();
    Roster::new(shifts)
}
