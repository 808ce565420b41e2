/* Counts how often a basic block of a kernel runs, in a copy of its assembly; changes no register and no flag. */
.macro bs_count block
    stp x16, x17, [sp, #-16]!
    adrp x16, bs_counts+8*\block
    ldr x17, [x16, #:lo12:bs_counts+8*\block]
    add x17, x17, #1
    str x17, [x16, #:lo12:bs_counts+8*\block]
    ldp x16, x17, [sp], #16
.endm
