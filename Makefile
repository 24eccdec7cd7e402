# make demo   opens the window on eight scenes, or renders the gallery (photographs and the demo as well) where there is no display
# make test   installs what the tests need, and runs all of them
# make bench  runs the benchmarks
# make data   makes the datasets that are too large to keep here: 9,673 real traces and 100,000 small synthetic ones
# make pictures  renders the pictures of docs, and contact sheets of all views
# make wheel  builds target/wheels/vlscope-*.whl, which pip installs without Rust: the program and the Python package
# make hardware-kit  packs target/hardware-kit.tar.xz, which tries vlscope on another machine's graphics card

SHELL := /bin/bash
VENV := python/.venv
PYTHON := $(VENV)/bin/python
export VLSCOPE_PYTHON := $(CURDIR)/$(PYTHON)

.PHONY: wheel data data-easy-vqa data-synthetic demo gallery pictures test test-rust test-python lint bench bless clean hardware-kit

demo:
	scripts/system-packages.sh window
	cargo build --release
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then target/release/vlscope assets/scenes; else $(MAKE) --no-print-directory gallery; fi

gallery:
	@scripts/gallery.sh target/release/vlscope target/demo

# Look at them before you commit.
pictures: $(VENV)/ready
	scripts/system-packages.sh window
	cargo build --release
	scripts/pictures.sh target/release/vlscope docs/pictures
	$(PYTHON) scripts/contact_sheet.py target/release/vlscope docs/pictures

wheel: $(VENV)/ready
	scripts/system-packages.sh window
	scripts/licences.sh
	$(VENV)/bin/maturin build --release --out target/wheels

hardware-kit:
	scripts/system-packages.sh window
	benches/hardware/build.sh

data: data-easy-vqa data-synthetic

# Goes on where it was stopped. 2.8 GB, minutes.
data-easy-vqa: $(VENV)/ready
	cd python/examples/easy_vqa && ../../.venv/bin/python capture_all.py -o $(CURDIR)/target/data/easy-vqa

data-synthetic: target/data/synthetic-100k

target/data/synthetic-100k:
	cargo build --release
	rm -rf $@.part && mkdir -p target/data
	target/release/vlscope synth --count 100000 -o $@.part
	mv $@.part $@

test: lint test-rust test-python

lint: $(VENV)/ready
	scripts/system-packages.sh test
	cargo fmt --check
	rustfmt --edition 2024 --check src/view/*/mod.rs # which a macro declares
	$(VENV)/bin/typos
	cd python && .venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

test-rust: $(VENV)/ready
	cargo test

test-python: $(VENV)/ready
	# Two processes with a thread each take half the time that one with two threads does.
	cd python && OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q -n 2 --dist loadfile

# Pictures and generated documents as they are now become what the tests expect: look at them before you commit.
bless:
	VLSCOPE_BLESS=1 cargo test
	cd python && VLSCOPE_BLESS=1 .venv/bin/python -m pytest -q tests/test_families.py

bench:
	cargo bench

# What the package needs and what its tests need; the package itself is used from where it lies, and nothing is compiled for it.
$(VENV)/ready: pyproject.toml
	scripts/system-packages.sh python
	python3 -m venv $(VENV)
	$(PYTHON) scripts/python-requirements.py hf ray test > $(VENV)/requirements.txt
	# uv takes a quarter of pip's time for the 6 GB that torch brings.
	$(VENV)/bin/pip install --quiet uv
	VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install --quiet -r $(VENV)/requirements.txt || \
		$(VENV)/bin/pip install --quiet -r $(VENV)/requirements.txt
	echo $(CURDIR)/python > "$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/vlscope.pth"
	touch $@

clean:
	cargo clean
	rm -rf $(VENV)
