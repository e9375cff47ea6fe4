# Thin wrapper around CMake. `make demo` and `make check` install what is missing first.
BUILD ?= build/release
SANITIZE ?= build/sanitize
FUZZ ?= build/fuzz
ARM ?= build/arm
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local

.PHONY: all demo check check-peers check-sanitize check-arm lint format fuzz bench train install deb clean

all: $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja:
	@tools/setup build
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX) -DCLIPSEG_STRICT=ON >/dev/null

demo: all
	@tools/demo $(BUILD)

check: all
	@tools/setup test
	@tests/make_checkpoints $(BUILD) build/venv/bin/python
	@tests/run $(BUILD)

check-peers: all
	@tools/setup peers
	@tests/run $(BUILD) peers

check-sanitize:
	@tools/setup build test
	@cmake -S . -B $(SANITIZE) -G Ninja -DCLIPSEG_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
	@cmake --build $(SANITIZE) -j $(JOBS)
	@tests/run $(SANITIZE)

# The kernels and the library built for 64-bit ARM, under qemu, with the checkpoints of the repository.
check-arm:
	@tools/setup build test arm
	@cmake --toolchain cmake/aarch64.cmake -S . -B $(ARM) -G Ninja -DCLIPSEG_STRICT=ON -DCLIPSEG_FIGURE=OFF \
		-DCLIPSEG_SEARCH=OFF -DCLIPSEG_NETWORK=OFF \
		-DCLIPSEG_TEST_DATA=$(CURDIR)/build/no-large-data >/dev/null
	@cmake --build $(ARM) -j $(JOBS)
	@CLIPSEG_EMULATOR=qemu-aarch64-static tests/run $(ARM)

lint:
	@tools/setup lint
	@tools/lint

format:
	@clang-format -i $$(git ls-files '*.c' '*.h' | grep -v viridis.h)

# make fuzz TARGET=fuzz_png SECONDS=600
SECONDS ?= 60
fuzz:
	@tools/setup build fuzz
	@CC=clang cmake -S . -B $(FUZZ) -G Ninja -DCLIPSEG_FUZZ=ON >/dev/null
	@cmake --build $(FUZZ) -j $(JOBS) $(if $(TARGET),--target $(TARGET))
	@tools/fuzz $(FUZZ) $(SECONDS) $(TARGET)

bench: all
	@$(BUILD)/clipseg bench

train:
	@train/run

install: all
	@cmake --install $(BUILD)

deb: all
	@cd $(BUILD) && cpack

clean:
	@cmake -E rm -rf $(BUILD) $(SANITIZE) $(FUZZ)
