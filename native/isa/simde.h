/* For checking only, never for timing: x86 intrinsics that this CPU lacks, emulated by SIMDe (Debian: libsimde-dev). */
#ifndef BS_ISA_SIMDE_H
#define BS_ISA_SIMDE_H
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <immintrin.h>
#include <simde/x86/avx512.h>
/* SIMDe 0.7.4 gives this alias the masked form's arity */
#undef _mm512_madd_epi16
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)
#endif
