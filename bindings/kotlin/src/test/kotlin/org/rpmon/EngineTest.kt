package org.rpmon

import java.time.Duration
import java.time.Instant
import kotlin.concurrent.thread
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The policy of these tests. */
internal val POLICY = """{
  "id": "home", "version": 1, "title": "Oxygen at home",
  "signals": { "spo2": { "cadence": "1 s" } },
  "rules": [
    { "id": "spo2-low", "title": "Low oxygen saturation", "signal": "spo2",
      "levels": [{ "level": "urgent", "raise": { "below": 88 }, "for": "2 s" }] },
    { "id": "spo2-missing", "title": "No oxygen saturation", "signal": "spo2", "missing_for": "1 min" }
  ],
  "care": {
    "routes": [{ "id": "all", "queue": "ward", "escalation": "page" }],
    "escalations": { "page": { "answer_within": "5 min", "steps": [
      { "after": "0 s", "to": ["nurse"], "channels": ["pager"] }
    ] } }
  }
}"""

internal fun policy(): Policy = Policy.fromJson(POLICY.toByteArray())

internal fun at(second: Int, ms: Int = 0): Instant = Instant.ofEpochMilli(second * 1000L + ms)

internal fun reading(second: Int, value: Double): Event =
    Event("p1", Device("d1"), at(second), EventBody.Reading("spo2", value, "%"))

internal fun records(outputs: List<Output>): List<RecordBody> =
    outputs.filterIsInstance<Output.Record>().map { it.sealed.record.body }

/** The engine itself, as a host drives it. */
class EngineTest {
    /** Three seconds of low saturation, and what came out. */
    private fun desaturate(engine: Engine): List<Output> = (0..2).flatMap { second ->
        engine.handleEvent(reading(second, 86.5), at(second, 200))
        engine.drainOutputs()
    }

    @Test
    fun `low saturation opens an alert and an acknowledgement takes the message back`() {
        Engine(policy()).use { engine ->
            val outputs = desaturate(engine)
            val opened = records(outputs).filterIsInstance<RecordBody.AlertOpened>().single()
            assertEquals("spo2-low" to Level.URGENT, opened.rule to opened.level)
            val intent = outputs.filterIsInstance<Output.Deliver>().single().intent
            assertEquals("nurse", intent.target.function)

            val patient = engine.findPatient("p1")!!
            val alert = engine.alert(patient, opened.alert)!!
            val command =
                Command(patient, alert.id, alert.revision, "ann", "nurse", Action.Acknowledge)
            engine.handleCommand(command, at(5))
            assertTrue(engine.drainOutputs().any { it is Output.Cancel })
            val stale = assertThrows(RpmonException.Refused::class.java) {
                engine.handleCommand(command, at(6))
            }
            assertEquals(Code.STALE_REVISION, stale.code)
            assertEquals(501u.toUShort(), codeNumber(stale.code))
        }
    }

    @Test
    fun `a batch decides what events decide`() {
        val policy = policy()
        val values = listOf(97.1, 86.5, 86.25, 85.0, 96.999, 94.0, 80.0)
        Engine(policy).use { one ->
            values.forEachIndexed { s, value -> one.handleEvent(reading(s, value), at(s, 200)) }
            Engine(policy).use { many ->
                val patient = many.patient("p1")
                val device = many.device(patient, "d1")
                // So small that it has to grow.
                val batch = ReadingBatch(1)
                values.forEachIndexed { s, value ->
                    val thousandths = policy.measure("spo2", value, "%")
                    batch.add(
                        Reading(
                            policy.kind("spo2")!!, thousandths, at(s), at(s, 200), patient, device
                        )
                    )
                }
                val drained = mutableListOf<Output>()
                val receipt = many.handleAll(batch) { drained += it }
                assertEquals(7uL, receipt.accepted)
                val lines = drained.filterIsInstance<Output.Record>().map { it.sealed.line }
                assertEquals(one.drainLines().filter { it.startsWith("{\"hash\"") }, lines)
                assertTrue(lines.isNotEmpty())
            }
        }
    }

    @Test
    fun `a feed says what events and drained lines say`() {
        val policy = policy()
        val values = listOf(97.1, 86.5, 86.25, 85.0, 96.999, 250.0, 80.0)
        Engine(policy).use { one ->
            values.forEachIndexed { s, value -> one.handleEvent(reading(s, value), at(s, 200)) }
            val drained = one.drainLines()
            // Less room than what comes out needs.
            Engine(policy, Config(maxOutputs = 1u)).use { many ->
                val patient = many.patient("p1")
                val device = many.device(patient, "d1")
                val kind = policy.kind("spo2")!!
                val batch = ReadingBatch(1)
                values.forEachIndexed { s, value ->
                    val thousandths = policy.measure("spo2", value, "%")
                    batch.add(Reading(kind, thousandths, at(s), at(s, 200), patient, device))
                }
                val feed = Feed(many)
                val (receipt, lines) = feed.handle(batch)
                assertEquals(BatchReceipt(7u, 6u, 0u, 1u), receipt)
                val records = { all: List<String> -> all.filter { it.startsWith("{\"hash\"") } }
                assertEquals(records(drained), records(lines))
                assertTrue(lines.size > records(lines).size)
                assertEquals(6uL, feed.handle(batch).receipt.duplicate)
                batch.clear()
                assertEquals(Fed(BatchReceipt(0u, 0u, 0u, 0u), emptyList()), feed.handle(batch))
                feed.close()
                feed.close()
                assertThrows(IllegalStateException::class.java) { feed.handle(batch) }
                // The engine goes on.
                assertEquals(1uL, many.patients())
            }
        }
    }

    @Test
    fun `a batch larger than the queue of outputs is taken whole`() {
        val policy = policy()
        Engine(policy, Config(maxOutputs = 1u)).use { engine ->
            val batch = ReadingBatch()
            for (person in 0 until 40) {
                val patient = engine.patient("p$person")
                val device = engine.device(patient, "d1")
                batch.add(policy.kind("spo2")!!, 250_000, 1000, 1000, patient, device)
            }
            var quarantined = 0
            val receipt = engine.handleAll(batch) { outputs ->
                quarantined += outputs.count { it is Output.Quarantined }
            }
            assertEquals(40uL, receipt.quarantined)
            assertEquals(40, quarantined)
        }
    }

    @Test
    fun `a monitor decides what an engine decides`() {
        val policy = policy()
        Engine(policy).use { engine ->
            Monitor(policy, "p1").use { monitor ->
                for (second in 0 until 90) {
                    if (second < 20) {
                        engine.handleEvent(reading(second, 86.5), at(second))
                        monitor.handleEvent(reading(second, 86.5), at(second))
                    }
                    engine.handleTimeout(at(second, 500))
                    monitor.handleTimeout(at(second, 500))
                }
                assertEquals(engine.nextWakeup(), monitor.nextWakeup())
                val lines = engine.drainLines()
                assertTrue(lines.any { "spo2-missing" in it })
                assertEquals(lines, monitor.drainLines())
            }
        }
    }

    @Test
    fun `a restored engine goes on as if nothing had happened`() {
        val policy = policy()
        Engine(policy).use { whole ->
            Engine(policy).use { first ->
                desaturate(whole)
                desaturate(first)
                Engine.restore(first.snapshot(), listOf(policy), at(3)).use { second ->
                    val report = second.restoreReport()!!
                    assertEquals(1uL to 1uL, report.patients to report.openAlerts)
                    assertEquals(Duration.ofMillis(800), report.gap)
                    for (engine in listOf(whole, second)) {
                        engine.handleEvent(reading(3, 99.0), at(3, 200))
                        engine.handleTimeout(at(600))
                    }
                    assertEquals(whole.drainLines(), second.drainLines())
                }
            }
        }
    }

    @Test
    fun `mistakes are typed errors with their places`() {
        val wrong = assertThrows(RpmonException.Policy::class.java) {
            Policy.fromJson(POLICY.replace("88", "\"x\"").toByteArray())
        }
        assertTrue(wrong.problems.all { it.text.isNotEmpty() && it.path != null })
        Engine(policy()).use { engine ->
            for (name in listOf("", "a\nb", "x".repeat(257))) {
                val error =
                    assertThrows(RpmonException.Invalid::class.java) { engine.patient(name) }
                assertEquals(Code.BAD_IDENTIFIER, error.problem.code)
            }
            val nan = assertThrows(RpmonException.Invalid::class.java) {
                engine.handleEvent(reading(0, Double.NaN), at(0))
            }
            assertEquals(Code.NOT_A_NUMBER, nan.code)
            assertEquals(
                Receipt.Quarantined(Code.BAD_ENCODING),
                engine.handleJson(byteArrayOf(-1, -2), at(0)),
            )
        }
    }

    @Test
    fun `why and explain`() {
        Engine(policy()).use { engine ->
            val lines = desaturate(engine).filterIsInstance<Output.Record>().map { it.sealed.line }
            val explained = explain(lines, 1u)!!
            assertTrue("86.5" in explained.text)
            assertNull(explain(lines, 2u))
            val why = engine.why(engine.findPatient("p1")!!, "spo2-missing")!!
            assertEquals(at(2, 200), why.silentSince)
            val note = lines.firstNotNullOf { notification(it) }
            assertEquals("Urgent: Low oxygen saturation", note.title)
            assertFalse("p1" in note.title + note.body)
        }
    }

    @Test
    fun `threads may share an engine`() {
        Engine(policy()).use { engine ->
            val threads = (0..3).map { number ->
                thread {
                    for (second in 0 until 200) {
                        val event = reading(second, 97.0).copy(patient = "p$number")
                        engine.handleEvent(event, at(second))
                    }
                }
            }
            threads.forEach(Thread::join)
            for (number in 0..3) {
                val counts = engine.counts(engine.findPatient("p$number")!!)!!
                assertEquals(200uL, counts.accepted)
            }
        }
    }
}
