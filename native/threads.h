/* Threads of the harness: a pool that spins between the calls of a command and sleeps between commands. Included by
 * harness.c only. */
#ifndef BS_THREADS_H
#define BS_THREADS_H
#include "memory.h"

/* The call under way. Workers read it after `epoch` moves and are done with it once they count `pending` down. */
static struct {
    bs_kernel *run; /* NULL: go to sleep */
    struct bs_args args;
    void *work[THREADS];
    uint32_t threads;
} job;
static _Alignas(128) atomic_uint epoch; /* each on a cache line of its own */
static _Alignas(128) atomic_uint pending;
static _Alignas(128) pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static uint32_t awake = 1, created = 1; /* threads, with the first one */
static unsigned wake_epoch;

static bool pin(uint32_t thread) {
#ifdef __linux__
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu_count != 0)
        CPU_SET((size_t)cpus[thread % cpu_count], &set);
    return cpu_count == 0 || sched_setaffinity(0, sizeof set, &set) == 0;
#else
    return thread < THREADS && cpu_count == 0;
#endif
}

static void pause_spinning(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* most cores ignore `yield` */
#elif defined(__riscv)
    __asm__ volatile(".4byte 0x100000f"); /* `pause`, which older assemblers do not know */
#endif
}

/* Spins until *word is (`equal`) or no longer is `value`; after a while lets others run, as cores may be shared. */
static unsigned await(atomic_uint *word, unsigned value, bool equal) {
    uint64_t start = 0;
    bool late = false;
    for (unsigned spins = 1;; spins++) {
        unsigned seen = atomic_load_explicit(word, memory_order_acquire);
        if ((seen == value) == equal)
            return seen;
        if (late)
            sched_yield();
        else
            pause_spinning();
        if (!late && spins % 64 == 0) {
            start = start != 0 ? start : now();
            late = now() - start > SPIN_NS;
        }
    }
}

static void finish_share(void) { atomic_fetch_sub_explicit(&pending, 1, memory_order_release); }

static void *worker(void *argument) {
    uint32_t index = (uint32_t)(uintptr_t)argument;
    pin(index); /* main has tried every cpu */
    for (;;) {
        pthread_mutex_lock(&lock);
        while (index >= awake)
            pthread_cond_wait(&wake, &lock);
        unsigned seen = wake_epoch;
        pthread_mutex_unlock(&lock);
        finish_share(); /* of waking up */
        for (bool running = true; running; finish_share()) {
            seen = await(&epoch, seen, false);
            running = job.run != NULL;
            struct bs_args args = job.args;
            args.work = job.work[index];
            if (running)
                job.run(&args, (int32_t)index, (int32_t)job.threads);
        }
    }
    return NULL;
}

static bool create_threads(uint32_t threads) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 8 << 20); /* what the first thread usually has, whatever the libc */
    pthread_t id;
    while (created < threads && pthread_create(&id, &attributes, worker, (void *)(uintptr_t)created) == 0)
        created++;
    pthread_attr_destroy(&attributes);
    return created >= threads || fail("out of memory: no thread %" PRIu32, created);
}

static void run_job(void) {
    if (job.threads > 1) {
        atomic_store_explicit(&pending, job.threads - 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&epoch, 1, memory_order_release);
    }
    if (job.run != NULL)
        job.run(&job.args, 0, (int32_t)job.threads);
    if (job.threads > 1)
        await(&pending, 0, true);
}

static void set_awake(uint32_t threads) {
    pthread_mutex_lock(&lock);
    awake = threads;
    wake_epoch = atomic_load(&epoch);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&lock);
}

/* Has exactly so many threads spinning and the others asleep: idle ones must neither take cpus nor lower clocks. */
static void keep_awake(uint32_t threads) {
    uint32_t before = awake;
    if (before == threads)
        return;
    if (before > 1) {
        set_awake(1);
        job.run = NULL;
        job.threads = before;
        run_job();
    }
    if (threads > 1) {
        atomic_store(&pending, threads - 1);
        set_awake(threads);
        await(&pending, 0, true);
    }
}
#endif
