package org.rpmon

import com.sun.jna.Native
import com.sun.jna.Pointer
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.time.Instant

/**
 * A reading with keys instead of names, for batches: [Engine.patient], [Engine.device], [Policy.kind].
 */
data class Reading(
    /** The kind's number. */
    val kind: UShort,
    /** Thousandths of the kind's canonical unit: [Policy.measure]. */
    val value: Value,
    /** When the body was measured. */
    val observedAt: Timestamp,
    /** When the host got it. */
    val receivedAt: HostTime,
    /** The patient's key; a monitor ignores it. */
    val patient: PatientKey = 0u,
    /** The device's key. */
    val device: DeviceKey = 0u,
    /** What speaks against it. */
    val quality: Set<QualityFlag> = emptySet(),
    /** The device's own counter. */
    val sequence: ULong? = null,
)

/**
 * Readings as the engine takes them: 40 bytes each, outside the heap, so that nothing is copied when they
 * cross. It can be filled, given and cleared again and again. Not for several threads at once.
 */
class ReadingBatch(capacity: Int = 256) {
    private var buffer = direct(maxOf(capacity, 1) * STRIDE)

    /** How many readings there are. */
    val size: Int get() = buffer.position() / STRIDE

    /** Adds a reading. */
    fun add(reading: Reading): ReadingBatch = add(
        reading.kind, reading.value, reading.observedAt.toEpochMilli(),
        reading.receivedAt.toEpochMilli(), reading.patient, reading.device,
        reading.quality.sumOf { it.value.toInt() }, reading.sequence,
    )

    /** Adds a reading without making an object of it: times in milliseconds, quality as bits. */
    fun add(
        kind: UShort, value: Value, observedAt: Long, receivedAt: Long, patient: PatientKey = 0u,
        device: DeviceKey = 0u, quality: Int = 0, sequence: ULong? = null,
    ): ReadingBatch {
        if (buffer.remaining() < STRIDE) {
            buffer = direct(buffer.capacity() * 2).put(buffer.flip() as ByteBuffer)
        }
        buffer.putLong(observedAt).putLong(receivedAt).putLong((sequence ?: 0u).toLong())
        buffer.putInt(patient.toInt()).putInt(value)
        buffer.putShort(device.toShort()).putShort(kind.toShort())
        buffer.put(quality.toByte()).put(if (sequence == null) 0 else HAS_SEQUENCE).putShort(0)
        return this
    }

    /** Adds the reading at an index of a byte array that is packed already. */
    fun addPacked(bytes: ByteArray, offset: Int = 0, readings: Int = bytes.size / STRIDE): ReadingBatch {
        while (buffer.remaining() < readings * STRIDE) {
            buffer = direct(buffer.capacity() * 2).put(buffer.flip() as ByteBuffer)
        }
        buffer.put(bytes, offset, readings * STRIDE)
        return this
    }

    /** Empties it; its memory is kept. */
    fun clear() {
        buffer.clear()
    }

    /** The readings from one on. The engine asks for an address, which a slice has and a position has not. */
    internal fun from(first: Int): ByteBuffer {
        val rest = buffer.duplicate().flip() as ByteBuffer
        rest.position(first * STRIDE)
        return rest.slice()
    }

    /** Where the readings lie, as long as none is added. */
    internal fun pointer(): Pointer = Native.getDirectBufferPointer(buffer)

    companion object {
        /** The length of one reading. */
        const val STRIDE: Int = 40

        private const val HAS_SEQUENCE: Byte = 1

        private fun direct(bytes: Int): ByteBuffer =
            ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN)
    }
}

/**
 * Takes readings in, each at its own `receivedAt`: the quick way. Outputs are handed to [drained] as often
 * as the engine's queue is full, and at the end.
 */
inline fun Engine.handleAll(batch: ReadingBatch, drained: (List<Output>) -> Unit): BatchReceipt =
    handleAll(batch, this::handleFrom, this::drainOutputs, drained)

/** Takes readings in, as [Engine.handleAll]. */
inline fun Monitor.handleAll(batch: ReadingBatch, drained: (List<Output>) -> Unit): BatchReceipt =
    handleAll(batch, this::handleFrom, this::drainOutputs, drained)

@PublishedApi
internal fun Engine.handleFrom(batch: ReadingBatch, first: Int): BatchReceipt =
    handleBatch(batch.from(first))

@PublishedApi
internal fun Monitor.handleFrom(batch: ReadingBatch, first: Int): BatchReceipt =
    handleBatch(batch.from(first))

@PublishedApi
internal inline fun handleAll(
    batch: ReadingBatch, handle: (ReadingBatch, Int) -> BatchReceipt, drain: () -> List<Output>,
    drained: (List<Output>) -> Unit,
): BatchReceipt {
    var total = BatchReceipt(0u, 0u, 0u, 0u)
    while (total.consumed < batch.size.toULong()) {
        val receipt = handle(batch, total.consumed.toInt())
        drained(drain())
        total = BatchReceipt(
            total.consumed + receipt.consumed, total.accepted + receipt.accepted,
            total.duplicate + receipt.duplicate, total.quarantined + receipt.quarantined,
        )
    }
    return total
}
