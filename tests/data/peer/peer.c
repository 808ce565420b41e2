/* A peer for tests: busy for 20 us per call, or wrong in the way that its first argument names, at layers of 9 outputs. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int is(const char *a, const char *b) { return strcmp(a, b) == 0; }

static void flood(void) {
    for (;;)
        fputs("ok all is well and always will be, or so they say ", stdout);
}

int main(int count, char **args) {
    const char *mode = count > 1 ? args[1] : "good";
    char line[4096];
    int victim = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (is(mode, "mute"))
        return 3;
    if (is(mode, "complains")) {
        fputs("first\n  No module named 'frobnicate'\n\n", stderr);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (is(line, "hello")) {
            puts(is(mode, "stranger") ? "hello yourself" : is(mode, "newer") ? "ok peer 2 fake 1.0"
                 : is(mode, "spaced") ? "ok peer 1 fake" : "ok peer 1 fake 1.0 call_ns=7 more=things");
        } else if (strncmp(line, "load ", 5) == 0) {
            victim = strstr(line, " n=9 ") != NULL;
            fprintf(stderr, "loading\n");
            if (victim && is(mode, "unsupported"))
                puts("unsupported nine, \"<b>\" outputs");
            else if (victim && is(mode, "refuses"))
                puts("err cannot do it");
            else if (victim && is(mode, "garbage"))
                puts("\xff\xfe what?");
            else if (victim && is(mode, "dies-loading"))
                abort();
            else
                puts("ok");
        } else if (strncmp(line, "time ", 5) == 0) {
            long calls = atol(line + 5);
            double start = now();
            while (now() - start < 20e3 * calls)
                ;
            double ns = now() - start;
            if (victim && is(mode, "dies-timing") && calls > 1) {
                fputs("out of luck\n", stderr);
                raise(SIGSEGV);
            }
            if (victim && is(mode, "leaves")) { /* ends, but what it has started keeps its pipes open */
                if (fork() != 0)
                    return 0;
                for (;;)
                    pause();
            }
            if (victim && is(mode, "ends"))
                return 0;
            if (victim && is(mode, "hangs")) {
                fork(); /* and what it has started hangs, too */
                for (;;)
                    pause();
            }
            if (victim && is(mode, "stalls")) { /* and says so by a file */
                fclose(fopen(args[2], "w"));
                for (;;)
                    pause();
            }
            if (victim && is(mode, "floods"))
                flood();
            if (victim && is(mode, "boasts"))
                ns = -ns;
            if (victim && is(mode, "exaggerates"))
                ns *= 1000;
            if (victim && is(mode, "words"))
                puts("ok fast");
            else if (victim && is(mode, "nothing"))
                puts("ok nan");
            else
                printf("ok %.0f\n", ns);
        } else {
            puts("ok");
            return 0;
        }
    }
    return 0;
}
