//! Snapshots: any bytes are refused or restored, and going on equals never having stopped.

use rpm_core::{Code, Engine, HostTime};

use super::bytes::Bytes;
use super::calls::{POLICIES, Ward, config};

const CHECKSUM_LEN: usize = 4;

/// Arbitrary bytes as a snapshot, a snapshot of an arbitrary engine, or that with a few changes.
pub fn snapshot(bytes: &[u8]) {
    let mut input = Bytes::new(bytes);
    match input.u8() % 3 {
        0 => {
            let _ = restore(input.take(usize::MAX));
        }
        1 => resume(&mut input),
        _ => forge(&mut input),
    }
}

fn restore(bytes: &[u8]) -> Result<Engine, rpm_core::Error> {
    let now = HostTime::from_millis(1_700_000_100_000);
    let restored = Engine::restore(bytes, &POLICIES, config(200), now);
    restored.map(|(engine, report)| {
        assert_eq!(report.patients, engine.len());
        engine
    })
}

/// An engine after some calls.
fn ward(input: &mut Bytes<'_>) -> Ward {
    let outputs = input.u8();
    let length = usize::from(input.u16());
    let mut calls = Bytes::new(input.take(length));
    let mut ward = Ward::new(outputs);
    while !calls.is_empty() {
        ward.step(&mut calls);
    }
    ward
}

/// Two engines, one stopped and restored in between, take the same calls and put out the same.
fn resume(input: &mut Bytes<'_>) {
    let mut stayed = ward(input);
    let (mut stopped, bytes) = stayed.restored();
    assert!(stopped.restored().1 == bytes, "what was restored is saved differently");
    let mut again = input.clone();
    while !input.is_empty() {
        stayed.step(input);
        stopped.step(&mut again);
    }
    let (_, one) = stayed.restored();
    let (_, other) = stopped.restored();
    let [one_said, other_said] = [stayed.finish(), stopped.finish()];
    for (one, other) in one_said.iter().zip(&other_said) {
        assert_eq!(one, other, "going on says something else than never stopping");
    }
    assert_eq!(one_said.len(), other_said.len(), "going on says more or less than never stopping");
    assert!(one == other, "going on differs from never stopping");
}

/// A snapshot with a few changes: noticed by the checksum, or, if that is right, no panic.
fn forge(input: &mut Bytes<'_>) {
    let (_, honest) = ward(input).restored();
    let mut forged = honest.clone();
    let (signed, cut) = (input.u8() % 2 == 0, input.u8());
    if cut > 200 {
        forged.truncate(forged.len().saturating_sub(usize::from(cut - 200)));
    }
    while !input.is_empty() && !forged.is_empty() {
        let place = usize::from(input.u16()) % forged.len();
        forged[place] ^= input.u8();
    }
    if forged == honest {
        return;
    }
    if signed && forged.len() > CHECKSUM_LEN {
        let body = forged.len() - CHECKSUM_LEN;
        let sum = crc32fast::hash(&forged[..body]);
        forged[body..].copy_from_slice(&sum.to_le_bytes());
    }
    match restore(&forged) {
        // It may be another engine's honest state. What was changed by accident never is.
        Ok(engine) => assert!(signed, "{} patients restored from changed bytes", engine.len()),
        Err(error) => assert!(
            matches!(
                error.code(),
                Code::NotASnapshot
                    | Code::SnapshotCorrupt
                    | Code::SnapshotNewer
                    | Code::SnapshotPolicy
            ),
            "{error}"
        ),
    }
}
