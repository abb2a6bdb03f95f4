# Everything a person types here. `make` alone lists it.
# Needs Python 3.11 or newer and make; nothing else has to be installed before.

VENV   ?= .venv
ARGS   ?=
# Processes share the tests file by file, in the order of tests/conftest.py: the longest first. One more than there are
# processors, since tests that start the program wait for a quarter of their time.
SPREAD  = -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist loadfile --no-loadscope-reorder --durations=25
# The first interpreter on PATH that is new enough; say PYTHON=/path/to/python3 to choose another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP     = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: lint load help run test test-sqlite test-postgresql check docs bench bench-compare soak screenshots corpus fuzz translations wheel clean

help: ## list what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## start a demo desk on http://127.0.0.1:8000 (ARGS="--port 9000" and the like are passed on)
	$(VENV)/bin/inbox run --demo $(ARGS)

test: test-sqlite test-postgresql ## all tests, on SQLite and, where it is installed, on PostgreSQL (ARGS="-k words")

test-sqlite: $(VENV)/.dev ## all tests on SQLite
	INBOX_TEST_DB=sqlite $(VENV)/bin/python -m pytest $(SPREAD) $(ARGS)

test-postgresql: $(VENV)/.dev ## the tests that use the database, on a throw-away PostgreSQL
	@if $(VENV)/bin/python -m tests.support.postgres; then \
		echo INBOX_TEST_DB=postgresql $(VENV)/bin/python -m pytest $(SPREAD) $(ARGS); \
		INBOX_TEST_DB=postgresql $(VENV)/bin/python -m pytest $(SPREAD) $(ARGS); \
	elif [ "$$INBOX_CI" = 1 ]; then exit 1; fi

lint: $(VENV)/.dev ## style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

check: lint ## style, types, import walls, hook contract, documents in step (seconds)
	$(VENV)/bin/python -m pytest -q tests/test_architecture.py tests/test_hookspecs.py tests/test_docs.py

load: $(VENV)/.dev ## 200 open browsers and a rush of mail on PostgreSQL, then plugins under load (ARGS="--minutes 2 --kill")
	$(VENV)/bin/python -m bench.load $(ARGS)
	$(VENV)/bin/python -m pytest -q -s tests/plugin_host/under_load.py

docs: $(VENV)/.dev ## write docs/reference/commands.md, hooks.md, events.md and toolkit.md anew
	$(VENV)/bin/python -m tests.support.commands_page
	$(VENV)/bin/python -m tests.support.hooks_page
	$(VENV)/bin/python -m tests.support.events_page
	$(VENV)/bin/python -m tests.support.toolkit_page

bench: $(VENV)/.dev ## measure speed and memory with 10,000 and 100,000 tickets (SIZE=1000000: with so many)
	$(VENV)/bin/python -m bench $(if $(SIZE),--size $(SIZE)) $(ARGS)

bench-compare: $(VENV)/.dev ## the same work on django-helpdesk beside ours, 10,000 tickets each (SIZE=1000 to try it)
	$(VENV)/bin/python -m bench.compare $(if $(SIZE),--size $(SIZE)) $(ARGS)

soak: $(VENV)/.dev ## every misbehaving plugin at once; then 5,000 messages through kills, locks, a full disk (half an hour)
	$(VENV)/bin/python -m tests.chaos.run $(ARGS)
	$(VENV)/bin/python -m tests.chaos.mail $(ARGS)

screenshots: $(VENV)/.dev ## pictures of the main screens, light and dark, wide and narrow
	$(VENV)/bin/python -m tests.browser.screenshots $(ARGS)

corpus: $(VENV)/.dev ## read a folder of real messages, score it, and send them through the intake (ARGS=/path/to/messages)
	$(VENV)/bin/python -m tests.corpus.run $(ARGS)
	$(VENV)/bin/python -m tests.corpus.intake $(ARGS)
	$(VENV)/bin/python -m tests.corpus.xss $(ARGS)

fuzz: $(VENV)/.dev ## throw bytes at the mail reader for an hour, chosen by the code they reach (ARGS="--minutes 5")
	$(PIP) -e '.[fuzz]'
	$(VENV)/bin/python -m tests.fuzz.reader $(ARGS)

translations: $(VENV)/.dev ## collect the strings to translate into inbox/translations, and compile them
	$(VENV)/bin/python -m inbox.translate update

wheel: $(VENV)/.dev ## build dist/pluginbox-*.whl
	$(VENV)/bin/python -m build --wheel --outdir dist .

clean: ## remove what make has made (not your data in ./instance)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .bench

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Pluginbox needs Python 3.11 or newer, and none was found on PATH."; \
		echo "  Debian, Ubuntu:  sudo apt install python3 python3-venv"; \
		echo "  Fedora:          sudo dnf install python3"; \
		echo "  macOS:           brew install python"; \
		echo "If it lies elsewhere:  make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; fi
	@echo "Making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "Python's venv module is missing or broken. Debian, Ubuntu: sudo apt install python3-venv"; exit 1; }

# The stamps: install again when the list of dependencies changes.
$(VENV)/.run: setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo "Installing Pluginbox (the first time takes about a minute)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: setup.cfg pyproject.toml | $(VENV)/bin/python
	@echo "Installing Pluginbox with what its tests need (the first time takes about two minutes)"
	@$(PIP) -e '.[test,dev,postgres]'
	@touch $@ $(VENV)/.run
