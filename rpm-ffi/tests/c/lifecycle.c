/* The whole loop: a policy, readings, an alert, a message, people, a snapshot, questions, figures. */
#include "check.h"

static void log_line(void *user, uint32_t level, rpmon_str message) {
    (void)message;
    ((int *)user)[level]++;
}

static int drain(rpmon_engine *engine, rpmon_bytes *log) {
    rpmon_bytes lines;
    OK(rpmon_engine_poll_lines(engine, &lines));
    int count = 0;
    for (size_t i = 0; i < lines.len; i++) count += lines.data[i] == '\n';
    if (log && lines.len) {
        char *longer = realloc(log->data, log->len + lines.len);
        CHECK(longer);
        memcpy(longer + log->len, lines.data, lines.len);
        log->data = longer;
        log->len += lines.len;
    }
    rpmon_bytes_free(&lines);
    return count;
}

static void policies(void) {
    rpmon_policy *policy = a_policy(POLICY), *twin = NULL;
    CHECK(is(rpmon_policy_id(policy), "home") && rpmon_policy_version(policy) == 1);
    CHECK(is(rpmon_policy_title(policy), "Oxygen at home"));
    OK(rpmon_policy_clone(policy, &twin));
    uint8_t hash[32], other[32];
    OK(rpmon_policy_hash(policy, &hash));
    OK(rpmon_policy_hash(twin, &other));
    CHECK(!memcmp(hash, other, 32));
    rpmon_bytes text;
    OK(rpmon_policy_to_json(policy, &text));
    rpmon_policy *again = NULL;
    OK(rpmon_policy_from_json(text.data, text.len, &again, NULL));
    OK(rpmon_policy_hash(again, &other));
    CHECK(!memcmp(hash, other, 32));
    rpmon_bytes_free(&text);
    OK(rpmon_policy_describe(policy, &text));
    CHECK(contains(text, "below 88"));
    rpmon_bytes_free(&text);
    uint16_t kind;
    OK(rpmon_policy_kind(policy, str("spo2"), &kind));
    CHECK(kind == RPMON_KIND_SPO2);
    OK(rpmon_policy_kind(policy, str("lactate"), &kind));
    CHECK(kind > RPMON_KIND_PERFUSION_INDEX);
    rpmon_error *warnings = NULL;
    OK(rpmon_policy_warnings(policy, &warnings));
    CHECK(rpmon_error_count(warnings) == 0);
    rpmon_error_free(&warnings);
    const char *toml = "id = 'x'\nversion = 1\ntitle = 'X'\n[signals.spo2]\ncadence = '1 s'\n"
                       "[[rules]]\nid = 'gone'\ntitle = 'Gone'\nsignal = 'spo2'\nmissing_for = '1 min'\n";
    rpmon_policy *written = NULL;
    if (rpmon_capabilities() & RPMON_CAPABILITY_TOML)
        OK(rpmon_policy_from_toml(toml, strlen(toml), &written, NULL));
    rpmon_policy_free(&written);
    rpmon_policy_free(&again);
    rpmon_policy_free(&twin);
    rpmon_policy_free(&policy);
}

static void watch(void) {
    rpmon_engine *engine = an_engine();
    int heard[4] = {0};
    OK(rpmon_engine_set_log(engine, log_line, heard));
    uint32_t patient, found;
    uint16_t device;
    CHECK_STATUS(RPMON_UNKNOWN_PATIENT, rpmon_engine_find_patient(engine, str(""), str("p1"), &found));
    OK(rpmon_engine_patient(engine, str(""), str("p1"), &patient));
    OK(rpmon_engine_find_patient(engine, str(""), str("p1"), &found));
    CHECK(found == patient);
    OK(rpmon_engine_device(engine, patient, str("d1"), &device));

    /* Normal, then low: one batch. */
    rpmon_reading readings[100];
    for (int i = 0; i < 100; i++) {
        readings[i] = spo2(i, i < 99 ? 97 : 80);
        readings[i].patient = patient;
        readings[i].device = device;
    }
    rpmon_batch batch;
    OK(rpmon_engine_handle_readings(engine, readings, 100, &batch));
    CHECK(batch.consumed == 100 && batch.accepted == 100);
    OK(rpmon_engine_handle_readings(engine, readings, 100, &batch));
    CHECK(batch.duplicate == 100);

    /* Typed outputs. */
    rpmon_output *output = NULL;
    int opened = 0, told = 0;
    char key[33] = {0};
    while ((output = next(engine))) {
        rpmon_record record;
        rpmon_delivery delivery;
        rpmon_part part;
        if (rpmon_output_record(output, &record) == RPMON_OK && is(record.record_type, "alert_opened")) {
            CHECK(rpmon_output_type(output) == RPMON_OUTPUT_RECORD);
            CHECK(is(record.patient, "p1") && is(record.rule, "low") && record.alert == 1);
            CHECK(record.level == RPMON_LEVEL_URGENT && record.observed_at_ms == 99000);
            CHECK(record.line.len > 100 && !memcmp(record.line.data, "{\"hash\":", 8));
            opened++;
        }
        if (rpmon_output_delivery(output, &delivery) == RPMON_OK) {
            CHECK(is(delivery.function, "nurse") && is(delivery.channel, "pager") && delivery.parts == 1);
            CHECK(is(delivery.reason, "opened") && is(delivery.queue, "ward") && !delivery.replaces.len);
            OK(rpmon_output_part(output, 0, &part));
            CHECK(part.alert == 1 && part.revision == 1 && is(part.title, "Low oxygen saturation"));
            CHECK_STATUS(RPMON_BAD_ARGUMENT, rpmon_output_part(output, 1, &part));
            memcpy(key, delivery.key.data, 32);
            told++;
        }
        CHECK(rpmon_output_json(output).len > 0);
        OK(rpmon_output_free(&output));
        CHECK(!output);
    }
    CHECK(opened == 1 && told == 1);

    /* What the channel says, and what a person does. */
    rpmon_answer answer;
    OK(rpmon_engine_handle_report(engine, patient, str(key), RPMON_DELIVERY_DELIVERED, 100000, &answer));
    CHECK(answer.kind == RPMON_ANSWER_TAKEN);
    rpmon_message message;
    size_t count = 0;
    OK(rpmon_engine_messages(engine, patient, &message, 1, &count));
    CHECK(count == 1 && message.state == RPMON_DELIVERY_DELIVERED && !strcmp(message.key, key));
    rpmon_command command = {patient, 1, 7, 0, str("ann"), str(""), str("{\"action\":\"acknowledge\"}")};
    OK(rpmon_engine_handle_command(engine, &command, 100500, &answer));
    CHECK(answer.kind == RPMON_ANSWER_REFUSED && answer.code == RPMON_STALE_REVISION);
    CHECK(answer.revision == 1 && answer.status == RPMON_STATUS_NEW);
    command.seen_revision = 1;
    OK(rpmon_engine_handle_command(engine, &command, 101000, &answer));
    CHECK(answer.kind == RPMON_ANSWER_TAKEN);
    int cancelled = 0;
    while ((output = next(engine))) {
        rpmon_cancel cancel;
        if (rpmon_output_cancel(output, &cancel) == RPMON_OK)
            cancelled += is(cancel.reason, "answered") && is(cancel.key, key);
        OK(rpmon_output_free(&output));
    }
    CHECK(cancelled == 1);

    /* How things stand. */
    rpmon_alert alert;
    count = 0;
    OK(rpmon_engine_alerts(engine, patient, NULL, 0, &count));
    CHECK(count == 1);
    OK(rpmon_engine_alerts(engine, patient, &alert, 1, &count));
    CHECK(alert.alert == 1 && alert.revision == 2 && alert.open && !strcmp(alert.rule, "low"));
    CHECK(alert.status == RPMON_STATUS_ACKNOWLEDGED && alert.condition == RPMON_CONDITION_ACTIVE);
    CHECK(alert.condition_level == RPMON_LEVEL_URGENT);
    uint32_t condition, level;
    OK(rpmon_engine_condition(engine, patient, str("low"), &condition, &level));
    CHECK(condition == RPMON_CONDITION_ACTIVE && level == RPMON_LEVEL_URGENT);
    CHECK_STATUS(RPMON_UNKNOWN_RULE, rpmon_engine_condition(engine, patient, str("x"), &condition, NULL));
    rpmon_latest latest;
    OK(rpmon_engine_latest(engine, patient, str("spo2"), &latest));
    CHECK(latest.value_thousandths == 80000 && latest.observed_at_ms == 99000);
    CHECK_STATUS(RPMON_NOT_FOUND, rpmon_engine_latest(engine, patient, str("x"), &latest));
    rpmon_waiting waiting[4];
    OK(rpmon_engine_queue(engine, str("ward"), 101000, waiting, 4, &count));
    CHECK(count == 1 && waiting[0].alert == 1 && waiting[0].priority > 0);
    rpmon_bytes text;
    OK(rpmon_engine_priority(engine, patient, 1, 101000, &text));
    CHECK(contains(text, "\"terms\""));
    rpmon_bytes_free(&text);
    OK(rpmon_engine_why(engine, patient, str("low"), &text));
    CHECK(contains(text, "\"rule\":\"low\""));
    rpmon_bytes_free(&text);
    OK(rpmon_engine_why_text(engine, patient, str("low"), &text));
    CHECK(contains(text, "low: active"));
    rpmon_bytes_free(&text);
    rpmon_counts counts;
    OK(rpmon_engine_counts(engine, patient, &counts));
    CHECK(counts.accepted == 100 && counts.duplicate == 100);
    rpmon_chain chain;
    OK(rpmon_engine_chain(engine, patient, &chain));
    CHECK(chain.records > 0);
    OK(rpmon_engine_patients(engine, &found));
    CHECK(found == 1);
    int64_t wakeup;
    OK(rpmon_engine_next_wakeup(engine, &wakeup));
    CHECK(wakeup != RPMON_NEVER);

    /* A restart goes on. */
    CHECK(drain(engine, NULL) == 0);
    rpmon_bytes snapshot;
    OK(rpmon_engine_snapshot(engine, &snapshot));
    rpmon_policy *policy = NULL;
    OK(rpmon_engine_policy(engine, &policy));
    OK(rpmon_engine_free(&engine));
    rpmon_restore_report report;
    const rpmon_policy *all[] = {policy};
    OK(rpmon_engine_restore(snapshot.data, snapshot.len, all, 1, NULL, 200000, &engine, &report));
    rpmon_bytes_free(&snapshot);
    CHECK(report.patients == 1 && report.open_alerts == 1 && report.gap_ms == 99000);
    OK(rpmon_engine_set_log(engine, log_line, heard));

    /* Another policy, and another roster. */
    char changed[sizeof POLICY + 8];
    strcpy(changed, POLICY);
    memcpy(strstr(changed, "\"version\":1"), "\"version\":2", 11);
    rpmon_policy *to = a_policy(changed);
    OK(rpmon_engine_handle_change(engine, to, str("a"), str("why"), str("a"), RPMON_NEVER, 201000, &answer));
    CHECK(answer.kind == RPMON_ANSWER_REFUSED && answer.code == RPMON_NOT_APPROVED);
    OK(rpmon_engine_handle_change(engine, to, str("a"), str("why"), str("b"), RPMON_NEVER, 201000, &answer));
    CHECK(answer.kind == RPMON_ANSWER_TAKEN);
    const char *roster = "[{\"function\":\"nurse\",\"person\":\"ann\",\"from\":0,\"until\":9000000}]";
    OK(rpmon_engine_handle_roster(engine, roster, strlen(roster), 202000, NULL));
    OK(rpmon_engine_handle_timeout(engine, 150000));
    CHECK(drain(engine, NULL) >= 2);
    /* The clock went back twice: the repeated batch, and just now. */
    CHECK(heard[RPMON_LOG_INFO] == 1 && heard[RPMON_LOG_WARN] == 2 && !heard[RPMON_LOG_ERROR]);
    rpmon_policy_free(&to);
    rpmon_policy_free(&policy);
    OK(rpmon_engine_free(&engine));
}

static const char EVENT[] = "{\"v\":\"1.0\",\"patient\":\"p1\",\"device\":\"d1\",\"observed_at\":1000,"
                            "\"reading\":{\"kind\":\"spo2\",\"value\":80,\"unit\":\"%\"}}";

static void lines(void) {
    rpmon_engine *engine = an_engine();
    rpmon_answer answer;
    OK(rpmon_engine_handle_json(engine, EVENT, strlen(EVENT), 1200, &answer));
    CHECK(answer.kind == RPMON_ANSWER_ACCEPTED);
    rpmon_line batch_lines[] = {{str(EVENT), 1300}, {str("no event"), 1400}};
    rpmon_batch batch;
    OK(rpmon_engine_handle_json_batch(engine, batch_lines, 2, &batch));
    CHECK(batch.duplicate == 1 && batch.quarantined == 1);
    rpmon_bytes log = {NULL, 0};
    CHECK(drain(engine, &log) > 3);
    rpmon_bytes text;
    OK(rpmon_explain(log.data, log.len, str(""), str("p1"), 1, &text));
    CHECK(contains(text, "Low oxygen saturation"));
    rpmon_bytes_free(&text);
    OK(rpmon_kpi(log.data, log.len, 60000, &text));
    CHECK(contains(text, "\"queues\""));
    rpmon_bytes_free(&text);
    rpmon_policy *policy = NULL;
    OK(rpmon_engine_policy(engine, &policy));
    OK(rpmon_slo(policy, log.data, log.len, 60000, &text));
    CHECK(contains(text, "\"objectives\""));
    rpmon_bytes_free(&text);

    /* A recording in one call. */
    rpmon_bytes report, all;
    OK(rpmon_back_test(policy, EVENT, strlen(EVENT), NULL, 60000, &all, &report));
    CHECK(contains(all, "alert_opened") && contains(report, "\"accepted\":1"));
    rpmon_bytes_free(&all);
    rpmon_bytes_free(&report);
    OK(rpmon_back_test(policy, EVENT, strlen(EVENT), NULL, RPMON_NEVER, NULL, NULL));
    rpmon_policy_free(&policy);
    free(log.data);
    OK(rpmon_engine_free(&engine));
}

/* What was found is told, also by a library that was built without what programmers print. */
static void mistakes(void) {
    static const char wrong[] = "{\"id\":\"p\",\"version\":\"one\",\"title\":\"P\"}";
    rpmon_policy *none = NULL;
    rpmon_error *error = NULL;
    CHECK(rpmon_policy_from_json(wrong, strlen(wrong), &none, &error) != RPMON_OK && !none);
    CHECK(is(rpmon_error_path(error, 0), "version"));
    rpmon_str text = rpmon_error_message(error, 0);
    CHECK(contains((rpmon_bytes){(char *)text.data, text.len}, "string \"one\", expected u32"));
    rpmon_error_free(&error);
}

int main(void) {
    policies();
    mistakes();
    watch();
    lines();
    puts("lifecycle passed in C");
    return 0;
}
