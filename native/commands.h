/* Commands on buffers, and the check of a kernel; each answers exactly one line. Included by harness.c only. */
#ifndef BS_COMMANDS_H
#define BS_COMMANDS_H
#include "input.h"
#include "threads.h"

static struct binding {
    int64_t buffer[ROLES]; /* looked up at use, as buffers come and go */
    int32_t zero, out_zero;
    uint32_t threads; /* 0: not bound */
} *bindings;
static struct memory last_output, scratch[THREADS], guarded_scratch[THREADS];

static void set_job(int64_t kernel, enum place place) {
    const struct binding *b = &bindings[kernel];
    uint8_t *data[ROLES];
    for (int role = 0; role < ROLES; role++)
        data[role] = buffers[b->buffer[role]].at[place].data;
    if (place != PLAIN)
        data[OUT] = last_output.data;
    keep_awake(b->threads);
    job.run = bs_entries[kernel].run;
    job.threads = b->threads;
    job.args = (struct bs_args){data[LHS], data[RHS], data[COLS], data[OUT], job.work[0], b->zero, b->out_zero};
}

static void replace(int64_t buffer, struct memory fresh) {
    buffer_free(&buffers[buffer]);
    buffers[buffer].at[PLAIN] = fresh;
    fputs("ok\n", answers);
}

static void do_load(const int64_t *v) {
    struct memory fresh = {0};
    bool good = memory_new(&fresh, (uint64_t)v[1], PLAIN, 1);
    read_payload(good ? fresh.data : NULL, (uint64_t)v[1]);
    if (good)
        replace(v[0], fresh);
}

static void do_alloc(const int64_t *v) {
    struct memory fresh;
    if (!memory_new(&fresh, (uint64_t)v[1], PLAIN, 1))
        return;
    memset(fresh.data, 0, fresh.bytes); /* takes the page faults now, not while timing */
    replace(v[0], fresh);
}

static void do_free(const int64_t *v) { replace(v[0], (struct memory){0}); }

static bool buffers_present(const struct binding *b) {
    for (int role = 0; role < ROLES; role++)
        if (b->buffer[role] != NONE && buffers[b->buffer[role]].at[PLAIN].base == NULL)
            return fail("no buffer %" PRId64, b->buffer[role]);
    return true;
}

static bool ready(int64_t kernel) {
    const struct binding *b = &bindings[kernel];
    return b->threads == 0 ? fail("kernel %" PRId64 " is not bound", kernel)
                           : buffers_present(b) && create_threads(b->threads);
}

static void do_bind(const int64_t *v) {
    struct binding b = {{v[1], v[2], v[3], v[4]}, (int32_t)v[5], (int32_t)v[6], (uint32_t)v[7]};
    if (v[4] != NONE && (v[4] == v[1] || v[4] == v[2] || v[4] == v[3])) {
        fail("output is an input");
    } else if (buffers_present(&b)) {
        bindings[v[0]] = b;
        fputs("ok\n", answers);
    }
}

static bool prepare_check(int64_t kernel, enum place side) {
    const struct binding *b = &bindings[kernel];
    for (int role = 0; role < ROLES; role++) {
        struct buffer *from = &buffers[b->buffer[role]];
        struct memory *m = role == OUT ? &last_output : &from->at[side];
        if (b->buffer[role] == NONE || m->base != NULL)
            continue;
        if (!memory_new(m, from->at[PLAIN].bytes, side, 1))
            return false;
        if (role != OUT) { /* a kernel that writes to its input crashes */
            memcpy(m->data, from->at[PLAIN].data, m->bytes);
            mprotect(m->inner, m->room, PROT_READ);
        }
    }
    for (uint32_t t = 0; t < b->threads; t++) {
        if (!memory_new(&guarded_scratch[t], bs_entries[kernel].work_bytes, side, LINE))
            return false;
        job.work[t] = guarded_scratch[t].data;
    }
    return true;
}

static void do_check(const int64_t *v) {
    if (!ready(v[0]))
        return;
    memory_free(&last_output);
    bool good = prepare_check(v[0], (enum place)v[1]);
    if (good) {
        set_job(v[0], (enum place)v[1]);
        run_job();
        keep_awake(1);
        good = canaries_intact(&last_output) || fail("wrote outside its output buffer");
    }
    for (uint32_t t = 0; t < bindings[v[0]].threads; t++) {
        good = good && (canaries_intact(&guarded_scratch[t]) || fail("wrote outside its scratch"));
        memory_free(&guarded_scratch[t]);
    }
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < last_output.bytes; i++)
        hash = (hash ^ last_output.data[i]) * 1099511628211u;
    if (good)
        fprintf(answers, "ok %016" PRIx64 "\n", hash);
    else
        memory_free(&last_output);
}

static void do_dump(const int64_t *v) {
    (void)v;
    if (last_output.base == NULL) {
        fail("no output");
    } else {
        fprintf(answers, "ok %zu\n", last_output.bytes);
        fwrite(last_output.data, 1, last_output.bytes, answers);
    }
}
#endif
