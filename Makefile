# What there is to do, in one word each. `make help` lists it.
# PROFILE=release builds with optimisation; ARGS reaches the program or the tests, as in
#   make up ARGS='-m chat-worker=2'      make test ARGS='-p computetower-store'
PROFILE ?= dev
ARGS ?=
export PROFILE
export SQLX_OFFLINE = true
export PATH := $(PATH):$(HOME)/.cargo/bin
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
PROGRAM = $(TARGET)/$(if $(filter dev test,$(PROFILE)),debug,$(PROFILE))/computetower
.DEFAULT_GOAL := help
.PHONY: help up demo test chaos faults check bench bench-extraction targets sqlx

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

up: ## installs what is missing, builds, and starts everything on this machine (Ctrl-C ends it)
	@scripts/setup.sh run
	@cargo build --profile $(PROFILE)
	@$(PROGRAM) up $(ARGS)

demo: ## the main job, start to end, on a small chat app that comes with the project
	@scripts/demo.sh

test: ## all tests, on a private Postgres and Redis
	@scripts/test.sh $(ARGS)

chaos: ## random faults at chosen moments (ARGS='CHAOS_CASES=500 CHAOS_SEED=7'; docs/chaos.md)
	@scripts/setup.sh test
	@cargo build --profile $(PROFILE) --bins
	@env $(ARGS) cargo test --profile $(PROFILE) -p computetower --test chaos -- --ignored --nocapture --test-threads 1

faults: ## chat pages that change at random (ARGS='FAULTS_CASES=500 FAULTS_SEED=7'; docs/faults.md)
	@env $(ARGS) scripts/test.sh -p computetower --test faults --profile faults --run-ignored only --no-capture

check: ## formatting, lints, documentation, licences and dependency rules, stored queries
	@scripts/setup.sh check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps
	@! grep -rnwE 'sqlx|aws_sdk_s3' src workers jobs --include='*.rs' || { echo 'error: only store/ speaks to the database and the objects'; exit 1; }
	cargo deny --log-level error check bans licenses sources
	scripts/sqlx-prepare.sh --check

bench: ## the benchmark beside BullMQ, RQ and arq (release build)
	@PROFILE=release bench/run.sh $(ARGS)

bench-extraction: ## main content of the pages in DATA=…, beside other crates (release build)
	@bench/extraction.sh $(DATA) $(ARGS)

targets: ## tries the platform on real chat apps from PyPI and npm (ARGS=--deep for more, or names)
	@scripts/setup.sh test
	@cargo build --profile $(PROFILE)
	@tests/targets/run.sh check $(ARGS)

sqlx: ## writes .sqlx anew after a query or a migration has changed
	@scripts/sqlx-prepare.sh
