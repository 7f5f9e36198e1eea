//! The hash chain, and the running checksum of a patient's inputs.

use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::{Body, Record};
use crate::error::{Code, Error};
use crate::id::{PatientId, TenantId};
use crate::redact::redacted;
use crate::time::HostTime;

/// Digits of a printed hash.
const DIGITS: usize = 64;

/// A SHA-256, printed as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// In hexadecimal.
    fn digits(&self) -> [u8; DIGITS] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; DIGITS];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        text
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(core::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <alloc::borrow::Cow<'de, str>>::deserialize(d)?;
        let bad = || serde::de::Error::custom("a hash has 64 hexadecimal digits");
        if text.len() != DIGITS || !text.is_ascii() {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

/// A running checksum of inputs: cheap, and not a defence against forgery; that is the hash chain.
///
/// Each input is a few 64-bit words `w`; for each, `c = (rotate_left(c, 5) xor w) * K` modulo 2^64.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Checksum(pub u64);

impl Checksum {
    /// The multiplier: 2^64 divided by pi, made odd.
    pub const K: u64 = 0x517c_c1b7_2722_0a95;

    /// With one word more.
    #[inline]
    pub(crate) fn feed(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(Self::K);
    }

    /// With text more: its length, then its bytes in words of eight, little-endian.
    pub(crate) fn feed_text(&mut self, text: &[u8]) {
        self.feed(text.len() as u64);
        for chunk in text.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.feed(u64::from_le_bytes(word));
        }
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <alloc::borrow::Cow<'de, str>>::deserialize(d)?;
        u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A record with its canonical line.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// What was decided.
    pub record: Record,
    /// The canonical line of JSON, without a line end. Store this; it is what the hash is of.
    pub line: String,
}

redacted!(SealedRecord);

/// The end of one patient's record stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chain {
    pub(crate) prev: Hash,
    pub(crate) seq: u64,
    pub(crate) inputs: u64,
    pub(crate) checksum: Checksum,
}

impl Chain {
    /// The hash of the last record; zeros before the first.
    pub fn head(&self) -> Hash {
        self.prev
    }

    /// How many records there are.
    pub fn len(&self) -> u64 {
        self.seq
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.seq == 0
    }

    pub(crate) fn seal(
        &mut self,
        tenant: Option<&TenantId>,
        patient: Option<&PatientId>,
        at: HostTime,
        body: Body,
    ) -> SealedRecord {
        self.seq += 1;
        let record = Record {
            tenant: tenant.cloned(),
            patient: patient.cloned(),
            seq: self.seq,
            at,
            inputs: self.inputs,
            checksum: self.checksum,
            body,
            prev: self.prev,
        };
        // Serialising these types cannot fail: no map has keys that are not text.
        let json = serde_json::to_string(&record).unwrap_or_default();
        self.prev = Hash::of(json.as_bytes());
        SealedRecord { record, line: line_of(self.prev, &json) }
    }
}

const HEAD: &str = "{\"hash\":\"";
const MIDDLE: &str = "\",\"record\":";

fn line_of(hash: Hash, json: &str) -> String {
    let digits = hash.digits();
    let parts = [HEAD, core::str::from_utf8(&digits).unwrap_or_default(), MIDDLE, json, "}"];
    let mut line = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    line.extend(parts);
    line
}

/// Reads a line and checks its hash; the chain itself is checked by comparing `prev` with the hash
/// of the line before.
///
/// ```
/// # use rpm_core::record::read_line;
/// assert!(read_line("{}").is_err());
/// ```
pub fn read_line(line: &str) -> Result<(Record, Hash), Error> {
    let bad = || Error::new(Code::MalformedJson);
    let rest = line.trim_end().strip_prefix(HEAD).ok_or_else(bad)?;
    let (hash, rest) = rest.split_at_checked(DIGITS).ok_or_else(bad)?;
    let json = rest.strip_prefix(MIDDLE).and_then(|r| r.strip_suffix('}')).ok_or_else(bad)?;
    let found = Hash::of(json.as_bytes());
    if format!("{found}") != hash {
        return Err(Error::new(Code::Conflict).at("hash").hint("the line was changed"));
    }
    let record = serde_json::from_str(json).map_err(|_| bad())?;
    Ok((record, found))
}
