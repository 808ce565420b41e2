/* The device-side program: runs the batch of emitted kernels that it is linked with, as native/README.md says.
 * A kernel that crashes or hangs takes this process with it: the tool starts another. Needs libc and pthreads only. */
#include "threads.h"

static struct binding {
    int64_t buffer[ROLES]; /* looked up at use, as buffers come and go */
    int32_t zero, out_zero;
    uint32_t threads; /* 0: not bound */
} *bindings;
static struct memory last_output, scratch[THREADS], guarded_scratch[THREADS];
static enum regime regime = HOT;

/* ---- input ---- */

static char input[INPUT];
static size_t input_at, input_end;

static size_t read_some(void *to, size_t bytes) { /* 0: end of input */
    ssize_t n;
    do
        n = read(STDIN_FILENO, to, bytes);
    while (n < 0 && errno == EINTR);
    return n < 0 ? 0 : (size_t)n;
}

/* The next line, valid until the next read; NULL at the end of input; empty where it is too long or holds a NUL. */
static char *read_line(void) {
    for (bool too_long = false;;) {
        char *line = input + input_at, *end = memchr(line, '\n', input_end - input_at);
        if (end != NULL) {
            input_at = (size_t)(end - input) + 1;
            *end = '\0';
            return too_long || line + strlen(line) != end ? end : line;
        }
        memmove(input, line, input_end -= input_at);
        input_at = 0;
        if (input_end == INPUT) {
            too_long = true;
            input_end = 0;
        }
        size_t n = read_some(input + input_end, INPUT - input_end);
        if (n == 0)
            return NULL;
        input_end += n;
    }
}

/* Without `to`, the payload is skipped, so that the line after it is still understood. */
static void read_payload(uint8_t *to, uint64_t bytes) {
    for (uint64_t done = 0, n; done < bytes; done += n) {
        if (input_at == input_end && to != NULL) { /* large payloads are not copied */
            n = read_some(to + done, (size_t)(bytes - done));
        } else {
            if (input_at == input_end) {
                input_at = 0;
                input_end = read_some(input, INPUT);
            }
            n = input_end - input_at < bytes - done ? input_end - input_at : bytes - done;
            if (to != NULL)
                memcpy(to + done, input + input_at, (size_t)n);
            input_at += n;
        }
        if (n == 0)
            exit(EXIT_FAILURE); /* end of input */
    }
}

/* One word of a command: a number from min to max, or one of some names, which count on from max; -1 if malformed. */
static bool parse(char kind, const char *word, int64_t *value) {
    static const struct {
        char kind;
        int64_t min, max;
        const char *names[3];
    } kinds[] = {
        {'k', 0, UINT32_MAX, {0}},                         /* kernel */
        {'b', 0, BUFFERS - 1, {0}},                        /* buffer */
        {'o', 0, BUFFERS - 1, {"-"}},                      /* buffer or NONE */
        {'z', INT32_MIN, INT32_MAX, {0}},                  /* zero point */
        {'t', 1, THREADS, {0}},                            /* number of threads */
        {'n', 0, (int64_t)1 << 46, {0}},                   /* bytes, few enough that sums cannot overflow */
        {'c', 1, (int64_t)1 << 31, {0}},                   /* calls */
        {'p', 0, CPUS - 1, {0}},                           /* cpu */
        {'s', 0, -1, {"left", "right"}},                   /* enum place */
        {'r', 0, -1, {"hot", "weights-cold", "all-cold"}}, /* enum regime */
    };
    size_t k = 0;
    while (kinds[k].kind != kind)
        k++;
    for (int i = 0; i < 3; i++)
        if (kinds[k].names[i] != NULL && strcmp(word, kinds[k].names[i]) == 0) {
            *value = kinds[k].max + 1 + i;
            return true;
        }
    char *end;
    *value = strtoll(word, &end, 10); /* saturates */
    bool number = ((*word >= '0' && *word <= '9') || *word == '-') && end != word && *end == '\0';
    if (number && *value >= kinds[k].min && *value <= kinds[k].max && (kind != 'k' || *value < bs_entry_count))
        return true;
    *value = -1;
    return false;
}

/* ---- commands: each answers exactly one line ---- */

static void set_job(int64_t kernel, enum place place) {
    const struct binding *b = &bindings[kernel];
    uint8_t *data[ROLES];
    for (int role = 0; role < ROLES; role++)
        data[role] = buffers[b->buffer[role]].at[place].data;
    if (place != PLAIN)
        data[OUT] = last_output.data;
    keep_awake(b->threads);
    job.run = bs_entries[kernel].run;
    job.threads = b->threads;
    job.args = (struct bs_args){data[LHS], data[RHS], data[COLS], data[OUT], job.work[0], b->zero, b->out_zero};
}

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
    fprintf(answers, "ok bitsmith %d kernels=%" PRIu32 " timer_ns=%" PRIu64 " cpus=%" PRIu64 "\n", BS_PROTOCOL,
            bs_entry_count,
           step, usable);
}

static void replace(int64_t buffer, struct memory fresh) {
    buffer_free(&buffers[buffer]);
    buffers[buffer].at[PLAIN] = fresh;
    fputs("ok\n", answers);
}

static void do_load(const int64_t *v) {
    struct memory fresh = {0};
    bool good = memory_new(&fresh, (uint64_t)v[1], PLAIN, 1);
    read_payload(good ? fresh.data : NULL, (uint64_t)v[1]);
    if (good)
        replace(v[0], fresh);
}

static void do_alloc(const int64_t *v) {
    struct memory fresh;
    if (!memory_new(&fresh, (uint64_t)v[1], PLAIN, 1))
        return;
    memset(fresh.data, 0, fresh.bytes); /* takes the page faults now, not while timing */
    replace(v[0], fresh);
}

static void do_free(const int64_t *v) { replace(v[0], (struct memory){0}); }

static bool buffers_present(const struct binding *b) {
    for (int role = 0; role < ROLES; role++)
        if (b->buffer[role] != NONE && buffers[b->buffer[role]].at[PLAIN].base == NULL)
            return fail("no buffer %" PRId64, b->buffer[role]);
    return true;
}

static bool ready(int64_t kernel) {
    const struct binding *b = &bindings[kernel];
    return b->threads == 0 ? fail("kernel %" PRId64 " is not bound", kernel)
                           : buffers_present(b) && create_threads(b->threads);
}

static void do_bind(const int64_t *v) {
    struct binding b = {{v[1], v[2], v[3], v[4]}, (int32_t)v[5], (int32_t)v[6], (uint32_t)v[7]};
    if (v[4] != NONE && (v[4] == v[1] || v[4] == v[2] || v[4] == v[3])) {
        fail("output is an input");
    } else if (buffers_present(&b)) {
        bindings[v[0]] = b;
        fputs("ok\n", answers);
    }
}

static bool prepare_check(int64_t kernel, enum place side) {
    const struct binding *b = &bindings[kernel];
    for (int role = 0; role < ROLES; role++) {
        struct buffer *from = &buffers[b->buffer[role]];
        struct memory *m = role == OUT ? &last_output : &from->at[side];
        if (b->buffer[role] == NONE || m->base != NULL)
            continue;
        if (!memory_new(m, from->at[PLAIN].bytes, side, 1))
            return false;
        if (role != OUT) { /* a kernel that writes to its input crashes */
            memcpy(m->data, from->at[PLAIN].data, m->bytes);
            mprotect(m->inner, m->room, PROT_READ);
        }
    }
    for (uint32_t t = 0; t < b->threads; t++) {
        if (!memory_new(&guarded_scratch[t], bs_entries[kernel].work_bytes, side, LINE))
            return false;
        job.work[t] = guarded_scratch[t].data;
    }
    return true;
}

static void do_check(const int64_t *v) {
    if (!ready(v[0]))
        return;
    memory_free(&last_output);
    bool good = prepare_check(v[0], (enum place)v[1]);
    if (good) {
        set_job(v[0], (enum place)v[1]);
        run_job();
        keep_awake(1);
        good = canaries_intact(&last_output) || fail("wrote outside its output buffer");
    }
    for (uint32_t t = 0; t < bindings[v[0]].threads; t++) {
        good = good && (canaries_intact(&guarded_scratch[t]) || fail("wrote outside its scratch"));
        memory_free(&guarded_scratch[t]);
    }
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < last_output.bytes; i++)
        hash = (hash ^ last_output.data[i]) * 1099511628211u;
    if (good)
        fprintf(answers, "ok %016" PRIx64 "\n", hash);
    else
        memory_free(&last_output);
}

static void do_dump(const int64_t *v) {
    (void)v;
    if (last_output.base == NULL) {
        fail("no output");
    } else {
        fprintf(answers, "ok %zu\n", last_output.bytes);
        fwrite(last_output.data, 1, last_output.bytes, answers);
    }
}

static void do_regime(const int64_t *v) {
    regime = (enum regime)v[0];
    pool_bytes = (uint64_t)v[1];
    fputs("ok\n", answers);
}

/* ---- timing ---- */

static bool is_cold(int role) { return regime == ALL_COLD || (regime == WEIGHTS_COLD && role == RHS); }

static bool prepare_time(int64_t kernel) {
    const struct binding *b = &bindings[kernel];
    uint64_t work_bytes = bs_entries[kernel].work_bytes, set_bytes = 0;
    for (uint32_t t = 0; t < b->threads; t++)
        if (scratch[t].bytes < work_bytes) {
            memory_free(&scratch[t]);
            if (!memory_new(&scratch[t], work_bytes, PLAIN, 1))
                return false;
            memset(scratch[t].data, POISON, work_bytes); /* takes the page faults */
        }
    for (int role = 0; role < ROLES; role++)
        set_bytes += is_cold(role) ? round_up(buffers[b->buffer[role]].at[PLAIN].bytes, LINE) : 0;
    for (int role = 0; role < ROLES; role++)
        if (is_cold(role) && b->buffer[role] != NONE && !make_copies(&buffers[b->buffer[role]], set_bytes))
            return false;
    return true;
}

static uint64_t time_group(int64_t kernel, int64_t calls) {
    struct buffer *cold[ROLES];
    for (int role = 0; role < ROLES; role++)
        cold[role] = &buffers[bindings[kernel].buffer[role]];
    for (uint32_t t = 0; t < bindings[kernel].threads; t++)
        job.work[t] = scratch[t].data;
    set_job(kernel, PLAIN);
    if (regime == HOT)
        run_job();
    uint64_t start = now();
    for (; calls > 0; calls--) {
        if (regime != HOT)
            job.args.rhs = next_copy(cold[RHS]);
        if (regime == ALL_COLD) {
            job.args.lhs = next_copy(cold[LHS]);
            job.args.cols = next_copy(cold[COLS]);
            job.args.out = next_copy(cold[OUT]);
        }
        run_job();
    }
    return now() - start;
}

static void do_time(char **words, int count) {
    static struct {
        int64_t kernel, calls;
        uint64_t ns;
    } groups[WORDS];
    for (int i = 0; i < count; i++) {
        char *colon = strchr(words[i], ':');
        if (colon != NULL)
            *colon = '\0';
        if (colon == NULL || !parse('k', words[i], &groups[i].kernel) || !parse('c', colon + 1, &groups[i].calls)) {
            fail("not KERNEL:CALLS, word %d", i + 1);
            return;
        }
    }
    for (int i = 0; i < count; i++)
        if (!ready(groups[i].kernel) || !prepare_time(groups[i].kernel))
            return;
    for (int i = 0; i < count; i++)
        groups[i].ns = time_group(groups[i].kernel, groups[i].calls);
    keep_awake(1);
    fputs("ok", answers);
    for (int i = 0; i < count; i++)
        fprintf(answers, " %" PRIu64, groups[i].ns);
    putc('\n', answers);
}

/* ---- the program ---- */

static const struct command {
    const char *name, *kinds; /* a letter per word, see parse() */
    void (*run)(const int64_t *v);
} commands[] = {
    {"hello", "", do_hello},         {"load", "bn", do_load},   {"alloc", "bn", do_alloc}, {"free", "b", do_free},
    {"bind", "koooozzt", do_bind},    {"check", "ks", do_check}, {"dump", "", do_dump},     {"regime", "rn", do_regime},
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
    if (!allow_tiles() || !set_vectors())
        return 2;
    for (char *line; bindings != NULL && (line = read_line()) != NULL; fflush(answers))
        execute(line);
    return EXIT_SUCCESS;
}
