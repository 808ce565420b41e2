/* What emitted networks need between their kernels: arithmetic that is not a layer's, a place where threads meet, and a clock.
 * The arithmetic is that of the tool's own reference, rounding for rounding but for what libm leaves open. */
#ifndef BS_NETWORK_H
#define BS_NETWORK_H
#include "kernel.h"

#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define BS_GLUE static inline __attribute__((unused))

BS_GLUE float net_relu(float x) { return x > 0.0f ? x : 0.0f; }
BS_GLUE float net_clip(float x, float low, float high) {
    x = x > low ? x : low;
    return x < high ? x : high;
}
BS_GLUE float net_leaky_relu(float x, float slope) { return x < 0.0f ? slope * x : x; }
BS_GLUE float net_sigmoid(float x) { return (float)(1.0 / (1.0 + exp(-(double)x))); }
BS_GLUE float net_gelu(float x) { return (float)(0.5 * (double)x * (1.0 + erf((double)x / 1.4142135623730951))); }
BS_GLUE float net_gelu_tanh(float x) {
    double v = x;
    return (float)(0.5 * v * (1.0 + tanh(sqrt(2.0 / 3.14159265358979323846) * (v + 0.044715 * v * v * v))));
}
BS_GLUE float net_erf(float x) { return (float)erf((double)x); }
BS_GLUE float net_sign(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f; }
BS_GLUE float net_hard_swish(float x) { return x * net_clip(x + 3.0f, 0.0f, 6.0f) / 6.0f; }
BS_GLUE float net_hard_sigmoid(float x, float alpha, float beta) { return net_clip(alpha * x + beta, 0.0f, 1.0f); }
BS_GLUE float net_silu(float x) { return x * net_sigmoid(x); }
BS_GLUE float net_elu(float x, float alpha) { return x < 0.0f ? alpha * expm1f(x) : x; }
BS_GLUE float net_bipolar(float x, float size) { return x >= 0.0f ? size : -size; }
BS_GLUE float net_softplus(float x) { return (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x))); }
BS_GLUE float net_squared_difference(float a, float b) { return (a - b) * (a - b); }

/* Threads wait here for one another between two steps. Each program has one such place: a network's. */
static struct {
    _Alignas(128) atomic_uint arrived;
    _Alignas(128) atomic_uint turn;
    uint8_t *arena; /* the first thread's: where all of them keep what lies between layers */
} bs_place;

BS_GLUE void bs_meet(int32_t threads) {
    if (threads == 1)
        return;
    unsigned turn = atomic_load_explicit(&bs_place.turn, memory_order_acquire);
    if (atomic_fetch_add(&bs_place.arrived, 1) + 1 == (unsigned)threads) {
        atomic_store(&bs_place.arrived, 0);
        atomic_fetch_add(&bs_place.turn, 1);
        return;
    }
    for (unsigned spins = 0; atomic_load_explicit(&bs_place.turn, memory_order_acquire) == turn; spins++)
        if (spins > 10000)
            sched_yield();
}

/* Where values between layers lie, for every thread. */
BS_GLUE uint8_t *bs_arena(const struct bs_args *args, int32_t thread, int32_t threads) {
    if (threads == 1)
        return args->work;
    if (thread == 0)
        bs_place.arena = args->work;
    bs_meet(threads);
    return bs_place.arena;
}

/* Nanoseconds by the clock of the harness. */
BS_GLUE uint64_t bs_now(void) {
#if defined(CLOCK_MONOTONIC_RAW)
    enum { CLOCK = CLOCK_MONOTONIC_RAW };
#else
    enum { CLOCK = CLOCK_MONOTONIC };
#endif
    struct timespec t;
    clock_gettime(CLOCK, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
#endif
