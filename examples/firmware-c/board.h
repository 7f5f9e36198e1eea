/* The board: what a program without an operating system has to bring along. QEMU's mps2-an386, a Cortex-M4F. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

/* Writes to the host's standard output. */
void board_print(const char *text, size_t len);

/* Opens a file of the host for reading; negative if there is none. */
int board_open(const char *path);

/* Reads up to `len` bytes; 0 at the end. */
size_t board_read(int file, void *into, size_t len);

/* Ends the run. */
_Noreturn void board_exit(int code);

/* The most memory that was ever in use of the pool, and the pool's size. */
size_t board_memory_used(void);
size_t board_memory_size(void);

/* The most stack that was ever in use. */
size_t board_stack_used(void);

#endif
