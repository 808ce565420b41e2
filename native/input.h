/* What the harness is told: lines, payloads and the words of a command. Included by harness.c only. */
#ifndef BS_INPUT_H
#define BS_INPUT_H
#include "memory.h"

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
#endif
