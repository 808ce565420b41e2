// The clock of a bench, for Verilator.
#include "Vbench.h"
#include "verilated.h"

int main(int argc, char **argv)
{
    Verilated::commandArgs(argc, argv);
    Vbench bench;
    bench.rst = 1;
    for (long cycle = 0; cycle < 4 || !bench.done; cycle++) {
        bench.clk = 1;
        bench.eval();
        if (cycle == 3) bench.rst = 0;
        bench.clk = 0;
        bench.eval();
    }
    bench.final();
    return 0;
}
