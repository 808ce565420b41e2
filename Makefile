# Two commands do everything on a fresh Debian machine with Rust, a C compiler and make: `make tune` and `make test`.
.PHONY: tune test setup lint bench

tune: ## build, tune the built-in layers on this CPU, print where the report is
	cargo run --release --quiet -- tune

test: setup ## every test, none skipped
	cargo test --quiet

setup: ## what the tests need beside Rust and a C compiler: SIMDe (emulated instruction sets), libclang (bindings)
	@if [ -f /usr/include/simde/x86/avx512.h ] && ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1; then exit 0; fi; \
	 if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
	 $$sudo apt-get update -qq && $$sudo apt-get install -y -qq libsimde-dev libclang-dev >/dev/null

lint: ## formatting and lints
	cargo fmt --check
	cargo clippy --all-targets --quiet -- -D warnings

bench: ## the tool's own hot paths, and the winners of the newest run timed again
	cargo bench
