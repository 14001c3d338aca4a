# The commands that CI runs, so that a person runs the same. `make help` lists them.

SECONDS ?=
MINUTES ?=
SEED ?=
TENANTS ?=
DAYS ?=
TARGET ?=
CHECKS ?= advisories bans licenses sources
CARGO ?= cargo
PROGRAMS := $(or $(CARGO_TARGET_DIR),target)/debug

.PHONY: help demo test format lint doc build check-rust check-python check-soak endings regenerate sweep bench bench-task bench-mirror bounce soak fuzz deny

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: ## Run everything on this machine; SECONDS=30 ends by itself with a summary.
	@echo "building the bridge, the mirror and the stand-in (minutes the first time)"
	@$(CARGO) build --workspace --locked
	@$(PROGRAMS)/demo $(if $(SECONDS),--seconds $(SECONDS))

test: format lint doc check-rust check-python bounce check-soak ## Everything that CI checks.

format: ## Check the formatting.
	$(CARGO) fmt --all --check

lint: ## Clippy, warnings denied.
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc: ## Documentation with private items, warnings denied.
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked --quiet

build: ## Build all programs.
	$(CARGO) build --workspace --all-targets --locked

# Most tests wait for Kafka most of the time.
check-rust: export RUST_TEST_THREADS ?= 4
check-rust: build ## Unit and integration tests on real Kafka, a real registry and PostgreSQL.
	$(PROGRAMS)/services run --registry memory --postgres -- $(CARGO) test --workspace --locked --no-fail-fast

check-python: build ## Independent clients: confluent-kafka reads the topics, zeep calls the service.
	$(PROGRAMS)/services run --registry memory -- tests/independent/run

check-soak: build ## Ten tenants for a quarter of a simulated day: every mirror is its source, the bridge has not grown.
	$(PROGRAMS)/soak --tenants 10 --days 0.25 --folder $(or $(CARGO_TARGET_DIR),target)/check-soak

endings: build ## Kill a coordinator just after a commit, thirty times, and count what hangs: some ten minutes.
	$(PROGRAMS)/services run --registry memory -- $(CARGO) test --locked -p system-tests -- --ignored --nocapture just_after_a_commit

regenerate: build ## Regenerate a million rows while a mirror runs and readers look ten times a second: some minutes.
	$(PROGRAMS)/services run --registry memory --postgres -- $(CARGO) test --locked -p system-tests -- --ignored --nocapture regenerating_a_million

sweep: build ## Sweep a million keys while the vendor waits, and print times and peak memory: some minutes.
	$(PROGRAMS)/services run --registry memory -- $(CARGO) test --locked -p system-tests -- --ignored --nocapture a_million_keys

bench: ## What the bridge costs: tables, target/bench/bridge.json and task.json (minutes; wants a quiet machine).
	$(CARGO) build --release --locked -p mirrorbus -p operations-center -p bench
	$(or $(CARGO_TARGET_DIR),target)/release/bench --folder $(or $(CARGO_TARGET_DIR),target)/bench

bench-task: ## How fast operations-center sends, beside what the bridge takes: a table, and target/bench/task.json.
	$(CARGO) build --release --locked -p mirrorbus -p operations-center -p bench
	$(or $(CARGO_TARGET_DIR),target)/release/bench --folder $(or $(CARGO_TARGET_DIR),target)/bench --only task

bench-mirror: ## What mirrors do, beside the same rows from memory: a table, and target/bench/mirror.json (minutes; wants a quiet machine).
	$(CARGO) build --release --locked -p mirrorbus -p mirror-postgres -p mirror-sqlite -p bench
	$(or $(CARGO_TARGET_DIR),target)/release/bench --folder $(or $(CARGO_TARGET_DIR),target)/bench --only mirror --rounds 5

bounce: build ## Break everything at random for MINUTES (3 unless given) from SEED, and check what is left.
	$(PROGRAMS)/bounce $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

soak: ## TENANTS (200 unless given) for DAYS (1) of a fast clock from SEED: an hour or so; wants a quiet machine.
	$(CARGO) build --release --locked -p mirrorbus -p mirror-sqlite -p soak
	$(or $(CARGO_TARGET_DIR),target)/release/soak --folder $(or $(CARGO_TARGET_DIR),target)/soak $(if $(TENANTS),--tenants $(TENANTS)) $(if $(DAYS),--days $(DAYS)) $(if $(SEED),--seed $(SEED))

fuzz: ## Fuzz every parser of outside bytes for MINUTES each (1 unless given); TARGET=name for one.
	@tests/fuzz/run $(or $(MINUTES),1) $(TARGET)

# The advisories come from GitHub: without it, make deny CHECKS="bans licenses sources".
deny: ## Advisories, licences and sources of all dependencies.
	@cargo deny --version >/dev/null 2>&1 || { echo "make deny needs cargo-deny: cargo install cargo-deny --locked"; exit 1; }
	cargo deny --locked check --hide-inclusion-graph $(CHECKS)
