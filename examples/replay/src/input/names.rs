//! Patients, devices, kinds and files as small numbers, each checked once.

use std::collections::BTreeMap;
use std::rc::Rc;

use rpm_core::event::{KindRef, Quality};
use rpm_core::{Code, DeviceId, PatientId, Ratio};

use crate::host::Units;

/// Everything that rows name, kept once.
pub struct Names {
    patients: Table<PatientId>,
    devices: Table<DeviceId>,
    measures: Table<Measure>,
    units: Units,
    key: String,
}

/// A kind in the unit of the file: how its values become canonical.
#[derive(Clone, Debug)]
pub struct Measure {
    /// What is measured.
    pub kind: KindRef,
    /// From the file's unit to the canonical one.
    pub ratio: Ratio,
}

impl Names {
    /// Nothing yet. `units` says which kinds and units there are.
    pub fn new(units: Units) -> Self {
        Self {
            patients: Table::default(),
            devices: Table::default(),
            measures: Table::default(),
            units,
            key: String::new(),
        }
    }

    /// The number of a patient.
    pub fn patient(&mut self, text: &str) -> Result<u32, Code> {
        self.patients.number(text, |t| PatientId::new(t).map_err(|e| e.code()))
    }

    /// The number of a device.
    pub fn device(&mut self, text: &str) -> Result<u32, Code> {
        self.devices.number(text, |t| DeviceId::new(t).map_err(|e| e.code()))
    }

    /// The number of a kind in a unit.
    pub fn measure(&mut self, kind: &str, unit: &str) -> Result<u32, Code> {
        self.key.clear();
        self.key.push_str(kind);
        self.key.push('\0');
        self.key.push_str(unit);
        let units = &self.units;
        self.measures.number(&self.key, |_| units.measure(kind, unit))
    }

    /// Whether the engine or the policy knows a kind of this name.
    pub fn knows_kind(&self, kind: &str) -> bool {
        self.units.knows(kind)
    }

    /// The patient of a number.
    pub fn patient_at(&self, number: u32) -> Option<&PatientId> {
        self.patients.items.get(number as usize)
    }

    /// The device of a number.
    pub fn device_at(&self, number: u32) -> Option<&DeviceId> {
        self.devices.items.get(number as usize)
    }

    /// The kind and unit of a number.
    pub fn measure_at(&self, number: u32) -> Option<&Measure> {
        self.measures.items.get(number as usize)
    }
}

/// Things by text, numbered in the order of their first appearance.
struct Table<T> {
    numbers: BTreeMap<Rc<str>, u32>,
    items: Vec<T>,
    last: Option<(Rc<str>, u32)>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { numbers: BTreeMap::new(), items: Vec::new(), last: None }
    }
}

impl<T> Table<T> {
    fn number(
        &mut self,
        text: &str,
        make: impl FnOnce(&str) -> Result<T, Code>,
    ) -> Result<u32, Code> {
        // Recordings are often grouped: the name before is the likeliest.
        if let Some((last, number)) = &self.last
            && **last == *text
        {
            return Ok(*number);
        }
        let (text, number) = match self.numbers.get_key_value(text) {
            Some((text, number)) => (Rc::clone(text), *number),
            None => self.add(text, make(text)?)?,
        };
        self.last = Some((text, number));
        Ok(number)
    }

    fn add(&mut self, text: &str, item: T) -> Result<(Rc<str>, u32), Code> {
        let number = u32::try_from(self.items.len()).map_err(|_| Code::CapacityReached)?;
        let text: Rc<str> = text.into();
        self.numbers.insert(Rc::clone(&text), number);
        self.items.push(item);
        Ok((text, number))
    }
}

/// Reads the quality column: empty is good, a number below 0.5 is an artifact, names are flags.
pub fn quality(text: &str) -> Result<Quality, Code> {
    if text.is_empty() {
        return Ok(Quality::GOOD);
    }
    if let Ok(share) = text.parse::<f64>() {
        return match share {
            s if !(0.0..=1.0).contains(&s) => Err(Code::OutOfRange),
            s if s < 0.5 => Ok(Quality::ARTIFACT),
            _ => Ok(Quality::GOOD),
        };
    }
    text.split('|').map(str::trim).try_fold(Quality::GOOD, |all, name| match name {
        "" | "good" => Ok(all),
        name => Quality::named(name).map(|flag| all.with(flag)).ok_or(Code::UnknownCode),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_is_a_share_or_names() {
        assert_eq!(quality(""), Ok(Quality::GOOD));
        assert_eq!(quality("0.49"), Ok(Quality::ARTIFACT));
        assert_eq!(quality("0.5"), Ok(Quality::GOOD));
        assert_eq!(quality("motion|artifact"), Ok(Quality::MOTION.with(Quality::ARTIFACT)));
        assert_eq!(quality("good"), Ok(Quality::GOOD));
        for (text, code) in
            [("7", Code::OutOfRange), ("NaN", Code::OutOfRange), ("bad", Code::UnknownCode)]
        {
            assert_eq!(quality(text), Err(code), "{text}");
        }
    }
}
