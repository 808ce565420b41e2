//! bitsmith: which number format, and which kernel, should each layer run with here; how fast is it, how wrong is it,
//! and how sure are we? The modules stand in floor order: each uses only those above it. `docs/design.md` tells the story.

pub mod accuracy;
pub mod bench;
pub mod candidate;
pub mod certificate;
pub mod cli;
pub mod data;
pub mod emit;
pub mod host;
pub mod input;
pub mod kernel;
pub mod layer;
pub mod native;
pub mod op;
pub mod profile;
pub mod record;
pub mod report;
pub mod run;
pub mod scheme;
pub mod search;
pub mod stats;
pub mod study;
pub mod target;
pub mod tensor;
