import Foundation

/// Watches one patient: takes events in, keeps time, and tells of alerts as they change.
///
/// Everything that the engine decides goes to `store` first, in order, before the call that caused it
/// returns: records to be kept, messages to be handed over. Then whoever iterates `alerts()` hears of it.
/// Between calls the monitor sleeps until the engine wants to be woken.
public actor Monitor {
    /// What the engine decides, in the order of decisions.
    public typealias Store = @Sendable (Output) -> Void

    private let core: MonitorCore
    private let store: Store
    private let now: @Sendable () -> Date
    private var listeners: [UUID: AsyncStream<AlertUpdate>.Continuation] = [:]
    private var alarm: Task<Void, Never>?
    private var alarmAt: HostTime?
    /// For what it rang last.
    private var rangFor: HostTime?

    /// A monitor of this patient. `now` is the host's clock.
    public init(
        policy: Policy, patient: PatientId, tenant: TenantId? = nil,
        now: @escaping @Sendable () -> Date = { Date() }, store: @escaping Store
    ) {
        self.core = MonitorCore(policy: policy, patient: patient, tenant: tenant)
        self.store = store
        self.now = now
    }

    /// A monitor from its snapshot. Going on with it equals never having stopped; the report says what
    /// was missed. Call `wake()` to begin.
    public init(
        restoring snapshot: Data, policies: [Policy],
        now: @escaping @Sendable () -> Date = { Date() }, store: @escaping Store
    ) throws {
        self.core = try MonitorCore.restore(snapshot: snapshot, policies: policies, now: now())
        self.store = store
        self.now = now
    }

    deinit {
        alarm?.cancel()
        for listener in listeners.values { listener.finish() }
    }

    /// What a restore found; nothing for a monitor that began anew.
    public nonisolated var restoreReport: RestoreReport? { core.restoreReport() }

    /// The alerts from now on, each time one opens or changes. Any number may listen.
    public func alerts() -> AsyncStream<AlertUpdate> {
        let id = UUID()
        let (stream, continuation) = AsyncStream.makeStream(of: AlertUpdate.self)
        listeners[id] = continuation
        continuation.onTermination = { [weak self] _ in
            Task { await self?.forget(id) }
        }
        return stream
    }

    // MARK: What enters

    /// Takes one event in.
    @discardableResult
    public func handle(_ event: Event, at time: HostTime? = nil) throws -> Receipt {
        try then { try core.handleEvent(event: event, now: time ?? now()) }
    }

    /// Takes one event in, in its JSON form. Text that is no event is quarantined whole.
    @discardableResult
    public func handle(json: Data, at time: HostTime? = nil) throws -> Receipt {
        try then { try core.handleJson(text: json, now: time ?? now()) }
    }

    /// Takes whatever enters in, as a line of JSON with its own time.
    @discardableResult
    public func handle(input line: Data) throws -> Answer {
        try then { try core.handleInput(line: line) }
    }

    /// Takes readings in, each at its own `receivedAt`: the quick way.
    @discardableResult
    public func handle(_ batch: ReadingBatch) throws -> BatchReceipt {
        var total = BatchReceipt(consumed: 0, accepted: 0, duplicate: 0, quarantined: 0)
        while total.consumed < UInt64(batch.count) {
            let rest = batch.data.dropFirst(Int(total.consumed) * ReadingBatch.stride)
            let receipt = try then { try core.handleBatch(readings: Data(rest)) }
            total.consumed += receipt.consumed
            total.accepted += receipt.accepted
            total.duplicate += receipt.duplicate
            total.quarantined += receipt.quarantined
        }
        return total
    }

    /// Takes in what a person does about an alert: the revision is the one that this alert has.
    public func handle(
        _ action: Action, on alert: Alert, by actor: String, as role: String, at time: HostTime? = nil
    ) throws {
        let command = Command(
            patient: 0, alert: alert.id, seenRevision: alert.revision, actor: actor, role: role,
            action: action)
        try then { try core.handleCommand(command: command, now: time ?? now()) }
    }

    /// Takes in what a channel reports of a message.
    public func report(_ state: DeliveryState, of key: IntentKey, at time: HostTime? = nil) throws {
        let report = DeliveryReport(patient: 0, key: key, state: state)
        try then { try core.handleReport(report: report, now: time ?? now()) }
    }

    /// Takes in what a person asks of what was learned.
    public func handle(
        _ action: BaselineAction, on baseline: String, by actor: String, as role: String,
        because reason: String, at time: HostTime? = nil
    ) throws {
        let command = BaselineCommand(
            patient: 0, baseline: baseline, action: action, actor: actor, role: role, reason: reason)
        try then { try core.handleBaseline(command: command, now: time ?? now()) }
    }

    /// Takes in who is on duty from now on.
    public func handle(roster shifts: [Shift], at time: HostTime? = nil) throws {
        try then { try core.handleRoster(shifts: shifts, now: time ?? now()) }
    }

    /// Takes in an approved change of the policy.
    public func handle(_ change: PolicyChange, at time: HostTime? = nil) throws {
        try then { try core.handleChange(change: change, now: time ?? now()) }
    }

    /// Does what is due. The monitor calls it by itself; call it when the app comes to the foreground.
    public func wake(at time: HostTime? = nil) throws {
        try then { try core.handleTimeout(now: time ?? now()) }
    }

    // MARK: What can be asked

    /// The whole state, to be kept like any data of a patient.
    public func snapshot() throws -> Data { try core.snapshot() }

    /// When the engine wants to be woken.
    public func nextWakeup() throws -> HostTime? { try core.nextWakeup() }

    /// The open alerts, and the latest closed one of each rule.
    public func currentAlerts() throws -> [Alert] { try core.alerts() }

    /// What was asked to be delivered of the open alerts, and where it has come to.
    public func deliveries() throws -> [Delivery] { try core.deliveries() }

    /// The policy in force.
    public func policy() throws -> Policy { try core.policy() }

    /// The key of a device, for batches; it is added if new.
    public func device(_ id: DeviceId) throws -> DeviceKey { try core.device(id: id) }

    /// What became of the inputs.
    public func counts() throws -> Counts { try core.counts() }

    /// The newest good value of a signal.
    public func latest(_ signal: String) throws -> Latest? { try core.latest(signal: signal) }

    /// The state of a rule's condition.
    public func condition(of rule: String) throws -> ConditionState? { try core.condition(rule: rule) }

    /// Why a rule has not raised an alert, or what holds it back.
    public func why(_ rule: String) throws -> WhyNot? { try core.why(rule: rule) }

    /// Ends the streams and the alarm clock.
    public func stop() {
        alarm?.cancel()
        alarm = nil
        for listener in listeners.values { listener.finish() }
        listeners.removeAll()
    }

    // MARK: After every call

    /// Runs a call; whatever comes out is stored and told, also of a command that was refused.
    private func then<R>(_ call: () throws -> R) throws -> R {
        let result = Result { try call() }
        for output in try core.drainOutputs() {
            store(output)
            if let update = try update(of: output) {
                for listener in listeners.values { listener.yield(update) }
            }
        }
        try setAlarm()
        return try result.get()
    }

    private func update(of output: Output) throws -> AlertUpdate? {
        guard case .record(let sealed, let id?) = output, let alert = try core.alert(id: id) else {
            return nil
        }
        return AlertUpdate(
            alert: alert, record: sealed, notification: try notification(line: sealed.line))
    }

    private func setAlarm() throws {
        let due = try core.nextWakeup()
        guard due != alarmAt || alarm == nil else { return }
        alarm?.cancel()
        alarmAt = due
        guard let due else {
            alarm = nil
            return
        }
        // What is still due has no room yet, or the clock stands still: do not spin.
        let pause: UInt64 = due == rangFor ? 1_000_000_000 : 0
        alarm = Task { [weak self, now] in
            guard (try? await Task.sleep(nanoseconds: pause)) != nil else { return }
            // A clock may be set while we sleep: look again at least once a minute.
            while case let wait = due.timeIntervalSince(now()), wait > 0 {
                let part = min(wait, 60)
                guard (try? await Task.sleep(nanoseconds: UInt64(part * 1e9))) != nil else { return }
            }
            await self?.ring()
        }
    }

    /// The alarm clock rings. Nobody is there to hear of an error; the next call will.
    private func ring() {
        (alarm, rangFor) = (nil, alarmAt)
        try? wake()
    }

    private func forget(_ id: UUID) { listeners[id] = nil }
}

/// An alert that opened or changed, and the record that says so.
public struct AlertUpdate: Equatable, Hashable, Codable, Sendable, Identifiable {
    /// The alert as it stands now.
    public let alert: Alert
    /// What happened.
    public let record: SealedRecord
    /// What to show on a lock screen, if the person who carries the phone is to be told.
    public let notification: LocalNotification?

    public var id: UInt64 { record.record.seq }
}

extension Alert: Identifiable {}
extension Level: Comparable {
    public static func < (mild: Level, severe: Level) -> Bool {
        allCases.firstIndex(of: mild)! < allCases.firstIndex(of: severe)!
    }
}

extension RpmonError {
    /// The stable code; of a policy's mistakes that of the first.
    public var code: Code? {
        switch self {
        case .Invalid(let problem): return problem.code
        case .Policy(let problems): return problems.first?.code
        case .Refused(let code, _, _): return code
        case .Poisoned: return .poisoned
        }
    }
}
