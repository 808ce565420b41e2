/* Timing of kernels, under a regime and under watch. Included by harness.c only. */
#ifndef BS_TIMING_H
#define BS_TIMING_H
#include "commands.h"
#include "watch.h"

static enum regime regime = HOT;

static void do_regime(const int64_t *v) {
    regime = (enum regime)v[0];
    pool_bytes = (uint64_t)v[1];
    fputs("ok\n", answers);
}

static bool is_cold(int role) { return regime == ALL_COLD || (regime == WEIGHTS_COLD && role == RHS); }

static bool prepare_time(int64_t kernel) {
    const struct binding *b = &bindings[kernel];
    uint64_t work_bytes = bs_entries[kernel].work_bytes, set_bytes = 0;
    for (uint32_t t = 0; t < b->threads; t++)
        if (scratch[t].bytes < work_bytes) {
            memory_free(&scratch[t]);
            if (!memory_new(&scratch[t], work_bytes, PLAIN, 1))
                return false;
            memset(scratch[t].data, POISON, work_bytes); /* takes the page faults */
        }
    for (int role = 0; role < ROLES; role++)
        set_bytes += is_cold(role) ? round_up(buffers[b->buffer[role]].at[PLAIN].bytes, LINE) : 0;
    for (int role = 0; role < ROLES; role++)
        if (is_cold(role) && b->buffer[role] != NONE && !make_copies(&buffers[b->buffer[role]], set_bytes))
            return false;
    return true;
}

static uint64_t time_group(int64_t kernel, int64_t calls) {
    struct buffer *cold[ROLES];
    for (int role = 0; role < ROLES; role++)
        cold[role] = &buffers[bindings[kernel].buffer[role]];
    for (uint32_t t = 0; t < bindings[kernel].threads; t++)
        job.work[t] = scratch[t].data;
    set_job(kernel, PLAIN);
    if (regime == HOT)
        run_job();
    uint64_t start = now();
    for (; calls > 0; calls--) {
        if (regime != HOT)
            job.args.rhs = next_copy(cold[RHS]);
        if (regime == ALL_COLD) {
            job.args.lhs = next_copy(cold[LHS]);
            job.args.cols = next_copy(cold[COLS]);
            job.args.out = next_copy(cold[OUT]);
        }
        run_job();
    }
    return now() - start;
}

static void do_time(char **words, int count) {
    static struct {
        int64_t kernel, calls;
        uint64_t ns;
    } groups[WORDS];
    for (int i = 0; i < count; i++) {
        char *colon = strchr(words[i], ':');
        if (colon != NULL)
            *colon = '\0';
        if (colon == NULL || !parse('k', words[i], &groups[i].kernel) || !parse('c', colon + 1, &groups[i].calls)) {
            fail("not KERNEL:CALLS, word %d", i + 1);
            return;
        }
    }
    for (int i = 0; i < count; i++)
        if (!ready(groups[i].kernel) || !prepare_time(groups[i].kernel))
            return;
    uint32_t threads = 1;
    for (int i = 0; i < count; i++)
        threads = bindings[groups[i].kernel].threads > threads ? bindings[groups[i].kernel].threads : threads;
    static int64_t loaded_khz;
    ramp_up(loaded_khz);
    struct sighting before = look(1); /* the others sleep yet */
    for (int i = 0; i < count; i++)
        groups[i].ns = time_group(groups[i].kernel, groups[i].calls);
    struct sighting after = look(threads);
    loaded_khz = after.khz;
    keep_awake(1);
    fputs("ok", answers);
    for (int i = 0; i < count; i++)
        fprintf(answers, " %" PRIu64, groups[i].ns);
    tell(&before, &after);
    putc('\n', answers);
}
#endif
