package org.rpmon

import java.io.File
import java.lang.management.ManagementFactory
import java.time.Instant

private val BATCHES = listOf(256, 4096)
private const val EVENTS = 20_000

/**
 * How long readings take through this binding: `Bench POLICY.toml PACKED PATIENTS`.
 *
 * `cargo run --release -p rpm-benches --bin bindings` writes the file and compares with Rust.
 */
object Bench {
    @JvmStatic
    fun main(arguments: Array<String>) {
        val policy = Policy.fromToml(File(arguments[0]).readText())
        val packed = File(arguments[1]).readBytes()
        val patients = arguments[2].toInt()
        // What a program that runs has: each figure is the best of three rounds, the first of which is for the
        // compiler of the running program.
        for (size in BATCHES) {
            val rounds = (1..3).map { ward(policy, patients).use { batches(it, packed, size) } }
            val (ns, outputs) = rounds.minBy { it.first }
            println("batch $size $ns $outputs")
        }
        println("reading ${(1..3).minOf { ward(policy, 1).use { reading(it, policy.kind("spo2")!!) } }}")
        println("event ${(1..3).minOf { ward(policy, 1).use(::single) }}")
    }

    private fun ward(policy: Policy, patients: Int): Engine = Engine(policy).also { engine ->
        for (patient in 0 until patients) {
            engine.device(engine.patient("P%06d".format(patient)), "bedside")
        }
    }

    /** Nanoseconds a reading, and how many outputs there were. */
    private fun batches(engine: Engine, packed: ByteArray, size: Int): Pair<Double, Int> {
        val batch = ReadingBatch(size)
        val count = packed.size / ReadingBatch.STRIDE
        var outputs = 0
        val start = processorTime()
        Feed(engine).use { feed ->
            for (first in 0 until count step size) {
                batch.clear()
                batch.addPacked(packed, first * ReadingBatch.STRIDE, minOf(size, count - first))
                outputs += feed.handle(batch).lines.size
            }
        }
        return (processorTime() - start) / count.toDouble() to outputs
    }

    /** Nanoseconds that this thread has had. */
    private fun processorTime(): Long = ManagementFactory.getThreadMXBean().currentThreadCpuTime

    /** Nanoseconds for one event with types. */
    private fun single(engine: Engine): Double {
        val body = EventBody.Reading("spo2", 97.0, "%")
        val device = Device("bedside")
        val start = processorTime()
        for (second in 0 until EVENTS) {
            val at = Instant.ofEpochSecond(second.toLong())
            engine.handleEvent(Event("P000000", device, at, body), at)
        }
        return (processorTime() - start) / EVENTS.toDouble()
    }

    /** Nanoseconds for one reading by keys. */
    private fun reading(engine: Engine, kind: UShort): Double {
        val batch = ReadingBatch(1)
        val start = processorTime()
        Feed(engine).use { feed ->
            for (second in 0 until EVENTS) {
                batch.clear()
                batch.add(kind, 97_000, second * 1000L, second * 1000L)
                feed.handle(batch)
            }
        }
        return (processorTime() - start) / EVENTS.toDouble()
    }
}
