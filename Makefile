# `bin/setup` prepares, so every target here works on a bare clone; when all is in place that takes a moment.
PYTHON = .venv/bin/python
SETS = bot worker training

.PHONY: help run setup dev test test-long fuzz chaos lint bench lock upgrade audit texts clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## start the bot and its worker; without a token, compose a piece here
	@bin/run

setup: ## prepare all that the bot and its worker need
	@bin/setup bot worker

dev: ## prepare all that training, tests and checks need
	@bin/setup dev

# Most of a test's time is waiting. A file's tests stay together, as they share what is slow to make.
test: dev ## run every test that does not wait for long, three at a time
	@$(PYTHON) -m pytest --numprocesses 3 --dist loadfile

test-long: dev ## run those that do: workers and trainings that are killed, hang or freeze, some minutes
	@$(PYTHON) -m pytest -m long

fuzz: dev ## try thousands of damaged files, odd texts and broken records, others each time
	@HYPOTHESIS_PROFILE=long $(PYTHON) -m pytest --timeout 0 tests/system/test_fuzz.py

chaos: dev ## ten minutes of every fault on SQLite, then on PostgreSQL; CHAOS_SECONDS and CHAOS_SEED choose
	@CHAOS_SECONDS=$${CHAOS_SECONDS:-600} $(PYTHON) -m pytest -s -m "" tests/system/test_chaos.py

lint: dev ## check format, style and types
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy

bench: dev ## run each benchmark and print its table; QUICK=--quick only shows that they run
	@for file in benchmarks/[a-z]*.py; do $(PYTHON) -m benchmarks.$$(basename $$file .py) $(QUICK) || exit 1; done

# The whole comes first, and its versions bind the sets, which can therefore share one .venv.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' $(UPGRADE)
lock: ## write requirements/ anew from pyproject.toml, keeping the versions that still fit
	@bin/setup
	@$(LOCK) --all-extras --group tools pyproject.toml --output-file requirements/dev.txt
	@$(LOCK) --group tools --constraint requirements/dev.txt --output-file requirements/tools.txt
	@for set in $(SETS); do $(LOCK) --extra $$set --constraint requirements/dev.txt pyproject.toml \
		--output-file requirements/$$set.txt || exit 1; done

upgrade: UPGRADE = --upgrade
upgrade: lock ## the same with the newest versions that pyproject.toml allows

audit: dev ## look the pinned packages up in PyPI's advisories
	@bin/audit

# Every word that the bot says stands in English in the code; new ones get an empty place in each catalogue.
texts: dev ## bring the translations in bot/language/locales up to date with the code
	@mkdir -p build
	@$(PYTHON) -m babel.messages.frontend --quiet extract $(WORDS) --output-file build/messages.pot bot core
	@for file in bot/language/locales/*.po; do $(PYTHON) -m babel.messages.frontend --quiet update --no-fuzzy-matching \
		--ignore-obsolete --width 110 --ignore-pot-creation-date --input-file build/messages.pot \
		--output-file $$file --locale $$(sed -n 's/.*"Language: \(.*\)\\n".*/\1/p' $$file) || exit 1; done
WORDS = --no-location --no-default-keywords $(addprefix --keyword ,say say_some:1,2 Text described named BadRequest \
	QueueError RenderError StoreError UnknownNotes)

clean: ## remove what setup and tests left; pieces, data, training runs and .env stay
	@rm -rf .venv build *.egg-info .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
