//! The committed bindings are what bindgen makes of `native/kernel.h`, so that a machine without libclang builds the same.

#[test]
fn committed_bindings_are_the_generated_ones() {
    assert_eq!(
        env!("BITSMITH_BINDINGS"),
        "generated",
        "libclang was not found when this was built; `make setup` installs it"
    );
    let generated = include_str!(concat!(env!("OUT_DIR"), "/kernel.rs"));
    let committed = include_str!("../src/native_bindings.rs");
    assert_eq!(generated, committed, "copy the first over src/native_bindings.rs");
}
