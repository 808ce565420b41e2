/* {{ title }}: kernels chosen by measurement, for {{ targets }}.
 * Written by bitsmith {{ version }}. README.md says how to use it and what the choice rests on. */
#ifndef {{ NAME }}_H
#define {{ NAME }}_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

enum { {{ NAME }}_LAYERS = {{ layers | length }} };

/* The layers, in this order. */
enum {{ name }}_index {
{% for l in layers %}
    {{ NAME }}_{{ l.upper }}, /* {{ l.op }} {{ l.m }}x{{ l.n }}x{{ l.k }}, {{ l.scheme }} */
{% endfor %}
};

struct {{ name }}_kernel; /* private: see {{ name }}.c */

/* A layer's kernel on one target. */
struct {{ name }}_layer {
    const char *name;
    const char *candidate; /* scheme, instruction set, family and schedule */
    uint32_t m, n, k;      /* of the equivalent matrix product */
    uint64_t input_bytes;  /* {{ input_about }} */
    uint64_t output_bytes; /* {{ output_about }} */
    uint64_t work_bytes;   /* scratch of each thread, aligned to 64 bytes */
    double median_ns;      /* of a call on the device that it was chosen on; 0 where it was not timed */
    const struct {{ name }}_kernel *kernel;
};

/* All layers for one target. */
struct {{ name }}_variant {
    const char *target;
    const char *requires;   /* features of the CPU, as /proc/cpuinfo spells them */
    const char *weights;    /* name of the file of packed weights */
    uint64_t weights_bytes; /* its size */
    struct {{ name }}_layer layers[{{ NAME }}_LAYERS];
};

/* What this build has, the most demanding first, ending in NULL; the first that this CPU can run, or NULL. */
extern const struct {{ name }}_variant *const {{ name }}_variants[];
int {{ name }}_fits(const struct {{ name }}_variant *variant);
const struct {{ name }}_variant *{{ name }}_select(void);

/* One layer. `weights` is the content of the variant's file, `work` as long as the layer says; both aligned to 64 bytes. */
void {{ name }}_run(const struct {{ name }}_variant *variant, const void *weights, enum {{ name }}_index layer,
    const void *input, void *output, void *work);
/* The same, shared among `threads`: each computes its part with scratch of its own, and none waits for another. */
void {{ name }}_run_part(const struct {{ name }}_variant *variant, const void *weights, enum {{ name }}_index layer,
    const void *input, void *output, void *work, int thread, int threads);
{% if rows %}

/* A matrix product of any number of rows, by the kernels of the layers that share `layer`'s weights, so that the sum of
 * their measured times is small: whole blocks of rows by the one that is fastest for each row, the rest by smaller ones.
 * Returns 0, or -1 where no kernel is small enough for what is left. `work`: {{ name }}_rows_work bytes. */
int {{ name }}_run_rows(const struct {{ name }}_variant *variant, const void *weights, enum {{ name }}_index layer,
    uint32_t rows, const void *input, void *output, void *work);
uint64_t {{ name }}_rows_work(const struct {{ name }}_variant *variant);
{% endif %}
{% if network %}

/* The whole network, {{ network }}: f32 in, f32 out. `arena` is {{ name }}_arena(variant) bytes, aligned to 64. */
uint64_t {{ name }}_arena(const struct {{ name }}_variant *variant);
void {{ name }}_infer(const struct {{ name }}_variant *variant, const void *weights, const void *input, void *output,
    void *arena);
{% endif %}

#ifdef __cplusplus
}
#endif
#endif
