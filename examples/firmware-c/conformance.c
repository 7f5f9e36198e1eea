/*
 * The conformance cases on a microcontroller. `cargo xtask firmware-c` writes them as a file of simple lines, which
 * is read through the debugger, and compares what comes out:
 *
 *   N                      a new case
 *   C PATIENTS OUTPUTS DEVICES   bounds of its engine
 *   P BYTES                a policy: so many bytes follow, and a line end
 *   I BYTES                an input: so many bytes follow, and a line end
 *   R MS                   a snapshot, and a restore at that time
 *
 * Each answer goes out as a line that begins with `=`, each wake-up with `@`, each mistake of a policy with `!`, each
 * warning with `?`, each output as it is.
 */
#include "board.h"
#include "rpmon.h"

enum { MOST = 8 };

static struct {
    char bytes[512];
    size_t at, len;
    int file;
} input;

static char text[64 * 1024];
static rpmon_policy *policies[MOST];
static size_t count, mistakes;
static rpmon_engine *engine;
static rpmon_config config;

static int next_byte(void) {
    if (input.at == input.len) {
        input.at = 0;
        input.len = board_read(input.file, input.bytes, sizeof input.bytes);
        if (!input.len) return -1;
    }
    return (unsigned char)input.bytes[input.at++];
}

static int64_t number(void) {
    int64_t value = 0;
    for (int c = next_byte(); c >= '0' && c <= '9'; c = next_byte()) value = value * 10 + (c - '0');
    return value;
}

/* The bytes that follow, and their line end. */
static size_t take_text(void) {
    size_t len = (size_t)number();
    if (len > sizeof text) board_exit(5);
    for (size_t i = 0; i < len; i++) text[i] = (char)next_byte();
    next_byte();
    return len;
}

static void print(rpmon_str part) { board_print(part.data, part.len); }

static void say(const char *part) {
    size_t len = 0;
    while (part[len]) len++;
    board_print(part, len);
}

static void say_number(int64_t value) {
    char digits[24], *at = digits + sizeof digits;
    uint64_t rest = (uint64_t)value;
    *--at = 0;
    do *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    say(at);
}

static void must(rpmon_status status) {
    if (status == RPMON_OK) return;
    say("status ");
    say_number(status);
    say("\n");
    board_exit(1);
}

static void list(const char *sign, const rpmon_error *error) {
    for (size_t i = 0; i < rpmon_error_count(error); i++) {
        say(sign);
        print(rpmon_status_name(rpmon_error_code(error, i)));
        rpmon_str path = rpmon_error_path(error, i);
        if (path.len) say(" ");
        print(path);
        say("\n");
    }
}

static void end_case(void) {
    must(rpmon_engine_free(&engine));
    while (count > 0) must(rpmon_policy_free(&policies[--count]));
    mistakes = 0;
    config = (rpmon_config){0, 0, 0, {0, 0, 0}};
}

static void take_policy(void) {
    size_t len = take_text();
    rpmon_error *error = NULL;
    if (count == MOST) board_exit(5);
    if (rpmon_policy_from_json(text, len, &policies[count], &error) == RPMON_OK) count++;
    mistakes += rpmon_error_count(error);
    list("!", error);
    must(rpmon_error_free(&error));
}

static void begin(void) {
    if (engine || mistakes) return;
    rpmon_error *warnings = NULL;
    must(rpmon_policy_warnings(policies[0], &warnings));
    list("?", warnings);
    must(rpmon_error_free(&warnings));
    must(rpmon_engine_new(policies[0], &config, &engine));
}

static void after(void) {
    rpmon_bytes lines;
    must(rpmon_engine_poll_lines(engine, &lines));
    board_print(lines.data, lines.len);
    must(rpmon_bytes_free(&lines));
    int64_t at;
    must(rpmon_engine_next_wakeup(engine, &at));
    say("@");
    if (at == RPMON_NEVER) say("null");
    else say_number(at);
    say("\n");
}

static void take_input(void) {
    static const char *const KINDS[] = {"", "accepted", "duplicate", "quarantined", "taken", "refused"};
    size_t len = take_text();
    rpmon_status status;
    do {
        rpmon_answer answer;
        rpmon_error *error = NULL;
        status = rpmon_engine_handle_input(engine, text, len, &answer, &error);
        say("=");
        say(status == RPMON_OK ? KINDS[answer.kind] : "error");
        rpmon_status code = status == RPMON_OK ? answer.code : status;
        if (code != RPMON_OK) say(" ");
        if (code != RPMON_OK) print(rpmon_status_name(code));
        if (rpmon_error_path(error, 0).len) say(" ");
        print(rpmon_error_path(error, 0));
        say("\n");
        must(rpmon_error_free(&error));
        after();
    } while (status == RPMON_OUTPUT_QUEUE_FULL);
}

static void restore(int64_t now) {
    rpmon_bytes snapshot;
    rpmon_restore_report report;
    must(rpmon_engine_snapshot(engine, &snapshot));
    must(rpmon_engine_free(&engine));
    must(rpmon_engine_restore(snapshot.data, snapshot.len, (const rpmon_policy *const *)policies, count, &config,
                              now, &engine, &report));
    must(rpmon_bytes_free(&snapshot));
    say("=restored gap=");
    say_number(report.gap_ms);
    say(" patients=");
    say_number((int64_t)report.patients);
    say(" open_alerts=");
    say_number((int64_t)report.open_alerts);
    say(" timers_due=");
    say_number((int64_t)report.timers_due);
    say(" readings_missed=");
    say_number((int64_t)report.readings_missed);
    say("\n");
    after();
}

int main(void) {
    size_t cases = 0;
    input.file = board_open("conformance.txt");
    if (input.file < 0) return 4;
    for (int what = next_byte(); what >= 0; what = next_byte()) {
        next_byte();
        if (what == 'P') {
            take_policy();
        } else if (what == 'C') {
            config.max_patients = (uint32_t)number();
            config.max_outputs = (uint32_t)number();
            config.max_devices = (uint16_t)number();
        } else if (what == 'N') {
            if (cases++ && !mistakes) begin();
            if (cases > 1) end_case();
            say("N\n");
        } else {
            begin();
            if (what == 'I') take_input();
            else restore(number());
        }
    }
    begin();
    end_case();
    say_number((int64_t)cases);
    say(" cases on bare metal\n");
    return 0;
}
