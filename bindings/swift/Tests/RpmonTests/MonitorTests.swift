import Foundation
import XCTest

@testable import Rpmon

private let policyText = """
    {
      "id": "home", "version": 1, "title": "Oxygen at home",
      "signals": { "spo2": { "cadence": "1 s" } },
      "rules": [
        { "id": "spo2-low", "title": "Low oxygen saturation", "signal": "spo2",
          "levels": [{ "level": "urgent", "raise": { "below": 88 }, "for": "2 s" }] },
        { "id": "spo2-missing", "title": "No oxygen saturation", "signal": "spo2",
          "missing_for": "1 min" }
      ],
      "care": {
        "routes": [{ "id": "all", "queue": "ward", "escalation": "page" }],
        "escalations": { "page": { "answer_within": "5 min", "steps": [
          { "after": "0 s", "to": ["nurse"], "channels": ["pager"] }
        ] } }
      }
    }
    """

private func policy(missingFor time: String = "1 min") throws -> Policy {
    let text = policyText.replacingOccurrences(of: "1 min", with: time)
    return try Policy.fromJson(text: Data(text.utf8))
}

private func moment(_ second: Double) -> Date { Date(timeIntervalSince1970: second) }

private func reading(_ second: Double, _ value: Double) -> Event {
    Event(
        patient: "p1", device: Device(id: "d1"), observedAt: moment(second),
        body: .reading(kind: "spo2", value: value, unit: "%"))
}

/// What a monitor stores, from whichever thread.
private final class Journal: @unchecked Sendable {
    private let lock = NSLock()
    private var kept: [Output] = []

    func keep(_ output: Output) { lock.withLock { kept.append(output) } }
    var outputs: [Output] { lock.withLock { kept } }
    var lines: [String] {
        outputs.compactMap { if case .record(let sealed, _) = $0 { return sealed.line } else { return nil } }
    }
}

final class MonitorTests: XCTestCase {
    /// A clock that stands still at the time of the test's events.
    private func monitor(_ journal: Journal, at second: Double = 0) throws -> Rpmon.Monitor {
        let stopped = moment(second)
        return Rpmon.Monitor(policy: try policy(), patient: "p1", now: { stopped }) { journal.keep($0) }
    }

    func testAlertsStreamAndAnAnswerTakesTheMessageBack() async throws {
        let journal = Journal()
        let monitor = try monitor(journal)
        var alerts = await monitor.alerts().makeAsyncIterator()
        for second in 0..<3 {
            try await monitor.handle(reading(Double(second), 86.5), at: moment(Double(second) + 0.2))
        }
        let next = await alerts.next()
        let update = try XCTUnwrap(next)
        XCTAssertEqual(update.alert.rule, "spo2-low")
        XCTAssertEqual(update.alert.level, .urgent)
        XCTAssertEqual(update.notification?.title, "Urgent: Low oxygen saturation")
        XCTAssertFalse(update.notification!.body.contains("p1"))
        XCTAssertTrue(journal.outputs.contains { if case .deliver = $0 { return true } else { return false } })

        try await monitor.handle(.acknowledge, on: update.alert, by: "ann", as: "nurse", at: moment(3))
        let after = await alerts.next()
        XCTAssertEqual(after?.alert.status, .acknowledged)
        XCTAssertTrue(journal.outputs.contains { if case .cancel = $0 { return true } else { return false } })
        do {
            try await monitor.handle(.acknowledge, on: update.alert, by: "bob", as: "nurse", at: moment(4))
            XCTFail("it was seen at an earlier revision")
        } catch let error as RpmonError {
            XCTAssertEqual(error.code, .staleRevision)
            XCTAssertEqual(Code.staleRevision.rawValue, 501)
        }
        await monitor.stop()
        let end = await alerts.next()
        XCTAssertNil(end)
    }

    /// The host's own clock: nobody calls, and the absence of the signal is found all the same.
    func testTimePassesByItself() async throws {
        let journal = Journal()
        let monitor = Rpmon.Monitor(policy: try policy(missingFor: "1 s"), patient: "p1") {
            journal.keep($0)
        }
        var alerts = await monitor.alerts().makeAsyncIterator()
        try await monitor.handle(
            Event(
                patient: "p1", device: Device(id: "d1"), observedAt: Date(),
                body: .reading(kind: "spo2", value: 97, unit: "%")))
        let next = await alerts.next()
        XCTAssertEqual(next?.alert.rule, "spo2-missing")
        await monitor.stop()
    }

    func testABatchDecidesWhatEventsDecide() async throws {
        let values = [97.1, 86.5, 86.25, 85.0, 96.999, 94.0, 80.0]
        let (one, many) = (Journal(), Journal())
        let (events, packed) = (try monitor(one), try monitor(many))
        let policy = try policy()
        let device = try await packed.device("d1")
        var batch = ReadingBatch()
        for (index, value) in values.enumerated() {
            let second = Double(index)
            try await events.handle(reading(second, value), at: moment(second + 0.2))
            batch.append(
                Reading(
                    kind: try XCTUnwrap(policy.kind(name: "spo2")),
                    value: try policy.measure(kind: "spo2", value: value, unit: "%"),
                    observedAt: moment(second), receivedAt: moment(second + 0.2), device: device))
        }
        let receipt = try await packed.handle(batch)
        XCTAssertEqual(receipt.accepted, 7)
        XCTAssertFalse(one.lines.isEmpty)
        XCTAssertEqual(one.lines, many.lines)
    }

    func testARestoredMonitorGoesOnAsIfNothingHadHappened() async throws {
        let (whole, before, after) = (Journal(), Journal(), Journal())
        let (first, second) = (try monitor(whole), try monitor(before))
        for number in 0..<3 {
            let time = moment(Double(number))
            try await first.handle(reading(Double(number), 86.5), at: time)
            try await second.handle(reading(Double(number), 86.5), at: time)
        }
        let restored = try Rpmon.Monitor(
            restoring: try await second.snapshot(), policies: [try policy()], now: { moment(3) }
        ) { after.keep($0) }
        XCTAssertEqual(restored.restoreReport?.openAlerts, 1)
        for monitor in [first, restored] {
            try await monitor.handle(reading(3, 99), at: moment(3))
            try await monitor.wake(at: moment(600))
        }
        XCTAssertEqual(whole.lines, before.lines + after.lines)
    }

    func testMistakesAreTypedErrorsWithTheirPlaces() throws {
        let wrong = policyText.replacingOccurrences(of: "88", with: "\"x\"")
        XCTAssertThrowsError(try Policy.fromJson(text: Data(wrong.utf8))) { error in
            guard case RpmonError.Policy(let problems) = error else { return XCTFail("\(error)") }
            XCTAssertTrue(problems.allSatisfy { $0.path != nil && !$0.text.isEmpty })
        }
        let engine = Engine(policy: try policy())
        for name in ["", "a\nb", String(repeating: "x", count: 257)] {
            XCTAssertThrowsError(try engine.patient(id: name)) { error in
                XCTAssertEqual((error as? RpmonError)?.code, .badIdentifier)
            }
        }
        XCTAssertThrowsError(try engine.handleEvent(event: reading(0, .nan), now: moment(0))) { error in
            XCTAssertEqual((error as? RpmonError)?.code, .notANumber)
        }
        let bytes = Data([0xff, 0xfe])
        XCTAssertEqual(
            try engine.handleJson(text: bytes, now: moment(0)), .quarantined(.badEncoding))
        let outputs = try engine.drainOutputs()
        XCTAssertTrue(outputs.contains(.quarantined(reason: .badEncoding, input: bytes)))
    }

    func testTimesAreExactAndNothingTraps() {
        for ms: Int64 in [0, 1, -1, 1_772_331_185_007, 253_402_300_799_999] {
            XCTAssertEqual(Date(milliseconds: ms).milliseconds, ms)
        }
        XCTAssertEqual(Date.distantFuture.milliseconds, 64_092_211_200_000)
        XCTAssertEqual(TimeInterval.infinity.milliseconds, .max)
        XCTAssertEqual((-TimeInterval.infinity).milliseconds, .min)
        XCTAssertEqual(TimeInterval.nan.milliseconds, 0)
    }

    func testValuesAreCodable() throws {
        let engine = Engine(policy: try policy())
        for second in 0..<3 {
            let time = moment(Double(second))
            _ = try engine.handleEvent(event: reading(Double(second), 86.5), now: time)
        }
        let outputs = try engine.drainOutputs()
        let bytes = try JSONEncoder().encode(outputs)
        XCTAssertEqual(try JSONDecoder().decode([Output].self, from: bytes), outputs)
    }

    func testTasksMayShareAnEngine() async throws {
        let engine = Engine(policy: try policy())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    for second in 0..<200 {
                        var event = reading(Double(second), 97)
                        event.patient = "p\(number)"
                        _ = try engine.handleEvent(event: event, now: moment(Double(second)))
                    }
                }
            }
            try await group.waitForAll()
        }
        for number in 0..<4 {
            let key = try XCTUnwrap(try engine.findPatient(id: "p\(number)"))
            XCTAssertEqual(try engine.counts(patient: key)?.accepted, 200)
        }
    }
}
