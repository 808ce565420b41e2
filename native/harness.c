/* The device-side program: runs the batch of emitted kernels that it is linked with, as native/README.md says.
 * A kernel that crashes or hangs takes this process with it: the tool starts another. Needs libc and pthreads only. */
#include "counters.h"

static void do_hello(const int64_t *v) {
    (void)v;
    uint64_t step = UINT64_MAX, begin = now(), usable = cpu_count;
    for (uint64_t before = begin, after; before - begin < 10000000; before = after) {
        while ((after = now()) == before)
            continue;
        step = after - before < step ? after - before : step;
    }
#ifdef __linux__
    cpu_set_t set;
    if (usable == 0 && sched_getaffinity(0, sizeof set, &set) == 0)
        usable = (uint64_t)CPU_COUNT(&set);
#endif
    if (usable == 0)
        usable = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    struct sighting s = look(1);
    fprintf(answers, "ok bitsmith %d kernels=%" PRIu32 " timer_ns=%" PRIu64 " cpus=%" PRIu64 " tick=%s khz=%" PRId64 " zones=%d\n",
            BS_PROTOCOL, bs_entry_count, step, usable, tick_hz != 0 ? "cntvct_el0" : BS_TICK, s.khz, zone_count);
}

static const struct command {
    const char *name, *kinds; /* a letter per word, see parse() */
    void (*run)(const int64_t *v);
} commands[] = {
    {"hello", "", do_hello},         {"load", "bn", do_load},   {"alloc", "bn", do_alloc}, {"free", "b", do_free},
    {"bind", "koooozzt", do_bind},    {"check", "ks", do_check}, {"dump", "", do_dump},     {"regime", "rn", do_regime},
    {"watch", "", do_watch},           {"count", "kc", do_count},
};

static void execute(char *line) {
    static char *words[WORDS];
    int64_t v[8];
    int count = 0;
    for (char *word = strtok(line, " "); word != NULL && count < WORDS; word = strtok(NULL, " "))
        words[count++] = word;
    const struct command *c = commands, *end = commands + sizeof commands / sizeof *commands;
    while (c < end && count > 0 && strcmp(words[0], c->name) != 0)
        c++;
    if (count == WORDS) {
        fail("too many words");
    } else if (count > 1 && strcmp(words[0], "time") == 0) {
        do_time(words + 1, count - 1);
    } else if (count == 0 || c == end) {
        fail("unknown command, or a line too long");
    } else if ((size_t)count - 1 != strlen(c->kinds)) {
        fail("%s takes %zu words", c->name, strlen(c->kinds));
    } else {
        bool good = true;
        for (int i = 0; i < count - 1; i++)
            if (!parse(c->kinds[i], words[1 + i], &v[i]) && good)
                good = fail("malformed or out of range: %.40s", words[1 + i]);
        if (good)
            c->run(v);
        else if (c->run == do_load && v[1] > 0)
            read_payload(NULL, (uint64_t)v[1]);
    }
}

static bool limit(int resource, uint64_t value) {
    struct rlimit l;
    if (getrlimit(resource, &l) != 0)
        return false;
    if (value > (rlim_t)-1)
        value = (rlim_t)-1;
    l.rlim_cur = l.rlim_max = l.rlim_max != RLIM_INFINITY && l.rlim_max < value ? l.rlim_max : (rlim_t)value;
    return setrlimit(resource, &l) == 0;
}

/* Dies with its parent. */
static bool follow(void) {
#ifdef __linux__
    pid_t parent = getppid(); /* not compared with 1, which may be the tool: in a container */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == parent;
#else
    return true;
#endif
}

/* Linux gives a process the state of AMX tiles when it asks for it. */
static bool allow_tiles(void) {
#if defined __linux__ && defined __AMX_TILE__
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0 || fail("no AMX: %s", strerror(errno));
#else
    return true;
#endif
}

/* Kernels of vectors whose length Linux decides on are compiled for one. */
static bool set_vectors(void) {
#if defined __linux__ && defined __ARM_FEATURE_SVE_BITS && __ARM_FEATURE_SVE_BITS > 0
    enum { SVE_SET_VL = 50, LENGTH = 0xFFFF, BITS = __ARM_FEATURE_SVE_BITS };
    int got = prctl(SVE_SET_VL, BITS / 8);
    return (got >= 0 && (got & LENGTH) == BITS / 8) || fail("no vectors of %d bits here; choose a target of shorter ones", BITS);
#else
    return true;
#endif
}

/* Leaves the work to a child, and tells how that ended as shells do: what carries an exit code need not carry a signal. */
static bool supervise(void) {
    pid_t child = fork();
    if (child <= 0)
        return (child == 0 && follow()) || fail("--supervise: no process");
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static bool option(const char *name, char *value) {
    int64_t number;
    if (strcmp(name, "--supervise") == 0)
        return strcmp(value, "1") == 0 ? supervise() : fail("--supervise %s", value);
    if (strcmp(name, "--memory") == 0)
        return (parse('n', value, &number) && limit(RLIMIT_AS, (uint64_t)number)) || fail("--memory %s", value);
    if (strcmp(name, "--sysfs") == 0) {
        sysfs = value;
        return true;
    }
    if (strcmp(name, "--cpu") != 0)
        return fail("unknown option %s", name);
    for (char *word = strtok(value, ","); word != NULL; word = strtok(NULL, ",")) {
        if (!parse('p', word, &number) || cpu_count == CPUS)
            return fail("--cpu %s", word);
        cpus[cpu_count++] = (int)number;
        if (!pin((uint32_t)cpu_count - 1))
            return fail("--cpu %s: cannot run there", word);
    }
    return pin(0);
}

int main(int argc, char **argv) {
    find_tick();
    page = (uint64_t)sysconf(_SC_PAGESIZE);
    bindings = calloc((size_t)bs_entry_count + 1, sizeof *bindings);
    limit(RLIMIT_CORE, 0);
    answers = fdopen(dup(STDOUT_FILENO), "w");
    if (answers == NULL || freopen("/dev/null", "w", stdout) == NULL)
        return EXIT_FAILURE;
    if (!follow())
        return EXIT_FAILURE;
    for (int i = 1; i < argc; i += 2)
        if (i + 1 == argc ? !fail("%s needs a value", argv[i]) : !option(argv[i], argv[i + 1]))
            return 2;
    find_zones();
    if (!allow_tiles() || !set_vectors())
        return 2;
    for (char *line; bindings != NULL && (line = read_line()) != NULL; fflush(answers))
        execute(line);
    return EXIT_SUCCESS;
}
