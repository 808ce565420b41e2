//! Strategies played against recorded spaces: how few measurements each needs, without a device.

pub mod chart;
pub mod foreign;
pub mod play;
pub mod space;
pub mod table;
