/* Models beside rules: loaded, asked by themselves, and by a scorer whose registry says which version counts.
 * Arguments: the policy, the model, its manifest. */
#include <math.h>

#include "check.h"

enum { HOUR = 3600 * 1000, MANY = 256 };

typedef struct {
    char *data;
    size_t len;
} file;

static file read_file(const char *path) {
    FILE *from = fopen(path, "rb");
    file text = {NULL, 0};
    CHECK(from && !fseek(from, 0, SEEK_END));
    text.len = (size_t)ftell(from);
    text.data = malloc(text.len + 1);
    rewind(from);
    CHECK(text.data && fread(text.data, 1, text.len, from) == text.len && !fclose(from));
    return text;
}

static rpmon_model *a_model(file onnx, file manifest) {
    rpmon_model *model = NULL;
    OK(rpmon_model_load(onnx.data, onnx.len, manifest.data, manifest.len, &model, NULL));
    return model;
}

static void alone(file onnx, file manifest) {
    rpmon_model *model = NULL;
    rpmon_error *error = NULL;
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_model_load(NULL, 3, "{}", 2, &model, NULL));
    CHECK_STATUS(RPMON_MANIFEST_SYNTAX, rpmon_model_load(onnx.data, onnx.len, "{", 1, &model, NULL));
    CHECK_STATUS(RPMON_MODEL_HASH, rpmon_model_load(onnx.data, onnx.len - 1, manifest.data, manifest.len,
                                                    &model, &error));
    CHECK(!model && rpmon_error_count(error) == 1 && is(rpmon_error_path(error, 0), "sha256"));
    OK(rpmon_error_free(&error));

    model = a_model(onnx, manifest);
    CHECK(is(rpmon_model_id(model), "sepsis-vitals") && rpmon_model_version(model) == 1);
    CHECK(rpmon_model_id(NULL).len == 0 && rpmon_model_version(NULL) == 0 && !rpmon_model_inputs(NULL));
    size_t inputs = rpmon_model_inputs(model), count;
    CHECK(inputs > 16 && inputs < MANY);
    uint8_t hash[32] = {0}, none[32] = {0};
    OK(rpmon_model_hash(model, &hash));
    CHECK(memcmp(hash, none, 32));
    OK(rpmon_model_warnings(model, &error));
    CHECK(rpmon_error_count(error) == 0);
    OK(rpmon_error_free(&error));

    float row[MANY], usual[MANY];
    for (size_t i = 0; i < inputs; i++) row[i] = (float)(i % 7 * 20), usual[i] = NAN;
    int32_t score = -1, other = -1;
    CHECK_STATUS(RPMON_BAD_ARGUMENT, rpmon_model_score(model, row, inputs - 1, &score));
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_model_score(model, NULL, inputs, &score));
    CHECK(score == -1);
    OK(rpmon_model_score(model, row, inputs, &score));
    OK(rpmon_model_score(model, row, inputs, &other));
    CHECK(score >= 0 && score <= 1000 && score == other);

    rpmon_term terms[MANY];
    uint32_t attribution = 0;
    OK(rpmon_model_reasons(model, row, inputs, NULL, &attribution, NULL, 0, &count));
    CHECK(count == inputs && attribution == RPMON_ATTRIBUTION_EXACT);
    OK(rpmon_model_reasons(model, row, inputs, usual, NULL, terms, MANY, &count));
    CHECK(count == inputs && fabsf(terms[0].added) >= fabsf(terms[1].added));
    CHECK(terms[0].value == row[terms[0].input] && isnan(terms[0].usual));
    OK(rpmon_model_free(&model));
    OK(rpmon_model_free(&model));
}

/* An hour of a patient, and the scorer after it. How many records of a type came out. */
static int an_hour(rpmon_engine *engine, rpmon_scorer *scorer, int hour, const char *type) {
    int64_t now = (int64_t)hour * HOUR;
    uint32_t patient;
    uint16_t device;
    OK(rpmon_engine_patient(engine, str(""), str("p1"), &patient));
    OK(rpmon_engine_device(engine, patient, str("d1"), &device));
    const uint16_t kinds[] = {RPMON_KIND_HEART_RATE, RPMON_KIND_SPO2, RPMON_KIND_RESPIRATORY_RATE,
                              RPMON_KIND_SYSTOLIC_BP, RPMON_KIND_MEAN_BP, RPMON_KIND_DIASTOLIC_BP};
    const int32_t values[] = {80, 97, 14, 120, 90, 75};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        rpmon_reading reading = {0};
        rpmon_batch batch;
        reading.observed_at_ms = reading.received_at_ms = now;
        reading.patient = patient;
        reading.device = device;
        reading.kind = kinds[i];
        reading.value_thousandths = values[i] * 1000;
        OK(rpmon_engine_handle_readings(engine, &reading, 1, &batch));
        CHECK(batch.accepted == 1);
    }
    OK(rpmon_scorer_run(scorer, engine, patient, now));
    OK(rpmon_scorer_run(scorer, engine, patient, now + 1));
    rpmon_bytes lines;
    char line[64];
    int found = 0;
    OK(rpmon_engine_poll_lines(engine, &lines));
    snprintf(line, sizeof line, "\"type\":\"%s\"", type);
    for (size_t at = 0, wanted = strlen(line); at + wanted <= lines.len; at++)
        found += !memcmp(lines.data + at, line, wanted);
    rpmon_bytes_free(&lines);
    return found;
}

static uint64_t a_clock(void *user) {
    return *(uint64_t *)user += 5;
}

/* A step of a version, as a line. */
static uint32_t decided(rpmon_engine *engine, int64_t at, const char *what) {
    char line[1024];
    rpmon_answer answer;
    int len = snprintf(line, sizeof line, "{\"at\":%lld,\"roll_out\":{%s}}", (long long)at, what);
    CHECK(len > 0 && len < (int)sizeof line);
    OK(rpmon_engine_handle_input(engine, line, (size_t)len, &answer, NULL));
    return answer.kind;
}

#define WORD "\"owner\":\"dr.a\",\"reason\":\"better\",\"evidence\":\"report 7\",\"id\":\"sepsis-vitals\""
#define STAGE(to, approver) \
    "\"action\":\"stage\",\"version\":1,\"to\":" to ",\"approver\":\"" approver "\"," WORD
#define ROLLBACK "\"action\":\"rollback\",\"approver\":\"dr.b\"," WORD

static void beside_rules(file policy_text, file onnx, file manifest) {
    rpmon_policy *policy = NULL;
    rpmon_engine *engine = NULL;
    rpmon_scorer *scorer = NULL, *again = NULL;
    uint64_t time = 0;
    OK(rpmon_policy_from_toml(policy_text.data, policy_text.len, &policy, NULL));
    OK(rpmon_engine_new(policy, NULL, &engine));
    OK(rpmon_scorer_new(a_clock, &time, &scorer));
    rpmon_model *model = a_model(onnx, manifest);

    CHECK_STATUS(RPMON_UNKNOWN_PATIENT, rpmon_scorer_run(scorer, engine, 0, 0));
    CHECK(an_hour(engine, scorer, 0, "risk_failed") == 1 && "no version may score yet");
    OK(rpmon_scorer_load(scorer, model));
    rpmon_bytes reference;
    char named[512];
    OK(rpmon_model_reference(model, &reference));
    snprintf(named, sizeof named, "\"action\":\"register\",\"owner\":\"dr.a\",\"model\":%.*s",
             (int)reference.len, (const char *)reference.data);
    OK(rpmon_bytes_free(&reference));
    CHECK(decided(engine, 0, named) == RPMON_ANSWER_TAKEN);
    CHECK(decided(engine, 0, named) == RPMON_ANSWER_REFUSED && "registered already");
    CHECK(decided(engine, 0, STAGE("\"active\"", "dr.b")) == RPMON_ANSWER_REFUSED && "out of order");
    CHECK(decided(engine, 0, STAGE("\"shadow\"", "dr.a")) == RPMON_ANSWER_REFUSED && "by nobody else");
    CHECK(decided(engine, 0, STAGE("\"shadow\"", "dr.b")) == RPMON_ANSWER_TAKEN);
    CHECK(decided(engine, 0, STAGE("{\"canary\":{\"permille\":1000}}", "dr.b")) == RPMON_ANSWER_TAKEN);
    CHECK(decided(engine, 0, STAGE("\"active\"", "dr.b")) == RPMON_ANSWER_TAKEN);
    CHECK(an_hour(engine, scorer, 1, "risk_scored") == 1 && time > 0);

    uint32_t patient;
    OK(rpmon_engine_patient(engine, str(""), str("p1"), &patient));
    float row[MANY];
    int64_t at = 0;
    size_t count;
    OK(rpmon_engine_features(engine, patient, str("sepsis"), &at, row, MANY, &count));
    CHECK(count == rpmon_model_inputs(model) && at == HOUR);
    CHECK_STATUS(RPMON_NOT_FOUND, rpmon_engine_features(engine, patient, str("x"), NULL, row, MANY, &count));
    /* What the scorer had recorded is what the model says of that row. */
    int32_t score;
    rpmon_latest latest;
    OK(rpmon_model_score(model, row, count, &score));
    OK(rpmon_engine_latest(engine, patient, str("sepsis_risk"), &latest));
    CHECK(latest.value_thousandths == score && latest.observed_at_ms == HOUR);

    /* What counted at a time is a question about the past; the registry is in the snapshot, models are not. */
    rpmon_bytes history, who, snapshot;
    OK(rpmon_engine_model_history(engine, &history));
    CHECK(contains(history, "\"to\":\"active\""));
    OK(rpmon_bytes_free(&history));
    OK(rpmon_engine_scored_at(engine, str("sepsis-vitals"), str("p1"), str(""), HOUR, &who));
    CHECK(contains(who, "\"version\":1"));
    OK(rpmon_bytes_free(&who));
    CHECK_STATUS(RPMON_NOT_FOUND,
                 rpmon_engine_scored_at(engine, str("sepsis-vitals"), str("p1"), str(""), -1, &who));
    const rpmon_policy *policies[] = {policy};
    rpmon_restore_report report;
    OK(rpmon_engine_snapshot(engine, &snapshot));
    OK(rpmon_engine_free(&engine));
    OK(rpmon_engine_restore(snapshot.data, snapshot.len, policies, 1, NULL, HOUR, &engine, &report));
    OK(rpmon_bytes_free(&snapshot));
    OK(rpmon_scorer_new(NULL, NULL, &again));
    OK(rpmon_scorer_load(again, model));
    OK(rpmon_model_free(&model));
    CHECK(an_hour(engine, again, 2, "risk_scored") == 1);

    CHECK(decided(engine, 3 * HOUR, ROLLBACK) == RPMON_ANSWER_TAKEN);
    CHECK(decided(engine, 3 * HOUR, ROLLBACK) == RPMON_ANSWER_REFUSED && "none is active");
    CHECK(an_hour(engine, again, 3, "risk_failed") == 1 && "rules alone");
    CHECK_STATUS(RPMON_NULL_POINTER, rpmon_scorer_run(again, NULL, patient, 0));
    OK(rpmon_scorer_free(&scorer));
    OK(rpmon_scorer_free(&again));
    OK(rpmon_scorer_free(&again));
    OK(rpmon_engine_free(&engine));
    OK(rpmon_policy_free(&policy));
}

int main(int count, char **arguments) {
    CHECK(count == 4);
    file policy = read_file(arguments[1]), onnx = read_file(arguments[2]), manifest = read_file(arguments[3]);
    alone(onnx, manifest);
    beside_rules(policy, onnx, manifest);
    free(policy.data), free(onnx.data), free(manifest.data);
    puts("models passed in C");
    return 0;
}
