/* Types of emitted HLS C++: arbitrary widths where it is synthesised, the next standard integers where it is only run.
   Vitis HLS: -DBS_VITIS. Catapult: -DBS_CATAPULT. Neither: this machine's compiler and nothing else. */
#ifndef BS_TYPES_H
#define BS_TYPES_H

#if defined(__SYNTHESIS__) || defined(BS_VITIS)
#include <ap_int.h>
#include <hls_stream.h>
#define BS_INT(n) ap_int<(n)>
#define BS_UINT(n) ap_uint<(n)>
template <class T> using bs_stream = hls::stream<T>;
#define BS_BOUND(value, bits) ((void)0)

#elif defined(BS_CATAPULT)
#include <ac_channel.h>
#include <ac_int.h>
#define BS_INT(n) ac_int<(n), true>
#define BS_UINT(n) ac_int<(n), false>
template <class T> using bs_stream = ac_channel<T>;
#define BS_BOUND(value, bits) ((void)0)

#else
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

template <int bytes> struct bs_standard;
template <> struct bs_standard<1> { typedef int8_t s; typedef uint8_t u; };
template <> struct bs_standard<2> { typedef int16_t s; typedef uint16_t u; };
template <> struct bs_standard<4> { typedef int32_t s; typedef uint32_t u; };
template <> struct bs_standard<8> { typedef int64_t s; typedef uint64_t u; };
#define BS_BYTES(n) ((n) <= 8 ? 1 : (n) <= 16 ? 2 : (n) <= 32 ? 4 : 8)
#define BS_INT(n) bs_standard<BS_BYTES(n)>::s
#define BS_UINT(n) bs_standard<BS_BYTES(n)>::u

/* A queue without end, and without the blocking: whoever reads an empty one has a bug. */
template <class T> class bs_stream {
    std::vector<T> words;
    size_t taken = 0;

  public:
    bool empty() const { return taken == words.size(); }
    void write(const T &word) { words.push_back(word); }
    T read()
    {
        if (empty()) {
            std::fprintf(stderr, "read of an empty stream\n");
            std::abort();
        }
        return words[taken++];
    }
};

/* Standard integers are wider than what they stand for: whatever would not fit there must not happen here. */
inline void bs_bound(long long value, int bits, const char *file, int line)
{
    if (value < -(1ll << (bits - 1)) || value >= 1ll << (bits - 1)) {
        std::fprintf(stderr, "%s:%d: %lld does not fit %d bits\n", file, line, value, bits);
        std::abort();
    }
}
#define BS_BOUND(value, bits) bs_bound(value, bits, __FILE__, __LINE__)
#endif

/* What one beat carries. */
template <class T, int N> struct bs_word {
    T lane[N];
};

#endif
