//! Keeps patients out of logs.
//!
//! `Debug` is how data leaks: it lands in a panic, an assertion, a `tracing` field. Whatever
//! identifies a patient is wrapped in [`Phi`], whose `Debug` prints a placeholder. Reading the
//! content is always possible, and always visible in the code as a call.

use core::fmt;

/// Protected health information: printable only by asking for it.
///
/// ```
/// use rpm_core::Phi;
/// let name = Phi::new("Ada");
/// assert_eq!(format!("{name:?}"), "[redacted]");
/// assert_eq!(*name.reveal(), "Ada");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps.
    pub const fn new(inner: T) -> Self {
        Self(inner)
    }

    /// The content, for use, never for a log.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// The content, owned.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// `Debug` for types that hold what a patient said, did or measured: their name and nothing else.
macro_rules! redacted {
    ($($type:ty),* $(,)?) => {$(
        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    )*};
}
pub(crate) use redacted;
