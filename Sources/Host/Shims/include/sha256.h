/* The compression of SHA-256 (FIPS 180-4, section 6.2.2): in C, so that a build without optimisation is not slow either. */
#ifndef NEXUS_SHA256_H
#define NEXUS_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* Puts `count` blocks of 64 bytes into the state. Callable from any thread; keeps nothing. */
void nexus_sha256_blocks(uint32_t state[8], const uint8_t *bytes, size_t count);

#endif
