//! Readings as bytes: what a batch is made of.
//!
//! A reading is what `rpmon_reading` is in C. A value that crosses into another language one field at a time costs microseconds; bytes cost what
//! it takes to copy them. Little-endian, without padding in between:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | i64 | observed_at, ms since 1970 |
//! | 8 | i64 | received_at, ms since 1970 |
//! | 16 | u64 | sequence, if flag 1 is set |
//! | 24 | u32 | patient key; a monitor has one patient and ignores it |
//! | 28 | i32 | value, in thousandths of the kind's canonical unit |
//! | 32 | u16 | device key |
//! | 34 | u16 | kind, by its number |
//! | 36 | u8 | quality, one bit a flag |
//! | 37 | u8 | flags: 1, the reading has a sequence number |
//! | 38 | 2 | zero |

use rpm_core::event::{Kind, Quality};
use rpm_core::{
    BatchReceipt, Code, DeviceKey, Error, HostTime, PatientKey, Reading, Timestamp, Value,
};

/// The length of one packed reading.
const PACKED_LEN: usize = 40;

/// So many readings are unpacked at a time: they fit the cache.
const CHUNK: usize = 256;

const HAS_SEQUENCE: u8 = 1;

/// The packed readings of a batch.
///
/// # Errors
/// [`Code::BadLength`] if the bytes are not a whole number of readings.
pub(crate) fn readings(bytes: &[u8]) -> Result<&[[u8; PACKED_LEN]], Error> {
    let (readings, rest) = bytes.as_chunks();
    let hint = "a packed reading has 40 bytes";
    if rest.is_empty() {
        Ok(readings)
    } else {
        Err(Error::new(Code::BadLength).at("readings").hint(hint))
    }
}

/// Hands readings to an engine, some at a time; it ends where one says that the outputs have no room.
pub(crate) fn handle_all(
    readings: &[[u8; PACKED_LEN]],
    mut handle: impl FnMut(&[Reading]) -> BatchReceipt,
) -> BatchReceipt {
    let mut done = BatchReceipt::default();
    let mut unpacked = Vec::with_capacity(CHUNK.min(readings.len()));
    for chunk in readings.chunks(CHUNK) {
        unpacked.clear();
        unpacked.extend(chunk.iter().map(unpack));
        let receipt = handle(&unpacked);
        done.consumed += receipt.consumed;
        done.accepted += receipt.accepted;
        done.duplicate += receipt.duplicate;
        done.quarantined += receipt.quarantined;
        if receipt.consumed < chunk.len() {
            break;
        }
    }
    done
}

/// One reading.
fn unpack(bytes: &[u8; PACKED_LEN]) -> Reading {
    fn field<const AT: usize, const N: usize>(bytes: &[u8; PACKED_LEN]) -> [u8; N] {
        std::array::from_fn(|i| bytes[AT + i])
    }
    let sequence = u64::from_le_bytes(field::<16, 8>(bytes));
    Reading {
        patient: PatientKey(u32::from_le_bytes(field::<24, 4>(bytes))),
        device: DeviceKey(u16::from_le_bytes(field::<32, 2>(bytes))),
        kind: Kind(u16::from_le_bytes(field::<34, 2>(bytes))),
        value: Value::from_thousandths(i32::from_le_bytes(field::<28, 4>(bytes))),
        quality: Quality::from_bits(bytes[36]),
        sequence: (bytes[37] & HAS_SEQUENCE != 0).then_some(sequence),
        observed_at: Timestamp::from_millis(i64::from_le_bytes(field::<0, 8>(bytes))),
        received_at: HostTime::from_millis(i64::from_le_bytes(field::<8, 8>(bytes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_lies_where_the_table_says() {
        let mut bytes = [0; PACKED_LEN];
        bytes[0..8].copy_from_slice(&(-1_i64).to_le_bytes());
        bytes[8..16].copy_from_slice(&1_772_331_185_000_i64.to_le_bytes());
        bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        bytes[24..28].copy_from_slice(&7_u32.to_le_bytes());
        bytes[28..32].copy_from_slice(&(-97_500_i32).to_le_bytes());
        bytes[32..34].copy_from_slice(&3_u16.to_le_bytes());
        bytes[34..36].copy_from_slice(&Kind::SPO2.0.to_le_bytes());
        bytes[36] = Quality::MOTION.bits();
        let reading = unpack(&bytes);
        assert_eq!(reading.sequence, None);
        bytes[37] = HAS_SEQUENCE;
        let expected = Reading {
            patient: PatientKey(7),
            device: DeviceKey(3),
            kind: Kind::SPO2,
            value: Value::from_thousandths(-97_500),
            quality: Quality::MOTION,
            sequence: Some(u64::MAX),
            observed_at: Timestamp::from_millis(-1),
            received_at: HostTime::from_millis(1_772_331_185_000),
        };
        assert!(unpack(&bytes) == expected);
    }

    #[test]
    fn bytes_that_are_left_over_are_refused() {
        assert_eq!(readings(&[0; 2 * PACKED_LEN]).unwrap().len(), 2);
        for length in [1, PACKED_LEN - 1, PACKED_LEN + 1] {
            let error = readings(&vec![0; length]).unwrap_err();
            assert_eq!((error.code(), error.path()), (Code::BadLength, Some("readings")));
        }
    }
}
