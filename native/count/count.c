/* Counters of the basic blocks of a batch, and the kernel that tells them. What includes this says how many: BS_BLOCKS. */
#include "../kernel.h"
#include <string.h>

uint64_t bs_counts[BS_BLOCKS];

/* What blocks ran since this was asked last: `out` takes BS_BLOCKS words. */
void bs_tell_counts(const struct bs_args *args, int32_t thread, int32_t threads) {
    (void)thread, (void)threads;
    memcpy(args->out, bs_counts, sizeof bs_counts);
    memset(bs_counts, 0, sizeof bs_counts);
}
