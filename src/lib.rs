//! bitsmith: which number format, and which kernel, should each layer run with here; how fast is it, how wrong is it,
//! and how sure are we? The modules stand in floor order: each uses only those above it. `docs/design.md` tells the story.

pub mod input;
pub mod assign;
pub mod native;
pub mod emit;
pub mod host;
pub mod stats;
pub mod tensor;
pub mod layer;
pub mod target;
pub mod candidate;
pub mod scheme;
pub mod op;
pub mod quantized;
pub mod data;
pub mod kernel;
pub mod record;
pub mod accuracy;
pub mod model;
pub mod histogram;
pub mod overflow;
pub mod appraisal;
pub mod fpga;
pub mod search;
pub mod bench;
pub mod timing;
pub mod certificate;
pub mod run;
pub mod profile;
pub mod report;
pub mod study;
pub mod replay;
pub mod baseline;
pub mod bundle;
pub mod cli;
