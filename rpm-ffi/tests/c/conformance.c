/* The conformance cases in C: every answer, wake-up and output, byte for byte.
 * Usage: conformance CASE.json... */
#include <inttypes.h>

#include <cjson/cJSON.h>

#include "check.h"

static const char *current;

static const cJSON *field(const cJSON *object, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* An object stands for itself, a string for the text in it. */
static char *verbatim(const cJSON *value) {
    if (!cJSON_IsString(value)) return cJSON_PrintUnformatted(value);
    char *copy = cJSON_malloc(strlen(value->valuestring) + 1);
    return strcpy(copy, value->valuestring);
}

/* Compares a text with the next one of a list, and moves on. */
static void expect(const cJSON **next, const char *text, size_t len, const char *what) {
    if (*next && strlen((*next)->valuestring) == len && !memcmp((*next)->valuestring, text, len)) {
        *next = (*next)->next;
        return;
    }
    fprintf(stderr, "%s: %s\nfound    %.*s\nexpected %s\n", current, what, (int)len, text,
            *next ? (*next)->valuestring : "nothing more");
    exit(1);
}

static void expect_errors(const rpmon_error *error, const cJSON **next, const char *what) {
    for (size_t i = 0; i < rpmon_error_count(error); i++) {
        rpmon_str name = rpmon_status_name(rpmon_error_code(error, i));
        rpmon_str path = rpmon_error_path(error, i);
        char text[512];
        int n = snprintf(text, sizeof text, "%.*s%s%.*s", (int)name.len, name.data,
                         path.len ? " " : "", (int)path.len, path.data);
        expect(next, text, (size_t)n, what);
    }
}

static uint32_t bound(const cJSON *config, const char *name) {
    const cJSON *value = field(config, name);
    return value ? (uint32_t)value->valuedouble : 0;
}

static int answered(rpmon_engine *engine, const char *line, char *text, size_t size) {
    static const char *const KINDS[] = {"", "accepted", "duplicate", "quarantined", "taken", "refused"};
    rpmon_answer answer;
    rpmon_error *error = NULL;
    rpmon_status status = rpmon_engine_handle_input(engine, line, strlen(line), &answer, &error);
    rpmon_str name = rpmon_status_name(status == RPMON_OK ? answer.code : status);
    rpmon_str path = rpmon_error_path(error, 0);
    if (status != RPMON_OK)
        snprintf(text, size, "error %.*s%s%.*s", (int)name.len, name.data, path.len ? " " : "",
                 (int)path.len, path.data);
    else if (answer.code == RPMON_OK)
        snprintf(text, size, "%s", KINDS[answer.kind]);
    else
        snprintf(text, size, "%s %.*s", KINDS[answer.kind], (int)name.len, name.data);
    rpmon_error_free(&error);
    return status == RPMON_OUTPUT_QUEUE_FULL;
}

static void restored(rpmon_engine **engine, const rpmon_policy *const *policies, size_t count,
                     const rpmon_config *config, int64_t now, char *text, size_t size) {
    rpmon_bytes snapshot;
    rpmon_restore_report r;
    OK(rpmon_engine_snapshot(*engine, &snapshot));
    OK(rpmon_engine_free(engine));
    OK(rpmon_engine_restore(snapshot.data, snapshot.len, policies, count, config, now, engine, &r));
    rpmon_bytes_free(&snapshot);
    snprintf(text, size,
             "restored gap=%" PRId64 " patients=%" PRIu64 " open_alerts=%" PRIu64
             " timers_due=%" PRIu64 " readings_missed=%" PRIu64,
             r.gap_ms, r.patients, r.open_alerts, r.timers_due, r.readings_missed);
}

/* Loads a policy, and moves on in the list of mistakes by those that it has. */
static rpmon_policy *loaded(const cJSON *value, const cJSON **mistakes) {
    char *text = verbatim(value);
    rpmon_policy *policy = NULL;
    rpmon_error *error = NULL;
    rpmon_policy_from_json(text, strlen(text), &policy, &error);
    expect_errors(error, mistakes, "policy error");
    rpmon_error_free(&error);
    cJSON_free(text);
    return policy;
}

static const cJSON *first(const cJSON *list) { return list ? list->child : NULL; }

static void play(const cJSON *story) {
    const cJSON *expected = field(story, "expected"), *list = field(expected, "policy_errors");
    const cJSON *mistakes = first(list), *more = first(field(story, "more_policies"));
    rpmon_policy *policies[8] = {loaded(field(story, "policy"), &mistakes)};
    size_t count = 1;
    for (; more; more = more->next) policies[count++] = loaded(more, &mistakes);
    if (list) {
        CHECK(!mistakes && !policies[0]);
        return;
    }
    rpmon_error *warnings = NULL;
    OK(rpmon_policy_warnings(policies[0], &warnings));
    const cJSON *doubts = first(field(expected, "policy_warnings"));
    expect_errors(warnings, &doubts, "policy warning");
    CHECK(!doubts);
    rpmon_error_free(&warnings);

    const cJSON *c = field(story, "config");
    rpmon_config config = {bound(c, "max_patients"), bound(c, "max_outputs"),
                           (uint16_t)bound(c, "max_devices"), {0, 0, 0}};
    rpmon_engine *engine = NULL;
    OK(rpmon_engine_new(policies[0], &config, &engine));
    const cJSON *answer = first(field(expected, "answers")), *wakeup = first(field(expected, "wakeups"));
    const cJSON *output = first(field(expected, "outputs"));
    for (const cJSON *input = first(field(story, "inputs")); input; input = input->next) {
        const cJSON *restore = cJSON_IsObject(input) ? field(input, "restore") : NULL;
        char *line = verbatim(input), text[512];
        int again = 0;
        do {
            if (restore)
                restored(&engine, (const rpmon_policy *const *)policies, count, &config,
                         (int64_t)restore->valuedouble, text, sizeof text);
            else
                again = answered(engine, line, text, sizeof text);
            expect(&answer, text, strlen(text), "answer");
            rpmon_output *polled = NULL;
            while (rpmon_engine_poll(engine, &polled) == RPMON_OK && polled) {
                rpmon_str json = rpmon_output_json(polled);
                expect(&output, json.data, json.len, "output");
                rpmon_output_free(&polled);
            }
            int64_t at;
            OK(rpmon_engine_next_wakeup(engine, &at));
            CHECK(wakeup && (cJSON_IsNull(wakeup) ? at == RPMON_NEVER : at == (int64_t)wakeup->valuedouble));
            wakeup = wakeup->next;
        } while (again);
        cJSON_free(line);
    }
    CHECK(!answer && !output && !wakeup);
    OK(rpmon_engine_free(&engine));
    for (size_t i = 0; i < count; i++) rpmon_policy_free(&policies[i]);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        current = argv[i];
        FILE *file = fopen(current, "rb");
        CHECK(file && !fseek(file, 0, SEEK_END));
        size_t size = (size_t)ftell(file);
        char *text = malloc(size + 1);
        rewind(file);
        CHECK(text && fread(text, 1, size, file) == size);
        fclose(file);
        text[size] = 0;
        cJSON *story = cJSON_Parse(text);
        CHECK(story);
        play(story);
        cJSON_Delete(story);
        free(text);
    }
    printf("%d conformance cases passed in C\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
