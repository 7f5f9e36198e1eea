//! What is sorted and replayed: a reading of a CSV row, or an event as JSON text.

use std::io::{self, Read, Write};

use rpm_core::event::{AbsentReason, Quality};
use rpm_core::{HostTime, Timestamp, Value};

use super::row::Row;
use super::sort::Spill;

/// One input of the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// A CSV row.
    Row(Row),
    /// A line of JSON, checked to be an event.
    Text(Box<Text>),
}

/// An event as JSON text, and where it stood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// When it is replayed.
    pub due: HostTime,
    /// The line.
    pub json: Vec<u8>,
    /// Which file.
    pub file: u16,
    /// Which line of it.
    pub line: u64,
}

impl Item {
    /// File and line.
    pub fn place(&self) -> (u16, u64) {
        match self {
            Self::Row(row) => (row.file, row.line),
            Self::Text(text) => (text.file, text.line),
        }
    }
}

impl Spill for Item {
    fn key(&self) -> i64 {
        match self {
            Self::Row(row) => row.due().as_millis(),
            Self::Text(text) => text.due.as_millis(),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Row(_) => size_of::<Self>(),
            Self::Text(text) => size_of::<Self>() + size_of::<Text>() + text.json.len(),
        }
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Row(row) => out.write_all(&encode(row)),
            Self::Text(text) => {
                let mut head = [0; HEAD];
                head[0] = TEXT;
                head[1..3].copy_from_slice(&text.file.to_le_bytes());
                head[3..11].copy_from_slice(&text.line.to_le_bytes());
                head[11..19].copy_from_slice(&text.due.as_millis().to_le_bytes());
                head[19..27].copy_from_slice(&(text.json.len() as u64).to_le_bytes());
                out.write_all(&head)?;
                out.write_all(&text.json)
            }
        }
    }

    fn read(from: &mut dyn Read) -> io::Result<Self> {
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        if head[0] != TEXT {
            return decode(&head).map(Self::Row).ok_or_else(damaged);
        }
        let mut fields = Cursor { bytes: &head[1..] };
        let file = fields.u16();
        let line = fields.u64();
        let due = HostTime::from_millis(fields.i64());
        let length = usize::try_from(fields.u64()).map_err(|_| damaged())?;
        let mut json = vec![0; length];
        from.read_exact(&mut json)?;
        Ok(Self::Text(Box::new(Text { due, json, file, line })))
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a temporary file of the sort is damaged")
}

/// Bytes of a row, and of the head of a text.
const HEAD: usize = 60;
/// The first byte of a text; rows have flags there.
const TEXT: u8 = 0x80;
const HAS_RECEIVED: u8 = 1;
const HAS_SEQUENCE: u8 = 2;

fn encode(row: &Row) -> [u8; HEAD] {
    let mut flags = 0;
    flags |= if row.received.is_some() { HAS_RECEIVED } else { 0 };
    flags |= if row.sequence.is_some() { HAS_SEQUENCE } else { 0 };
    let (absent, value) = match row.value {
        Ok(value) => (0, value.thousandths()),
        Err(reason) => (1 + reason_number(reason), 0),
    };
    let received = row.received.map_or(0, HostTime::as_millis);
    let mut bytes = [0; HEAD];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    put(&[flags, absent, row.quality.bits()]);
    put(&row.file.to_le_bytes());
    put(&value.to_le_bytes());
    put(&row.patient.to_le_bytes());
    put(&row.device.to_le_bytes());
    put(&row.measure.to_le_bytes());
    put(&row.line.to_le_bytes());
    put(&row.observed.as_millis().to_le_bytes());
    put(&received.to_le_bytes());
    put(&row.sequence.unwrap_or(0).to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; HEAD]) -> Option<Row> {
    let [flags, absent, quality] = [bytes[0], bytes[1], bytes[2]];
    let mut fields = Cursor { bytes: &bytes[3..] };
    let file = fields.u16();
    let value = Value::from_thousandths(i32::from_le_bytes(fields.take()));
    let [patient, device, measure] = [fields.u32(), fields.u32(), fields.u32()];
    let line = fields.u64();
    let observed = Timestamp::from_millis(fields.i64());
    let received = HostTime::from_millis(fields.i64());
    let sequence = fields.u64();
    Some(Row {
        observed,
        received: (flags & HAS_RECEIVED != 0).then_some(received),
        patient,
        device,
        measure,
        value: match absent.checked_sub(1) {
            None => Ok(value),
            Some(number) => Err(*REASONS.get(usize::from(number))?),
        },
        quality: Quality::from_bits(quality),
        sequence: (flags & HAS_SEQUENCE != 0).then_some(sequence),
        file,
        line,
    })
}

const REASONS: [AbsentReason; 7] = [
    AbsentReason::Unknown,
    AbsentReason::Error,
    AbsentReason::NotANumber,
    AbsentReason::PositiveInfinity,
    AbsentReason::NegativeInfinity,
    AbsentReason::NotPerformed,
    AbsentReason::Unsupported,
];

fn reason_number(reason: AbsentReason) -> u8 {
    let at = REASONS.iter().position(|r| *r == reason).unwrap_or(0);
    u8::try_from(at).unwrap_or(0)
}

/// Takes numbers from the front of bytes whose length was checked; zeros beyond the end.
struct Cursor<'a> {
    bytes: &'a [u8],
}

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.bytes.split_first_chunk::<N>() {
            Some((head, rest)) => {
                self.bytes = rest;
                *head
            }
            None => [0; N],
        }
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            observed: Timestamp::from_millis(1_234_567_890_123),
            received: Some(HostTime::from_millis(1_234_567_890_999)),
            patient: 1,
            device: 2,
            measure: 3,
            value: Ok(Value::from_thousandths(-97_400)),
            quality: Quality::MOTION,
            sequence: Some(u64::MAX),
            file: 7,
            line: 1 << 40,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut items = vec![Item::Row(row())];
        for reason in REASONS {
            let value = Err(reason);
            items.push(Item::Row(Row { value, received: None, sequence: None, ..row() }));
        }
        let due = HostTime::from_millis(5);
        let json = b"{}".to_vec();
        items.push(Item::Text(Box::new(Text { due, json, file: 1, line: 2 })));
        let mut bytes = Vec::new();
        for item in &items {
            item.write(&mut bytes).unwrap();
        }
        let mut from = bytes.as_slice();
        for item in &items {
            assert_eq!(Item::read(&mut from).unwrap(), *item);
        }
        assert!(from.is_empty());
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let mut bytes = encode(&row());
        bytes[1] = 200;
        assert!(Item::read(&mut bytes.as_slice()).is_err());
        assert!(Item::read(&mut [1, 2].as_slice()).is_err());
    }
}
