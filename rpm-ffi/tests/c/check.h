/* What the tests share: a check that says where it failed, and texts. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpmon.h"

#define CHECK(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);   \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

#define CHECK_STATUS(expected, call)                                                  \
    do {                                                                              \
        rpmon_status found_ = (call);                                                 \
        if (found_ != (rpmon_status)(expected)) {                                     \
            rpmon_str name_ = rpmon_status_name(found_);                              \
            fprintf(stderr, "%s:%d: %s is %u %.*s, not %s\n", __FILE__, __LINE__,     \
                    #call, (unsigned)found_, (int)name_.len, name_.data, #expected);  \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

#define OK(call) CHECK_STATUS(RPMON_OK, call)

static inline rpmon_str str(const char *text) {
    rpmon_str result = {text, text ? strlen(text) : 0};
    return result;
}

static inline int is(rpmon_str text, const char *expected) {
    return text.len == strlen(expected) && (!text.len || !memcmp(text.data, expected, text.len));
}

static inline int contains(rpmon_bytes text, const char *part) {
    size_t wanted = strlen(part);
    for (size_t at = 0; at + wanted <= text.len; at++)
        if (!memcmp(text.data + at, part, wanted)) return 1;
    return 0;
}

/* The next output, or NULL. */
static inline rpmon_output *next(rpmon_engine *engine) {
    rpmon_output *output = NULL;
    OK(rpmon_engine_poll(engine, &output));
    return output;
}

/* A rule on oxygen with somebody to tell. */
static const char POLICY[] =
    "{\"id\":\"home\",\"version\":1,\"title\":\"Oxygen at home\","
    "\"kinds\":{\"lactate\":{\"title\":\"Lactate\",\"unit\":\"mmol/L\",\"possible\":[0,50]}},"
    "\"signals\":{\"spo2\":{\"cadence\":\"1 s\"}},"
    "\"rules\":[{\"id\":\"low\",\"title\":\"Low oxygen saturation\",\"signal\":\"spo2\","
    "\"levels\":[{\"level\":\"urgent\",\"raise\":{\"below\":88},\"clear\":{\"above\":90}}]}],"
    "\"care\":{\"routes\":[{\"id\":\"all\",\"queue\":\"ward\",\"escalation\":\"page\"}],"
    "\"escalations\":{\"page\":{\"answer_within\":\"3 min\",\"steps\":["
    "{\"after\":\"0 s\",\"to\":[\"nurse\"],\"channels\":[\"pager\"]}]}}}}";

static inline rpmon_policy *a_policy(const char *text) {
    rpmon_policy *policy = NULL;
    rpmon_error *error = NULL;
    rpmon_status status = rpmon_policy_from_json(text, strlen(text), &policy, &error);
    if (status != RPMON_OK) {
        rpmon_str message = rpmon_error_message(error, 0);
        fprintf(stderr, "policy: %.*s\n", (int)message.len, message.data);
        exit(1);
    }
    return policy;
}

static inline rpmon_engine *an_engine(void) {
    rpmon_policy *policy = a_policy(POLICY);
    rpmon_engine *engine = NULL;
    OK(rpmon_engine_new(policy, NULL, &engine));
    OK(rpmon_policy_free(&policy));
    return engine;
}

/* One reading of oxygen saturation of the first patient and device. */
static inline rpmon_reading spo2(int64_t second, int32_t percent) {
    rpmon_reading reading = {0};
    reading.observed_at_ms = second * 1000;
    reading.received_at_ms = second * 1000 + 200;
    reading.value_thousandths = percent * 1000;
    reading.kind = RPMON_KIND_SPO2;
    return reading;
}

#endif
