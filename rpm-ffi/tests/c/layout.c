/* Sizes and places that compiled programs rely on. */
#include <assert.h>

#include "check.h"

#define AT(type, field, offset) \
    static_assert(offsetof(type, field) == (offset), #type "." #field " has moved")
#define SIZE(type, size, align)                                     \
    static_assert(sizeof(type) == (size), #type " has another size"); \
    static_assert(_Alignof(type) == (align), #type " has another alignment")

/* The same on every machine: no pointers in them. */
SIZE(rpmon_reading, 40, 8);
AT(rpmon_reading, observed_at_ms, 0);
AT(rpmon_reading, received_at_ms, 8);
AT(rpmon_reading, sequence, 16);
AT(rpmon_reading, patient, 24);
AT(rpmon_reading, value_thousandths, 28);
AT(rpmon_reading, device, 32);
AT(rpmon_reading, kind, 34);
AT(rpmon_reading, quality, 36);
AT(rpmon_reading, has_sequence, 37);
SIZE(rpmon_batch, 32, 8);
SIZE(rpmon_answer, 16, 4);
SIZE(rpmon_config, 16, 4);
SIZE(rpmon_restore_report, 40, 8);
SIZE(rpmon_counts, 40, 8);
SIZE(rpmon_chain, 40, 8);
SIZE(rpmon_alert, 136, 8);
SIZE(rpmon_message, 56, 8);
SIZE(rpmon_waiting, 16, 4);
SIZE(rpmon_latest, 16, 8);
SIZE(rpmon_term, 16, 4);

/* A pointer and a length. */
SIZE(rpmon_str, 2 * sizeof(void *), sizeof(void *));
SIZE(rpmon_bytes, 2 * sizeof(void *), sizeof(void *));

int main(void) {
    /* What the library writes is as large as what this header says: a canary stands behind it. */
    struct {
        rpmon_counts counts;
        uint64_t canary;
    } room = {{0, 0, 0, 0, 0}, 0x5afe};
    rpmon_engine *engine = an_engine();
    uint32_t patient;
    OK(rpmon_engine_patient(engine, str(""), str("p1"), &patient));
    OK(rpmon_engine_counts(engine, patient, &room.counts));
    CHECK(room.canary == 0x5afe);
    CHECK(rpmon_abi_version() == RPMON_ABI_VERSION);
    CHECK(rpmon_version().len > 0);
    OK(rpmon_engine_free(&engine));
    puts("layout as compiled");
    return 0;
}
