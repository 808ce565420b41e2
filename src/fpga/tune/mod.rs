//! Tuning designs for one device: of every layer under every scheme all foldings and styles are modelled, the best of them
//! simulated in C++ and in RTL, the best of these synthesized and proved, the best of these placed and routed.

pub mod choose;
pub mod funnel;
pub mod guess;
pub mod job;
pub mod lane;
pub mod plan;
pub mod profile;
pub mod rank;
pub mod space;
pub mod whole;
pub mod work;

pub use funnel::{Progress, Tuner};
pub use plan::Plan;
