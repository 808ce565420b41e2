//! Matrix products of floats.

use faer::linalg::matmul::matmul;
use faer::traits::{ComplexField, Conjugate};
use faer::{Accum, MatMut, MatRef, Par};

/// `out = scale * left * right` on this thread.
pub fn product<T>(out: MatMut<T>, left: MatRef<T>, right: MatRef<T>, scale: T)
where
    T: ComplexField + Conjugate<Canonical = T>,
{
    matmul(out, Accum::Replace, left, right, scale, Par::Seq);
    leave_avx();
}

/// faer's kernels (private-gemm-x86) leave the upper halves of vector registers dirty, and code compiled for SSE then runs
/// up to 15 times slower on this thread.
pub fn leave_avx() {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx") {
        // SAFETY: this CPU has the instruction, and no function keeps anything in those halves across a call
        unsafe { std::arch::x86_64::_mm256_zeroupper() }
    }
}
