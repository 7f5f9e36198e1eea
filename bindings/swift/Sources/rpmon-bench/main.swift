// How long readings take through this binding: `rpmon-bench POLICY.toml PACKED PATIENTS`.
//
// PACKED holds readings of 40 bytes for that many patients, each with one device, as
// `cargo run --release -p rpm-benches --bin bindings` writes them.

import Foundation
import Rpmon

let arguments = CommandLine.arguments
guard arguments.count == 4, let patients = Int(arguments[3]) else {
    fatalError("usage: rpmon-bench POLICY.toml PACKED PATIENTS")
}
let policy = try Policy.fromToml(text: String(contentsOfFile: arguments[1], encoding: .utf8))
let packed = try Data(contentsOf: URL(fileURLWithPath: arguments[2]))
let count = packed.count / ReadingBatch.stride

/// Nanoseconds that this thread has had.
func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

func nanoseconds(_ work: () throws -> Void) rethrows -> Double {
    let start = processorTime()
    try work()
    return processorTime() - start
}

func ward() throws -> Engine {
    let engine = Engine(policy: policy)
    for patient in 0..<patients {
        let key = try engine.patient(id: String(format: "P%06d", patient))
        _ = try engine.device(patient: key, id: "bedside")
    }
    return engine
}

/// The readings in batches of so many.
func batches(_ size: Int) throws -> (ns: Double, outputs: Int) {
    let engine = try ward()
    var outputs = 0
    let total = try nanoseconds {
        var at = 0
        while at < packed.count {
            let end = min(at + size * ReadingBatch.stride, packed.count)
            let receipt = try engine.handleBatch(readings: packed.subdata(in: at..<end))
            at += Int(receipt.consumed) * ReadingBatch.stride
            outputs += try engine.drainLines().count
        }
    }
    return (total / Double(count), outputs)
}

/// One reading by keys in a call of its own.
func reading(_ calls: Int) throws -> Double {
    let engine = try ward()
    let kind = policy.kind(name: "spo2")!
    let total = try nanoseconds {
        for second in 0..<calls {
            let at = Date(timeIntervalSince1970: Double(second))
            let one = ReadingBatch([Reading(kind: kind, value: 97_000, observedAt: at, receivedAt: at)])
            _ = try engine.handleBatch(readings: one.data)
            _ = try engine.drainLines()
        }
    }
    return total / Double(calls)
}

/// One event with types.
func single(_ events: Int) throws -> Double {
    let engine = try ward()
    let event = Event(
        patient: "P000000", device: Device(id: "bedside"), observedAt: Date(timeIntervalSince1970: 0),
        body: .reading(kind: "spo2", value: 97, unit: "%"))
    let total = try nanoseconds {
        for second in 0..<events {
            var next = event
            next.observedAt = Date(timeIntervalSince1970: Double(second))
            _ = try engine.handleEvent(event: next, now: next.observedAt)
        }
    }
    return total / Double(events)
}

let rounds = 0..<3
for size in [256, 4096] {
    let found = try rounds.map { _ in try batches(size) }.min { $0.ns < $1.ns }!
    print("batch \(size) \(found.ns) \(found.outputs)")
}
print("reading \(try rounds.map { _ in try reading(20_000) }.min()!)")
print("event \(try rounds.map { _ in try single(20_000) }.min()!)")
