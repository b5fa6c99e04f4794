# `make compare` runs the comparison, `make test` every test. Both install what is missing first.

CARGO ?= cargo
OUT ?= poolproof-out
SESSIONS ?= 100000

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests build compare test bench diff-nightly lint doc images ci

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## install PostgreSQL and PgBouncer where they are missing
	@scripts/setup

setup-tests: ## the same, the browser in which the reports are tested, and images where an engine answers
	@scripts/setup tests
	@images/build --if-engine postgres pgbouncer

build: ## build the two binaries for speed
	$(CARGO) build --locked --release --bins

compare: setup build ## the default scenarios on PostgreSQL, our proxy and PgBouncer, side by side
	target/release/poolproof compare --out $(OUT)

test: setup-tests ## every test
	$(CARGO) test --locked --workspace --all-targets --features poolproof-proxy/pam
	$(CARGO) test --locked --workspace --doc

bench: build ## our proxy beside PgBouncer, HAProxy and PostgreSQL, with pgbench; BENCH passes arguments on
	@bench/setup
	bench/bench.py --out $(OUT)/performance.md $(BENCH)
	bench/generator

diff-nightly: setup build ## many generated sessions against our proxy; SEED=… repeats a run
	$(CARGO) test --locked -p poolproof --test faulty -- --ignored --nocapture
	target/release/poolproof diff --random $(SESSIONS) --targets proxy \
		$(if $(SEED),--seed $(SEED)) --out $(OUT)/diff-nightly

lint: ## formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) clippy --locked --workspace --all-targets --features poolproof-proxy/pam -- -D warnings

# Private items are documented too, so a link to one leads somewhere.
doc: ## the documentation of all crates
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc --locked --workspace --no-deps --document-private-items

images: ## the Docker images that docker-compose.yml runs
	images/build

ci: ## what a landing must pass
	.ci/run
