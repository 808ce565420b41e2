/* Calls kernels on heap buffers of exactly their size, as the calls on stdin say, and prints a hash of each output. The
 * sanitizers that this is compiled with end it at the first mistake. Included after the kernels and their table. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LHS, RHS, COLS, OUT, BUFFERS };
struct call {
    int64_t kernel, zero, out_zero, threads;
    struct { int64_t bytes, element; } buffers[BUFFERS]; /* contents follow, but for the output's */
};

static void *allocate(size_t bytes) {
    void *p = malloc(bytes);
    if (p == NULL)
        abort();
    return memset(p, 0xA5, bytes);
}

/* Buffers begin `skew` elements past what malloc aligns, and end where their memory ends. */
static void run(const struct call *c, char *const contents[BUFFERS], int64_t skew) {
    char *base[BUFFERS], *at[BUFFERS];
    for (int b = 0; b < BUFFERS; b++) {
        int64_t before = skew * c->buffers[b].element;
        base[b] = allocate((size_t)(before + c->buffers[b].bytes));
        at[b] = base[b] + before;
        if (b != OUT)
            memcpy(at[b], contents[b], (size_t)c->buffers[b].bytes);
    }
    const struct bs_entry *entry = &bs_entries[c->kernel];
    for (int32_t t = 0; t < c->threads; t++) {
        void *work = aligned_alloc(64, entry->work_bytes);
        memset(work, 0xA5, entry->work_bytes);
        struct bs_args args = {at[LHS], at[RHS], at[COLS], at[OUT], work, (int32_t)c->zero,
                               (int32_t)c->out_zero};
        entry->run(&args, t, (int32_t)c->threads);
        free(work);
    }
    uint64_t hash = 14695981039346656037u;
    for (int64_t i = 0; i < c->buffers[OUT].bytes; i++)
        hash = (hash ^ (uint8_t)at[OUT][i]) * 1099511628211u;
    printf("%016" PRIx64 "\n", hash);
    for (int b = 0; b < BUFFERS; b++)
        free(base[b]);
}

int main(void) {
#ifdef __AMX_TILE__
    syscall(SYS_arch_prctl, 0x1023, 18); /* as in harness.c */
#endif
    for (struct call c; fread(&c, sizeof c, 1, stdin) == 1;) {
        char *contents[BUFFERS] = {NULL};
        for (int b = 0; b < OUT; b++) {
            size_t bytes = (size_t)c.buffers[b].bytes;
            contents[b] = allocate(bytes);
            if (fread(contents[b], 1, bytes, stdin) != bytes)
                return EXIT_FAILURE;
        }
        for (int64_t skew = 0; skew < 2; skew++)
            run(&c, contents, skew);
        for (int b = 0; b < OUT; b++)
            free(contents[b]);
    }
    return EXIT_SUCCESS;
}
