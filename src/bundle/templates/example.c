/* Runs every kernel that this CPU can run on a known input and compares the outputs; times them; runs the whole network
 * where there is one. Usage: {{ name }}_example [FOLDER OF THE BUNDLE]. Exit code 0 when every output is right. */
#define _POSIX_C_SOURCE 200809L
#include "{{ name }}.h"
#include "{{ name }}_private.h"
#include "../example/data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *read_file(const char *folder, const char *name, size_t bytes) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    void *data = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!file || !data || fread(data, 1, bytes, file) != bytes) {
        fprintf(stderr, "%s: cannot be read whole\n", path);
        exit(2);
    }
    fclose(file);
    return data;
}

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of 101 samples, each of as many calls as take some 20 us. */
static double median_ns(const struct {{ name }}_variant *v, const void *weights, int layer, const void *in, void *out, void *work) {
    double samples[101];
    long calls = 1;
    for (double took = 0; took < 2e4 && calls < 1 << 20;) {
        double start = now_ns();
        for (long i = 0; i < calls; i++) {{ name }}_run(v, weights, (enum {{ name }}_index)layer, in, out, work);
        took = now_ns() - start;
        if (took < 2e4) calls *= 2;
    }
    for (int s = 0; s < 101; s++) {
        double start = now_ns();
        for (long i = 0; i < calls; i++) {{ name }}_run(v, weights, (enum {{ name }}_index)layer, in, out, work);
        samples[s] = (now_ns() - start) / calls;
    }
    qsort(samples, 101, sizeof *samples, by_size);
    return samples[50];
}

/* The first element of an output that is wrong, or -1. */
static long first_wrong(const struct case_of *c, const uint8_t *data, const uint8_t *out, size_t bytes) {
    const uint8_t *right = data + c->output;
    if (!c->bound) {
        for (size_t i = 0; i < bytes; i++)
            if (out[i] != right[i]) return (long)(i / c->width);
        return -1;
    }
    const float *y = (const float *)(const void *)out, *want = (const float *)(const void *)right;
    const float *bound = (const float *)(const void *)(data + c->bound);
    for (size_t i = 0; i < bytes / 4; i++)
        if (!(fabs((double)y[i] - want[i]) <= bound[i])) return (long)i;
    return -1;
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : ".";
    int wrong = 0, ran = 0, timed = !getenv("EXAMPLE_NO_TIMES");
    uint8_t *data = read_file(folder, "example/data.bin", DATA_BYTES);
    for (const struct {{ name }}_variant *const *at = {{ name }}_variants; *at; at++) {
        const struct {{ name }}_variant *v = *at;
        char name[256];
        if (!{{ name }}_fits(v)) {
            printf("%s: this CPU lacks some of: %s\n", v->target, v->requires);
            continue;
        }
        ran++;
        snprintf(name, sizeof name, "weights/%s", v->weights);
        void *weights = read_file(folder, name, v->weights_bytes);
        for (int i = 0; i < {{ NAME }}_LAYERS; i++) {
            const struct {{ name }}_layer *layer = &v->layers[i];
            void *out = aligned_alloc(64, (layer->output_bytes + 127) / 64 * 64);
            void *work = aligned_alloc(64, layer->work_bytes + 64);
            const void *in = data + cases[i].input;
            memset(out, 0xa5, layer->output_bytes);
            {{ name }}_run(v, weights, (enum {{ name }}_index)i, in, out, work);
            long at = first_wrong(&cases[i], data, out, layer->output_bytes);
            wrong += at >= 0;
            printf("%s %s: ", v->target, layer->name);
            if (at >= 0) printf("WRONG at element %ld\n", at);
            else if (!timed || layer->median_ns <= 0) printf("right\n"); /* whoever did not time it may have emulated it */
            else printf("right, %.0f ns here, chosen at %.0f\n", median_ns(v, weights, i, in, out, work), layer->median_ns);
            free(out);
            free(work);
        }
{% if rows %}
        for (int i = 0; i < {{ NAME }}_LAYERS; i++) { /* fewer rows, by the kernels of all layers with these weights */
            const struct {{ name }}_layer *layer = &v->layers[i];
            if (layer->kernel->siblings[1] == {{ NAME }}_LAYERS || layer->m == 1) continue;
            uint64_t row = layer->output_bytes / layer->m;
            void *work = aligned_alloc(64, ({{ name }}_rows_work(v) + 63) / 64 * 64);
            void *out = aligned_alloc(64, (layer->output_bytes + 127) / 64 * 64);
            int failed = 0;
            for (uint32_t rows = 1; rows < layer->m && !failed; rows++)
                if (!{{ name }}_run_rows(v, weights, (enum {{ name }}_index)i, rows, data + cases[i].input, out, work))
                    failed = first_wrong(&cases[i], data, out, rows * row) >= 0;
            wrong += failed;
            printf("%s %s: by rows %s\n", v->target, layer->name, failed ? "WRONG" : "right");
            free(work);
            free(out);
        }
{% endif %}
{% if network %}
        const float *x = (const float *)(const void *)(data + SAMPLES), *want = (const float *)(const void *)(data + LOGITS);
        const uint8_t *labels = data + LABELS;
        void *arena = aligned_alloc(64, ({{ name }}_arena(v) + 127) / 64 * 64);
        int equal = 0, right = 0;
        for (int s = 0; s < SAMPLE_COUNT; s++, x += SAMPLE_LENGTH, want += LOGIT_COUNT) {
            float y[LOGIT_COUNT];
            int best = 0, wanted = 0;
            {{ name }}_infer(v, weights, x, y, arena);
            for (int i = 1; i < LOGIT_COUNT; i++) {
                if (y[i] > y[best]) best = i;
                if (want[i] > want[wanted]) wanted = i;
            }
            equal += LOGITS_EXACT ? !memcmp(y, want, sizeof y) : best == wanted;
            right += best == labels[s];
        }
        wrong += equal != SAMPLE_COUNT;
        printf("%s {{ network }}: %d of %d as the tool computed them%s; top-1 %d of %d\n", v->target, equal, SAMPLE_COUNT,
            LOGITS_EXACT ? ", to the bit" : " (class)", right, SAMPLE_COUNT);
        free(arena);
{% endif %}
        for (int i = 0; i < {{ NAME }}_LAYERS; i++) { /* the packer makes what the tool made */
            const struct {{ name }}_kernel *kernel = v->layers[i].kernel;
            if (!kernel->layout.lanes || !cases[i].codes) continue;
            size_t bytes = kernel->weights_bytes;
            uint8_t *packed = malloc(bytes + 64);
            const float *scales = (const float *)(const void *)(data + cases[i].scales);
            const uint8_t *end = bs_pack(&kernel->layout, data + cases[i].codes, scales, packed);
            int same = (size_t)(end - packed) == bytes && !memcmp(packed, (const uint8_t *)weights + kernel->weights, bytes);
            wrong += !same;
            if (!same) printf("%s %s: PACKED DIFFERENTLY\n", v->target, v->layers[i].name);
            free(packed);
        }
        free(weights);
    }
    if (!ran) printf("no kernel of this bundle fits this CPU\n");
    if (wrong) printf("%d wrong\n", wrong);
    else if (ran) printf("all right\n");
    free(data);
    return wrong || !ran;
}
