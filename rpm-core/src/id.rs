//! Identifiers: of tenants, patients and devices as text, and as the small numbers the engine uses.

use alloc::sync::Arc;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Code, Error};
use crate::redact::Phi;

/// The longest identifier, in bytes. Longer ones are an attack or a mistake, not a name.
pub const MAX_ID_LEN: usize = 256;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Phi<Arc<str>>);

        impl $name {
            /// Checks the length (1 to [`MAX_ID_LEN`] bytes) and that no control character is in it.
            pub fn new(text: &str) -> Result<Self, Error> {
                let length_ok = (1..=MAX_ID_LEN).contains(&text.len());
                if !length_ok || text.chars().any(char::is_control) {
                    return Err(Error::new(Code::BadIdentifier));
                }
                Ok(Self(Phi::new(text.into())))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                self.0.reveal()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <alloc::borrow::Cow<'de, str>>::deserialize(d)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id! {
    /// The organisation that owns the data. `Debug` is redacted, as for every identifier.
    TenantId
}
text_id! {
    /// The host's reference of a patient, unique within the tenant. `Debug` is redacted.
    PatientId
}
text_id! {
    /// A device's own identifier, unique within the tenant. `Debug` is redacted.
    DeviceId
}

/// A patient inside one engine: dense, in the order of first appearance.
///
/// Look it up once and pass it with each [`Reading`](crate::engine::Reading); it is stable across
/// snapshot and restore.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PatientKey(pub u32);

/// A device of one patient inside one engine, in the order of first appearance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DeviceKey(pub u16);

/// An alert (episode) of one patient: counts from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertId(pub u32);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
