#include "fuzz_main.h"

#include <stddef.h>
#include <stdint.h>

// Entry.swift has it.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

// libFuzzer's (https://llvm.org/docs/LibFuzzer.html, "Using libFuzzer as a library").
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *bytes, size_t count));

int fuzz_one_main(int argc, char **argv) {
    return LLVMFuzzerRunDriver(&argc, &argv, LLVMFuzzerTestOneInput);
}
