#include "sealing.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

/* The binary interface of libcrypto.so.3, which its soname promises to keep (openssl/evp.h). Declared here so that it is not needed to
 * build. */
enum { CTRL_GET_TAG = 0x10, CTRL_SET_TAG = 0x11 };

static struct {
  int is_there;
  void *(*create)(void);
  void (*destroy)(void *);
  const void *(*cipher)(void);
  int (*begin)(void *, const void *cipher, void *engine, const uint8_t *key, const uint8_t *nonce, int encrypts);
  int (*update)(void *, uint8_t *out, int *written, const uint8_t *in, int count);
  int (*finish)(void *, uint8_t *out, int *written);
  int (*control)(void *, int type, int count, void *bytes);
} crypto;

/* POSIX has functions and data have one size, so that a symbol can be copied into a pointer to a function. */
static int find(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static void load(void) {
  void *library = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  crypto.is_there =
      library && find(library, "EVP_CIPHER_CTX_new", &crypto.create) &&
      find(library, "EVP_CIPHER_CTX_free", &crypto.destroy) && find(library, "EVP_aes_256_gcm", &crypto.cipher) &&
      find(library, "EVP_CipherInit_ex", &crypto.begin) && find(library, "EVP_CipherUpdate", &crypto.update) &&
      find(library, "EVP_CipherFinal_ex", &crypto.finish) && find(library, "EVP_CIPHER_CTX_ctrl", &crypto.control);
}

int nexus_sealing_is_there(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, load);
  return crypto.is_there;
}

/* Begins, and takes `with`. NULL: it could not. */
static void *begun(const uint8_t *key, const uint8_t *nonce, const uint8_t *with, size_t with_count, int encrypts) {
  int written = 0;
  void *state = nexus_sealing_is_there() && with_count <= INT_MAX ? crypto.create() : NULL;
  if (!state) return NULL;
  if (crypto.begin(state, crypto.cipher(), NULL, key, nonce, encrypts) == 1 &&
      (with_count == 0 || crypto.update(state, NULL, &written, with, (int)with_count) == 1)) {
    return state;
  }
  crypto.destroy(state);
  return NULL;
}

int nexus_seal(const uint8_t *key, const uint8_t *nonce, const uint8_t *with, size_t with_count, const uint8_t *in,
               size_t count, uint8_t *out) {
  int written = 0, rest = 0;
  void *state = count <= INT_MAX - NEXUS_SEAL_TAG ? begun(key, nonce, with, with_count, 1) : NULL;
  if (!state) return 0;
  int is_good = (count == 0 || crypto.update(state, out, &written, in, (int)count) == 1) && (size_t)written == count &&
                crypto.finish(state, out + count, &rest) == 1 && rest == 0 &&
                crypto.control(state, CTRL_GET_TAG, NEXUS_SEAL_TAG, out + count) == 1;
  crypto.destroy(state);
  return is_good;
}

int nexus_open_sealed(const uint8_t *key, const uint8_t *nonce, const uint8_t *with, size_t with_count, const uint8_t *in,
                      size_t count, uint8_t *out) {
  int written = 0, rest = 0;
  uint8_t tag[NEXUS_SEAL_TAG], nothing[NEXUS_SEAL_TAG];
  if (count < NEXUS_SEAL_TAG || count > INT_MAX) return 0;
  size_t length = count - NEXUS_SEAL_TAG;
  void *state = begun(key, nonce, with, with_count, 0);
  if (!state) return 0;
  memcpy(tag, in + length, sizeof tag);
  int is_good = (length == 0 || crypto.update(state, out, &written, in, (int)length) == 1) && (size_t)written == length &&
                crypto.control(state, CTRL_SET_TAG, NEXUS_SEAL_TAG, tag) == 1 &&
                crypto.finish(state, nothing, &rest) == 1;
  crypto.destroy(state);
  return is_good;
}
