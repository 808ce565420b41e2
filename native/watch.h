/* What a device says of itself while it is timed: its clock rate, its heat, and whether it holds itself back. Read from
 * sysfs (Linux: Documentation/admin-guide/pm/cpufreq.rst, driver-api/thermal/sysfs-api.rst). Included by harness.c only. */
#ifndef BS_WATCH_H
#define BS_WATCH_H
#include "threads.h"

enum { ZONES = 64, PATH = 512, RAMP_NS = 50000000, STEP_NS = 1000000 };
static const char *sysfs = "/sys";
static struct zone {
    int number;
    int64_t trip; /* m°C from which the kernel slows the device down; INT64_MAX where it does not say */
} zones[ZONES];
static int zone_count, coolers[ZONES], cooler_count;

struct sighting {
    int64_t khz;    /* of the slowest cpu asked for; 0: not readable */
    int64_t hottest, over; /* m°C of the hottest zone, INT64_MIN: none; the first zone past its trip point, -1: none */
    int64_t held;   /* states of cooling devices that slow cpus down, summed */
    int64_t events; /* times that cpus were throttled since the device started, as x86 counts them */
};

/* A small file below sysfs, without its newline. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static bool read_sysfs(char text[64], const char *format, ...) {
    char path[PATH];
    int n = snprintf(path, sizeof path, "%s/", sysfs);
    va_list args;
    va_start(args, format);
    n = n < 0 || n >= PATH ? PATH : n + vsnprintf(path + n, sizeof path - (size_t)n, format, args);
    va_end(args);
    int file = n >= PATH ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = file < 0 ? -1 : read(file, text, 63);
    if (file >= 0)
        close(file);
    text[bytes > 0 ? bytes : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return bytes > 0;
}

static bool whole_number(const char *text, int64_t *value) {
    char *end;
    *value = strtoll(text, &end, 10);
    return end != text && *end == '\0';
}

/* The lowest passive trip point of a zone: active ones turn on fans, which cost no speed. */
static int64_t trip_of(int zone) {
    char text[64];
    int64_t lowest = INT64_MAX, value;
    for (int i = 0; i < 16 && read_sysfs(text, "class/thermal/thermal_zone%d/trip_point_%d_type", zone, i); i++) {
        bool slows = strcmp(text, "passive") == 0 || strcmp(text, "hot") == 0 || strcmp(text, "critical") == 0;
        if (slows && read_sysfs(text, "class/thermal/thermal_zone%d/trip_point_%d_temp", zone, i) && whole_number(text, &value) &&
            value > 0 && value < lowest)
            lowest = value;
    }
    return lowest;
}

/* Zones and cooling devices are looked for once: they do not come and go. */
static void find_zones(void) {
    char text[64];
    for (int i = 0; i < ZONES; i++)
        if (read_sysfs(text, "class/thermal/thermal_zone%d/temp", i))
            zones[zone_count++] = (struct zone){i, trip_of(i)};
    for (int i = 0; i < ZONES; i++) /* thermal-cpufreq-0 on most boards, Processor on x86 */
        if (read_sysfs(text, "class/thermal/cooling_device%d/type", i) &&
            (strstr(text, "cpufreq") != NULL || strcmp(text, "Processor") == 0))
            coolers[cooler_count++] = i;
}

/* Without --cpu nobody knows which cpu runs what: the first one stands for all. */
static int cpu_of(uint32_t thread) { return cpu_count == 0 ? 0 : cpus[thread % cpu_count]; }

static int64_t khz_of(uint32_t threads) {
    char text[64];
    int64_t lowest = 0, khz;
    for (uint32_t t = 0; t < threads; t++)
        if (read_sysfs(text, "devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", cpu_of(t)) && whole_number(text, &khz) &&
            khz > 0 && (lowest == 0 || khz < lowest))
            lowest = khz;
    return lowest;
}

static struct sighting look(uint32_t threads) {
    char text[64];
    int64_t value;
    struct sighting s = {khz_of(threads), INT64_MIN, -1, 0, 0};
    for (int i = 0; i < zone_count; i++) {
        if (!read_sysfs(text, "class/thermal/thermal_zone%d/temp", zones[i].number) || !whole_number(text, &value))
            continue; /* sensors of parts that are off say nothing */
        s.hottest = value > s.hottest ? value : s.hottest;
        if (value >= zones[i].trip && s.over < 0)
            s.over = zones[i].number;
    }
    for (int i = 0; i < cooler_count; i++)
        if (read_sysfs(text, "class/thermal/cooling_device%d/cur_state", coolers[i]) && whole_number(text, &value))
            s.held += value;
    for (uint32_t t = 0; t < threads; t++)
        if (read_sysfs(text, "devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count", cpu_of(t)) && whole_number(text, &value))
            s.events += value;
    return s;
}

/* Has the first cpu at work until its clock is where it last was under load, for governors raise it only then. */
static void ramp_up(int64_t khz) {
    uint64_t begin = now();
    while (khz > 0 && now() - begin < RAMP_NS && khz_of(1) < khz)
        for (uint64_t step = now(); now() - step < STEP_NS;)
            continue;
}

/* What there is to say of a block between two looks, each word after a space; nothing where nothing can be read. */
static void tell(const struct sighting *before, const struct sighting *after) {
    if (before->khz > 0 && after->khz > 0)
        fprintf(answers, " khz=%" PRId64 ":%" PRId64, before->khz, after->khz);
    if (after->hottest != INT64_MIN)
        fprintf(answers, " mc=%" PRId64, after->hottest > before->hottest ? after->hottest : before->hottest);
    if (before->over >= 0 || after->over >= 0)
        fprintf(answers, " over=%" PRId64, after->over >= 0 ? after->over : before->over);
    if (before->held > 0 || after->held > 0)
        fprintf(answers, " held=%" PRId64, after->held > before->held ? after->held : before->held);
    if (after->events > before->events)
        fprintf(answers, " events=%" PRId64, after->events - before->events);
}

static void do_watch(const int64_t *v) {
    (void)v;
    struct sighting s = look(1);
    fputs("ok", answers);
    tell(&s, &s);
    putc('\n', answers);
}
#endif
