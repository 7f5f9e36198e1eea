/*
 * Makes the packets that bridge.c reads, as a wearable would send them: from lines `SECOND,KIND,VALUE` on standard
 * input, where KIND is `spo2` or `heart_rate`. Kinds have devices of their own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rpmon.h"

enum { PAYLOAD = 25 };

static uint16_t crc16(const uint8_t *bytes, size_t len) {
    uint16_t crc = 0xFFFF;
    for (size_t i = 0; i < len; i++) {
        crc ^= (uint16_t)(bytes[i] << 8);
        for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

static uint8_t *put(uint8_t *at, uint64_t value, int count) {
    while (count-- > 0) *at++ = (uint8_t)value, value >>= 8;
    return at;
}

int main(void) {
    int64_t second;
    char kind[32];
    double value;
    uint64_t sequence[2] = {0, 0};
    while (scanf("%" SCNd64 ",%31[^,],%lf", &second, kind, &value) == 3) {
        int heart = !strcmp(kind, "heart_rate");
        uint8_t frame[2 + PAYLOAD + 2] = {0xA5, PAYLOAD}, *at = frame + 2;
        at = put(at, (uint64_t)heart, 1);
        at = put(at, heart ? RPMON_KIND_HEART_RATE : RPMON_KIND_SPO2, 2);
        at = put(at, 0, 1);
        at = put(at, ++sequence[heart], 8);
        at = put(at, (uint64_t)second * 1000, 8);
        at = put(at, (uint32_t)(int32_t)(value * 1000 + (value < 0 ? -0.5 : 0.5)), 4);
        at = put(at, 0, 1);
        put(at, crc16(frame + 2, PAYLOAD), 2);
        fwrite(frame, 1, sizeof frame, stdout);
    }
    return 0;
}
