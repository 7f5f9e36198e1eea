/* What callers can do wrong: a status each, and the process goes on. */
#include "check.h"

/* Of builds for tests alone. */
extern rpmon_status rpmon_test_panic(rpmon_engine *engine);

static rpmon_engine *called_back;
static rpmon_status in_callback;

static void call_again(void *user, uint32_t level, rpmon_str message) {
    (void)user, (void)level, (void)message;
    in_callback = rpmon_engine_handle_timeout(called_back, 0);
}

static void nulls(void) {
    rpmon_policy *policy = a_policy(POLICY), *none = NULL;
    rpmon_engine *engine = an_engine();
    rpmon_answer answer;
    rpmon_batch batch = {77, 77, 77, 77};
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_policy_from_json(POLICY, strlen(POLICY), NULL, NULL));
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_policy_from_json(NULL, 5, &none, NULL));
    CHECK_STATUS(RPMON_POLICY_SYNTAX, rpmon_policy_from_json(NULL, 0, &none, NULL));
    CHECK(!none);
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_engine_new(NULL, NULL, &engine));
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_engine_new(policy, NULL, NULL));
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_engine_handle_timeout(NULL, 0));
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_engine_handle_readings(engine, NULL, 3, &batch));
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_engine_handle_json_batch(engine, NULL, 3, &batch));
    rpmon_reading reading = spo2(0, 97);
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_engine_handle_readings(engine, &reading, 1, NULL));
    CHECK(batch.consumed == 77 && "nothing is written without success");
    OK(rpmon_engine_handle_readings(engine, NULL, 0, &batch));
    CHECK(batch.consumed == 0);
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_engine_poll(engine, NULL));
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_engine_handle_command(engine, NULL, 0, &answer));
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_engine_snapshot(engine, NULL));
    CHECK(rpmon_policy_id(NULL).len == 0 && rpmon_policy_version(NULL) == 0);
    CHECK(rpmon_error_count(NULL) == 0 && rpmon_output_type(NULL) == 0);
    CHECK(rpmon_output_json(NULL).len == 0 && rpmon_error_code(NULL, 0) == RPMON_OK);
    OK(rpmon_engine_free(&engine));
    OK(rpmon_policy_free(&policy));
}

static void lengths_and_texts(void) {
    rpmon_policy *policy = a_policy(POLICY), *none = NULL;
    rpmon_engine *engine = an_engine();
    rpmon_answer answer;
    rpmon_batch batch;
    uint32_t key;
    CHECK_STATUS(RPMON_BAD_LENGTH, rpmon_policy_from_json("x", SIZE_MAX, &none, NULL));
    CHECK_STATUS(RPMON_BAD_LENGTH, rpmon_engine_handle_json(engine, "x", SIZE_MAX / 2 + 1, 0, NULL));
    rpmon_reading reading = spo2(0, 97);
    CHECK_STATUS(RPMON_BAD_LENGTH, rpmon_engine_handle_readings(engine, &reading, SIZE_MAX / 40, &batch));
    char room[2 * sizeof reading];
    char *crooked = room + ((uintptr_t)room % 8 == 0);
    CHECK_STATUS(RPMON_BAD_ARGUMENT,
                 rpmon_engine_handle_readings(engine, (void *)crooked, 1, &batch));
    CHECK_STATUS(RPMON_BAD_ENCODING, rpmon_engine_patient(engine, str(""), str("\xff"), &key));
    CHECK_STATUS(RPMON_BAD_IDENTIFIER, rpmon_engine_patient(engine, str(""), str(""), &key));
    CHECK_STATUS(RPMON_BAD_IDENTIFIER, rpmon_engine_patient(engine, str(""), str("a\nb"), &key));
    /* An event that is no text is quarantined, and comes out again. */
    OK(rpmon_engine_handle_json(engine, "\xff\xfe", 2, 0, &answer));
    CHECK(answer.kind == RPMON_ANSWER_QUARANTINED && answer.code == RPMON_BAD_ENCODING);
    rpmon_output *output = NULL;
    int back = 0;
    while ((output = next(engine))) {
        rpmon_quarantined refused;
        rpmon_exhausted exhausted;
        if (rpmon_output_quarantined(output, &refused) == RPMON_OK)
            back += refused.reason == RPMON_BAD_ENCODING;
        CHECK_STATUS(RPMON_BAD_ARGUMENT, rpmon_output_exhausted(output, &exhausted));
        OK(rpmon_output_free(&output));
    }
    CHECK(back == 1);
    rpmon_error *error = NULL;
    CHECK_STATUS(RPMON_BAD_ENCODING, rpmon_engine_handle_input(engine, "\xff", 1, &answer, &error));
    rpmon_error_free(&error);
    const char *bad = "{\"at\":0,\"command\":{\"patient\":\"p1\"}}";
    CHECK_STATUS(RPMON_MISSING_FIELD, rpmon_engine_handle_input(engine, bad, strlen(bad), &answer, &error));
    CHECK(rpmon_error_count(error) == 1 && is(rpmon_error_path(error, 0), "command.alert"));
    CHECK(rpmon_error_path(error, 1).len == 0 && rpmon_error_message(error, 9).len == 0);
    rpmon_error_free(&error);
    rpmon_command command = {0, 1, 1, 0, str("ann"), str(""), str("{\"action\":\"sing\"}")};
    CHECK_STATUS(RPMON_UNKNOWN_CODE, rpmon_engine_handle_command(engine, &command, 0, &answer));
    command.action = str("{\"action\":\"acknowledge\"}");
    OK(rpmon_engine_handle_command(engine, &command, 0, &answer));
    CHECK(answer.code == RPMON_UNKNOWN_PATIENT);
    CHECK_STATUS(RPMON_BAD_ARGUMENT,
                 rpmon_engine_handle_report(engine, 0, str("00000000000000000000000000000000"), 99, 0, NULL));
    CHECK_STATUS(RPMON_UNKNOWN_INTENT,
                 rpmon_engine_handle_report(engine, 0, str("zz"), RPMON_DELIVERY_SEEN, 0, NULL));
    OK(rpmon_engine_free(&engine));
    rpmon_policy_free(&policy);
}

static void keys(void) {
    rpmon_engine *engine = an_engine();
    rpmon_batch batch;
    uint16_t device;
    rpmon_reading reading = spo2(0, 97);
    reading.patient = 99;
    OK(rpmon_engine_handle_readings(engine, &reading, 1, &batch));
    CHECK(batch.quarantined == 1);
    uint32_t patient;
    OK(rpmon_engine_patient(engine, str(""), str("p1"), &patient));
    reading.patient = patient;
    reading.device = 9;
    OK(rpmon_engine_handle_readings(engine, &reading, 1, &batch));
    CHECK(batch.quarantined == 1);
    OK(rpmon_engine_device(engine, patient, str("d1"), &device));
    reading.device = device;
    reading.kind = 999;
    OK(rpmon_engine_handle_readings(engine, &reading, 1, &batch));
    CHECK_STATUS(RPMON_UNKNOWN_PATIENT, rpmon_engine_device(engine, 99, str("d1"), &device));
    rpmon_counts counts;
    CHECK_STATUS(RPMON_UNKNOWN_PATIENT, rpmon_engine_counts(engine, 99, &counts));
    rpmon_alert alert;
    size_t count;
    CHECK_STATUS(RPMON_UNKNOWN_PATIENT, rpmon_engine_alerts(engine, 99, &alert, 1, &count));
    rpmon_bytes text;
    CHECK_STATUS(RPMON_UNKNOWN_ALERT, rpmon_engine_priority(engine, patient, 9, 0, &text));
    CHECK_STATUS(RPMON_UNKNOWN_ALERT, rpmon_explain("", 0, str(""), str("p1"), 1, &text));
    rpmon_bytes lines;
    OK(rpmon_engine_poll_lines(engine, &lines));
    CHECK(contains(lines, "unknown_device") && contains(lines, "unknown_patient"));
    rpmon_bytes_free(&lines);
    OK(rpmon_engine_free(&engine));
}

static void snapshots(void) {
    rpmon_policy *policy = a_policy(POLICY);
    const rpmon_policy *all[] = {policy}, *hole[] = {NULL};
    rpmon_engine *engine = an_engine(), *again = NULL;
    CHECK_STATUS(RPMON_NOT_A_SNAPSHOT, rpmon_engine_restore("x", 1, all, 1, NULL, 0, &again, NULL));
    OK(rpmon_engine_handle_json(engine, "{}", 2, 0, NULL));
    rpmon_bytes bytes;
    CHECK_STATUS(RPMON_UNDRAINED_OUTPUTS, rpmon_engine_snapshot(engine, &bytes));
    OK(rpmon_engine_poll_lines(engine, &bytes));
    rpmon_bytes_free(&bytes);
    OK(rpmon_engine_snapshot(engine, &bytes));
    CHECK_STATUS(RPMON_SNAPSHOT_POLICY,
                 rpmon_engine_restore(bytes.data, bytes.len, NULL, 0, NULL, 0, &again, NULL));
    CHECK_STATUS(RPMON_NULL_POINTER,
                 rpmon_engine_restore(bytes.data, bytes.len, hole, 1, NULL, 0, &again, NULL));
    CHECK_STATUS(RPMON_SNAPSHOT_CORRUPT,
                 rpmon_engine_restore(bytes.data, bytes.len - 1, all, 1, NULL, 0, &again, NULL));
    bytes.data[6] = 99;
    CHECK_STATUS(RPMON_SNAPSHOT_NEWER,
                 rpmon_engine_restore(bytes.data, bytes.len, all, 1, NULL, 0, &again, NULL));
    CHECK(!again);
    OK(rpmon_bytes_free(&bytes));
    OK(rpmon_bytes_free(&bytes));
    OK(rpmon_bytes_free(NULL));
    rpmon_policy_free(&policy);
    OK(rpmon_engine_free(&engine));
    OK(rpmon_engine_free(&engine));
    OK(rpmon_engine_free(NULL));
}

static void panics(void) {
    rpmon_engine *engine = an_engine(), *other = an_engine();
    called_back = engine;
    OK(rpmon_engine_set_log(engine, call_again, NULL));
    CHECK_STATUS(RPMON_PANICKED, rpmon_test_panic(engine));
    /* The callback came after the call had let go of the engine, and found it poisoned. */
    CHECK(in_callback == RPMON_POISONED);
    int64_t at = 5;
    rpmon_bytes text;
    CHECK_STATUS(RPMON_POISONED, rpmon_engine_handle_timeout(engine, 0));
    CHECK_STATUS(RPMON_POISONED, rpmon_engine_next_wakeup(engine, &at));
    CHECK_STATUS(RPMON_POISONED, rpmon_engine_snapshot(engine, &text));
    CHECK(at == 5);
    OK(rpmon_engine_free(&engine));
    /* Others are as they were. */
    OK(rpmon_engine_handle_timeout(other, 0));
    /* A callback in the middle of a call on its engine is told so. */
    called_back = other;
    OK(rpmon_engine_set_log(other, call_again, NULL));
    OK(rpmon_engine_handle_timeout(other, 1000));
    OK(rpmon_engine_handle_timeout(other, 500));
    OK(rpmon_engine_poll_lines(other, &text));
    CHECK(in_callback == RPMON_IN_USE);
    rpmon_bytes_free(&text);
    OK(rpmon_engine_free(&other));
}

int main(void) {
    CHECK(is(rpmon_status_name(RPMON_OK), "ok") && is(rpmon_status_name(99), ""));
    CHECK(is(rpmon_status_name(RPMON_STALE_REVISION), "stale_revision"));
    CHECK(rpmon_status_message(RPMON_STALE_REVISION).len > 0);
    nulls();
    lengths_and_texts();
    keys();
    snapshots();
    panics();
    puts("bad input passed in C");
    return 0;
}
