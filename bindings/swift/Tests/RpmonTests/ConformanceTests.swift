import Foundation
import XCTest

@testable import Rpmon

/// The shared cases: the same records here as in every other host, byte for byte.
final class ConformanceTests: XCTestCase {
    private static let folder = URL(fileURLWithPath: #filePath)
        .appendingPathComponent("../../../../../testdata/conformance").standardizedFileURL

    func testEveryCaseIsAsExpected() throws {
        let files = try FileManager.default
            .contentsOfDirectory(at: Self.folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }
            .sorted { $0.path < $1.path }
        XCTAssertGreaterThanOrEqual(files.count, 40)
        var toldAlike: [String] = []
        for file in files {
            let data = try Data(contentsOf: file)
            let parsed = try JSONSerialization.jsonObject(with: data)
            let story = try XCTUnwrap(parsed as? [String: Any])
            let expected = try XCTUnwrap(story["expected"] as? [String: Any])
            let found = try play(story, inputs: inputs(of: String(decoding: data, as: UTF8.self)))
            var same = true
            for key in Set(expected.keys).union(found.keys).sorted() {
                let wanted = (expected[key] as? [Any] ?? []).map(text)
                let got = (found[key] ?? []).map(text)
                XCTAssertEqual(wanted, got, "\(file.lastPathComponent): \(key)")
                same = same && wanted == got
            }
            if same { toldAlike.append(file.deletingPathExtension().lastPathComponent) }
        }
        // One line a case, for `cargo xtask conformance-table`.
        if let folder = ProcessInfo.processInfo.environment["RPM_CONFORMANCE_RESULTS"] {
            let lines = toldAlike.map { "\($0)\n" }.joined()
            try lines.write(toFile: "\(folder)/Swift.txt", atomically: true, encoding: .utf8)
        }
    }

    /// What the Rust engine's runner does, through the binding.
    private func play(_ story: [String: Any], inputs: [String]) throws -> [String: [Any]] {
        var policies: [Policy] = []
        var errors: [String] = []
        for item in [story["policy"] as Any] + (story["more_policies"] as? [Any] ?? []) {
            do {
                policies.append(try Policy.fromJson(text: try verbatim(item)))
            } catch RpmonError.Policy(let problems) {
                errors += problems.map(named)
            }
        }
        guard errors.isEmpty else { return ["policy_errors": errors] }
        let bounds = story["config"] as? [String: Any] ?? [:]
        let config = Config(
            maxPatients: (bounds["max_patients"] as? Int).map(UInt32.init),
            maxDevices: (bounds["max_devices"] as? Int).map(UInt16.init),
            maxOutputs: (bounds["max_outputs"] as? Int).map(UInt32.init))
        var engine = Engine(policy: policies[0], config: config)
        var (answers, outputs): ([String], [String]) = ([], [])
        var wakeups: [Any] = []
        for (item, written) in zip(story["inputs"] as? [Any] ?? [], inputs) {
            if let at = (item as? [String: Any])?["restore"] as? Int {
                engine = try Engine.restore(
                    snapshot: try engine.snapshot(), policies: policies,
                    now: Date(milliseconds: Int64(at)), config: config)
                let r = try XCTUnwrap(engine.restoreReport())
                answers.append(
                    "restored gap=\(r.gap.milliseconds) patients=\(r.patients) "
                        + "open_alerts=\(r.openAlerts) timers_due=\(r.timersDue) "
                        + "readings_missed=\(r.readingsMissed)")
                wakeups.append(try engine.nextWakeup().map { $0.milliseconds as Any } ?? NSNull())
                continue
            }
            var full = false
            repeat {
                full = false
                do {
                    answers.append(word(try engine.handleInput(line: try line(item, written))))
                } catch RpmonError.Invalid(let problem) {
                    answers.append("error \(named(problem))")
                    full = problem.code == .outputQueueFull
                }
                outputs += try engine.drainLines()
                wakeups.append(try engine.nextWakeup().map { $0.milliseconds as Any } ?? NSNull())
            } while full
        }
        var found: [String: [Any]] = ["answers": answers, "wakeups": wakeups, "outputs": outputs]
        let warnings = policies[0].warnings()
        if !warnings.isEmpty { found["policy_warnings"] = warnings.map(named) }
        return found
    }

    private func verbatim(_ item: Any) throws -> Data {
        if let text = item as? String { return Data(text.utf8) }
        return try JSONSerialization.data(withJSONObject: item, options: [.withoutEscapingSlashes])
    }

    /// A string stands for its text, an object for itself: as written, for Foundation does not keep the
    /// order of its fields, and what is refused comes out as it came.
    private func line(_ item: Any, _ written: String) throws -> Data {
        item is String ? try verbatim(item) : Data(written.utf8)
    }

    /// The inputs of a case as written: one a line.
    private func inputs(of text: String) -> [String] {
        let lines = text.components(separatedBy: "\n")
        guard let first = lines.firstIndex(of: "  \"inputs\": [") else { return [] }
        let written = lines[(first + 1)...].prefix { $0 != "  ]," }
        return written.map { line in
            let line = line.trimmingCharacters(in: .whitespaces)
            return line.hasSuffix(",") ? String(line.dropLast()) : line
        }
    }

    private func named(_ problem: Problem) -> String {
        let path = problem.path ?? ""
        return path.isEmpty ? codeName(code: problem.code) : "\(codeName(code: problem.code)) \(path)"
    }

    private func word(_ answer: Answer) -> String {
        switch answer {
        case .event(.accepted): return "accepted"
        case .event(.duplicate): return "duplicate"
        case .event(.quarantined(let code)): return "quarantined \(codeName(code: code))"
        case .taken: return "taken"
        case .refused(let problem, _, _): return "refused \(codeName(code: problem.code))"
        }
    }

    private func text(_ item: Any) -> String { item is NSNull ? "null" : "\(item)" }
}
