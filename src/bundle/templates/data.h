/* Where in data.bin an input of every layer lies, and what the layer makes of it. */
#include <stdint.h>

struct case_of {
    uint64_t input, output;
    uint64_t bound;         /* f32 for each output: by how much it may differ; 0: not at all */
    uint64_t codes, scales; /* the weights before packing, [n][k], and their group scales; 0 where the packer does not serve */
    uint32_t width;         /* bytes of an output element */
};
static const struct case_of cases[] = {
{% for c in cases %}
    { {{ c.input }}, {{ c.output }}, {{ c.bound }}, {{ c.codes }}, {{ c.scales }}, {{ c.width }} },
{% endfor %}
};
enum { DATA_BYTES = {{ bytes }} };
{% if samples %}
enum { SAMPLES = {{ samples.inputs }}, LOGITS = {{ samples.outputs }}, LABELS = {{ samples.labels }} };
enum { SAMPLE_COUNT = {{ samples.count }}, SAMPLE_LENGTH = {{ samples.length }}, LOGIT_COUNT = {{ samples.logits }}, LOGITS_EXACT = {{ samples.exact }} };
{% endif %}
