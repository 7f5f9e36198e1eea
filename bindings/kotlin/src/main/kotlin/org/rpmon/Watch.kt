package org.rpmon

import java.time.Clock
import java.time.Duration
import java.time.Instant
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.asSharedFlow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull

/** An alert that opened or changed, and the record that says so. */
data class AlertUpdate(
    /** The alert as it stands now. */
    val alert: Alert,
    /** What happened. */
    val record: SealedRecord,
    /** What to show on a lock screen, if the person who carries the phone is to be told. */
    val notification: LocalNotification?,
)

/**
 * Watches one patient: takes events in, keeps time, and tells of alerts as they change.
 *
 * Everything that the engine decides goes to [store] first, in order, before the call that caused it
 * returns: records to be kept, messages to be handed over. Then whoever collects [alerts] hears of it.
 * Between calls a coroutine of [scope] sleeps until the engine wants to be woken; the engine itself knows
 * nothing of coroutines, and its calls take microseconds on the caller's thread.
 *
 * @property monitor the engine of this patient; it is closed with this.
 */
class Watch(
    val monitor: Monitor,
    scope: CoroutineScope,
    private val clock: Clock = Clock.systemUTC(),
    private val store: (Output) -> Unit,
) : AutoCloseable {
    private val updates = MutableSharedFlow<AlertUpdate>(extraBufferCapacity = Channel.UNLIMITED)
    private val calls = Channel<Unit>(Channel.CONFLATED)
    private val alarm: Job = scope.launch { keepTime() }
    private var closed = false

    /** The alerts from now on, each time one opens or changes. Any number may collect it. */
    val alerts: Flow<AlertUpdate> = updates.asSharedFlow()

    /** Takes one event in. */
    fun handle(event: Event, now: Instant = clock.instant()): Receipt =
        then { monitor.handleEvent(event, now) }

    /** Takes one event in, in its JSON form. Text that is no event is quarantined whole. */
    fun handleJson(text: String, now: Instant = clock.instant()): Receipt =
        then { monitor.handleJson(text.toByteArray(), now) }

    /** Takes whatever enters in, as a line of JSON with its own time. */
    fun handleInput(line: String): Answer = then { monitor.handleInput(line.toByteArray()) }

    /** Takes readings in, each at its own `receivedAt`: the quick way. */
    fun handle(batch: ReadingBatch): BatchReceipt = then { monitor.handleAll(batch, ::take) }

    /** Takes in what a person does about an alert: the revision is the one that this alert has. */
    fun handle(
        action: Action, on: Alert, by: String, role: String, now: Instant = clock.instant(),
    ) = then {
        monitor.handleCommand(Command(0u, on.id, on.revision, by, role, action), now)
    }

    /** Takes in what a channel reports of a message. */
    fun report(key: IntentKey, state: DeliveryState, now: Instant = clock.instant()) =
        then { monitor.handleReport(DeliveryReport(0u, key, state), now) }

    /** Takes in what a person asks of what was learned. */
    fun handle(
        action: BaselineAction, on: String, by: String, role: String, because: String,
        now: Instant = clock.instant(),
    ) = then { monitor.handleBaseline(BaselineCommand(0u, on, action, by, role, because), now) }

    /** Takes in who is on duty from now on. */
    fun handleRoster(shifts: List<Shift>, now: Instant = clock.instant()) =
        then { monitor.handleRoster(shifts, now) }

    /** Takes in an approved change of the policy. */
    fun handle(change: PolicyChange, now: Instant = clock.instant()) =
        then { monitor.handleChange(change, now) }

    /** Does what is due. It happens by itself; call it when the app comes to the foreground. */
    fun wake(now: Instant = clock.instant()) = then { monitor.handleTimeout(now) }

    /** The whole state, to be kept like any data of a patient. */
    fun snapshot(): ByteArray = monitor.snapshot()

    /** Ends the flow's source and frees the engine. */
    @Synchronized
    override fun close() {
        if (closed) return
        closed = true
        alarm.cancel()
        monitor.close()
    }

    /** Runs a call; whatever comes out is stored and told, also of a command that was refused. */
    @Synchronized
    private fun <R> then(call: () -> R): R {
        try {
            return call()
        } finally {
            take(monitor.drainOutputs())
            calls.trySend(Unit)
        }
    }

    private fun take(outputs: List<Output>) = outputs.forEach { output ->
        store(output)
        update(output)?.let(updates::tryEmit)
    }

    private fun update(output: Output): AlertUpdate? {
        val (sealed, id) = output as? Output.Record ?: return null
        val alert = monitor.alert(id ?: return null) ?: return null
        return AlertUpdate(alert, sealed, notification(sealed.line))
    }

    /** Sleeps until something is due; looks again after every call, and at the clock once a minute. */
    private suspend fun keepTime() {
        while (true) {
            val due = nextWakeup()
            val wait = due?.let { Duration.between(clock.instant(), it).toMillis() } ?: LONGEST_MS
            if (wait <= 0) {
                wake()
                // What is still due has no room yet, or the clock stands still: do not spin.
                if (nextWakeup() == due) delay(PAUSE_MS)
            } else {
                withTimeoutOrNull(wait.coerceAtMost(LONGEST_MS)) { calls.receive() }
            }
        }
    }

    @Synchronized
    private fun nextWakeup(): Instant? = if (closed) null else monitor.nextWakeup()

    private companion object {
        const val LONGEST_MS = 60_000L
        const val PAUSE_MS = 1_000L
    }
}

/** The stable code; of a policy's mistakes that of the first. */
val RpmonException.code: Code?
    get() = when (this) {
        is RpmonException.Invalid -> problem.code
        is RpmonException.Policy -> problems.firstOrNull()?.code
        is RpmonException.Refused -> code
        is RpmonException.Poisoned -> Code.POISONED
    }
