# gatehouse: the everyday commands. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test bench guards fuzz fmt lint pictures release

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build, and start gatehouse with a demo tenant, identity provider and control plane
	@scripts/setup build
	@exec cargo run --locked -- demo

test: ## Run every check and test, on SQLite and PostgreSQL, with real peers and a real browser (STAGES="clippy rust" runs some)
	@scripts/setup test
	@scripts/test $(STAGES)

bench: ## Measure start, memory, size, SAML, tokens, forward auth and SCIM against budgets and floors of the same run
	@scripts/setup test
	@scripts/with-postgres scripts/bench

guards: ## Disable each guard in turn: its tests must turn red (minutes; GUARDS="words" for some)
	@scripts/setup test
	@scripts/with-postgres scripts/guards $(GUARDS)

fuzz: ## Fuzz what reads SAML messages, metadata, SCIM filters and PATCH, each reader for FUZZ_SECONDS (60)
	@scripts/setup build
	@scripts/fuzz

fmt: ## Format the code
	@cargo fmt --all

lint: ## Check format, lints, docs and dependencies
	@scripts/setup build
	@scripts/test fmt deny clippy doc

pictures: ## Take the README's pictures anew
	@scripts/setup test
	@cargo build --locked
	@scripts/with-peers tests/browser/run --pictures

release: ## Build what is shipped: target/dist/gatehouse
	@scripts/setup build
	@cargo build --locked --profile dist
	@ls -lh target/dist/gatehouse | awk '{ print $$NF ": " $$5 }'
