/* Cycles and instructions of kernels, counted by the CPU where the kernel of the system allows it. Included by harness.c only. */
#ifndef BS_COUNTERS_H
#define BS_COUNTERS_H
#include "timing.h"
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* user space of this thread alone; counts of one group are of the same instructions */
static int open_counter(uint64_t event, int group) {
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE, .size = sizeof attr, .config = event};
    attr.disabled = group < 0;
    attr.exclude_kernel = attr.exclude_hv = 1;
    attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, group, 0UL);
}

/* what was counted, in the order that a group is read in */
struct counts { uint64_t events, enabled, running, cycles, instructions; };

static bool count_group(int leader, int64_t kernel, int64_t calls, struct counts *c) {
    ioctl(leader, PERF_EVENT_IOC_RESET, PERF_IOC_FLAG_GROUP);
    ioctl(leader, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
    time_group(kernel, calls);
    ioctl(leader, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
    if (read(leader, c, sizeof *c) != sizeof *c)
        return fail("no hardware counters: %s", strerror(errno));
    if (c->running == 0 || c->running != c->enabled) /* a share of the time is no count */
        return fail("no hardware counters: others use them");
    return true;
}

static void do_count(const int64_t *v) {
    const int64_t kernel = v[0], calls = v[1];
    if (!ready(kernel) || !prepare_time(kernel))
        return;
    if (bindings[kernel].threads > 1) {
        fail("only one thread is counted");
        return;
    }
    int leader = open_counter(PERF_COUNT_HW_CPU_CYCLES, -1);
    int follower = leader < 0 ? -1 : open_counter(PERF_COUNT_HW_INSTRUCTIONS, leader);
    struct counts c;
    if (follower < 0)
        fail("no hardware counters: %s", strerror(errno));
    else if (count_group(leader, kernel, calls, &c))
        fprintf(answers, "ok %" PRIu64 " %" PRIu64 " %" PRId64 "\n", c.cycles, c.instructions, calls + (regime == HOT));
    if (follower >= 0)
        close(follower);
    if (leader >= 0)
        close(leader);
}
#endif
