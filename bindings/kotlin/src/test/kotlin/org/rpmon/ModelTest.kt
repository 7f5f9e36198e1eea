package org.rpmon

import java.nio.file.Files
import java.nio.file.Path
import java.time.Instant
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Models beside rules: verified when they are loaded, asked when they are due. */
class ModelTest {
    private val trained = Path.of("../../examples/training")
    private val why = Why("dr.a", "better", "report 7")

    private fun file(name: String): ByteArray = Files.readAllBytes(trained.resolve(name))

    private fun model(): Model =
        Model.load(file("sepsis-vitals/sepsis-vitals.onnx"), file("sepsis-vitals/sepsis-vitals.json"))

    private fun hour(hour: Int): Instant = Instant.ofEpochSecond(hour * 3600L)

    /** What models said in an hour of a patient. */
    private fun anHour(engine: Engine, scorer: Scorer, hour: Int): List<RecordBody> {
        val values = mapOf(
            "heart_rate" to (80.0 to "/min"), "spo2" to (97.0 to "%"), "respiratory_rate" to (14.0 to "/min"),
            "systolic_bp" to (120.0 to "mm[Hg]"), "mean_bp" to (90.0 to "mm[Hg]"),
            "diastolic_bp" to (75.0 to "mm[Hg]"),
        )
        for ((kind, value) in values) {
            val body = EventBody.Reading(kind, value.first, value.second)
            engine.handleEvent(Event("p1", Device("d1"), hour(hour), body), hour(hour))
        }
        scorer.run(engine, engine.findPatient("p1")!!, hour(hour))
        return records(engine.drainOutputs()).filter { it is RecordBody.RiskScored || it is RecordBody.RiskFailed }
    }

    @Test
    fun `a model is asked about a row`() {
        model().use { model ->
            val row = List(model.inputs().toInt()) { (it % 7 * 20).toFloat() }
            assertTrue(model.score(row) in 0..1000)
            val reasons = model.reasons(row)
            assertTrue(reasons.exact && reasons.terms.size == row.size)
            assertThrows(RpmonException.Invalid::class.java) { model.score(row.drop(1)) }
        }
    }

    @Test
    fun `the version that counts scores and a rollback leaves rules alone`() {
        val policy = Policy.fromToml(String(file("icu-hybrid.toml")))
        Engine(policy).use { engine ->
            val (scorer, model) = Scorer() to model()
            assertTrue(anHour(engine, scorer, 0).single() is RecordBody.RiskFailed)
            scorer.load(model)
            engine.handleRollOut(RollOut.Register(model.reference(), "dr.a"), hour(0))
            val canary = ModelStage.Canary(CanaryPart.Permille(1000u))
            for (stage in listOf(ModelStage.Shadow, canary, ModelStage.Active)) {
                engine.handleRollOut(RollOut.Stage("sepsis-vitals", 1u, stage, why, "dr.b"), hour(0))
            }
            assertTrue(anHour(engine, scorer, 1).single() is RecordBody.RiskScored)

            // The registry is in the snapshot; models are not.
            Engine.restore(engine.snapshot(), listOf(policy), hour(1)).use { engine ->
                val again = Scorer()
                again.load(model)
                assertEquals(1u, engine.scoredAt("sepsis-vitals", "p1", hour(1))!!.version)
                engine.handleRollOut(RollOut.Rollback("sepsis-vitals", why, "dr.b"), hour(2))
                assertTrue(anHour(engine, again, 2).single() is RecordBody.RiskFailed)
                assertEquals(5, engine.modelHistory().size)
            }
        }
    }
}
