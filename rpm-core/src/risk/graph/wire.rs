//! Protocol buffers as they lie in memory: fields one after the other, nothing copied.
//!
//! Reading trusts no length: what would reach beyond its bytes ends with an error, and nothing is
//! allocated here.

use crate::error::{Code, Error};

/// A message that is read field by field.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    rest: &'a [u8],
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Field<'a> {
    /// An integer, of wire type 0.
    Varint(u64),
    /// Four bytes.
    Fixed32(u32),
    /// Text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// Eight bytes, which the reader of models has no use for.
    Fixed64,
}

/// A varint has at most ten bytes.
const LONGEST_VARINT: u32 = 70;
const LONGEST_NAME: usize = 512;

pub(super) fn malformed() -> Error {
    Error::new(Code::ModelSyntax)
}

impl<'a> Message<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field, with its number; none at the end.
    pub fn field(&mut self) -> Result<Option<(u64, Field<'a>)>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Field::Fixed64
            }
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| malformed())?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(self.fixed32()?),
            _ => return Err(malformed()),
        };
        Ok(Some((key >> 3, field)))
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn varint(&mut self) -> Result<u64, Error> {
        let (mut value, mut shift) = (0_u64, 0);
        while shift < LONGEST_VARINT {
            let [byte] = *self.take(1)? else { return Err(malformed()) };
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
        Err(malformed())
    }

    pub fn fixed32(&mut self) -> Result<u32, Error> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().map_err(|_| malformed())?))
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Field<'a> {
    pub fn bytes(self) -> Result<&'a [u8], Error> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(malformed()) }
    }

    /// A name: short enough to be told in an error.
    pub fn text(self) -> Result<&'a str, Error> {
        let bytes = self.bytes()?;
        if bytes.len() > LONGEST_NAME {
            return Err(malformed());
        }
        core::str::from_utf8(bytes).map_err(|_| malformed())
    }

    pub fn message(self) -> Result<Message<'a>, Error> {
        self.bytes().map(Message::new)
    }

    pub fn integer(self) -> Result<i64, Error> {
        // Negative numbers are written as the 64 bits of two's complement.
        if let Self::Varint(value) = self { Ok(value as i64) } else { Err(malformed()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        for bytes in
            [&[0x0a, 0xff][..], &[0x0a, 5, 1], &[0x0d, 1, 2], &[0x80], &[0x0b], &[0xff; 11]]
        {
            assert!(Message::new(bytes).field().is_err(), "{bytes:?}");
        }
        let huge = [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert!(Message::new(&huge).field().is_err());
    }

    #[test]
    fn negative_integers_have_ten_bytes() {
        let minus_one = [8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        let (number, field) = Message::new(&minus_one).field().unwrap().unwrap();
        assert_eq!((number, field.integer().unwrap()), (1, -1));
    }
}
