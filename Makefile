# The front door for people. Everything is built and fetched as needed; see CONTRIBUTING.md.

# Peers are found on PATH, and next where get-peers puts them.
export PATH := $(PATH):$(HOME)/.cache/peers/bin
CARGO ?= cargo
# For bench: arguments of the harness, for example BENCH="--only memory".
BENCH ?=
# For fuzz: seconds for each target.
FUZZ_SECONDS ?= 60

.PHONY: help test soak lint build unit bench peers smoke python asan tsan fuzz
# The steps of `test` share the machine's cores and the target folder.
.NOTPARALLEL:

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

test: lint peers unit smoke python asan tsan fuzz ## everything CI runs, long tests by a share

soak: peers build ## the long tests in full length
	CARNELIAN_SOAK=1 $(CARGO) test --workspace

lint: ## formatting and clippy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

build: ## the server, as released
	$(CARGO) build --release -p carnelian-server

unit: peers build ## all tests of the workspace, beside a real Redis
	$(CARGO) test --workspace

bench: peers ## side by side with the peers
	$(CARGO) build --release -p carnelian-server -p carnelian-benches
	PATH="$$(scripts/get-peers):$$PATH" target/release/side-by-side $(BENCH)

peers: ## the servers that we are compared with
	scripts/get-peers

smoke: peers build ## redis-benchmark against our server
	scripts/with-server scripts/smoke

python: build ## redis-py against our server
	scripts/venv
	scripts/with-server .venv/bin/pytest -q tests/python

asan: ## table and entry under AddressSanitizer
	scripts/sanitize address -- table:: entry

tsan: ## multi-threaded tests under ThreadSanitizer
	scripts/sanitize thread -- threads

fuzz: ## every fuzz target for a while
	scripts/fuzz $(FUZZ_SECONDS)
