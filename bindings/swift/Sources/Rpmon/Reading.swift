import Foundation

/// A reading with keys instead of names, for batches: `Engine.patient`, `Engine.device`, `Policy.kind`.
public struct Reading: Equatable, Hashable, Codable, Sendable {
    /// The kind's number.
    public var kind: UInt16
    /// Thousandths of the kind's canonical unit: `Policy.measure`.
    public var value: Value
    /// When the body was measured.
    public var observedAt: Timestamp
    /// When the host got it.
    public var receivedAt: HostTime
    /// The patient's key; a monitor ignores it.
    public var patient: PatientKey
    /// The device's key.
    public var device: DeviceKey
    /// What speaks against it.
    public var quality: [QualityFlag]
    /// The device's own counter.
    public var sequence: UInt64?

    public init(
        kind: UInt16, value: Value, observedAt: Timestamp, receivedAt: HostTime,
        patient: PatientKey = 0, device: DeviceKey = 0, quality: [QualityFlag] = [],
        sequence: UInt64? = nil
    ) {
        self.kind = kind
        self.value = value
        self.observedAt = observedAt
        self.receivedAt = receivedAt
        self.patient = patient
        self.device = device
        self.quality = quality
        self.sequence = sequence
    }
}

/// Readings as the engine takes them: 40 bytes each.
public struct ReadingBatch: Sendable {
    /// The bytes, for `handleBatch`.
    public private(set) var data = Data()

    /// The length of one reading.
    public static let stride = 40

    private static let hasSequence: UInt8 = 1

    public init() {}

    public init(_ readings: some Sequence<Reading>) {
        for reading in readings { append(reading) }
    }

    /// How many readings there are.
    public var count: Int { data.count / Self.stride }

    public mutating func append(_ reading: Reading) {
        append(reading.observedAt.milliseconds)
        append(reading.receivedAt.milliseconds)
        append(reading.sequence ?? 0)
        append(reading.patient)
        append(reading.value)
        append(reading.device)
        append(reading.kind)
        data.append(reading.quality.reduce(0) { $0 | $1.rawValue })
        data.append(reading.sequence == nil ? 0 : Self.hasSequence)
        append(UInt16(0))
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
    }
}
