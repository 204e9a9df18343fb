# One environment, .venv, from a bare Python; Node comes into it through PyPI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH := $(VENV)-bench
PORT ?= 8000
SET ?= lowest
SET_VENV := build/$(SET)
UNIT := $(addprefix tests/test_, $(addsuffix .py, versions bad_calls advice model loss train checkpoints contract))
STATE := anywidget numpy safetensors  # what the site's widget needs to be made
PYTEST = $(BIN)/python -m pytest -n auto --dist loadgroup
export PATH := $(abspath $(BIN)):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## What can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1  /p' Makefile | expand -t 18

site: docs ## Set up what reading needs, build the course, and serve it at a printed address
	@$(BIN)/python -m web.serve _docs --port $(PORT)

docs: $(VENV)/.web ## Build the course into _docs
	@$(BIN)/python -m web.build

slides: docs ## Slides of every chapter for a teacher, in both languages, each one file, into _slides
	@$(BIN)/python -m web.slides

check: $(VENV)/.all data ## What takes a minute: lint, types, the notebooks' rules, exports, unit tests
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory -j 2 types units

types:
	$(BIN)/mypy

units:
	$(PYTEST) -m "not slow and not browser and not network"

test: $(VENV)/.all data ## Set up everything and run every check of this environment
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

preview: $(VENV)/.web ## Read one page while its notebook is written: make preview NB=02 EDITION=zh
	@$(BIN)/python -m web.preview $(or $(NB),index) $(if $(EDITION),--edition $(EDITION)) --port $(PORT)

notebooks: $(VENV)/.all data ## Run every notebook once: its own assertions, and whether its stored outputs are fresh
	$(PYTEST) -m slow tests/test_notebooks.py

mutants: $(VENV)/.all data ## Put each of the museum's mistakes into the code: a lesson must fail
	$(PYTEST) tests/test_mutants.py

pages: $(VENV)/.all data ## Check the pages alone, built by the renderer that is there
	$(PYTEST) $(addprefix tests/test_, $(addsuffix .py, explore figures pipeline playground preview quarto reference site slides widget))

wheel: ## Install the package alone, as a wheel, and use it
	$(PYTHON) -m venv --clear build/alone
	build/alone/bin/python -m pip wheel -q --no-deps -w build/wheel .
	build/alone/bin/python -m pip install -q -c constraints.txt build/wheel/*.whl
	mkdir -p build/work && cp tests/own_model.py build/work
	cd build/work && ../alone/bin/python -c "import vae_nb; [getattr(vae_nb, name) for name in vae_nb.__all__]; vae_nb.VAE.from_pretrained()"
	cd build/work && MPLBACKEND=agg ../alone/bin/python own_model.py

versions: ## Test the package at its lowest versions, or Colab's: make versions SET=colab PYTHON=python3.13
	$(PYTHON) -m venv --clear $(SET_VENV)
	$(SET_VENV)/bin/python -m pip install -q -r constraints-$(SET).txt pytest
	@# pip refuses to install a package that asks for more than the pins
	$(SET_VENV)/bin/python -m pip install -q -c constraints-$(SET).txt .
	$(SET_VENV)/bin/python -c "from vae_nb import mnist; [mnist('nbs/data', train) for train in (True, False)]"
	VERSIONS=$(SET) $(SET_VENV)/bin/python -m pytest --noconftest $(UNIT)

lab: $(VENV)/.all ## Open the notebooks in JupyterLab; those in one language, as a copy of your own: make lab EDITION=en
	@mkdir -p nbs/data
	@folder=$$($(BIN)/python -m web.lab $(EDITION)) && $(BIN)/jupyter lab --notebook-dir "$$folder"

data: $(VENV)/.all ## Fetch MNIST into nbs/data
	@$(BIN)/python -c "from vae_nb.data import mnist; [mnist('nbs/data', train) for train in (True, False)]"

outputs: $(VENV)/.all ## Run the notebooks again, keep their outputs, and export the package and the README
	TQDM_DISABLE=1 $(BIN)/python -m tools.outputs $(NB)
	$(MAKE) export

widgets: $(VENV)/.all ## Bundle the widgets' modules into vae_nb/explore.js and vae_nb/playground.js
	@$(BIN)/python -m tools.widgets

export: $(VENV)/.all ## Clean the notebooks; make the package and README.md from them
	$(BIN)/nbdev-clean
	$(BIN)/nbdev-export
	$(BIN)/python -m web.readme

links: $(VENV)/.web ## Point the Colab links and install cells to the repository that settings.ini names
	$(BIN)/python -m web.colab

weights: $(VENV)/.all data ## Train the shipped weights again
	$(BIN)/python -m tools.weights
	$(BIN)/python -m tools.dial
	$(BIN)/python -m tools.digits

digits: $(VENV)/.all data ## Choose the digits of the explorer and of the playground, and measure each dimension's KL again
	$(BIN)/python -m tools.digits
	$(BIN)/python -m tools.playground

seeds: $(VENV)/.all data ## Ten epochs over 5 seeds with each kind of loop: the trajectory of the test loss
	$(BIN)/python -m bench.seeds

schedule: $(VENV)/.all data ## The learning rate of the one-cycle schedule, searched on a validation split, into bench/SCHEDULE.md
	$(BIN)/python -m bench.schedule

luggage: $(VENV)/.all data ## Fill build/luggage with what `make gpu` needs on a machine without a network
	$(BIN)/python -m bench.gpu --pack

gpu: ## On a machine with a GPU and PyTorch, in nine minutes: its tests, the notebooks, the table of bench/GPU.md (or in the folder that OUT names)
	python3 -m bench.gpu

nll: $(VENV)/.all data ## How long nll takes beside the decoder's matrix products alone
	$(BIN)/python -m bench.nll 200 5000

bench: $(BENCH)/.all data ## Training speed side by side with other ways to train, into bench/RESULTS.md
	@$(BENCH)/bin/python -m bench.speed $(ROUNDS)

frameworks: $(VENV)-tests/.all data ## Train inside Accelerate and Ray Train, which nothing else needs
	$(VENV)-tests/bin/python -m pytest tests/test_scale.py -k "accelerate or ray"

evaluate: $(VENV)/.all data ## Train on binarized MNIST; measure ELBO, NLL and active units
	$(BIN)/python -m bench.evaluate --images 2000

iwae: $(VENV)/.all data ## The IWAE paper's table at shares of its schedule that a CPU can do, and by a shorter recipe; takes hours, goes on where it was
	for share in 0.0003 0.001 0.003; do for k in 1 5 50; do $(BIN)/python -m bench.iwae $$k $$share --images 1000 || exit 1; done; done
	for k in 1 5; do $(BIN)/python -m bench.iwae $$k 0.01 --images 1000 || exit 1; done
	for k in 1 5 50; do $(BIN)/python -m bench.iwae $$k --recipe short || exit 1; done

conv: $(VENV)/.all data ## The convolutional VAE against the fully connected one at equal compute, on MNIST and Fashion-MNIST
	$(BIN)/python -m bench.conv

variants: $(VENV)/.all data ## The family of models in one table, every row that is missing, into bench/VARIANTS.md
	$(BIN)/python -m bench.variants

clean: ## Remove what was built; the environment and the data stay
	rm -rf _docs _proc _slides zh en duo .quarto build dist *.egg-info nbs/results

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed. If there is one under another name: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "This Python cannot make a virtual environment. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --upgrade "pip>=25"

$(VENV)/.web: $(BIN)/python web/requirements.txt constraints.txt
	@echo "Installing what building the pages needs ..."
	@$(BIN)/python -m pip install -q -c constraints.txt -r web/requirements.txt $(STATE)
	@touch $@

$(VENV)/.all: $(VENV)/.web setup.py settings.ini pyproject.toml constraints.txt tools/reflex.py tools/chromium.py \
  web/package-lock.json widgets/package-lock.json
	@echo "Installing PyTorch and the tools; this takes a few minutes the first time ..."
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@$(BIN)/python -m tools.reflex
	@for folder in web widgets; do (cd $$folder && npm ci --silent --no-audit --no-fund) || exit 1; done
	@$(BIN)/python -m tools.chromium
	@touch $@

# An environment that sees the packages of the other one by a .pth file, and has what FOLDER/requirements.txt adds
$(VENV)-%/.all: $(VENV)/.all %/requirements.txt
	@echo "Installing what $*/requirements.txt adds ..."
	@$(BIN)/python -m venv --without-pip $(@D)
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/main.pth"
	@$(BIN)/python -m pip --python $(@D)/bin/python install -q -c constraints.txt -r $*/requirements.txt
	@touch $@

.PHONY: help site docs slides preview check types units test notebooks mutants pages wheel versions lab data outputs widgets export links weights digits seeds schedule luggage gpu nll bench frameworks evaluate iwae conv variants clean
.DEFAULT_GOAL := help
