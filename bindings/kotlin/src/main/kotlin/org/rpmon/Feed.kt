package org.rpmon

import com.sun.jna.Memory
import com.sun.jna.Native
import com.sun.jna.Pointer
import java.nio.ByteOrder

/** What became of a batch: the counts, and what came out. */
data class Fed(
    /** All of the batch was consumed. */
    val receipt: BatchReceipt,
    /** As of [Engine.drainLines]: a record's line is its canonical one; store that. */
    val lines: List<String>,
)

/**
 * Many readings into an engine, and lines out, in one call without objects in between. What other calls of
 * this package cost, tens of microseconds, does not depend on what they carry; this one costs less than one.
 *
 * The decisions and lines are those of [Engine.handleBatch] and [Engine.drainLines], byte for byte. Close it
 * when there is no more; the engine goes on, and other calls may be made to it all the time.
 */
class Feed(engine: Engine) : AutoCloseable {
    private val feed = FeedCalls.rpmon_feed_new(engine.uniffiCloneHandle())
    private val memory = Memory(ANSWER_BYTES)
    private val answer = memory.getByteBuffer(0, ANSWER_BYTES).order(ByteOrder.nativeOrder())
    private val cleanable = UniffiLib.CLEANER.register(this, Freed(feed))
    private var closed = false

    /** Takes readings in, each at its own `receivedAt`, all of them. */
    @Synchronized
    fun handle(batch: ReadingBatch): Fed {
        check(!closed) { "the feed is closed" }
        val status = FeedCalls.rpmon_feed_handle(
            feed, batch.pointer(), batch.size.toLong() * ReadingBatch.STRIDE, memory)
        // Whole readings are never refused as such: the engine failed, now or before.
        if (status != 0) throw RpmonException.Poisoned()
        val receipt = BatchReceipt(
            batch.size.toULong(), answer.getLong(0).toULong(), answer.getLong(8).toULong(),
            answer.getLong(16).toULong())
        val length = answer.getLong(24).toInt()
        return Fed(receipt, if (length == 0) emptyList() else lines(length))
    }

    private fun lines(length: Int): List<String> {
        val bytes = memory.getPointer(LINES_AT).getByteArray(0, length)
        return String(bytes, 0, length - 1, Charsets.UTF_8).split('\n')
    }

    /** Lets the engine go. */
    @Synchronized
    override fun close() {
        closed = true
        cleanable.clean()
    }

    private class Freed(private val feed: Pointer) : Runnable {
        override fun run() = FeedCalls.rpmon_feed_free(feed)
    }

    private companion object {
        /** Four numbers and an address. */
        const val ANSWER_BYTES = 40L
        const val LINES_AT = 32L
    }
}

/** Numbers and addresses alone: JNA has nothing to convert. */
@Suppress("FunctionName")
internal object FeedCalls {
    init {
        // The library whose handles these are: UniFFI's own calls ask the same property.
        val library = System.getProperty("uniffi.component.rpmon.libraryOverride") ?: "rpmon_mobile"
        Native.register(FeedCalls::class.java, library)
    }

    external fun rpmon_feed_new(engine: Long): Pointer

    external fun rpmon_feed_free(feed: Pointer)

    external fun rpmon_feed_handle(
        feed: Pointer, readings: Pointer, len: Long, answer: Pointer,
    ): Int
}
