# The front door. CMake does the building (CMakePresets.json); scripts/ does the set-up.
BUILD ?= build/release

.PHONY: all demo test bench fuzz install format clean

all: $(BUILD)/build.ninja
	cmake --build $(BUILD)

$(BUILD)/build.ninja:
	scripts/install-dependencies
	cmake --preset release

demo: all
	scripts/demo $(BUILD)

test:
	scripts/test

bench: all
	scripts/bench $(BUILD)

fuzz:
	scripts/fuzz 30

install: all
	cmake --install $(BUILD)

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build
