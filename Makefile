# Convenor: `make run` and `make test` are all there is to know. The rest is for those who work on it.

VENV_OK := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# The system's own Python, if it will do: distributions build theirs for speed, which saves a tenth.
PYTHON ?= $(shell /usr/bin/python3 -c '$(VENV_OK)' 2>/dev/null && echo /usr/bin/python3 || echo python3)
EVENT ?= agenda/osce-cybercrime.toml
ARGS ?= tests
BIN := .venv/bin

.PHONY: run test check format pictures bench faults scale mutations thunderbird lock clean

run: .venv/.runs  ## start the service with the example, or with EVENT=agenda/mine.toml
	@$(BIN)/python schedule.py "$(EVENT)"

test: .venv/.tests  ## run the tests, or a part of them: ARGS=tests/planning
	@$(BIN)/python tests/provision.py
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/.tests  ## what the style and the types say
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy --no-error-summary
	@echo "check: clean"

format: .venv/.tests
	@$(BIN)/ruff check -q --fix .
	@$(BIN)/ruff format -q .

pictures: .venv/.tests  ## take the pictures in docs/ anew, of the present pages and letters
	@$(BIN)/python tests/provision.py
	@CONVENOR_PICTURES=1 $(BIN)/python -m pytest -q tests/web/test_screenshots.py tests/web/test_film.py tests/web/test_attachments.py tests/journeys

bench: .venv/.tests  ## measure Convenor beside what else one could use; QUICK=1 for three minutes' worth
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

faults: .venv/.tests  ## kill the service at random, a thousand times or KILLS=50, and see that nothing is lost or twice
	@$(BIN)/python -m tests.faults --kills $(or $(KILLS),1000) $(if $(SEED),--seed $(SEED))

scale: .venv/.tests  ## ask every page about 100,000 people and 500 sessions, or PEOPLE=2000 ONLY=/people, and see what it costs
	@$(BIN)/python -m tests.scale --people $(or $(PEOPLE),100000) $(if $(SESSIONS),--sessions $(SESSIONS)) $(if $(ONLY),--only $(ONLY))

thunderbird: .venv/.tests  ## a real Thunderbird answers our invitations: a check before a release
	@$(BIN)/python tests/provision.py thunderbird
	@$(BIN)/python -m pytest -q -s tests/thunderbird/round_trip.py

mutations: .venv/.tests  ## have a hundred thousand broken mails read, or MAILS=1000, and see that none does harm
	@$(BIN)/python -m tests.mutations --mails $(or $(MAILS),100000) $(if $(SEED),--seed $(SEED))

lock: .venv/.tests  ## pin the newest versions that pyproject.toml allows, with hashes
	@$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile $(LOCK) -o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile $(LOCK) -c requirements.lock --all-extras -o requirements-test.lock pyproject.toml

LOCK := -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

clean:
	@rm -rf .venv tests/judges/node_modules tests/judges/.built benchmarks/.peers benchmarks/nodemailer/node_modules

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Convenor needs Python 3.11 or newer: install python3, or name it with PYTHON=..."; exit 1; }
	@$(PYTHON) -c '$(VENV_OK)' 2>/dev/null || { echo "Convenor needs Python 3.11 or newer with venv: on Debian, apt-get install python3-venv; or name another with PYTHON=..."; exit 1; }
	@echo "Preparing .venv, once ..."
	@$(PYTHON) -m venv .venv

.venv/.runs: requirements.lock pyproject.toml | .venv/bin/python
	@$(call install,requirements.lock)
	@touch $@

.venv/.tests: requirements-test.lock pyproject.toml | .venv/bin/python
	@$(call install,requirements-test.lock)
	@touch $@ .venv/.runs

# setuptools is in the lock, so that the project itself is installed without fetching a build tool.
define install
$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(1) \
	&& $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
endef
