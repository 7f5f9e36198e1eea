//! Who has which function in the care team, and when: what the host's rota says.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::id::{PatientId, TenantId};
use crate::redact::redacted;
use crate::small_map::SmallMap;
use crate::time::HostTime;

/// One person's shift.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Shift {
    /// The function in the care team, as escalations of the policy name it.
    pub function: String,
    /// Who.
    pub person: String,
    /// From when.
    pub from: HostTime,
    /// Until when.
    pub until: HostTime,
    /// Within this organisation; in all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// For this patient alone, and before whoever has the function for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientId>,
}

/// For whom, within a function.
type Place = (String, Option<TenantId>, Option<PatientId>);

/// Who is on duty when. The host gives a whole one whenever it changes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Roster {
    places: SmallMap<Place, Vec<Shift>>,
}

redacted!(Shift, Roster);

impl Roster {
    /// Of these shifts. Where two of one place overlap, the one that began later has it.
    pub fn new(shifts: impl IntoIterator<Item = Shift>) -> Self {
        let mut shifts: Vec<Shift> = shifts.into_iter().filter(|s| s.from < s.until).collect();
        // There may be one for each patient: in the order of places none is put before another.
        shifts.sort_by(|a, b| place(a).cmp(&place(b)));
        let mut places: SmallMap<Place, Vec<Shift>> = SmallMap::new();
        for shift in shifts {
            let place = (shift.function.clone(), shift.tenant.clone(), shift.patient.clone());
            places.get_or_insert_with(place, Vec::new).push(shift);
        }
        places.values_mut().for_each(|shifts| shifts.sort());
        Self { places }
    }

    /// Every shift.
    pub fn shifts(&self) -> impl Iterator<Item = &Shift> {
        self.places.values().flatten()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Who has a function for a patient at a time: of the shifts that are for it, the most particular.
    pub fn on_duty(
        &self,
        function: &str,
        tenant: Option<&TenantId>,
        patient: &PatientId,
        at: HostTime,
    ) -> Option<&Shift> {
        let place = |tenant: Option<&TenantId>, patient: Option<&PatientId>| {
            (String::from(function), tenant.cloned(), patient.cloned())
        };
        let places = [place(tenant, Some(patient)), place(tenant, None), place(None, None)];
        places.iter().find_map(|place| {
            let shifts = self.places.get(place)?.iter();
            shifts.filter(|s| s.from <= at && at < s.until).max_by_key(|s| (s.from, s.until))
        })
    }

    /// The shift that a person works at a time, for this patient before for all.
    pub fn shift_of(
        &self,
        person: &str,
        tenant: Option<&TenantId>,
        patient: &PatientId,
        at: HostTime,
    ) -> Option<&Shift> {
        let works = |s: &&Shift| s.person == person && s.from <= at && at < s.until;
        let concerns = |s: &&Shift| {
            s.patient.as_ref().is_none_or(|p| p == patient && s.tenant.as_ref() == tenant)
                && (s.tenant.is_none() || s.tenant.as_ref() == tenant)
        };
        let shifts = self.shifts().filter(works).filter(concerns);
        shifts.max_by_key(|s| (s.patient.is_some(), s.until))
    }
}

fn place(shift: &Shift) -> (&String, &Option<TenantId>, &Option<PatientId>) {
    (&shift.function, &shift.tenant, &shift.patient)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(person: &str, from: i64, until: i64, patient: Option<&str>) -> Shift {
        Shift {
            function: "nurse".into(),
            person: person.into(),
            from: HostTime::from_millis(from),
            until: HostTime::from_millis(until),
            tenant: None,
            patient: patient.map(|p| PatientId::new(p).unwrap()),
        }
    }

    #[test]
    fn the_patients_own_nurse_comes_before_the_wards() {
        let roster = Roster::new([
            shift("ann", 0, 100, None),
            shift("bob", 10, 50, Some("p1")),
            shift("eve", 50, 90, None),
        ]);
        let on = |patient, at| {
            let patient = PatientId::new(patient).unwrap();
            let at = HostTime::from_millis(at);
            roster.on_duty("nurse", None, &patient, at).map(|s| s.person.clone())
        };
        assert_eq!(on("p1", 9).as_deref(), Some("ann"));
        assert_eq!(on("p1", 10).as_deref(), Some("bob"));
        assert_eq!(on("p2", 10).as_deref(), Some("ann"));
        assert_eq!(on("p1", 50).as_deref(), Some("eve"), "a later shift takes over");
        assert_eq!(on("p2", 100), None);
    }

    #[test]
    fn the_nurse_of_one_house_is_not_that_of_another() {
        let (north, south) = (TenantId::new("north").unwrap(), TenantId::new("south").unwrap());
        let of = |tenant: &TenantId, shift: Shift| Shift { tenant: Some(tenant.clone()), ..shift };
        let roster = Roster::new([
            of(&north, shift("ann", 0, 100, None)),
            of(&south, shift("bob", 0, 100, None)),
            of(&south, shift("eve", 0, 50, Some("p1"))),
        ]);
        let (patient, at) = (PatientId::new("p1").unwrap(), HostTime::from_millis(10));
        let on = |tenant| {
            let shift = roster.on_duty("nurse", tenant, &patient, at);
            shift.map(|shift| shift.person.as_str())
        };
        assert_eq!(
            (on(Some(&north)), on(Some(&south)), on(None)),
            (Some("ann"), Some("eve"), None)
        );
        let works = |person, tenant| roster.shift_of(person, tenant, &patient, at).is_some();
        assert!(works("eve", Some(&south)) && !works("eve", Some(&north)) && !works("eve", None));
    }
}
