# make run · test · check · bench, and show-… for what is promised: each sets up what it needs, once, and then does it.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:
.PHONY: help run test test-python test-web check bench show-spine show-router show-reliability show-compute bench-parameters show-parameters clean chromium postgresql

# What the verbs do; set these on the command line to do something else, as in `make run FOLLOWERS=4`.
APPS        ?= examples.departures:app examples.hackernews:app examples.salesman:app examples.parameters:app
FOLLOWERS   ?= 2
FEEDERS     ?= --with 'python -m examples.departures.feeder --speed 60' --with 'python -m examples.hackernews.seed --traffic 0.5'
FARM        ?= --with 'python -m examples.salesman.orchestrator' --with 'deltamesh worker examples.salesman --cores 1'
READER      ?= --with 'deltamesh parameters reader com.example.parameters $(REPOSITORY) --environment production --region eu'
RUN         ?= $(BIN)/deltamesh run $(APPS) --followers $(FOLLOWERS) $(FEEDERS) $(FARM) $(READER)
PYTEST_ARGS ?= --numprocesses auto --maxprocesses 4 --dist loadfile
BENCH       ?= $(BIN)/python -m bench
SPINE       ?= $(BIN)/python -m bench.spine
ROUTER      ?= $(BIN)/python -m bench.show_router
RELIABILITY ?= $(BIN)/python -m bench.show_reliability
COMPUTE     ?= $(BIN)/python -m bench.show_compute
ARCHITECTURES ?= $(BIN)/python -m bench.parameters --docs docs
PARAMETERS  ?= $(BIN)/python -m bench.show_parameters

VENV := .venv
REPOSITORY := .crossbar/parameters.git
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check -qq
LOCK := --constraint requirements/constraints.txt
DONE := $(VENV)/.done
WEB  := web/node_modules/.done

help:
	@echo 'make run         start the mesh with its examples, on http://127.0.0.1:8080'
	@echo 'make test        run all tests (router, components and browser included)'
	@echo 'make check       lint and check types'
	@echo 'make bench       measure'
	@echo 'make show-spine  show the whole path, from a write to the browser'
	@echo 'make show-router show what the router promises, beside plain Crossbar.io and NATS'
	@echo 'make show-reliability show that nothing is lost, whatever dies'
	@echo 'make show-compute show that the farm computes, beside OR-Tools and LKH'
	@echo 'make show-parameters show that parameters from git are live, whatever dies'
	@echo 'make bench-parameters measure four architectures of configuration side by side, into docs/parameters.md'
	@echo 'make clean       remove what these have installed'

run: $(DONE)/package $(DONE)/examples $(WEB) $(REPOSITORY)
	@exec $(RUN)

# What the example follows; it is made once, and belongs to whoever runs it from then on.
$(REPOSITORY): | $(DONE)/package
	@$(BIN)/python -m examples.parameters.seed $@

test: test-python test-web

test-python: $(DONE)/test $(DONE)/examples $(WEB) chromium postgresql
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# The tests are named: given a folder, releases of Node differ in what they do.
test-web: $(WEB)
	node --test $(or $(sort $(wildcard tests/web/*.test.*js)),$(error tests/web has no *.test.js))

check: $(DONE)/check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: $(DONE)/test $(DONE)/examples $(WEB)
	$(BENCH)

show-spine: $(DONE)/test $(DONE)/examples $(WEB) chromium
	$(SPINE)

show-router: $(DONE)/test $(WEB)
	$(ROUTER)

show-reliability: $(DONE)/test $(DONE)/examples postgresql
	$(RELIABILITY)

show-compute: $(DONE)/test $(DONE)/examples $(WEB) chromium
	$(COMPUTE)

show-parameters: $(DONE)/test $(DONE)/examples $(WEB) chromium
	$(PARAMETERS)

bench-parameters: $(DONE)/test
	$(ARCHITECTURES)

clean:
	rm -rf $(VENV) web/node_modules bench/anchors/*/node_modules bench/anchors/nats/bin bench/anchors/salesman/venv bench/anchors/parameters/venv

# An installation is done again when what it was made from has changed.

$(DONE)/venv:
	@echo '== Python environment in $(VENV)'
	@rm -rf $(VENV)
	@for python in $(PYTHON) python3.11 python3 python3.12 python3.13; do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	    python=; \
	done; \
	if [ -z "$$python" ]; then \
	    echo 'Python 3.11 or newer is needed, and neither python3.11 nor python3 is that. Name it: make PYTHON=/path/to/python'; exit 1; \
	fi; \
	"$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@$(PIP) install $(LOCK) --upgrade pip
	@mkdir -p $(DONE) && touch $@

# Both constraints: one for what is installed, one for what builds packages that come as source.
INSTALL = @echo '== $(1)'; \
    $(PIP) install $(LOCK) --build-constraint requirements/constraints.txt $(2) && touch $@
PACKAGE := setup.cfg pyproject.toml requirements/constraints.txt $(DONE)/venv

$(DONE)/package: $(PACKAGE)
	$(call INSTALL,Crossbar.io and Deltamesh (about a minute),--editable .[parameters])

# Each of these brings the package as well.
$(DONE)/test: $(PACKAGE)
	$(call INSTALL,Crossbar.io$(COMMA) Deltamesh and tools for tests (about a minute),--editable .[test]) $(DONE)/package

$(DONE)/check: $(PACKAGE)
	$(call INSTALL,Crossbar.io$(COMMA) Deltamesh and tools for checks (about a minute),--editable .[check]) $(DONE)/package

$(DONE)/examples: requirements/examples.txt $(DONE)/venv
	$(call INSTALL,what the examples need (half a minute),--no-deps --requirement requirements/examples.txt)

# `install` with the lock file, not `ci`: that one insists on optional packages for other platforms, which nothing here uses.
$(WEB): web/package.json web/package-lock.json
	@echo '== packages for the browser'
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null \
	    || { echo 'Node.js 20 or newer is needed: https://nodejs.org'; exit 1; }
	@npm install --prefix web --no-save --omit=optional --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@touch $@

COMMA := ,

# npm trusts what the system trusts, as pip does; by itself it knows only the authorities that came with Node.
export NODE_EXTRA_CA_CERTS ?= $(wildcard /etc/ssl/certs/ca-certificates.crt)

# Tests drive a Chromium that is installed; only root on a Debian gets one by itself.
chromium:
	@for browser in chromium chromium-browser google-chrome google-chrome-stable; do \
	    command -v $$browser >/dev/null && exit 0; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo '== Chromium'; \
	    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium; } >/dev/null; \
	else \
	    echo 'Chromium is needed for the tests in a browser: install chromium or google-chrome with the package manager'; exit 1; \
	fi

# Journals are tested in a PostgreSQL that the tests start by themselves; without one installed, they skip that. Only root on a Debian gets it by itself.
postgresql:
	@for programs in /usr/lib/postgresql/*/bin; do test -x "$$programs/initdb" && exit 0; done; \
	command -v initdb >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo '== PostgreSQL'; \
	    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends postgresql; } >/dev/null; \
	else \
	    echo 'PostgreSQL is not installed: what needs it will be skipped'; \
	fi
