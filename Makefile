# The commands that CI runs, so that a person runs the same. `make help` lists them.

SECONDS ?=
CARGO ?= cargo
PROGRAMS := $(or $(CARGO_TARGET_DIR),target)/debug

.PHONY: help demo test format lint doc build check-rust check-python deny

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: ## Run everything on this machine; SECONDS=30 ends by itself with a summary.
	@echo "building the bridge, the mirror and the stand-in (minutes the first time)"
	@$(CARGO) build --workspace --locked
	@$(PROGRAMS)/demo $(if $(SECONDS),--seconds $(SECONDS))

test: format lint doc check-rust check-python ## Everything that CI checks.

format: ## Check the formatting.
	$(CARGO) fmt --all --check

lint: ## Clippy, warnings denied.
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc: ## Documentation with private items, warnings denied.
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked --quiet

build: ## Build all programs.
	$(CARGO) build --workspace --all-targets --locked

check-rust: build ## Unit and integration tests on real Kafka and a real registry.
	$(PROGRAMS)/services run --registry memory -- $(CARGO) test --workspace --locked --no-fail-fast

check-python: build ## Independent clients: confluent-kafka reads the topics, zeep calls the service.
	$(PROGRAMS)/services run --registry memory -- tests/independent/run

deny: ## Licences, sources and advisories of all dependencies (needs cargo-deny).
	cargo deny check
