# Every recipe that a person or CI runs. CI runs nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
INPUT ?=
FLAGS ?=
# How long each fuzz target runs.
SECONDS ?= 60
# Which items of the proof; all when empty.
ITEMS ?=
# Not empty: the system demo runs on NATS.
NATS ?=

VENV := .venv
PY := $(VENV)/bin/python
export CARGO_TARGET_DIR ?= $(CURDIR)/target
RELEASE := $(CARGO_TARGET_DIR)/release
BUILD := build
COUNTS := $(BUILD)/counts
# Commands that cargo installs for the recipes alone, each by a version.
TOOLS := $(CARGO_TARGET_DIR)/tools
NIGHTLY ?= nightly

.DEFAULT_GOAL := help
.PHONY: help build demo test check bench fmt lint docs schemas vectors conformance coverage-arcp drift clean \
	nightly install semver semver-baseline msrv fuzz fuzz-corpus miri differential mutants package advisories prove instructions test-instructions test-schedules \
	toolchain toolchain-test core clib wheel relay system system-nats matrix nats survival demo-system demo-system-host demo-system-nats demo-arcp demo-arcp-python wheel-arcp test-arcp-python test-matrix test-nats test-deploy test-survival test-interop bench-rpc bench-scale bench-arcp test-rust test-c test-python test-go test-kotlin test-ruby test-swift test-model test-docs test-relay parity

help: ## this page
	@printf 'Ixt: one core, six languages, the same bytes\n\n'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|'
	@printf '\n  make demo INPUT=path   relays another file\n  make PYTHON=path …     builds with another Python\n  make prove ITEMS=model  runs one item of the proof\n'

## -- building ---------------------------------------------------------------------------------------

toolchain:
	@tools/toolchain.sh rust go python c pkg-config

# What the tests of all languages need beyond it, said before anything is built.
toolchain-test: toolchain
	@tools/toolchain.sh java maven ruby openssl libnats

build: toolchain core clib wheel relay ## the command, the C libraries, .venv with the wheel, the relay's hops

core: toolchain
	cargo build --release --locked -p ixt-cli -p ixt-c -p ixt-relay -p ixt-system -p ixt-arcp-demo -p ixt-matrix -p ixt-survival

# For programs in C: needs Rust and a C compiler, and nothing of the other languages.
PREFIX ?= /usr/local
install: ## the C library, its header and what pkg-config reads, into PREFIX (/usr/local); DESTDIR is honoured
	@tools/toolchain.sh rust c
	cargo build --release --locked -p ixt-c
	bindings/c/install.sh "$(PREFIX)"

clib: core
	bindings/c/build.sh
	bindings/go/lib/place.sh

# Installs only when the lock of the tools changed; pip's own notice of a new pip is no news here.
$(VENV)/.tools: bindings/python/requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r bindings/python/requirements-dev.txt
	@touch $@

wheel: core $(VENV)/.tools
	@rm -rf $(BUILD)/wheels
	$(PY) -m maturin build --release --locked --quiet -m bindings/python/Cargo.toml -o $(BUILD)/wheels
	$(PY) -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(BUILD)/wheels/*.whl

# The package arcp has an environment of its own, with the two wheels in it.
ARCP := $(BUILD)/arcp
ARCP_PY := $(ARCP)/bin/python
$(ARCP)/.tools: bindings/python/arcp/requirements-dev.txt
	$(PYTHON) -m venv $(ARCP)
	$(ARCP_PY) -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

wheel-arcp: wheel $(ARCP)/.tools
	@rm -rf $(BUILD)/wheels-arcp
	$(ARCP_PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w $(BUILD)/wheels-arcp bindings/python/arcp
	$(ARCP_PY) -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(BUILD)/wheels/*.whl $(BUILD)/wheels-arcp/*.whl
	@$(ARCP_PY) -m pip check

relay: clib
	@mkdir -p $(BUILD)
	examples/relay/c/build.sh $(BUILD)/relay-c
	cd examples/relay/go && go build -o $(CURDIR)/$(BUILD)/relay-go .

system: clib
	@mkdir -p $(BUILD)
	examples/module/c/build.sh $(BUILD)/module-c
	cd examples/system/go && go build -o $(CURDIR)/$(BUILD)/system-go .

# The same on NATS.
system-nats: system nats
	@tools/toolchain.sh libnats
	NATS=1 examples/module/c/build.sh $(BUILD)/module-c-nats

# The program in C brings OpenSSL's TLS along, and a client of NATS.
matrix: clib
	@tools/toolchain.sh openssl libnats
	@mkdir -p $(BUILD)
	tests/matrix/c/build.sh $(BUILD)/matrix-c
	cd tests/matrix/go && go build -o $(CURDIR)/$(BUILD)/matrix-go .

# The server that modules of different processes meet at; which version, tools/nats.sh says.
nats: toolchain $(BUILD)/nats-server
$(BUILD)/nats-server: tools/nats.sh
	tools/nats.sh $(BUILD)
	@touch $@

survival: system
	cd tests/survival/go && go build -o $(CURDIR)/$(BUILD)/survival-go .

## -- the main job -----------------------------------------------------------------------------------

# With NATS=1 on a server of NATS, which it builds and starts; what the modules are told is another URL.
demo-system: $(if $(NATS),demo-system-nats,demo-system-host) ## a host and modules in Python, Go, Rust and C: a chain of calls, a deadline, a cancel, a refusal; NATS=1: without a host

SYSTEM = $(PY) examples/system/system.py --ixt $(RELEASE)/ixt --rust $(RELEASE)/ixt-system --go $(BUILD)/system-go
demo-system-host: build system
	$(SYSTEM) --c $(BUILD)/module-c

demo-system-nats: build system-nats
	$(SYSTEM) --c $(BUILD)/module-c-nats --nats

demo-arcp: core ## jobs of ARCP that survive their connection and, by kill -9, their runtime
	$(RELEASE)/ixt-arcp-demo

demo-arcp-python: wheel-arcp ## the same in Python: a runtime and a client of the package arcp
	$(ARCP_PY) examples/arcp/python/demo.py

demo: build ## stream a file through a host and modules in Python, Go, C and Rust, and compare every byte
	$(PY) examples/relay/relay.py $(if $(INPUT),--input "$(INPUT)") $(FLAGS)

## -- tests ------------------------------------------------------------------------------------------

test: toolchain-test build test-rust test-c test-python test-go test-kotlin test-ruby test-swift test-model parity test-docs differential test-relay test-matrix test-nats test-deploy test-survival test-arcp-python test-interop demo-system-host demo-system-nats demo-arcp demo-arcp-python ## every test of every language; the counts of vectors and traces are compared

$(COUNTS):
	@mkdir -p $@

test-rust: toolchain nats | $(COUNTS)
	cargo test --locked --workspace --exclude ixt-python --exclude ixt-codegen --exclude ixt-bench --exclude ixt-bench-arcp --exclude ixt-bench-rpc \
		--exclude ixt-bindgen --exclude ixt-kotlin --all-features \
		-- --show-output 2>&1 | tee $(COUNTS)/rust.log

test-c: clib | $(COUNTS)
	bindings/c/test.sh 2>&1 | tee $(COUNTS)/c.log

test-python: wheel nats | $(COUNTS)
	$(PY) -m pytest bindings/python/tests 2>&1 | tee $(COUNTS)/python.log

test-go: clib nats | $(COUNTS)
	bindings/go/test.sh 2>&1 | tee $(COUNTS)/go.log | grep -vE '^(=== |    --- PASS|--- PASS|PASS$$)'

test-kotlin: toolchain-test | $(COUNTS)
	bindings/kotlin/test.sh 2>&1 | tee $(COUNTS)/kotlin.log

test-ruby: toolchain-test | $(COUNTS)
	bindings/ruby/test.sh 2>&1 | tee $(COUNTS)/ruby.log

# As far as the machine can: the header by its C compiler, the sources where there is a swiftc.
test-swift: toolchain
	bindings/swift/check.sh

test-model: core $(VENV)/.tools
	$(PY) -m pytest -q tests/traces
	$(PY) tests/traces/random_traces.py --ixt $(RELEASE)/ixt --seed 1 --count 2000

test-docs: build test-ruby toolchain-test
	$(PY) tests/quickstart/run.py --venv $(VENV) --release $(RELEASE)

parity: test-rust test-c test-python test-go test-kotlin test-ruby
	$(PY) tests/parity.py $(foreach language,rust python go c kotlin ruby,$(COUNTS)/$(language).log)
	$(PY) tests/errors.py

# The relay as `make demo` runs it, and what it must say of a damaged byte and of two segments.
test-relay: build
	$(PY) -m pytest -q examples/relay/tests

# The Rust SDK under decided schedules, a few of each sort; `make prove` runs many.
test-schedules: toolchain
	proof/schedules.sh

# Built by itself, so that what else is built does not change it.
$(RELEASE)/ixt-instructions: FORCE
	cargo build --release --locked -p ixt-bench --bin ixt-instructions
FORCE:

test-instructions: $(RELEASE)/ixt-instructions
	@tools/toolchain.sh valgrind
	$(PYTHON) benches/instructions.py --check $<

# Every language calls every language, all four kinds and calls in one message, on a Unix socket, on TCP with TLS, on NATS
# and on a cluster of it.
test-matrix: build matrix nats
	$(PY) tests/matrix/run.py --ixt $(RELEASE)/ixt --rust $(RELEASE)/ixt-matrix --go $(BUILD)/matrix-go --c $(BUILD)/matrix-c

# The official SDK has an environment of its own: it imports as `arcp`.
INTEROP := $(BUILD)/interop
$(INTEROP)/.installed: tests/interop/requirements.txt
	$(PYTHON) -m venv $(INTEROP)
	$(INTEROP)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

test-arcp-python: wheel-arcp $(INTEROP)/.installed ## the package arcp: its tests, and those of the official package
	cd bindings/python/arcp/tests/official && $(CURDIR)/$(ARCP_PY) -c 'import run; run.fetch()'
	cd bindings/python/arcp && ARCP_OFFICIAL_PYTHON=$(CURDIR)/$(INTEROP)/bin/python \
		ARCP_OFFICIAL_SRC=$(CURDIR)/$(BUILD)/official/agentruntimecontrolprotocol-1.1.3 \
		$(CURDIR)/$(ARCP_PY) -m pytest --cov=arcp --cov-branch
	tools/pythons.sh $(CURDIR)/$(BUILD)/arcp-pythons $(BUILD)/wheels/*.whl $(BUILD)/wheels-arcp/*.whl

test-interop: toolchain wheel-arcp $(INTEROP)/.installed ## sessions with the official ARCP SDKs, and what conformance their runtimes have; FLAGS=--write writes docs/interop.md
	cargo build --locked -p ixt-interop -p ixt-cli
	$(PYTHON) tests/interop/run.py --ours $(CARGO_TARGET_DIR)/debug/ixt-interop --ixt $(CARGO_TARGET_DIR)/debug/ixt --python $(INTEROP)/bin/python --our-python $(ARCP_PY) $(FLAGS)

# The nats-server that other tests start, kill and start again, alone and as a cluster.
test-nats: nats $(VENV)/.tools
	$(PY) -m pytest -q tests/nats

# The units and manifests of docs/deploy: what they start is started, on a host and on three servers with TLS.
test-deploy: build nats
	@tools/toolchain.sh openssl
	$(PY) -m pytest -q tests/deploy

# Processes that are killed, readers that sleep, peers that keep no rule, networks that go and come back;
# FLAGS="--seed N" chooses the moments again. The networks need root and iproute2; without them it says so.
test-survival: build survival nats
	$(PY) tests/survival/run.py --ixt $(RELEASE)/ixt --rust $(RELEASE)/ixt-survival --go $(BUILD)/survival-go \
		--c $(BUILD)/module-c $(FLAGS)

# Damaged messages: the same verdict in every language.
differential: build
	$(PY) -m pytest -q tests/differential
	$(PY) tests/differential/run.py --release $(RELEASE) --count 5000

## -- hostile input ----------------------------------------------------------------------------------

$(TOOLS)/%:
	@name=$*; cargo install --locked --quiet --root $(TOOLS) --version "$${name##*@}" "$${name%@*}"
	@touch $@

fuzz: nightly $(TOOLS)/cargo-fuzz@0.13.2 ## every fuzz target for SECONDS (60) from the committed corpus, with AddressSanitizer
	@PATH="$(TOOLS)/bin:$$PATH" NIGHTLY=$(NIGHTLY) fuzz/run.sh $(SECONDS)

fuzz-corpus: nightly $(TOOLS)/cargo-fuzz@0.13.2
	@PATH="$(TOOLS)/bin:$$PATH" NIGHTLY=$(NIGHTLY) fuzz/run.sh --corpus $(SECONDS)

# The compiler that fuzzing and Miri need, with its parts; where it is there already, nothing is fetched.
nightly: toolchain
	@rustup run $(NIGHTLY) rustc --version >/dev/null 2>&1 || rustup toolchain install --profile minimal $(NIGHTLY)
	@cargo +$(NIGHTLY) miri --version >/dev/null 2>&1 || rustup component add --toolchain $(NIGHTLY) miri rust-src

# What crosses the C border, as C calls it; the core itself has no unsafe code, the capnp crate has.
miri: nightly ## the C border and the core under Miri
	MIRIFLAGS=-Zmiri-symbolic-alignment-check cargo +$(NIGHTLY) miri test --locked -p ixt-c --lib
	MIRIFLAGS=-Zmiri-symbolic-alignment-check cargo +$(NIGHTLY) miri test --locked -p ixt-core --lib

mutants: toolchain $(TOOLS)/cargo-mutants@27.1.0 ## planted faults that no test sees; hours; see docs/mutants.md
	@PATH="$(TOOLS)/bin:$$PATH" proof/mutants.sh $(BUILD)/mutants

## -- checks -----------------------------------------------------------------------------------------

fmt: $(VENV)/.tools ## format everything
	cargo fmt --all && cargo fmt --manifest-path fuzz/Cargo.toml
	cd bindings/go && gofmt -w . ../../examples/relay/go ../../examples/system/go ../../benches/go ../../benches/rpc/go ../../tests/matrix/go ../../tests/survival/go ../../tests/differential/go
	$(PY) -m ruff format .
	cd bindings/python && ../../$(PY) -m ruff format .

lint: wheel wheel-arcp clib ## formatters, linters and type checkers; every warning is an error
	cargo fmt --all --check && cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --workspace --all-features --all-targets -- -D warnings
	bindings/go/lint.sh
	$(PY) -m ruff check . && $(PY) -m ruff format --check .
	cd bindings/python && ../../$(PY) -m ruff check . && ../../$(PY) -m ruff format --check .
	for part in tests/traces tests/vectors tests/differential fuzz 'tests/errors.py tests/parity.py tests/quickstart schemas bindings/kotlin' examples/relay examples/system/system.py tests/matrix/run.py tests/interop/run.py tools/conformance.py tests/survival tests/nats tests/deploy docs/deploy benches/chart.py benches/report.py benches/calls.py benches/scale.py benches/arcp.py benches/instructions.py benches/python benches/rpc/python proof; do \
		MYPYPATH=tests/nats $(PY) -m mypy --strict $$part; done
	cd bindings/python && ../../$(PY) -m mypy && ../../$(PY) -m pyright --pythonpath ../../$(PY)
	cd bindings/python/arcp && ../../../$(ARCP_PY) -m mypy && ../../../$(ARCP_PY) -m pyright --pythonpath ../../../$(ARCP_PY)
	$(ARCP_PY) -m mypy --strict examples/arcp/python/demo.py tests/interop/python/conform.py

docs: toolchain ## the Rust documentation, where a broken link is an error; and the diagrams
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --all-features -p ixt-core -p ixt-host -p ixt-arcp -p ixt-arcp-store -p ixt
	@if command -v dot > /dev/null; then bindings/python/arcp/docs/diagrams/render.sh; \
	else echo 'graphviz (dot) is not here: the diagrams of bindings/python/arcp/docs stay as they were drawn'; fi

schemas: toolchain $(VENV)/.tools ## make everything generated again: Rust, Go, the C header, Kotlin, Swift, Ruby
	@tools/toolchain.sh capnp
	PYTHON=$(PY) schemas/regenerate.sh

vectors: $(VENV)/.tools ## make the vectors and traces again, by pycapnp, capnp and the reference model
	@tools/toolchain.sh capnp
	$(PY) tests/vectors/make.py
	$(PY) tests/traces/make.py

conformance: core $(VENV)/.tools ## where each section of ARCP is kept, and the table of `ixt arcp conform`; writes docs/arcp
	$(PY) tools/conformance.py --ixt $(RELEASE)/ixt

# Generated files are committed, and making them again must give the same.
drift: schemas core
	$(PY) tools/conformance.py --ixt $(RELEASE)/ixt --check
	$(PY) tests/vectors/make.py --check
	$(PY) tests/traces/make.py --check
	$(PY) schemas/ordinals.py --since $$(git log --diff-filter=A --format=%H -- schemas/ordinals.lock | tail -n 1)
	git diff --exit-code --stat -- core/src/wire/generated bindings/c/include bindings/go/ixt.h bindings/go/capnp bindings/python/python/ixt_sdk/schemas schemas \
		bindings/kotlin/src/generated bindings/swift/Sources bindings/ruby/lib/ixt/generated.rb

# The tests come last, so that what CI prints ends with their closing lines.
check: lint docs drift test-instructions test-schedules test ## what CI runs: formatters, linters, documentation, nothing generated differs, tests

# Its own tests alone; what the SDK's, the interop sessions and the fuzz targets reach besides is not counted.
coverage-arcp: toolchain $(TOOLS)/cargo-llvm-cov@0.9.1 ## how much of ARCP's engines their tests reach; below 90 % of the lines it fails
	@rustup component list --installed | grep -q '^llvm-tools' || rustup component add llvm-tools
	@PATH="$(TOOLS)/bin:$$PATH" cargo llvm-cov --locked -p ixt-arcp --all-features --summary-only --fail-under-lines 90

instructions: $(RELEASE)/ixt-instructions ## count again what the hottest operations execute; writes benches/instructions.json
	@tools/toolchain.sh valgrind
	$(PYTHON) benches/instructions.py --write $<

prove: build survival nats $(TOOLS)/cargo-fuzz@0.13.2 ## the long rest of the proof: models, schedules, planted bugs, stress, kills, fuzzing, Miri; one line each
	@MAKE="$(MAKE)" PYTHON=$(CURDIR)/$(PY) proof/prove.sh $(ITEMS)

## -- packages ---------------------------------------------------------------------------------------

# Advisories need the database of rustsec.org, so they are a recipe of their own.
package: toolchain $(TOOLS)/cargo-deny@0.20.2 ## crates, wheel and sdist as they would be uploaded, checked; licences of all dependencies
	@PATH="$(TOOLS)/bin:$$PATH" cargo deny --locked --log-level error check licenses bans sources
	@PYTHON=$(PYTHON) tools/package.sh $(BUILD)/packages

# The tests of what is uploaded run with the oldest compiler; everything else is type-checked with it.
MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"$$/\1/p' Cargo.toml)
msrv: ## the oldest Rust that is promised: rustup fetches it
	rustup toolchain install --profile minimal --no-self-update $(MSRV)
	cargo +$(MSRV) check --locked --workspace --all-features --all-targets --target-dir $(CARGO_TARGET_DIR)/msrv
	cargo +$(MSRV) test --locked -p ixt-core -p ixt-host -p ixt-arcp -p ixt-arcp-store -p ixt -p ixt-cli --all-features --target-dir $(CARGO_TARGET_DIR)/msrv

# Against the last release, once there is one.
BASELINE ?= $(shell git describe --tags --abbrev=0 --match 'v*' 2>/dev/null)
semver: semver-baseline $(TOOLS)/cargo-semver-checks@0.51.0 ## whether the Rust crates keep their promise since BASELINE, the last release
	PATH="$(TOOLS)/bin:$$PATH" cargo semver-checks -p ixt-core -p ixt-host -p ixt-arcp -p ixt-arcp-store -p ixt --baseline-rev $(BASELINE)

semver-baseline: toolchain
	@test -n "$(BASELINE)" || { echo 'nothing is released: name what to compare with by BASELINE=' >&2; exit 1; }

advisories: toolchain $(TOOLS)/cargo-deny@0.20.2 ## known vulnerabilities of dependencies; fetches the database
	@PATH="$(TOOLS)/bin:$$PATH" cargo deny --locked check advisories

bench: toolchain-test build ## every language against its Cap'n Proto library, Kotlin against protobuf-java; writes docs/benchmarks.md
	cargo build --release --locked -p ixt-bench
	$(CC) -std=c11 -O2 -Ibindings/c/include -o $(BUILD)/bench-c benches/c/bench.c \
		-L$(RELEASE) -lixt -lixt_bench -Wl,-rpath,$(RELEASE)
	cd benches/go && go build -o $(CURDIR)/$(BUILD)/bench-go .
	$(PY) benches/report.py --rust $(RELEASE)/ixt-bench --c $(BUILD)/bench-c --go $(BUILD)/bench-go \
		--python "$(PY) benches/python/bench.py" --kotlin benches/kotlin/run.sh --markdown docs/benchmarks.md --plot docs/benchmarks.svg

bench-rpc: build nats ## calls between two processes, against gRPC (tonic, grpc-go, grpcio) and NATS alone; writes docs/benchmarks.md
	cargo build --release --locked -p ixt-bench-rpc
	cd benches/rpc/go && go build -o $(CURDIR)/$(BUILD)/bench-rpc-go .
	$(PY) -m pip install --quiet --disable-pip-version-check -r benches/rpc/python/requirements.txt
	$(PY) benches/calls.py --rust $(RELEASE)/ixt-bench-rpc --go "env IXT=$(RELEASE)/ixt $(BUILD)/bench-rpc-go" \
		--python "$(PY) benches/rpc/python/bench.py --host $(RELEASE)/ixt" --markdown docs/benchmarks.md --plot docs/calls.svg

bench-scale: core nats ## what calls, streams and modules cost on one host and on NATS; writes docs/scale.md
	cargo build --release --locked -p ixt-bench-rpc
	$(PYTHON) benches/scale.py --bench $(RELEASE)/ixt-bench-rpc --ixt $(RELEASE)/ixt --markdown docs/scale.md $(FLAGS)

bench-arcp: toolchain wheel-arcp $(INTEROP)/.installed ## ARCP against the official Python SDK, side by side; writes docs/benchmarks.md
	cargo build --release --locked -p ixt-bench-arcp
	$(PYTHON) benches/arcp.py --ours $(RELEASE)/ixt-bench-arcp \
		--python "$(INTEROP)/bin/python benches/arcp/python/bench.py" --markdown docs/benchmarks.md --plot docs/arcp.svg $(FLAGS)
	$(PYTHON) benches/arcp.py --language Python --ours "$(ARCP_PY) benches/arcp/python/bench.py" \
		--python "$(INTEROP)/bin/python benches/arcp/python/bench.py" --markdown docs/benchmarks.md --plot docs/arcp-python.svg $(FLAGS)

clean: ## remove what was built
	cargo clean
	rm -rf $(BUILD) $(VENV)
