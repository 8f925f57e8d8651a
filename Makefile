# The two commands are `make run` and `make test`; everything they need lands in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LISTEN ?= 127.0.0.1:9720
# Which benchmarks, and their options: make bench BENCH="matrix --connections 64"; a short look: BENCH=--short
BENCH ?=
# For one of them, or less of all: make faults FAULTS="kill --rounds 20 --seed 7", FAULTS=--short
FAULTS ?=
# Fewer of them, or those of one seed again: make fuzz FUZZ="--streams 2000 --seed 7"
# The same for adapters, by kind: make adapters FUZZ="slack grafana --runs 100000"
FUZZ ?=
# More or fewer, or those of one seed again: make hostile HOSTILE="--cases 2000 --seed 7 html"
HOSTILE ?=
# The ten-minute form: make soak SOAK="--minutes 10"
SOAK ?=
# More or less of it: make api API="--examples 10 --seed 3"; it prints how many cases it made
API ?=
# Some of the ways in: make chroot CHROOT="deb wheel"; packages come from MIRROR, or from where apt has them
CHROOT ?=
# A folder of published incidents as traffic, with replay.py and score.py: make incidents INCIDENTS=path
INCIDENTS ?= ../shared/incidents
# A folder for what tests write: memory, where 4 GiB of /dev/shm are free (a run takes up to 1.3), or else where
# temporary files are. A seventh of a run on a disk is waiting for it. What is proven of disks is proven on disks that the
# tests make. On the disk all the same: make test MEMORY=. Tests that passed leave some KiB there.
MEMORY ?= $(shell df -k /dev/shm 2>/dev/null | awk '$$1 == "tmpfs" && $$4 > 4194304 { print "/dev/shm" }')
PYTEST = $(if $(MEMORY),TMPDIR=$(MEMORY)) $(BIN)/python -m pytest -o tmp_path_retention_policy=failed --numprocesses auto --dist worksteal
# Variables of another virtual environment must not leak into ours, nor one that has each process compile all modules.
unexport PYTHONPATH VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run demo test check properties bench faults soak fuzz adapters incidents api deb chroot example hostile clean

help: ## What can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Serve on 127.0.0.1:9720, with the log in ./data
	@mkdir -p -m 700 data
	@# On a terminal the daemon itself says this, once it listens.
	@test -t 2 || { \
		echo "timelined takes webhooks at http://$(LISTEN)/webhooks/SOURCE; the log is in ./data."; \
		echo "Alertmanager: under receivers, webhook_configs: [{url: 'http://$(LISTEN)/webhooks/alertmanager'}]"; \
		echo "To try it: \`make demo\` plays a recorded incident; \`$(BIN)/timelined incidents\` lists yours."; \
	} >&2
	@exec $(BIN)/timelined serve --web.listen-address $(LISTEN) --storage.url sqlite:///data/timelined.db

demo: $(VENV)/.run ## Play a recorded incident against a real daemon and write its draft to ./out
	@$(BIN)/timelined demo

test: $(VENV)/.dev ## Run every test, on each processor
	@$(PYTEST)

properties: $(VENV)/.dev ## Try what holds for every input on forty times as many as `make test` does
	@TIMELINED_EXAMPLES=40 $(PYTEST) -m "hypothesis or slow"

check: $(VENV)/.dev ## Lint, formatting, types, and the arrow
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_layers.py

bench: $(VENV)/.dev ## Measure what this machine can take; the table is out/bench/results.md
	@$(BIN)/python -m tests.bench $(BENCH)

faults: $(VENV)/.dev ## Kill it, cut its power, fill its disk: nothing acknowledged may be lost (root mounts disks)
	@$(BIN)/python -m tests.faults $(FAULTS)

soak: $(VENV)/.dev ## Run it for an hour under a service manager, with a real Prometheus and Alertmanager (root mounts disks)
	@$(BIN)/python -m tests.soak $(SOAK)

fuzz: $(VENV)/.dev ## Send the HTTP face 50,000 odd streams, each cut in three ways: the same answers
	@$(BIN)/python -W error -m tests.fuzz $(FUZZ)

adapters: $(VENV)/.dev ## Feed each adapter 10,000 bodies under guidance of coverage (installs atheris; Linux)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || \
		$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[fuzz]'
	@$(BIN)/python -m tests.fuzz.adapters $(FUZZ)

example: $(VENV)/.dev ## Write the drafts of docs/example anew, around what a person wrote in them
	@$(BIN)/python -m tests.example

hostile: $(VENV)/.dev ## Put 50,000 hostile texts into each format of a draft: its structure stays
	@$(BIN)/python -m tests.hostile $(HOSTILE)

api: $(VENV)/.dev ## Try the API with thousands of requests by its own description
	@$(BIN)/python -m tests.tryapi $(API)

incidents: $(VENV)/.dev ## Replay published incidents into a daemon and score the drafts, if INCIDENTS holds any
	@$(BIN)/python -m tests.incidents $(INCIDENTS) out/incidents

chroot: $(VENV)/.dev ## Install it in bare Debian systems, each to an incident of a real Alertmanager (root; debootstrap)
	@$(BIN)/python -m tests.chroot $(CHROOT)

deb: $(VENV)/.dev ## Build the Debian package into ./out, for the Python that Debian has
	@$(BIN)/python deploy/debian/build.py

clean: ## Remove what was made; ./data, where your log is, and drafts, which you may have edited, stay
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@test ! -d out || find out -mindepth 1 -maxdepth 1 ! -name drafts ! -name 'incident-*' -exec rm -rf {} +
	@test ! -d out || rmdir out 2>/dev/null || echo "Drafts stay in ./out." >&2

# pip compiles what it installs, and not what it links to. The first start would have to, and every start where Python
# is told to write no bytecode.
COMPILE = $(BIN)/python -m compileall -q collector renderers

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "timelined needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt-get install -y python3-venv" >&2; \
		exit 1; }

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "Installing timelined into $(VENV) (once) ..." >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "Installing timelined and what its tests need into $(VENV) (once) ..." >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@$(COMPILE)
	@touch $@ $(VENV)/.run
