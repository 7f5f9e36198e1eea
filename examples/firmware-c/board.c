/*
 * Start-up, semihosting, and the memory that rpmon asks for: a pool of fixed size with the first block that fits.
 * A product replaces this file with what its vendor gives.
 */
#define RPMON_BARE
#include "board.h"

#include "rpmon.h"

#ifndef POOL_BYTES
#define POOL_BYTES (128 * 1024)
#endif

extern uint32_t stack_top, stack_bottom, data_start, data_end, data_load, bss_start, bss_end;

int main(void);

/* ---- start-up */

void reset(void);
static void fault(void) { board_exit(3); }

__attribute__((section(".vectors"), used)) static void (*const VECTORS[16])(void) = {
    (void (*)(void))(uintptr_t)&stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0,
    fault, fault, 0, fault, fault,
};

enum { PAINT = 0x5AFE5AFE };

__attribute__((noreturn)) void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* the floating-point unit */
    __asm volatile("dsb\n isb");
    for (uint32_t *to = &data_start, *from = &data_load; to < &data_end;) *to++ = *from++;
    for (uint32_t *to = &bss_start; to < &bss_end;) *to++ = 0;
    uint32_t *sp;
    __asm volatile("mov %0, sp" : "=r"(sp));
    for (uint32_t *at = &stack_bottom; at < sp - 8; at++) *at = PAINT;
    board_exit(main());
}

size_t board_stack_used(void) {
    const uint32_t *at = &stack_bottom;
    while (at < &stack_top && *at == PAINT) at++;
    return (size_t)((const char *)&stack_top - (const char *)at);
}

/* ---- semihosting */

static int ask(int operation, const void *arguments) {
    register int r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = arguments;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int board_open(const char *path) {
    size_t len = 0;
    while (path[len]) len++;
    const uintptr_t arguments[] = {(uintptr_t)path, 1 /* rb */, len};
    return ask(0x01, arguments);
}

size_t board_read(int file, void *into, size_t len) {
    const uintptr_t arguments[] = {(uintptr_t)file, (uintptr_t)into, len};
    return len - (size_t)ask(0x06, arguments);
}

void board_print(const char *text, size_t len) {
    static int out;
    if (!out) {
        const uintptr_t standard[] = {(uintptr_t) ":tt", 4 /* w */, 3};
        out = ask(0x01, standard);
    }
    const uintptr_t arguments[] = {(uintptr_t)out, (uintptr_t)text, len};
    ask(0x05, arguments);
}

_Noreturn void board_exit(int code) {
    const uintptr_t arguments[] = {0x20026 /* the application ended */, (uintptr_t)code};
    ask(0x20, arguments);
    for (;;) {
    }
}

/* ---- what rpmon asks for */

struct block {
    size_t size; /* with this head */
    struct block *next;
};

/* Every block is a multiple of this, and lies at one. */
enum { UNIT = 16 };

static _Alignas(64) unsigned char pool[POOL_BYTES];
static struct block *unused;
static size_t used, most;

static struct block *put(uintptr_t at, size_t size, struct block *next) {
    struct block *block = (struct block *)at;
    block->size = size;
    block->next = next;
    return block;
}

/* The first unused block in which the memory finds room, as near to its end as the alignment lets it. What is left
 * before and behind stays unused. */
void *rpmon_alloc(size_t size, size_t align) {
    if (!most) {
        unused = put((uintptr_t)pool, sizeof pool, NULL);
        most = 1;
    }
    size = (size + UNIT - 1) / UNIT * UNIT;
    if (align < UNIT) align = UNIT;
    for (struct block **link = &unused; *link; link = &(*link)->next) {
        struct block *found = *link, *next = found->next;
        uintptr_t start = (uintptr_t)found, end = start + found->size;
        if (found->size < size) continue;
        uintptr_t at = (end - size) / align * align;
        if (at < start) continue;
        if (at + size < end) next = put(at + size, end - at - size, next);
        *link = at > start ? put(start, at - start, next) : next;
        used += size;
        if (used > most) most = used;
        return (void *)at;
    }
    return NULL;
}

void rpmon_dealloc(void *memory, size_t size, size_t align) {
    (void)align;
    struct block *back = memory, **at = &unused;
    size = (size + UNIT - 1) / UNIT * UNIT;
    used -= size;
    while (*at && *at < back) at = &(*at)->next;
    back->size = size;
    back->next = *at;
    *at = back;
    if (back->next && (unsigned char *)back + back->size == (unsigned char *)back->next) {
        back->size += back->next->size;
        back->next = back->next->next;
    }
    for (struct block *before = unused; before && before < back; before = before->next)
        if ((unsigned char *)before + before->size == (unsigned char *)back) {
            before->size += back->size;
            before->next = back->next;
            return;
        }
}

_Noreturn void rpmon_panic(rpmon_str where) {
    board_print("panic: ", 7);
    board_print(where.data, where.len);
    board_print("\n", 1);
    board_exit(2);
}

size_t board_memory_used(void) { return most; }
size_t board_memory_size(void) { return sizeof pool; }
