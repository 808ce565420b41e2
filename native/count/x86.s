# Counts how often a basic block of a kernel runs, in a copy of its assembly; changes no register and no flag.
.macro bs_count block
    lea -128(%rsp), %rsp
    push %rax
    mov bs_counts+8*\block(%rip), %rax
    lea 1(%rax), %rax
    mov %rax, bs_counts+8*\block(%rip)
    pop %rax
    lea 128(%rsp), %rsp
.endm
