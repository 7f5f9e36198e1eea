/*
 * One patient, eight rules, an hour of readings, on a microcontroller: records go out, alerts are acknowledged.
 * Everything is in this file but the board.
 */
#include "board.h"
#include "policy.h"
#include "rpmon.h"

static void print(const char *text) {
    size_t len = 0;
    while (text[len]) len++;
    board_print(text, len);
}

static void print_number(const char *before, size_t number, const char *after) {
    char digits[24], *at = digits + sizeof digits;
    *--at = 0;
    do *--at = (char)('0' + number % 10);
    while (number /= 10);
    print(before);
    print(at);
    print(after);
}

static void must(rpmon_status status, const char *what) {
    if (status == RPMON_OK) return;
    print_number(what, status, ": status\n");
    board_exit(1);
}

static rpmon_str str(const char *text) {
    rpmon_str result = {text, 0};
    while (text[result.len]) result.len++;
    return result;
}

static rpmon_engine *engine;
static size_t records, alerts;

/* Prints every record; somebody sees each alert as soon as it opens. */
static void take_outputs(uint32_t patient, int64_t now) {
    rpmon_output *output = NULL;
    for (;;) {
        rpmon_record record;
        must(rpmon_engine_poll(engine, &output), "poll");
        if (!output) return;
        uint32_t opened = 0;
        if (rpmon_output_record(output, &record) == RPMON_OK) {
            board_print(record.line.data, record.line.len);
            print("\n");
            records++;
            if (record.revision == 1 && record.alert && record.title.len) opened = record.alert;
        }
        must(rpmon_output_free(&output), "free");
        if (opened) {
            rpmon_command seen = {patient, opened, 1, 0, str("nurse"), str("nurse"),
                                  str("{\"action\":\"acknowledge\"}")};
            must(rpmon_engine_handle_command(engine, &seen, now, NULL), "command");
            alerts++;
        }
    }
}

static rpmon_reading reading(int64_t second, uint16_t kind, int32_t value) {
    rpmon_reading made = {0};
    made.observed_at_ms = second * 1000;
    made.received_at_ms = second * 1000 + 200;
    made.kind = kind;
    made.value_thousandths = value * 1000;
    return made;
}

int main(void) {
    rpmon_policy *policy = NULL;
    uint32_t patient;
    uint16_t device;
    must(rpmon_policy_from_json(POLICY, sizeof POLICY - 1, &policy, NULL), "policy");
    must(rpmon_engine_new(policy, NULL, &engine), "engine");
    must(rpmon_policy_free(&policy), "free");
    must(rpmon_engine_patient(engine, str(""), str("p1"), &patient), "patient");
    must(rpmon_engine_device(engine, patient, str("oximeter"), &device), "device");
    for (int64_t second = 0; second < 3600; second++) {
        int low = second % 1200 > 900, fast = second % 700 > 600;
        const rpmon_reading now[] = {
            reading(second, RPMON_KIND_SPO2, low ? 84 : 97),
            reading(second, RPMON_KIND_HEART_RATE, fast ? 150 : 70 + (int)(second % 7)),
            reading(second, RPMON_KIND_RESPIRATORY_RATE, 16 + (int)(second % 3)),
        };
        rpmon_batch batch;
        must(rpmon_engine_handle_readings(engine, now, second > 3000 && second < 3200 ? 0 : 3, &batch),
             "readings");
        must(rpmon_engine_handle_timeout(engine, second * 1000 + 500), "timeout");
        take_outputs(patient, second * 1000 + 600);
    }
    rpmon_bytes snapshot;
    must(rpmon_engine_snapshot(engine, &snapshot), "snapshot");
    print_number("snapshot: ", snapshot.len, " bytes\n");
    must(rpmon_bytes_free(&snapshot), "free");
    must(rpmon_engine_free(&engine), "free");
    print_number("records: ", records, "\n");
    print_number("alerts: ", alerts, "\n");
    print_number("heap: ", board_memory_used(), " bytes at most\n");
    print_number("stack: ", board_stack_used(), " bytes at most\n");
    return 0;
}
