/* Memory of the harness: plain, guarded, and copies to rotate through. Included by harness.c only. */
#ifndef BS_MEMORY_H
#define BS_MEMORY_H
#define _GNU_SOURCE
#include "kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

enum { BUFFERS = 256, NONE = BUFFERS, THREADS = 256, CPUS = 1024, WORDS = 16384, INPUT = 1 << 20 };
enum { POISON = 0xA5, CANARY = 0xC3, LINE = 64, SPIN_NS = 20000, HUGE_PAGE = 2 << 20 };
enum place { LEFT, RIGHT, PLAIN };
enum role { LHS, RHS, COLS, OUT, ROLES };
enum regime { HOT, WEIGHTS_COLD, ALL_COLD };

struct memory { /* `bytes` at `data`, somewhere in the `room` bytes at `inner`; base is NULL where there is none */
    uint8_t *base, *inner, *data;
    size_t mapped, room, bytes;
};
static struct buffer {
    struct memory at[3];  /* by place: PLAIN is what was loaded; the guarded copies are made when first checked */
    struct memory copies; /* what a cold regime rotates through; made when first timed cold */
    uint64_t count, stride, step, next;
} buffers[BUFFERS + 1]; /* NONE stays empty */
static uint64_t pool_bytes, page, cpu_count; /* no --cpu: 0 */
static int cpus[CPUS];

static FILE *answers; /* where the tool listens: not stdout, on which a kernel could print an answer of its own */

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
static bool fail(const char *format, ...) { /* answers, and returns false */
    va_list args;
    va_start(args, format);
    fputs("err ", answers);
    vfprintf(answers, format, args);
    putc('\n', answers);
    va_end(args);
    return false;
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t round_up(uint64_t n, uint64_t unit) { return (n + unit - 1) / unit * unit; }

static void memory_free(struct memory *m) {
    if (m->base != NULL)
        munmap(m->base, m->mapped);
    *m = (struct memory){0};
}

/* LEFT, RIGHT: flush against an inaccessible page on that side, up to `align`, the rest of the room full of canaries.
 * PLAIN: on a page; if large on a huge page, so that how many of its pages are huge does not vary from run to run. */
static bool memory_new(struct memory *m, uint64_t bytes, enum place place, uint64_t align) {
    bool huge = place == PLAIN && bytes >= HUGE_PAGE;
    uint64_t room = round_up(bytes, page), mapped = room + (huge ? HUGE_PAGE : 2 * page);
    uint8_t *base = mapped < bytes || mapped > SIZE_MAX / 2 ? MAP_FAILED : mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return fail("out of memory: %" PRIu64 " bytes", bytes);
    uint8_t *inner = base + (huge ? -(uintptr_t)base % HUGE_PAGE : page);
    *m = (struct memory){base, inner, inner, mapped, room, bytes};
#ifdef MADV_HUGEPAGE
    if (huge)
        madvise(inner, room, MADV_HUGEPAGE);
#endif
    if (place == PLAIN)
        return true;
    if (mprotect(base, page, PROT_NONE) != 0 || mprotect(inner + room, page, PROT_NONE) != 0) {
        memory_free(m);
        return fail("out of memory: no more mappings");
    }
    m->data += place == RIGHT ? (room - bytes) / align * align : 0;
    memset(inner, CANARY, room);
    memset(m->data, POISON, bytes); /* finds reliance on zeroed memory */
    return true;
}

static bool canaries_intact(const struct memory *m) {
    for (const uint8_t *p = m->inner; p < m->data; p++)
        if (*p != CANARY)
            return false;
    for (const uint8_t *p = m->data + m->bytes; p < m->inner + m->room; p++)
        if (*p != CANARY)
            return false;
    return true;
}

static void buffer_free(struct buffer *b) {
    for (int place = 0; place < 3; place++)
        memory_free(&b->at[place]);
    memory_free(&b->copies);
    *b = (struct buffer){0};
}

/* The next copy. The step has no divisor in common with the count, so that every copy has its turn, and is large, so
 * that a hardware prefetcher running past the end of one copy does not fetch the one that comes next. */
static uint8_t *next_copy(struct buffer *b) {
    uint64_t at = b->next * b->stride;
    b->next += b->step;
    b->next -= b->next >= b->count ? b->count : 0;
    return b->count == 0 ? NULL : b->copies.data + at;
}

static uint64_t divisor(uint64_t a, uint64_t b) { return b == 0 ? a : divisor(b, a % b); }

/* At least two copies of the buffer, and so many that sets of `set_bytes` together exceed the pool. */
static bool make_copies(struct buffer *b, uint64_t set_bytes) {
    const struct memory *from = &b->at[PLAIN];
    uint64_t stride = round_up(from->bytes, LINE), count = set_bytes == 0 ? 2 : pool_bytes / set_bytes + 1;
    count = count < 2 ? 2 : count;
    if (b->count >= count)
        return true;
    struct memory copies;
    if (!memory_new(&copies, count * stride, PLAIN, 1))
        return false;
    memory_free(&b->copies);
    b->copies = copies, b->count = count, b->stride = stride, b->next = 0, b->step = count * 618 / 1000;
    while (divisor(b->step, count) != 1)
        b->step++;
    for (uint64_t i = 0; i < count; i++) /* in the order of use, so that what is left in the caches is used last */
        memcpy(next_copy(b), from->data, from->bytes);
    return true;
}
#endif
