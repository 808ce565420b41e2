#ifndef {{ NAME }}_PRIVATE_H
#define {{ NAME }}_PRIVATE_H
#include "{{ name }}.h"
#include "kernel.h"
#include "pack.h"

struct {{ name }}_kernel {
    bs_kernel *run;
    uint64_t weights, columns;   /* where in the file of packed weights */
    uint64_t weights_bytes;
    int32_t zero, out_zero;      /* zero points of u8 activations and outputs */
    struct bs_layout layout;     /* how the weights are packed; lanes == 0 where bs_pack cannot do it */
    const uint8_t *siblings;     /* layers that share the weights, the fastest for each row first; ends with {{ NAME }}_LAYERS */
};

{% for v in variants %}
extern const struct {{ name }}_variant {{ name }}_{{ v.c }};
{% endfor %}
#endif
