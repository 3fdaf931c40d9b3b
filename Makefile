# The commands of this repository: one word each. `make` lists them.
# `make demo` and `make test` do all of their own set-up; the second run starts at once.

PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $p -c \
	'import sys; print(sys.executable if sys.version_info >= (3, 11) else "")' 2>/dev/null)) python3)
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.complete
ROOT := $(filter 0,$(shell id -u))
HOURS ?= 100
JOBS ?= 2
INPUTS ?= 200000
ARGS ?=
SHELL_FILES := $(shell grep -lE "^.!/bin/(ba)?sh" scripts/* packaging/* .ci/* 2>/dev/null)

.PHONY: help setup demo test check fix sim golden planted system boot fuzz nemesis bench cover \
	install uninstall
.DEFAULT_GOAL := help
.NOTPARALLEL:

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-10s %s\n", $$1, $$2}'

$(STAMP): requirements.lock requirements-dev.lock pyproject.toml packaging/prerequisites.sh
	@sh packaging/prerequisites.sh $(PYTHON) venv
	@echo "Setting up $(VENV) from the lock files"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes \
		-r requirements.lock -r requirements-dev.lock
	@$(PY) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation \
		--config-settings editable_mode=compat -e .
	@touch $@

setup: $(STAMP) ## virtual environment, editable install, git hook that runs `make check`
	@hooks=$$(git rev-parse --git-path hooks 2>/dev/null) || exit 0; hook=$$hooks/pre-commit; \
		test -e $$hook || { mkdir -p $$hooks && printf '#!/bin/sh\nexec make check\n' > $$hook && \
		chmod +x $$hook; }

demo: $(STAMP) ## three real nodes, faults, measured outages (ARGS=--stay keeps them running)
	@$(if $(ROOT),sh packaging/prerequisites.sh $(PYTHON) network)
	@$(VENV)/bin/quorumdog demo $(ARGS)

# The simulation takes only what the processors have left, from the first moment on: the tests beside
# it mostly wait. Its session has to be told so, too, where the kernel groups by session (sched(7)).
# The rest is done even where a part of it fails, so that one run tells all.
IDLY := setsid sh -c 'echo 19 >/proc/self/autogroup; exec chrt --idle 0 "$$@"' idly

test: $(STAMP) ## everything that does not need hours
	@log=$$(mktemp); $(IDLY) $(MAKE) --no-print-directory sim ARGS="--minutes 22" >$$log 2>&1 & \
		sim=$$!; \
		trap 'kill -- -$$sim 2>/dev/null; rm -f $$log' EXIT; trap 'exit 130' INT TERM; \
		$(MAKE) --no-print-directory --keep-going check planted system fuzz; code=$$?; \
		wait $$sim || code=1; cat $$log; exit $$code

check: $(STAMP) ## formatter, linters, types, shell scripts, fast tests
	@sh packaging/prerequisites.sh $(PYTHON) check
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	shellcheck $(SHELL_FILES)
	$(PY) -m pytest -q tests/house tests/unit tests/wire tests/compatibility tests/scenarios \
		tests/shell $(ARGS)

fix: $(STAMP) ## format, apply safe fixes, regenerate docs/states.md
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
	$(PY) -m tests.house.states > docs/states.md

sim: $(STAMP) ## simulate: HOURS=100 cluster-hours, or SEEDS=20000, or SEED=123 with its trace
	$(PY) -m tests.simulation $(if $(SEED),--seed $(SEED),$(if $(SEEDS),--seeds $(SEEDS),--hours $(HOURS))) \
		$(if $(SEED),,--jobs $(JOBS)) $(ARGS)

planted: $(STAMP) ## plant each known bug; a checker, or a fuzzer, must find it
	$(PY) -m pytest -q tests/simulation
	$(PY) -m pytest -q -p no:randomly tests/fuzz

golden: $(STAMP) ## rewrite the scenarios' output: review the diff, explain it in the commit
	GOLDEN=rewrite $(PY) -m pytest -q -p no:randomly tests/scenarios

system: $(STAMP) ## real processes in network namespaces (as root)
	@$(if $(ROOT),sh packaging/prerequisites.sh $(PYTHON) network system)
	$(PY) -m tests.system $(ARGS)

boot: $(STAMP) ## the unit under a real systemd, in namespaces (as root)
	@$(if $(ROOT),sh packaging/prerequisites.sh $(PYTHON) network system)
	$(PY) -m pytest -q -p no:randomly tests/boot $(ARGS)

fuzz: $(STAMP) ## fuzz every parser with INPUTS=200000 inputs, and a live node
	$(PY) -m tests.fuzz --inputs $(INPUTS) --jobs $(JOBS) $(ARGS)

nemesis: $(STAMP) ## break clusters of real daemons, every fault in turn (as root; ARGS="--faults 100")
	@$(if $(ROOT),sh packaging/prerequisites.sh $(PYTHON) network system)
	$(PY) -m tests.nemesis $(ARGS)

bench: $(STAMP) ## outages, idle cost, scale on this machine, beside goals and peers (as root)
	@$(if $(ROOT),sh packaging/prerequisites.sh $(PYTHON) network system peers)
	$(PY) -m bench $(ARGS)

install: $(STAMP) ## install or upgrade (as root); DESTDIR=/stage only writes below it
	@DESTDIR=$(DESTDIR) sh packaging/install.sh $(PYTHON) $(VENV)

uninstall: ## remove what install wrote, keep configuration and data (PURGE=1: those too)
	@DESTDIR=$(DESTDIR) PURGE=$(PURGE) sh packaging/uninstall.sh

cover: $(STAMP) ## branch coverage of core, wire and the rest
	$(VENV)/bin/coverage run -m pytest -q tests/unit tests/wire tests/compatibility tests/scenarios tests/shell
	$(VENV)/bin/coverage report --include='watchdog/core/*,watchdog/wire/*' --fail-under=100
	$(VENV)/bin/coverage report --fail-under=90
