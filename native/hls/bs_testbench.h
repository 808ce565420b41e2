/* Runs a top function on golden vectors: files of hexadecimal words, one beat a line, the first lane in the low bits. */
#ifndef BS_TESTBENCH_H
#define BS_TESTBENCH_H

#include "bs_types.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

struct bs_lanes {
    int lanes;
    int bits;
    bool is_signed;
};

inline int bs_digit(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

/* The lanes of every word of a file, one after the other. */
inline bool bs_read_words(const char *file, bs_lanes form, std::vector<long long> &to)
{
    std::FILE *f = std::fopen(file, "r");
    if (!f) {
        std::fprintf(stderr, "cannot read %s\n", file);
        return false;
    }
    std::string line;
    for (int c; (c = std::fgetc(f)) != EOF;) {
        if (c != '\n') {
            line.push_back((char)c);
            continue;
        }
        const size_t digits = line.size();
        for (int l = 0; l < form.lanes; l++) {
            long long value = 0;
            for (int b = 0; b < form.bits; b++) {
                const size_t at = (size_t)l * form.bits + b;
                const int digit = at / 4 < digits ? bs_digit(line[digits - 1 - at / 4]) : 0;
                value |= (long long)(digit >> at % 4 & 1) << b;
            }
            if (form.is_signed && value >> (form.bits - 1)) value -= 1ll << form.bits;
            to.push_back(value);
        }
        line.clear();
    }
    std::fclose(f);
    return true;
}

/* One line, `<name> outputs=<n> wrong=<n>`; 0 when all is right. */
template <class In, class Out>
int bs_run(const char *name, bs_lanes input, bs_lanes output, int frames, void (*top)(bs_stream<In> &, bs_stream<Out> &, int))
{
    std::vector<long long> x, y;
    const std::string stem(name);
    if (!bs_read_words((stem + ".in.hex").c_str(), input, x) || !bs_read_words((stem + ".out.hex").c_str(), output, y))
        return 2;
    bs_stream<In> in;
    bs_stream<Out> out;
    for (size_t i = 0; i < x.size(); i += input.lanes) {
        In word;
        for (int l = 0; l < input.lanes; l++) word.lane[l] = x[i + l];
        in.write(word);
    }
    top(in, out, frames);
    long wrong = 0, count = 0;
    for (size_t i = 0; i < y.size(); i += output.lanes) {
        if (out.empty()) {
            wrong += (long)(y.size() - i);
            break;
        }
        const Out word = out.read();
        for (int l = 0; l < output.lanes; l++, count++) wrong += (long long)word.lane[l] != y[i + l];
    }
    if (!out.empty()) wrong++;
    std::printf("%s outputs=%ld wrong=%ld\n", name, count, wrong);
    return wrong != 0;
}

#endif
