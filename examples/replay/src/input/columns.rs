//! The header of a CSV file: which field is what.

use super::fields::Fields;

/// Where each known column stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Columns {
    /// How many columns the header names; rows with more are damaged.
    pub count: usize,
    /// `patient`.
    pub patient: usize,
    /// `kind`.
    pub kind: usize,
    /// `value`.
    pub value: usize,
    /// `unit`.
    pub unit: usize,
    /// `observed_at` or `t_seconds`.
    pub observed: TimeColumn,
    /// `received_at`, in the same form as the observed time.
    pub received: Option<usize>,
    /// `device`.
    pub device: Option<usize>,
    /// `sequence`.
    pub sequence: Option<usize>,
    /// `quality`.
    pub quality: Option<usize>,
    /// Columns of other names, which are ignored.
    pub ignored: Vec<String>,
}

/// How a file writes its times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeColumn {
    /// `observed_at`: RFC 3339.
    Instant(usize),
    /// `t_seconds`: seconds since 1970-01-01T00:00:00Z.
    Seconds(usize),
}

impl TimeColumn {
    /// The column's index.
    pub fn index(self) -> usize {
        match self {
            Self::Instant(at) | Self::Seconds(at) => at,
        }
    }

    /// The column's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instant(_) => "observed_at",
            Self::Seconds(_) => "t_seconds",
        }
    }
}

const OPTIONAL: [&str; 4] = ["received_at", "device", "sequence", "quality"];

impl Columns {
    /// Reads a header line. The message names columns, which are not a patient's.
    pub fn read(header: &Fields) -> Result<Self, String> {
        let names: Vec<&str> = (0..header.len()).filter_map(|i| header.get(i)).collect();
        let find = |name: &str| names.iter().position(|n| *n == name);
        let need = |name: &str| find(name).ok_or_else(|| missing(name));
        let observed = match (find("observed_at"), find("t_seconds")) {
            (Some(_), Some(_)) => return Err("both observed_at and t_seconds are given".into()),
            (Some(at), None) => TimeColumn::Instant(at),
            (None, Some(at)) => TimeColumn::Seconds(at),
            (None, None) => return Err(missing("observed_at (or t_seconds)")),
        };
        let columns = Self {
            count: names.len(),
            patient: need("patient")?,
            kind: need("kind")?,
            value: need("value")?,
            unit: need("unit")?,
            observed,
            received: find("received_at"),
            device: find("device"),
            sequence: find("sequence"),
            quality: find("quality"),
            ignored: Vec::new(),
        };
        columns.check(&names)
    }

    fn check(mut self, names: &[&str]) -> Result<Self, String> {
        let required = ["patient", "kind", "value", "unit", self.observed.name()];
        for (at, name) in names.iter().enumerate() {
            let known = required.contains(name) || OPTIONAL.contains(name);
            if known && names[..at].contains(name) {
                return Err(format!("the column {name} is there twice"));
            }
            if !known {
                self.ignored.push((*name).to_string());
            }
        }
        Ok(self)
    }
}

fn missing(name: &str) -> String {
    format!("the header has no column {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Result<Columns, String> {
        let mut fields = Fields::default();
        fields.split(header.as_bytes()).unwrap();
        Columns::read(&fields)
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let columns = read("value,unit,t_seconds,note,kind,patient,quality").unwrap();
        assert_eq!((columns.value, columns.patient), (0, 5));
        assert_eq!(columns.observed, TimeColumn::Seconds(2));
        assert_eq!(columns.quality, Some(6));
        assert_eq!(columns.ignored, ["note"]);
    }

    #[test]
    fn a_header_that_cannot_work_says_why() {
        assert!(read("patient,kind,value,unit").unwrap_err().contains("observed_at"));
        assert!(read("kind,value,unit,t_seconds").unwrap_err().contains("patient"));
        assert!(read("patient,kind,kind,value,unit,t_seconds").unwrap_err().contains("twice"));
        assert!(read("patient,kind,value,unit,t_seconds,observed_at").is_err());
    }
}
