# The front door for people. Everything is built and fetched as needed; see CONTRIBUTING.md.

# Peers are found on PATH, and next where get-peers puts them.
export PATH := $(PATH):$(HOME)/.cache/peers/bin
CARGO ?= cargo
# For bench: arguments of the harness, for example BENCH="--only memory".
BENCH ?=
# For fuzz: seconds for the parser of requests; every other target has a few.
FUZZ_SECONDS ?= 30

.PHONY: help test soak lint build server unit bench peers smoke python node ffi shuttle asan tsan fuzz
# The steps of `test` share the machine's cores and the target folder.
.NOTPARALLEL:

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

test: lint peers unit smoke python node ffi shuttle asan tsan fuzz ## everything CI runs, long tests by a share

soak: peers build ## the long tests in full length
	CARNELIAN_SOAK=1 $(CARGO) test --workspace --all-features

lint: ## formatting, clippy and the links of the documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --profile test --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --profile test --workspace --no-deps --all-features

build: ## the server, as released
	$(CARGO) build --release -p carnelian-server

server: ## all tests, built but not run, and with them the server that they start, whose assertions are on
	$(CARGO) test --workspace --all-features --no-run

unit smoke python node: export CARNELIAN_SERVER ?= $(abspath $(or $(CARGO_TARGET_DIR),target))/debug/carnelian-server

unit: peers server ## all tests of the workspace, beside a real Redis
	$(CARGO) test --workspace --all-features

bench: peers ## side by side with the peers, then the engine embedded: beside DashMap, through C and from Python
	$(CARGO) build --release -p carnelian-server -p carnelian-benches
	PATH="$$(scripts/get-peers):$$PATH" target/release/side-by-side $(BENCH)
	$(CARGO) bench -p carnelian-benches --bench embedded
	$(CARGO) bench -p carnelian-benches --bench abi
	scripts/wheel
	PATH="$$(scripts/get-peers):$$PATH" .venv/bin/python ffi/python/bench/side_by_side.py

peers: ## the servers that we are compared with
	scripts/get-peers

smoke: peers server ## redis-benchmark against our server
	scripts/with-server scripts/smoke

python: peers server ## the Python package; redis-py and Redlock against our server
	scripts/wheel test
	.venv/bin/mypy --config-file ffi/python/pyproject.toml ffi/python/carnelian
	cd ffi/python/tests && $(CURDIR)/.venv/bin/pytest -q .
	scripts/with-server .venv/bin/pytest -q tests/python

node: server ## BullMQ against our server
	scripts/node
	scripts/with-server node --test --test-concurrency=1 --test-reporter=spec tests/node/*.test.mjs

ffi: peers server ## C examples against the installed library, under valgrind
	scripts/c-examples

shuttle: ## many interleavings of threads on a stripe, tried one by one
	scripts/shuttle

asan: ## where the unsafe code is, and what reads files, under AddressSanitizer
	scripts/sanitize address -- table:: lua:: value:: keyspace:: rdb:: aof:: operation::snapshot

tsan: ## multi-threaded tests under ThreadSanitizer
	scripts/sanitize thread -- threads
	SANITIZE="-p carnelian-ffi --test threads" scripts/sanitize thread -- threads

fuzz: ## every fuzz target for a while
	scripts/fuzz 5
	scripts/fuzz $(FUZZ_SECONDS) resp
