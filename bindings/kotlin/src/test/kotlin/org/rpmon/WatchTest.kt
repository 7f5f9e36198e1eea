package org.rpmon

import java.time.Clock
import java.time.Instant
import java.time.ZoneId
import java.time.ZoneOffset
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The coroutine layer, in virtual time. */
@OptIn(ExperimentalCoroutinesApi::class)
class WatchTest {
    /** The virtual time as the host's clock. */
    private fun TestScope.clock() = object : Clock() {
        override fun getZone(): ZoneId = ZoneOffset.UTC
        override fun withZone(zone: ZoneId): Clock = this
        override fun instant(): Instant = Instant.ofEpochMilli(currentTime)
    }

    @Test
    fun `alerts flow, and time passes by itself`() = runTest {
        val stored = mutableListOf<Output>()
        val seen = mutableListOf<AlertUpdate>()
        val watch = Watch(Monitor(policy(), "p1"), backgroundScope, clock()) { stored += it }
        backgroundScope.launch { watch.alerts.toList(seen) }
        runCurrent()
        for (second in 0..2) {
            watch.handle(reading(second, 86.5))
            advanceTimeBy(1000)
        }
        runCurrent()
        assertEquals("spo2-low", seen.first().alert.rule)
        assertEquals("Urgent: Low oxygen saturation", seen.first().notification?.title)
        val before = seen.size

        // Nobody calls any more: the signal's absence is found all the same.
        advanceTimeBy(70_000)
        runCurrent()
        assertTrue(seen.drop(before).any { it.alert.rule == "spo2-missing" })
        assertTrue(stored.filterIsInstance<Output.Record>().size >= seen.size)

        // Acknowledged by what was seen.
        val alert = seen.last { it.alert.rule == "spo2-missing" }.alert
        watch.handle(Action.Acknowledge, alert, "ann", "nurse")
        runCurrent()
        assertEquals(Status.Acknowledged, seen.last().alert.status)
        watch.close()
        watch.close()
    }

    @Test
    fun `a snapshot goes on in another watch`() = runTest {
        val policy = policy()
        val first = Watch(Monitor(policy, "p1"), backgroundScope, clock()) {}
        for (second in 0..2) {
            first.handle(reading(second, 86.5))
            advanceTimeBy(1000)
        }
        val monitor = Monitor.restore(first.snapshot(), listOf(policy), clock().instant())
        first.close()
        assertEquals(1uL, monitor.restoreReport()!!.openAlerts)
        val seen = mutableListOf<AlertUpdate>()
        val second = Watch(monitor, backgroundScope, clock()) {}
        backgroundScope.launch { second.alerts.toList(seen) }
        runCurrent()
        advanceTimeBy(70_000)
        runCurrent()
        assertTrue(seen.any { it.alert.rule == "spo2-missing" })
        second.close()
    }
}
