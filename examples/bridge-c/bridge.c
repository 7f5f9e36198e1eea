/*
 * A gateway in C: framed packets of wearables in, alerts out, and a state on disk that survives a crash.
 *
 *   bridge --policy POLICY.json --state DIR [--replay] [FILE]
 *
 * Packets come from FILE or standard input. Live, the clock of this machine counts, and what falls due between
 * packets happens in time. With --replay the packets' own times count instead, and FILE is resumed where the
 * state left off.
 *
 * A frame:   A5 19 PAYLOAD(25 bytes) CRC(2 bytes, little-endian, CRC-16/CCITT-FALSE of the payload)
 * PAYLOAD:   device u8, kind u16, quality u8, sequence u64, observed_at u64 (ms), value i32 (thousandths),
 *            flags u8 (reserved); all little-endian.
 *
 * On disk:   DIR/records.jsonl   every decision, a line each, only ever appended to
 *            DIR/state           how far records and packets had come, the clock, and the engine's snapshot
 * The state is written beside, synced, and renamed over the old one: after a crash either the old or the new one
 * is there, whole. Records behind the state's mark are cut off and decided again, the same ones.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rpmon.h"

enum { SYNC = 0xA5, PAYLOAD = 25, FRAME = 2 + PAYLOAD + 2, DEVICES = 8 };
/* The state is saved after so many packets, and whenever somebody is to be told. */
enum { SAVE_EVERY = 64 };

struct head {
    char magic[8];
    uint64_t records; /* bytes of records.jsonl */
    uint64_t packets; /* bytes of the input */
    int64_t clock;    /* the latest time that the engine was told */
};

static const char MAGIC[8] = "BRIDGE1";

static struct bridge {
    rpmon_policy *policy;
    rpmon_engine *engine;
    const char *folder;
    int records; /* file descriptor */
    struct head head;
    uint32_t patient;
    uint16_t devices[DEVICES];
    int replay, unsaved, urgent;
    uint64_t frames, bad;
} bridge;

static void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("bridge: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void must(rpmon_status status, const char *what) {
    if (status == RPMON_OK) return;
    rpmon_str message = rpmon_status_message(status);
    die("%s: %.*s", what, (int)message.len, message.data);
}

static rpmon_str str(const char *text) {
    rpmon_str result = {text, strlen(text)};
    return result;
}

static char *path_of(const char *name) {
    static char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", bridge.folder, name) >= (int)sizeof path) die("path too long");
    return path;
}

/* The whole of a file, or NULL if there is none. */
static char *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    struct stat info;
    if (!file && errno == ENOENT) return NULL;
    if (!file || fstat(fileno(file), &info)) die("%s: %s", path, strerror(errno));
    *len = (size_t)info.st_size;
    char *bytes = malloc(*len + 1);
    if (!bytes || fread(bytes, 1, *len, file) != *len) die("%s: cannot be read", path);
    fclose(file);
    return bytes;
}

static void write_all(int file, const void *bytes, size_t len) {
    for (const char *at = bytes; len > 0;) {
        ssize_t written = write(file, at, len);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) die("write: %s", strerror(errno));
        at += written;
        len -= (size_t)written;
    }
}

/* Records first, then the state that speaks of them: written beside, synced, renamed. */
static void save(void) {
    rpmon_bytes snapshot;
    must(rpmon_engine_snapshot(bridge.engine, &snapshot), "snapshot");
    if (fsync(bridge.records)) die("records: %s", strerror(errno));
    char new_path[4096];
    strcpy(new_path, path_of("state.new"));
    int file = open(new_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) die("%s: %s", new_path, strerror(errno));
    write_all(file, &bridge.head, sizeof bridge.head);
    write_all(file, snapshot.data, snapshot.len);
    if (fsync(file) || close(file)) die("%s: %s", new_path, strerror(errno));
    if (rename(new_path, path_of("state"))) die("rename: %s", strerror(errno));
    int folder = open(bridge.folder, O_RDONLY);
    if (folder < 0 || fsync(folder) || close(folder)) die("%s: %s", bridge.folder, strerror(errno));
    rpmon_bytes_free(&snapshot);
    bridge.unsaved = bridge.urgent = 0;
}

/* Goes on from the state, or begins. */
static void load(const char *policy_path) {
    size_t len = 0;
    char *text = read_file(policy_path, &len);
    rpmon_error *error = NULL;
    if (!text) die("%s: no such file", policy_path);
    if (rpmon_policy_from_json(text, len, &bridge.policy, &error) != RPMON_OK) {
        for (size_t i = 0; i < rpmon_error_count(error); i++) {
            rpmon_str message = rpmon_error_message(error, i);
            fprintf(stderr, "%s: %.*s\n", policy_path, (int)message.len, message.data);
        }
        exit(1);
    }
    free(text);
    char *state = read_file(path_of("state"), &len);
    if (!state) {
        memcpy(bridge.head.magic, MAGIC, sizeof MAGIC);
        must(rpmon_engine_new(bridge.policy, NULL, &bridge.engine), "engine");
    } else {
        if (len < sizeof bridge.head || memcmp(state, MAGIC, sizeof MAGIC)) die("state: not of this program");
        memcpy(&bridge.head, state, sizeof bridge.head);
        const rpmon_policy *policies[] = {bridge.policy};
        rpmon_restore_report report;
        must(rpmon_engine_restore(state + sizeof bridge.head, len - sizeof bridge.head, policies, 1, NULL,
                                  bridge.head.clock, &bridge.engine, &report),
             "state");
        fprintf(stderr, "bridge: restored, %" PRIu64 " alerts open\n", report.open_alerts);
        free(state);
    }
    bridge.records = open(path_of("records.jsonl"), O_WRONLY | O_CREAT, 0600);
    if (bridge.records < 0 || ftruncate(bridge.records, (off_t)bridge.head.records) ||
        lseek(bridge.records, 0, SEEK_END) < 0)
        die("records: %s", strerror(errno));
    must(rpmon_engine_patient(bridge.engine, str(""), str("p1"), &bridge.patient), "patient");
    for (int i = 0; i < DEVICES; i++) {
        char name[16];
        snprintf(name, sizeof name, "device-%d", i);
        must(rpmon_engine_device(bridge.engine, bridge.patient, str(name), &bridge.devices[i]), "device");
    }
}

/* What the engine has decided: records to the log, messages to people. */
static void take_outputs(void) {
    rpmon_output *output = NULL;
    for (;;) {
        must(rpmon_engine_poll(bridge.engine, &output), "poll");
        if (!output) return;
        rpmon_record record;
        rpmon_delivery message;
        rpmon_part part;
        rpmon_cancel cancel;
        if (rpmon_output_record(output, &record) == RPMON_OK) {
            write_all(bridge.records, record.line.data, record.line.len);
            write_all(bridge.records, "\n", 1);
            bridge.head.records += record.line.len + 1;
        } else if (rpmon_output_delivery(output, &message) == RPMON_OK) {
            must(rpmon_output_part(output, 0, &part), "message");
            printf("ALERT %.*s to %.*s by %.*s: %.*s, %.*s\n", (int)message.key.len, message.key.data,
                   (int)message.function.len, message.function.data, (int)message.channel.len,
                   message.channel.data, (int)part.title.len, part.title.data, (int)part.detail.len,
                   part.detail.data);
            bridge.urgent = 1;
        } else if (rpmon_output_cancel(output, &cancel) == RPMON_OK) {
            printf("CANCEL %.*s: %.*s\n", (int)cancel.key.len, cancel.key.data, (int)cancel.reason.len,
                   cancel.reason.data);
            bridge.urgent = 1;
        }
        rpmon_output_free(&output);
        fflush(stdout);
    }
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Lets time pass up to a moment: what is due happens at its own time. */
static void pass(int64_t to) {
    int64_t at;
    if (to < bridge.head.clock) to = bridge.head.clock;
    while (must(rpmon_engine_next_wakeup(bridge.engine, &at), "wake-up"), at <= to) {
        rpmon_status status = rpmon_engine_handle_timeout(bridge.engine, at);
        if (status != RPMON_OUTPUT_QUEUE_FULL) must(status, "timeout");
        take_outputs();
    }
    bridge.head.clock = to;
}

static uint64_t little_endian(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    while (count-- > 0) value = value << 8 | bytes[count];
    return value;
}

static uint16_t crc16(const uint8_t *bytes, size_t len) {
    uint16_t crc = 0xFFFF;
    for (size_t i = 0; i < len; i++) {
        crc ^= (uint16_t)(bytes[i] << 8);
        for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

static void take_packet(const uint8_t *payload) {
    rpmon_reading reading = {0};
    reading.patient = bridge.patient;
    reading.device = bridge.devices[payload[0] % DEVICES];
    reading.kind = (uint16_t)little_endian(payload + 1, 2);
    reading.quality = payload[3];
    reading.sequence = little_endian(payload + 4, 8);
    reading.has_sequence = 1;
    reading.observed_at_ms = (int64_t)little_endian(payload + 12, 8);
    reading.value_thousandths = (int32_t)(uint32_t)little_endian(payload + 20, 4);
    pass(bridge.replay ? reading.observed_at_ms : now_ms());
    reading.received_at_ms = bridge.head.clock;
    rpmon_batch batch;
    do { /* With room for one call there is room for one reading: twice is enough. */
        must(rpmon_engine_handle_readings(bridge.engine, &reading, 1, &batch), "reading");
        take_outputs();
    } while (batch.consumed == 0);
    bridge.frames++;
    bridge.unsaved++;
}

/* Takes what is whole out of a buffer, and returns how much that was. What is no frame is stepped over. */
static size_t take_frames(const uint8_t *bytes, size_t len) {
    size_t at = 0;
    while (len - at >= FRAME) {
        const uint8_t *payload = bytes + at + 2;
        size_t step = 1;
        if (bytes[at] == SYNC && bytes[at + 1] == PAYLOAD &&
            crc16(payload, PAYLOAD) == little_endian(payload + PAYLOAD, 2)) {
            step = FRAME;
            take_packet(payload);
        } else {
            bridge.bad++;
        }
        at += step;
        bridge.head.packets += step;
        if (bridge.urgent || bridge.unsaved >= SAVE_EVERY) save();
    }
    return at;
}

/* Until the next packet or wake-up, whichever comes first. */
static int wait_for(int input) {
    int64_t at, left = -1;
    if (bridge.replay) return 1;
    must(rpmon_engine_next_wakeup(bridge.engine, &at), "wake-up");
    if (at != RPMON_NEVER) left = at > now_ms() ? at - now_ms() : 0;
    struct pollfd wanted = {input, POLLIN, 0};
    int ready = poll(&wanted, 1, left > 60000 ? 60000 : (int)left);
    if (ready == 0) {
        pass(now_ms());
        if (bridge.urgent) save();
    }
    return ready > 0;
}

int main(int argc, char **argv) {
    const char *policy = NULL, *input_path = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--policy") && i + 1 < argc) policy = argv[++i];
        else if (!strcmp(argv[i], "--state") && i + 1 < argc) bridge.folder = argv[++i];
        else if (!strcmp(argv[i], "--replay")) bridge.replay = 1;
        else if (argv[i][0] != '-' && !input_path) input_path = argv[i];
        else die("usage: bridge --policy POLICY.json --state DIR [--replay] [FILE]");
    }
    if (!policy || !bridge.folder) die("usage: bridge --policy POLICY.json --state DIR [--replay] [FILE]");
    if (mkdir(bridge.folder, 0700) && errno != EEXIST) die("%s: %s", bridge.folder, strerror(errno));
    load(policy);
    int input = input_path ? open(input_path, O_RDONLY) : STDIN_FILENO;
    if (input < 0) die("%s: %s", input_path, strerror(errno));
    if (bridge.replay && input_path && lseek(input, (off_t)bridge.head.packets, SEEK_SET) < 0)
        die("%s: %s", input_path, strerror(errno));
    uint8_t buffer[4096];
    size_t kept = 0;
    for (;;) {
        if (!wait_for(input)) continue;
        ssize_t got = read(input, buffer + kept, sizeof buffer - kept);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) die("input: %s", strerror(errno));
        if (got == 0) break;
        kept += (size_t)got;
        size_t taken = take_frames(buffer, kept);
        memmove(buffer, buffer + taken, kept -= taken);
    }
    save();
    fprintf(stderr, "bridge: %" PRIu64 " packets, %" PRIu64 " bytes that were none\n", bridge.frames, bridge.bad);
    close(bridge.records);
    rpmon_policy_free(&bridge.policy);
    rpmon_engine_free(&bridge.engine);
    return 0;
}
