/* AES-256 in Galois/Counter Mode (NIST SP 800-38D) of OpenSSL's libcrypto, which is loaded when the machine has it: nothing else
 * needs it, and the program starts without. Callable from any thread. */
#ifndef NEXUS_SEALING_H
#define NEXUS_SEALING_H
#include <stddef.h>
#include <stdint.h>

enum { NEXUS_SEAL_KEY = 32, NEXUS_SEAL_NONCE = 12, NEXUS_SEAL_TAG = 16 };

/* Whether the library could be loaded. The first call loads, which reads files. */
int nexus_sealing_is_there(void);

/* Encrypts `count` bytes of `in` to `out`, which has room for them and the tag behind them. A nonce is used once for a key. `with` is not
 * encrypted, and has to be the same to open. Zero: there is no library, no memory, or there are too many bytes. */
int nexus_seal(const uint8_t *key, const uint8_t *nonce, const uint8_t *with, size_t with_count, const uint8_t *in,
               size_t count, uint8_t *out);

/* Decrypts what `nexus_seal` made: `count` bytes with the tag, to `out`, which has room for the rest. Zero, and nothing in `out` counts:
 * it is not what was made with this key, nonce and `with`, or as above. */
int nexus_open_sealed(const uint8_t *key, const uint8_t *nonce, const uint8_t *with, size_t with_count, const uint8_t *in,
                      size_t count, uint8_t *out);

#endif
