// A recording in, alerts out: `gzip -dc samples.csv.gz | rpmon-alerts bedside.toml`.
//
// A row of the recording has patient, t_seconds, kind, value, unit. What this prints of an alert is what a
// phone would show on its lock screen.

import Foundation
import Rpmon

guard CommandLine.arguments.count == 2 else {
    FileHandle.standardError.write(Data("usage: rpmon-alerts POLICY.toml < READINGS.csv\n".utf8))
    exit(2)
}

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("error: \(message)\n".utf8))
    exit(2)
}

let policy: Policy
do {
    policy = try Policy.fromToml(
        text: String(contentsOfFile: CommandLine.arguments[1], encoding: .utf8))
} catch RpmonError.Policy(let problems) {
    fail(problems.map(\.text).joined(separator: "\n"))
} catch {
    fail("\(CommandLine.arguments[1]) cannot be read")
}

/// One row, in the order of the columns above.
func event(_ row: [Substring]) -> (Event, Date)? {
    guard row.count == 5, let seconds = Double(row[1]), let value = Double(row[3]) else { return nil }
    let time = Date(timeIntervalSince1970: seconds)
    let body = EventBody.reading(kind: String(row[2]), value: value, unit: String(row[4]))
    let device = Device(id: String(row[2]))
    return (Event(patient: String(row[0]), device: device, observedAt: time, body: body), time)
}

var rows: [(Event, Date)] = []
while let line = readLine() {
    if let row = event(line.split(separator: ",", omittingEmptySubsequences: false)) { rows.append(row) }
}
rows.sort { $0.1 < $1.1 }

let engine = Engine(policy: policy)
var (readings, alerts) = (0, 0)
let clock = ISO8601DateFormatter()
for (event, time) in rows {
    _ = try engine.handleEvent(event: event, now: time)
    readings += 1
    for case .record(let sealed, _) in try engine.drainOutputs() {
        guard let note = try notification(line: sealed.line) else { continue }
        alerts += 1
        print("\(clock.string(from: sealed.record.at)) \(sealed.record.patient ?? "")")
        print("  \(note.title)\n  \(note.body)")
    }
}
print("\(readings) readings, \(alerts) alerts")
