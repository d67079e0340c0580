# Two commands: `make demo` and `make test`. Each makes .venv the first time and keeps it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := 0.13.9
PIP_AUDIT := 2.10.1
ATHERIS := 3.0.0
LOCK_OPTIONS := --torch-backend cpu

.PHONY: demo test lock audit soak fuzz test-without-ffmpeg test-numeric test-browsers test-minutes test-corpora verify-results bench pictures browser clean

demo: $(VENV)/.demo  ## start the app with the embedded model
	PYTHONUNBUFFERED=1 $(BIN)/python app.py

test: $(VENV)/.test  ## linter and tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-without-ffmpeg: $(VENV)/.test  ## the tests again, as where ffmpeg is not installed
	$(BIN)/python -m tests.without_ffmpeg

test-numeric: $(VENV)/.test  ## what is computed, under several instruction sets and threads
	$(BIN)/python -m tests.instruction_sets

test-browsers: $(VENV)/.test  ## every part of the page, on three widths, with axe-core
	$(BIN)/python -m pytest -m matrix

test-minutes: $(VENV)/.test  ## ten minutes of Live, and the memory of page and server
	$(BIN)/python -m pytest -m minutes -s

test-corpora: $(VENV)/.test  ## read every clip under SER_DATA (some minutes)
	$(BIN)/python -m pytest -m slow

verify-results: $(VENV)/.test  ## a fold's figures of the kept recipes, anew from the audio
	$(BIN)/python -m train verify

bench: $(VENV)/.test  ## speed and memory -> benchmarks/*.json
	$(BIN)/python -m pip install -q -e '.[peers]'
	$(BIN)/python -m benchmarks.serving
	$(BIN)/python -m benchmarks.peers
	$(BIN)/python -m benchmarks.live
	$(BIN)/python -m benchmarks.page
	$(BIN)/python -m benchmarks.pretrained
	$(BIN)/python -m benchmarks.hub
	$(BIN)/python -m benchmarks.recordings
	$(BIN)/python -m benchmarks.bulk

lock:  ## requirements.lock, from requirements.txt: names, versions, hashes
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install uv==$(UV)
	sed 's/^torch==[0-9.]*$$/&+cpu/' requirements.txt | $(VENV)-lock/bin/uv pip compile - $(LOCK_OPTIONS) \
		--generate-hashes --python-version 3.11 --python-platform x86_64-unknown-linux-gnu \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate -q -o $(VENV)-lock/lock
	(head -2 requirements.lock; cat $(VENV)-lock/lock) > $(VENV)-lock/new && mv $(VENV)-lock/new requirements.lock
	rm -r $(VENV)-lock

audit: | $(BIN)/python  ## requirements.lock against published advisories, where pypi.org can be reached
	$(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install pip-audit==$(PIP_AUDIT)
	sed 's/^\(torch==[0-9.]*\)+cpu/\1/' requirements.lock | grep -v -e --hash | tr -d '\\' > $(VENV)-audit/names
	$(VENV)-audit/bin/pip-audit --disable-pip --no-deps -r $(VENV)-audit/names
	rm -r $(VENV)-audit

soak: $(VENV)/.test  ## a hundred visitors at once -> benchmarks/crowd.json (some 14 minutes)
	$(BIN)/python -m benchmarks.crowd

fuzz: $(VENV)/.test  ## five minutes of made-up files for the readers -> benchmarks/fuzz.json
	-$(BIN)/python -m pip install -q atheris==$(ATHERIS)  # it needs a C++ compiler's runtime; without, unguided
	$(BIN)/python -m benchmarks.fuzz

pictures: $(VENV)/.test  ## a picture of the page -> docs/page.png (needs chromium)
	$(BIN)/python -m docs.make_pictures

browser: $(VENV)/.test  ## the page that runs on the visitor's device -> site/ (needs npm)
	$(BIN)/python -m docs.make_browser site

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install -r requirements.txt
	@touch $@

$(VENV)/.test: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -e '.[train,scale,test]'
	@touch $@
