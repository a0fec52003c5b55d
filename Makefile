# `make demo` and `make test` work on a fresh clone: they make .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.set-up
DEMO := build/demo
SMOKE := build/smoke

.PHONY: demo test test-slow test-gpu smoke setup lint clean

demo: setup
	$(BIN)/sharp convert examples/coffee.png --out $(DEMO)/coffee.ply --weights preview
	$(BIN)/sharp render $(DEMO)/coffee.ply
	@echo
	@echo "Look at $(DEMO)/coffee.mp4, the orbit, and $(DEMO)/coffee.ply, the splat, for any splat viewer."
	@echo "To walk around in it: $(BIN)/sharp view $(DEMO)/coffee.ply"
	@echo "Your own photo:       $(BIN)/sharp convert PHOTO --weights preview"

test: setup
	$(BIN)/python -m pytest -m "not slow and not gpu"

test-slow: setup
	$(BIN)/python -m pytest -m "slow"

test-gpu: setup
	$(BIN)/python -m pytest -m "gpu"

# As users install it, with any interpreter: make smoke PYTHON=python3.13
smoke:
	rm -rf $(SMOKE)
	$(PYTHON) -m venv $(SMOKE)
	$(SMOKE)/bin/python -m pip install --quiet .
	$(SMOKE)/bin/sharp convert examples/coffee.png --weights preview --out $(SMOKE)/coffee.sog
	$(SMOKE)/bin/sharp export $(SMOKE)/coffee.sog --out $(SMOKE)/coffee.spz
	$(SMOKE)/bin/sharp inspect $(SMOKE)/coffee.spz
	$(SMOKE)/bin/sharp render $(SMOKE)/coffee.spz --size 320
	rm -rf $(SMOKE)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(SETUP)

$(SETUP): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build
