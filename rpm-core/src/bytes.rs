//! Little-endian numbers, lengths before what they count, and a reader that trusts neither.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Code, Error};

/// Grows.
#[derive(Default)]
pub(crate) struct Writer {
    pub bytes: Vec<u8>,
}

/// Shrinks.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// What can be written and read back.
pub(crate) trait Snap: Sized {
    fn save(&self, w: &mut Writer);
    fn load(r: &mut Reader<'_>) -> Result<Self, Error>;
}

/// Times further out than this are no times; nearer ones can be added up without overflow.
const FAR: i64 = 1 << 53;

pub(crate) fn corrupt() -> Error {
    Error::new(Code::SnapshotCorrupt)
}

impl Writer {
    /// A count of what follows.
    pub fn len(&mut self, n: usize) {
        (n as u32).save(self);
    }

    pub fn list<'a, T: Snap + 'a>(&mut self, items: impl ExactSizeIterator<Item = &'a T>) {
        self.len(items.len());
        items.for_each(|item| item.save(self));
    }

    pub fn text(&mut self, text: &str) {
        self.len(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Many numbers at once.
    pub fn words(&mut self, words: &[i32]) {
        self.len(words.len());
        self.bytes.extend(words.iter().flat_map(|w| w.to_le_bytes()));
    }

    /// Many small numbers at once.
    pub fn halves(&mut self, halves: &[i16]) {
        self.len(halves.len());
        self.bytes.extend(halves.iter().flat_map(|h| h.to_le_bytes()));
    }
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or_else(corrupt)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn read<T: Snap>(&mut self) -> Result<T, Error> {
        T::load(self)
    }

    /// A count: never more than there are bytes left, so that nothing large is allocated for it.
    pub fn len(&mut self) -> Result<usize, Error> {
        let n = self.read::<u32>()? as usize;
        if n > self.rest.len() { Err(corrupt()) } else { Ok(n) }
    }

    pub fn list<T: Snap>(&mut self) -> Result<Vec<T>, Error> {
        let n = self.len()?;
        let mut items = Vec::new();
        for _ in 0..n {
            items.push(self.read()?);
        }
        Ok(items)
    }

    pub fn text(&mut self) -> Result<String, Error> {
        let n = self.len()?;
        let text = core::str::from_utf8(self.take(n)?).map_err(|_| corrupt())?;
        Ok(text.into())
    }

    pub fn words(&mut self) -> Result<Vec<i32>, Error> {
        let n = self.len()?;
        let bytes = self.take(n.checked_mul(4).ok_or_else(corrupt)?)?;
        let word = |w: &[u8]| i32::from_le_bytes([w[0], w[1], w[2], w[3]]);
        Ok(bytes.chunks_exact(4).map(word).collect())
    }

    pub fn halves(&mut self) -> Result<Vec<i16>, Error> {
        let n = self.len()?;
        let bytes = self.take(n.checked_mul(2).ok_or_else(corrupt)?)?;
        Ok(bytes.chunks_exact(2).map(|h| i16::from_le_bytes([h[0], h[1]])).collect())
    }

    /// An instant in milliseconds, or the sign for none.
    pub fn time(&mut self) -> Result<i64, Error> {
        let t: i64 = self.read()?;
        let sane = t == i64::MIN || (-FAR..=FAR).contains(&t);
        if sane { Ok(t) } else { Err(corrupt()) }
    }

    /// A check of what was read.
    pub fn ensure(&self, holds: bool) -> Result<(), Error> {
        if holds { Ok(()) } else { Err(corrupt()) }
    }
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Snap for $type {
            fn save(&self, w: &mut Writer) {
                w.bytes.extend_from_slice(&self.to_le_bytes());
            }
            fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
                let bytes = r.take(size_of::<$type>())?;
                Ok(<$type>::from_le_bytes(bytes.try_into().map_err(|_| corrupt())?))
            }
        }
    )*};
}
number!(u8, u16, u32, u64, i16, i32, i64, i128);

impl Snap for bool {
    fn save(&self, w: &mut Writer) {
        u8::from(*self).save(w);
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        match r.read::<u8>()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(corrupt()),
        }
    }
}

impl<T: Snap> Snap for Option<T> {
    fn save(&self, w: &mut Writer) {
        self.is_some().save(w);
        if let Some(inner) = self {
            inner.save(w);
        }
    }
    fn load(r: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(if r.read()? { Some(r.read()?) } else { None })
    }
}
