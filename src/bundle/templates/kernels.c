/* {{ title }} */
#include "{{ header }}"
#include "{{ name }}_private.h"

{% for k in kernels %}
/* layer {{ k.layer }} */
{{ k.text }}
{% endfor %}
{% for k in kernels %}
static const uint8_t siblings_{{ loop.index0 }}[] = { {{ k.siblings | join(", ") }}, {{ NAME }}_LAYERS };
static const struct {{ name }}_kernel kernel_{{ loop.index0 }} = {
    {{ k.symbol }}, {{ k.weights }}, {{ k.columns }}, {{ k.weights_bytes }}, {{ k.zero }}, {{ k.out_zero }}, { {{ k.layout | join(", ") }} },
    siblings_{{ loop.index0 }},
};
{% endfor %}
const struct {{ name }}_variant {{ name }}_{{ c }} = {
    "{{ target }}", "{{ requires }}", "{{ target }}.bin", {{ weights_bytes }}, {
{% for k in kernels %}
        { "{{ k.layer }}", "{{ k.candidate }}", {{ k.m }}, {{ k.n }}, {{ k.k }}, {{ k.input_bytes }}, {{ k.output_bytes }}, {{ k.work_bytes }}, {{ k.median_ns }}, &kernel_{{ loop.index0 }} },
{% endfor %}
    },
};
