// Behaviour of AMD cells that Yosys has none of. Block RAMs are missing: a netlist with one cannot be proved, and is not shown.
