/* Tables and dispatch. The kernels are in kernels_<target>.c. */
#include "{{ name }}.h"
#include "{{ name }}_private.h"

#include <stdio.h>
#include <string.h>

const struct {{ name }}_variant *const {{ name }}_variants[] = {
{% for v in variants %}
#ifdef {{ v.guard }}
    &{{ name }}_{{ v.c }},
#endif
{% endfor %}
    NULL,
};

#if defined(__aarch64__) || defined(__arm__)
#include <sys/auxv.h>

/* Bits of AT_HWCAP, and from 64 on of AT_HWCAP2, by the names that /proc/cpuinfo has for them. */
static const struct { const char *name; int bit; } features[] = {
#ifdef __aarch64__
    { "asimd", 1 }, { "fphp", 9 }, { "asimdhp", 10 }, { "asimdrdm", 12 }, { "asimddp", 20 }, { "sve", 22 },
    { "asimdfhm", 23 }, { "sve2", 64 + 1 }, { "svei8mm", 64 + 9 }, { "svebf16", 64 + 12 }, { "i8mm", 64 + 13 },
    { "bf16", 64 + 14 },
#else
    { "neon", 12 }, { "vfpv4", 16 },
#endif
};

static int cpu_has_one(const char *flag, size_t length) {
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (strlen(features[i].name) == length && !strncmp(features[i].name, flag, length)) {
            unsigned long word = getauxval(features[i].bit < 64 ? AT_HWCAP : AT_HWCAP2);
            return word >> features[i].bit % 64 & 1;
        }
    return 0;
}
#else
static int cpu_has_one(const char *flag, size_t length) {
    static char have[8192]; /* " flag flag ... " */
    char padded[66];
    if (!have[0]) {
        FILE *file = fopen("/proc/cpuinfo", "r");
        char line[sizeof have - 2];
        have[0] = ' ';
        while (file && fgets(line, sizeof line, file)) {
            char *colon = strchr(line, ':');
            if (!colon || strncmp(line, "flags", 5)) continue;
            line[strcspn(line, "\n")] = 0;
            snprintf(have, sizeof have, "%s ", colon + 1);
            break;
        }
        if (file) fclose(file);
    }
    if (length > sizeof padded - 3) return 0;
    snprintf(padded, sizeof padded, " %.*s ", (int)length, flag);
    return strstr(have, padded) != NULL;
}
#endif

/* Is every word of `wanted` among the CPU's features? */
static int cpu_has(const char *wanted) {
    while (*wanted) {
        size_t length = strcspn(wanted, " ");
        if (!cpu_has_one(wanted, length)) return 0;
        wanted += length + (wanted[length] == ' ');
    }
    return 1;
}

int {{ name }}_fits(const struct {{ name }}_variant *variant) {
    return cpu_has(variant->requires);
}

const struct {{ name }}_variant *{{ name }}_select(void) {
    for (size_t i = 0; {{ name }}_variants[i]; i++)
        if ({{ name }}_fits({{ name }}_variants[i])) return {{ name }}_variants[i];
    return NULL;
}

void {{ name }}_run_part(const struct {{ name }}_variant *variant, const void *weights, enum {{ name }}_index layer,
    const void *input, void *output, void *work, int thread, int threads) {
    const struct {{ name }}_kernel *kernel = variant->layers[layer].kernel;
    const uint8_t *blob = (const uint8_t *)weights;
    struct bs_args args = {
        .lhs = input, .rhs = blob + kernel->weights, .cols = blob + kernel->columns, .out = output, .work = work,
        .zero = kernel->zero, .out_zero = kernel->out_zero,
    };
    kernel->run(&args, thread, threads);
}

void {{ name }}_run(const struct {{ name }}_variant *variant, const void *weights, enum {{ name }}_index layer,
    const void *input, void *output, void *work) {
    {{ name }}_run_part(variant, weights, layer, input, output, work, 0, 1);
}
{% if rows %}

int {{ name }}_run_rows(const struct {{ name }}_variant *variant, const void *weights, enum {{ name }}_index layer,
    uint32_t rows, const void *input, void *output, void *work) {
    const uint8_t *in = (const uint8_t *)input;
    uint8_t *out = (uint8_t *)output;
    /* layers of one operator, the fastest for each row first */
    for (const uint8_t *next = variant->layers[layer].kernel->siblings; *next != {{ NAME }}_LAYERS; next++) {
        const struct {{ name }}_layer *by = &variant->layers[*next];
        for (; rows >= by->m; rows -= by->m) {
            {{ name }}_run(variant, weights, (enum {{ name }}_index)*next, in, out, work);
            in += by->input_bytes;
            out += by->output_bytes;
        }
    }
    return rows ? -1 : 0;
}

uint64_t {{ name }}_rows_work(const struct {{ name }}_variant *variant) {
    uint64_t most = 64;
    for (size_t i = 0; i < {{ NAME }}_LAYERS; i++)
        if (variant->layers[i].work_bytes > most) most = variant->layers[i].work_bytes;
    return most;
}
{% endif %}
{% if network %}

static uint64_t widest(const struct {{ name }}_variant *variant) {
    uint64_t most = 64;
    for (size_t i = 0; i < {{ NAME }}_LAYERS; i++)
        if (variant->layers[i].output_bytes > most) most = variant->layers[i].output_bytes;
    return (most + 63) / 64 * 64;
}

uint64_t {{ name }}_arena(const struct {{ name }}_variant *variant) {
    uint64_t work = 0;
    for (size_t i = 0; i < {{ NAME }}_LAYERS; i++)
        if (variant->layers[i].work_bytes > work) work = variant->layers[i].work_bytes;
    return 2 * widest(variant) + work;
}

void {{ name }}_infer(const struct {{ name }}_variant *variant, const void *weights, const void *input, void *output,
    void *arena) {
    uint64_t width = widest(variant);
    uint8_t *between = (uint8_t *)arena, *work = between + 2 * width;
    const void *from = input;
    for (size_t i = 0; i < {{ NAME }}_LAYERS; i++) {
        void *to = i + 1 == {{ NAME }}_LAYERS ? output : between + i % 2 * width;
        {{ name }}_run(variant, weights, (enum {{ name }}_index)i, from, to, work);
        from = to;
    }
}
{% endif %}
