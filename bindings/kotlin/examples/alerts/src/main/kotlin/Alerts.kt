// A recording in, alerts out. A row of the recording has patient, t_seconds, kind, value, unit. What this
// prints of an alert is what a phone would show on its lock screen.

import java.io.File
import java.time.Instant
import java.util.zip.GZIPInputStream
import kotlin.system.exitProcess
import org.rpmon.Device
import org.rpmon.Engine
import org.rpmon.Event
import org.rpmon.EventBody
import org.rpmon.Output
import org.rpmon.Policy
import org.rpmon.RpmonException
import org.rpmon.notification

fun main(arguments: Array<String>) {
    if (arguments.size != 2) fail("usage: alerts POLICY.toml READINGS.csv[.gz]")
    val (policyFile, readingsFile) = arguments.map(::File)
    val policy = try {
        Policy.fromToml(policyFile.readText())
    } catch (wrong: RpmonException.Policy) {
        fail(wrong.problems.joinToString("\n") { it.text })
    }
    val events = rows(readingsFile).mapNotNull(::event).sortedBy { it.observedAt }
    var alerts = 0
    Engine(policy).use { engine ->
        for (event in events) {
            engine.handleEvent(event, event.observedAt)
            for (record in engine.drainOutputs().filterIsInstance<Output.Record>()) {
                val note = notification(record.sealed.line) ?: continue
                alerts += 1
                println("${record.sealed.record.at} ${record.sealed.record.patient}")
                println("  ${note.title}\n  ${note.body}")
            }
        }
    }
    println("${events.size} readings, $alerts alerts")
}

/** The rows of a file, plain or gzipped, without its header. */
private fun rows(file: File): List<List<String>> {
    val plain = if (file.extension == "gz") GZIPInputStream(file.inputStream()) else file.inputStream()
    return plain.bufferedReader().useLines { lines -> lines.drop(1).map { it.split(',') }.toList() }
}

private fun event(row: List<String>): Event? {
    val (patient, seconds, kind, value, unit) = row
    val at = Instant.ofEpochMilli(((seconds.toDoubleOrNull() ?: return null) * 1000).toLong())
    val body = EventBody.Reading(kind, value.toDoubleOrNull() ?: return null, unit)
    return Event(patient, Device(kind), at, body)
}

private fun fail(message: String): Nothing {
    System.err.println(message)
    exitProcess(2)
}
