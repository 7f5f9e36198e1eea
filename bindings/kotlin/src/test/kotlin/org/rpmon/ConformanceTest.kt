package org.rpmon

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.node.ObjectNode
import java.nio.file.Files
import java.nio.file.Path
import java.time.Instant
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource

/** The shared cases: the same records here as in every other host, byte for byte. */
class ConformanceTest {
    @ParameterizedTest
    @MethodSource("cases")
    fun `a case is as expected`(path: Path) {
        val case = json.readTree(Files.readAllBytes(path))
        assertEquals(json.writeValueAsString(case["expected"]), json.writeValueAsString(play(case)))
        toldAlike += path.fileName.toString().removeSuffix(".json")
    }

    @Test
    fun `there are cases`() = assertTrue(cases().size >= 40)

    /** What the Rust engine's runner does, through the binding. */
    private fun play(case: JsonNode): ObjectNode {
        val found = json.createObjectNode()
        val policies = mutableListOf<Policy>()
        val errors = mutableListOf<Problem>()
        for (policy in listOf(case["policy"]) + (case["more_policies"] ?: emptyList())) {
            try {
                policies += Policy.fromJson(verbatim(policy))
            } catch (wrong: RpmonException.Policy) {
                errors += wrong.problems
            }
        }
        if (errors.isNotEmpty()) {
            val list = found.putArray("policy_errors")
            errors.forEach { list.add(named(it)) }
            return found
        }
        val config = Config(
            case["config"]?.get("max_patients")?.asInt()?.toUInt(),
            case["config"]?.get("max_devices")?.asInt()?.toUShort(),
            case["config"]?.get("max_outputs")?.asInt()?.toUInt(),
        )
        var engine = Engine(policies.first(), config)
        val warnings = policies.first().warnings()
        if (warnings.isNotEmpty()) {
            val list = found.putArray("policy_warnings")
            warnings.forEach { list.add(named(it)) }
        }
        val answers = found.putArray("answers")
        val wakeups = found.putArray("wakeups")
        val outputs = found.putArray("outputs")
        val wakeup = { wakeups.add(engine.nextWakeup()?.toEpochMilli()) }
        for (item in case["inputs"] ?: emptyList()) {
            val restore = item["restore"]
            if (restore != null) {
                val snapshot = engine.snapshot()
                engine.close()
                val now = Instant.ofEpochMilli(restore.asLong())
                engine = Engine.restore(snapshot, policies, now, config)
                val r = engine.restoreReport()!!
                answers.add(
                    "restored gap=${r.gap.toMillis()} patients=${r.patients} " +
                        "open_alerts=${r.openAlerts} timers_due=${r.timersDue} " +
                        "readings_missed=${r.readingsMissed}"
                )
                wakeup()
                continue
            }
            do {
                var full = false
                try {
                    answers.add(word(engine.handleInput(verbatim(item))))
                } catch (error: RpmonException.Invalid) {
                    answers.add("error ${named(error.problem)}")
                    full = error.problem.code == Code.OUTPUT_QUEUE_FULL
                }
                engine.drainLines().forEach { outputs.add(it) }
                wakeup()
            } while (full)
        }
        engine.close()
        return found
    }

    private fun verbatim(item: JsonNode): ByteArray =
        (if (item.isTextual) item.asText() else json.writeValueAsString(item)).toByteArray()

    private fun named(problem: Problem): String =
        listOfNotNull(codeName(problem.code), problem.path?.ifEmpty { null }).joinToString(" ")

    private fun word(answer: Answer): String = when (answer) {
        is Answer.Event -> when (val receipt = answer.receipt) {
            is Receipt.Accepted -> "accepted"
            is Receipt.Duplicate -> "duplicate"
            is Receipt.Quarantined -> "quarantined ${codeName(receipt.v1)}"
        }
        is Answer.Refused -> "refused ${codeName(answer.problem.code)}"
        is Answer.Taken -> "taken"
    }

    private companion object {
        val json = ObjectMapper()
        val toldAlike = sortedSetOf<String>()

        /** One line a case, for `cargo xtask conformance-table`. */
        @JvmStatic
        @AfterAll
        fun write() {
            val folder = System.getenv("RPM_CONFORMANCE_RESULTS") ?: return
            Files.write(Path.of(folder, "Kotlin.txt"), toldAlike)
        }

        @JvmStatic
        fun cases(): List<Path> = Files.list(Path.of("../../testdata/conformance")).use { files ->
            files.filter { it.toString().endsWith(".json") }.sorted().toList()
        }
    }
}
