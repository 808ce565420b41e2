// A peer: oneDNN's matrix products and convolutions on the CPU (native/baselines/README.md).
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <dnnl.hpp>
#if DNNL_VERSION_MAJOR < 3
#error "this is oneDNN 2; oneDNN 3 is needed"
#endif

using dnnl::memory;
using Type = memory::data_type;
using Tag = memory::format_tag;
using Clock = std::chrono::steady_clock;

struct Unsupported : std::runtime_error {
    using runtime_error::runtime_error;
};

/* The words of a `load`. */
struct Words {
    std::map<std::string, std::string> all;
    const std::string &text(const std::string &key) const {
        auto found = all.find(key);
        if (found == all.end())
            throw std::runtime_error("no word " + key);
        return found->second;
    }
    memory::dim number(const std::string &key) const { return std::stoll(text(key)); }
};

/* What happens to the numbers in a call. */
enum class Kind { Float, Sums, Requantized };

static Kind kind_of(const Words &w) {
    if (w.text("regime") != "hot")
        throw Unsupported("this peer is timed with hot caches only, not " + w.text("regime"));
    const std::string &contract = w.text("contract"), &weights = w.text("weights"), &activations = w.text("activations");
    if (weights == "f32" && activations == "32" && contract == "f32io")
        return Kind::Float;
    bool w8a8 = weights == "int" && w.text("bits") == "8" && w.text("group") == "0" && w.text("affine") == "0" &&
                activations == "8";
    if (w8a8 && contract == "int8")
        return Kind::Sums;
    if (w8a8 && contract == "qdq")
        return Kind::Requantized;
    if (w8a8 && contract == "f32io")
        throw Unsupported("it has no product that quantizes its activations itself");
    throw Unsupported("it has no " + w.text("scheme") + " under " + contract);
}

class Peer {
public:
    void load(const Words &w) {
        op = {};
        args.clear();
        threads = w.number("threads");
        Kind kind = kind_of(w);
        try {
            w.text("op") == "gemm" ? gemm(w, kind) : convolution(w, kind);
        } catch (const dnnl::error &e) {
            if (e.status == dnnl_unimplemented)
                throw Unsupported(std::string("it has no implementation: ") + e.what());
            throw;
        }
        op.execute(stream, args);
        stream.wait();
    }

    long long time(long calls) {
        if (!op)
            throw std::runtime_error("nothing is loaded");
        run(1);
        auto start = Clock::now();
        run(calls);
        auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
        if (threads > 1)
            calm_down();
        return ns;
    }

    /* What a call costs that computes next to nothing, in nanoseconds. */
    long long call_ns() {
        std::istringstream one("op=gemm m=1 n=1 k=1 weights=f32 activations=32 contract=f32io regime=hot threads=1");
        Words words;
        for (std::string word; one >> word;)
            words.all[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
        load(words);
        long long least = time(200);
        for (int i = 0; i < 15; i++)
            least = std::min(least, time(200));
        return least / 200;
    }

private:
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    dnnl::primitive op;
    std::unordered_map<int, memory> args;
    long threads = 1;
    std::mt19937 random{1};

    void run(long calls) {
        for (long i = 0; i < calls; i++)
            op.execute(stream, args);
        stream.wait();
    }

    /* Threads may spin for a while after a call; they must not while somebody else is timed. */
    static void calm_down() {
        const auto patience = Clock::now() + std::chrono::milliseconds(200);
        for (bool busy = true; busy && Clock::now() < patience;) {
            std::clock_t before = std::clock();
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            busy = std::clock() - before > CLOCKS_PER_SEC / 2000;
        }
    }

    static Type source(Kind kind) { return kind == Kind::Float ? Type::f32 : Type::u8; }
    static Type weights(Kind kind) { return kind == Kind::Float ? Type::f32 : Type::s8; }
    static Type result(Kind kind) {
        return kind == Kind::Float ? Type::f32 : kind == Kind::Sums ? Type::s32 : Type::u8;
    }

    /* A scale for each output, as `mask` says which dimension of the weights that is, and the result's grid. */
    dnnl::primitive_attr attributes(Kind kind, int mask) {
        dnnl::primitive_attr attr;
        if (kind == Kind::Requantized) {
            attr.set_scales_mask(DNNL_ARG_WEIGHTS, mask);
            attr.set_scales_mask(DNNL_ARG_DST, 0);
            attr.set_zero_points_mask(DNNL_ARG_DST, 0);
        }
        return attr;
    }

    void gemm(const Words &w, Kind kind) {
        memory::dim m = w.number("m"), n = w.number("n"), k = w.number("k");
        dnnl::matmul::primitive_desc made(engine, {{m, k}, source(kind), Tag::ab}, {{k, n}, weights(kind), Tag::any},
                                          {{m, n}, result(kind), Tag::ab}, attributes(kind, 1 << 1));
        finish(made, dnnl::matmul(made), {{k, n}, weights(kind), Tag::ab}, kind, n);
    }

    void convolution(const Words &w, Kind kind) {
        bool depthwise = w.text("op") == "depthwise";
        if (!depthwise && w.text("op") != "conv2d")
            throw Unsupported("no operation " + w.text("op"));
        memory::dim h = w.number("h"), wide = w.number("w"), c = w.number("c"), f = w.number("f"), kh = w.number("kh"),
                    kw = w.number("kw"), stride = w.number("stride"), top = w.number("top"), left = w.number("left"),
                    bottom = w.number("bottom"), right = w.number("right");
        memory::dims out{1, f, (h + top + bottom - kh) / stride + 1, (wide + left + right - kw) / stride + 1};
        memory::dims window = depthwise ? memory::dims{c, 1, 1, kh, kw} : memory::dims{f, c, kh, kw};
        dnnl::convolution_forward::primitive_desc made(
            engine, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
            {{1, c, h, wide}, source(kind), Tag::nhwc}, {window, weights(kind), Tag::any}, {out, result(kind), Tag::nhwc},
            {stride, stride}, {top, left}, {bottom, right}, attributes(kind, depthwise ? 3 : 1));
        finish(made, dnnl::convolution_forward(made), {window, weights(kind), depthwise ? Tag::goihw : Tag::oihw}, kind, f);
    }

    /* Random operands; weights in the order that the kernel likes best, made before it is timed. */
    template <class Made> void finish(const Made &made, dnnl::primitive primitive, memory::desc plain, Kind kind, memory::dim n) {
        memory x(made.src_desc(), engine), y(made.dst_desc(), engine), packed(made.weights_desc(), engine), w(plain, engine);
        fill(x, kind);
        fill(w, kind);
        dnnl::reorder(w, packed).execute(stream, w, packed);
        stream.wait();
        args = {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, y}};
        if (kind == Kind::Requantized) {
            args[DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS] = constant<float>(n, Type::f32, 0.01f);
            args[DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST] = constant<float>(1, Type::f32, 0.5f);
            args[DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_DST] = constant<int32_t>(1, Type::s32, 128);
        }
        op = primitive;
    }

    void fill(memory &to, Kind kind) {
        size_t bytes = to.get_desc().get_size();
        if (kind == Kind::Float)
            std::generate_n(static_cast<float *>(to.get_data_handle()), bytes / 4, [&] { return random() / 4294967296.0f - 0.5f; });
        else
            std::generate_n(static_cast<uint8_t *>(to.get_data_handle()), bytes, [&] { return uint8_t(random() >> 24); });
    }

    template <class T> memory constant(memory::dim n, Type type, T value) {
        memory all({{n}, type, Tag::x}, engine);
        std::fill_n(static_cast<T *>(all.get_data_handle()), n, value);
        return all;
    }
};

static std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

static std::string answer(Peer &peer, const std::string &line) {
    std::istringstream in(line);
    std::string command, word;
    in >> command;
    if (command == "hello") {
        const dnnl_version_t *v = dnnl_version();
        std::ostringstream out;
        out << "ok peer 1 onednn " << v->major << '.' << v->minor << '.' << v->patch << " call_ns=" << peer.call_ns();
        return out.str();
    }
    if (command == "load") {
        Words words;
        while (in >> word)
            if (size_t at = word.find('='); at != std::string::npos)
                words.all[word.substr(0, at)] = word.substr(at + 1);
        peer.load(words);
        return "ok";
    }
    if (command == "time" && in >> word)
        return "ok " + std::to_string(peer.time(std::stol(word)));
    return command == "quit" ? "ok" : "err no command " + command;
}

int main() {
    try {
        Peer peer;
        for (std::string line; std::getline(std::cin, line);) {
            std::string said;
            try {
                said = answer(peer, line);
            } catch (const Unsupported &e) {
                said = std::string("unsupported ") + e.what();
            } catch (const std::exception &e) {
                said = std::string("err ") + e.what();
            }
            std::cout << one_line(said) << std::endl;
            if (line == "quit")
                break;
        }
    } catch (const std::exception &e) {
        std::cerr << e.what() << std::endl;
        return 1;
    }
}
