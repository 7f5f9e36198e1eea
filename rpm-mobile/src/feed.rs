//! Readings in, lines out, in one plain call: for hosts where a call through UniFFI costs ten microseconds.
//!
//! Most of that is what surrounds the call: a clone of the handle, a status, a buffer for the answer that goes
//! back to be freed. Here are numbers and addresses alone. Kotlin and Python each have a class `Feed` over this;
//! Swift's calls are as quick as C's and need none. Nobody else calls these functions: they come and go with the
//! bindings of the same version.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;
use std::sync::Arc;

use rpm_core::{Code, Engine as CoreEngine};
use uniffi::Lift;
use uniffi::ffi::Handle;

use crate::UniFfiTag;
use crate::engine::Engine;
use crate::error::RpmonError;
use crate::packed;

/// An engine, and room for what comes out of it.
pub struct Feed {
    engine: Arc<Engine>,
    lines: Vec<u8>,
}

/// What became of a batch, and where the lines are until the next call: each output as in `drain_lines`, and a
/// line feed behind each.
#[repr(C)]
pub struct FeedAnswer {
    /// Accepted readings.
    accepted: u64,
    /// Known already.
    duplicate: u64,
    /// Refused; they are among the lines.
    quarantined: u64,
    /// How many bytes the lines have.
    len: u64,
    /// The lines.
    lines: *const u8,
}

/// A feed of an engine. The handle was cloned for this call and belongs to the feed from now on.
///
/// # Safety
/// `engine` is a handle of an `Engine` that UniFFI cloned, and is given to nothing else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_feed_new(engine: u64) -> *mut Feed {
    // A handle that was cloned lifts without fail; nothing is made of another one.
    let lifted = <Arc<Engine> as Lift<UniFfiTag>>::try_lift(Handle::from_raw_unchecked(engine));
    lifted.map_or(ptr::null_mut(), |engine| {
        Box::into_raw(Box::new(Feed { engine, lines: Vec::new() }))
    })
}

/// Frees a feed; its engine goes on.
///
/// # Safety
/// `feed` came from [`rpmon_feed_new`], was not freed, and is in no call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_feed_free(feed: *mut Feed) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(feed) });
}

/// Takes packed readings in, all of them, and gives everything that was decided and not yet drained. Returns 0,
/// or the number of a code: `bad_length`, and nothing was taken; `poisoned`.
///
/// # Safety
/// `feed` came from [`rpmon_feed_new`], was not freed, and is in no other call; `len` bytes can be read at
/// `readings`, and an answer written at `answer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rpmon_feed_handle(
    feed: *mut Feed,
    readings: *const u8,
    len: u64,
    answer: *mut FeedAnswer,
) -> u32 {
    // SAFETY: the caller's promise. An empty batch may have no address.
    let (feed, readings) = unsafe {
        let len = if readings.is_null() { 0 } else { len as usize };
        let readings = if len == 0 { &[] } else { slice::from_raw_parts(readings, len) };
        (&mut *feed, readings)
    };
    let handled = catch_unwind(AssertUnwindSafe(|| feed.handle(readings)));
    match handled.unwrap_or(Err(Code::Poisoned)) {
        Ok(found) => {
            // SAFETY: the caller's promise.
            unsafe { answer.write(found) };
            0
        }
        Err(code) => code.number().into(),
    }
}

impl Feed {
    fn handle(&mut self, readings: &[u8]) -> Result<FeedAnswer, Code> {
        let mut rest = packed::readings(readings).map_err(|error| error.code())?;
        let lines = &mut self.lines;
        lines.clear();
        let take = |core: &mut CoreEngine| {
            let mut answer = FeedAnswer {
                accepted: 0,
                duplicate: 0,
                quarantined: 0,
                len: 0,
                lines: ptr::null(),
            };
            // Fewer than given are taken if what comes out has no room; a single one always has.
            loop {
                let receipt = packed::handle_all(rest, |chunk| core.handle_batch(chunk));
                answer.accepted += receipt.accepted;
                answer.duplicate += receipt.duplicate;
                answer.quarantined += receipt.quarantined;
                rest = &rest[receipt.consumed..];
                drain(core, lines);
                if rest.is_empty() {
                    return answer;
                }
            }
        };
        let answer = self.engine.with(take).map_err(|_: RpmonError| Code::Poisoned)?;
        Ok(FeedAnswer { len: self.lines.len() as u64, lines: self.lines.as_ptr(), ..answer })
    }
}

fn drain(core: &mut CoreEngine, lines: &mut Vec<u8>) {
    while let Some(output) = core.poll_output() {
        lines.extend_from_slice(output.to_json().as_bytes());
        lines.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use rpm_core::{DeviceId, PatientId};

    use super::*;
    use crate::convert::Config;
    use crate::policy::Policy;

    fn engine() -> Arc<Engine> {
        let policy = Policy::from_json(
            br#"{"id": "p", "version": 1, "title": "P", "signals": {"spo2": {"cadence": "1 s"}},
                 "rules": [{"id": "low", "title": "Low", "signal": "spo2",
                            "levels": [{"level": "urgent", "raise": {"below": 88}}]}]}"#
                .to_vec(),
        );
        // Room for fewer outputs than the batch has.
        let config = Config { max_outputs: Some(4), ..Config::default() };
        let engine = Arc::new(Engine::new(&policy.unwrap(), config));
        let patient = engine.patient(PatientId::new("p1").unwrap(), None).unwrap();
        engine.device(patient, DeviceId::new("d1").unwrap()).unwrap();
        engine
    }

    /// Readings that open an alert and close it, again and again; the last is refused.
    fn batch() -> Vec<u8> {
        let spo2 = rpm_core::event::Kind::SPO2.0;
        let mut batch = Vec::new();
        for second in 0..40_i64 {
            let value: i32 = if second % 4 < 2 { 97_000 } else { 80_000 };
            let value = if second == 39 { 900_000 } else { value };
            let mut reading = [0; 40];
            reading[0..8].copy_from_slice(&(second * 1000).to_le_bytes());
            reading[8..16].copy_from_slice(&(second * 1000).to_le_bytes());
            reading[28..32].copy_from_slice(&value.to_le_bytes());
            reading[34..36].copy_from_slice(&spo2.to_le_bytes());
            batch.extend(reading);
        }
        batch
    }

    /// One call through a feed: its status, the answer and the lines.
    fn fed(engine: &Arc<Engine>, readings: &[u8]) -> (u32, [u64; 3], String) {
        let handle = Handle::from_arc(Arc::clone(engine)).as_raw();
        let mut answer =
            FeedAnswer { accepted: 0, duplicate: 0, quarantined: 0, len: 0, lines: ptr::null() };
        // SAFETY: the handle was made for this, the feed is freed once, the rest are references.
        unsafe {
            let feed = rpmon_feed_new(handle);
            let len = readings.len() as u64;
            let status = rpmon_feed_handle(feed, readings.as_ptr(), len, &raw mut answer);
            let lines = match answer.len {
                0 => &[],
                len => slice::from_raw_parts(answer.lines, len as usize),
            };
            let lines = String::from_utf8(lines.to_vec()).unwrap();
            rpmon_feed_free(feed);
            (status, [answer.accepted, answer.duplicate, answer.quarantined], lines)
        }
    }

    #[test]
    fn a_feed_says_what_batches_and_drained_lines_say() {
        let (one, other, batch) = (engine(), engine(), batch());
        let (mut lines, mut at, mut accepted) = (Vec::new(), 0, 0);
        while at < batch.len() {
            let receipt = one.handle_batch(&batch[at..]).unwrap();
            at += receipt.consumed as usize * 40;
            accepted += receipt.accepted;
            lines.extend(one.drain_lines().unwrap());
        }
        let (status, counts, fed) = fed(&other, &batch);
        assert_eq!((status, counts), (0, [accepted, 0, 1]));
        assert_eq!(fed.lines().collect::<Vec<_>>(), lines);
        assert!(lines.len() > 4 && lines.last().unwrap().contains("quarantined"));
        assert_eq!(Arc::strong_count(&other), 1, "a freed feed lets its engine go");
    }

    #[test]
    #[allow(clippy::panic, reason = "it is what is tested")]
    fn what_cannot_be_taken_is_said_by_its_number() {
        let engine = engine();
        assert_eq!(fed(&engine, &[]), (0, [0; 3], String::new()));
        // What waits comes out without a reading as well.
        engine.handle_batch(&batch()[..40 * 4]).unwrap();
        assert!(!fed(&engine, &[]).2.is_empty());
        assert_eq!(fed(&engine, &[0; 41]).0, u32::from(Code::BadLength.number()));
        let _ = catch_unwind(AssertUnwindSafe(|| engine.with(|_| panic!("a fault"))));
        assert_eq!(fed(&engine, &batch()).0, u32::from(Code::Poisoned.number()));
    }
}
