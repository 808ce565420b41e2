//! bitsmith: which number format, and which kernel, should each layer run with here; how fast is it, how wrong is it,
//! and how sure are we? The modules stand in floor order: each uses only those above it. `docs/design.md` tells the story.

pub mod input;
pub mod native;
pub mod emit;
pub mod host;
pub mod stats;
pub mod significance;
pub mod trend;
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
pub mod histogram;
pub mod overflow;
pub mod appraisal;
pub mod search;
pub mod bench;
pub mod certificate;
pub mod run;
pub mod sessions;
pub mod verdict;
pub mod profile;
pub mod export;
pub mod report;
pub mod study;
pub mod baseline;
pub mod cli;
