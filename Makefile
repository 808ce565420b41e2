# Two commands do everything on a fresh Debian machine with Rust, a C compiler and make: `make tune` and `make test`.
.PHONY: tune test setup lint bench

tune: ## build, tune the built-in layers on this CPU, print where the report is
	cargo run --release --quiet -- tune

test: setup ## every test, none skipped
	cargo test --quiet

# a Python of their own with ONNX Runtime, below cargo's target folder
PEERS := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)/peers

setup: $(PEERS)/ready ## what the tests need beside Rust and a C compiler: SIMDe (emulated instruction sets), libclang (bindings), a cross compiler and QEMU (ARM), sshd (devices behind ssh), llvm-mca (modelled times), ONNX Runtime (a peer)
	@if [ -f /usr/include/simde/x86/avx512.h ] && ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 && \
	 [ -x /usr/bin/aarch64-linux-gnu-gcc ] && [ -x /usr/bin/qemu-aarch64 ] && [ -x /usr/sbin/sshd ] && [ -x /usr/lib/llvm-19/bin/llvm-mca ]; then exit 0; fi; \
	 if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
	 $$sudo apt-get update -qq && $$sudo apt-get install -y -qq libsimde-dev libclang-dev \
		gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user openssh-server openssh-client llvm-19 >/dev/null

$(PEERS)/ready:
	@if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then \
	 if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
	 $$sudo apt-get update -qq && $$sudo apt-get install -y -qq python3-venv >/dev/null; fi
	@python3 -m venv --clear $(PEERS)
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check onnxruntime onnx numpy
	@touch $@

lint: ## formatting and lints
	cargo fmt --check
	cargo clippy --all-targets --quiet -- -D warnings

bench: ## the tool's own hot paths, and the winners of the newest run timed again
	cargo bench
