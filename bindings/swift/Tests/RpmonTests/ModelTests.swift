import Foundation
import XCTest

@testable import Rpmon

/// Models beside rules: verified when they are loaded, asked when they are due.
final class ModelTests: XCTestCase {
    private let why = Why(owner: "dr.a", reason: "better", evidence: "report 7")

    private func file(_ name: String) throws -> Data {
        let folder = URL(fileURLWithPath: #filePath)
            .appendingPathComponent("../../../../../examples/training").standardizedFileURL
        return try Data(contentsOf: folder.appendingPathComponent(name))
    }

    private func model() throws -> Model {
        try Model.load(
            onnx: file("sepsis-vitals/sepsis-vitals.onnx"), manifest: file("sepsis-vitals/sepsis-vitals.json"))
    }

    private func hour(_ hour: Double) -> Date { Date(timeIntervalSince1970: hour * 3600) }

    /// The types of what models said in an hour of a patient.
    private func anHour(_ engine: Engine, _ scorer: Scorer, _ number: Double) throws -> [String] {
        let values: [(String, Double, String)] = [
            ("heart_rate", 80, "/min"), ("spo2", 97, "%"), ("respiratory_rate", 14, "/min"),
            ("systolic_bp", 120, "mm[Hg]"), ("mean_bp", 90, "mm[Hg]"), ("diastolic_bp", 75, "mm[Hg]"),
        ]
        for (kind, value, unit) in values {
            let event = Event(
                patient: "p1", device: Device(id: "d1"), observedAt: hour(number),
                body: .reading(kind: kind, value: value, unit: unit))
            _ = try engine.handleEvent(event: event, now: hour(number))
        }
        let patient = try XCTUnwrap(engine.findPatient(id: "p1"))
        try scorer.run(engine: engine, patient: patient, now: hour(number))
        return try engine.drainOutputs().compactMap { output in
            guard case .record(let sealed, _) = output else { return nil }
            switch sealed.record.body {
            case .riskScored: return "scored"
            case .riskFailed: return "failed"
            default: return nil
            }
        }
    }

    func testAModelIsAskedAboutARow() throws {
        let model = try model()
        let row = (0..<model.inputs()).map { Float($0 % 7 * 20) }
        XCTAssertTrue((0...1000).contains(try model.score(row: row)))
        let reasons = try model.reasons(row: row)
        XCTAssertTrue(reasons.exact && reasons.terms.count == row.count)
        XCTAssertThrowsError(try model.score(row: []))
    }

    func testTheVersionThatCountsScoresAndARollbackLeavesRulesAlone() throws {
        let text = try XCTUnwrap(String(data: file("icu-hybrid.toml"), encoding: .utf8))
        let policy = try Policy.fromToml(text: text)
        let engine = Engine(policy: policy)
        let (scorer, again, model) = (Scorer(), Scorer(), try model())
        XCTAssertEqual(try anHour(engine, scorer, 0), ["failed"])
        try scorer.load(model: model)
        try engine.handleRollOut(
            rollOut: .register(model: model.reference(), owner: "dr.a"), now: hour(0))
        for stage in [ModelStage.shadow, .canary(.permille(1000)), .active] {
            let step = RollOut.stage(id: "sepsis-vitals", version: 1, to: stage, why: why, approver: "dr.b")
            try engine.handleRollOut(rollOut: step, now: hour(0))
        }
        XCTAssertEqual(try anHour(engine, scorer, 1), ["scored"])

        // The registry is in the snapshot; models are not.
        let later = try Engine.restore(snapshot: engine.snapshot(), policies: [policy], now: hour(1))
        try again.load(model: model)
        XCTAssertEqual(try later.scoredAt(model: "sepsis-vitals", patient: "p1", at: hour(1))?.version, 1)
        let back = RollOut.rollback(id: "sepsis-vitals", why: why, approver: "dr.b")
        try later.handleRollOut(rollOut: back, now: hour(2))
        XCTAssertEqual(try anHour(later, again, 2), ["failed"])
        XCTAssertEqual(try later.modelHistory().count, 5)
    }
}
