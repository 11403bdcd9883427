/* libffi for Swift. Its type descriptors are mutable globals, which Swift 6 does not let in; they are read
 * here instead. Nothing writes them after libffi is loaded. */
#ifndef NEXUS_CLIBFFI_SHIM_H
#define NEXUS_CLIBFFI_SHIM_H
#include <ffi.h>
#include <stdint.h>

static inline ffi_type *nexus_ffi_type_void(void) { return &ffi_type_void; }
static inline ffi_type *nexus_ffi_type_pointer(void) { return &ffi_type_pointer; }
static inline ffi_type *nexus_ffi_type_uint32(void) { return &ffi_type_uint32; }
static inline ffi_type *nexus_ffi_type_sint32(void) { return &ffi_type_sint32; }
static inline ffi_type *nexus_ffi_type_sint64(void) { return &ffi_type_sint64; }
static inline ffi_type *nexus_ffi_type_double(void) { return &ffi_type_double; }
static inline ffi_type *nexus_ffi_type_uint64(void) { return &ffi_type_uint64; }

/* A structure of a pointer and a 64-bit length, passed by value: nexus_str. Size and alignment are given, so that
 * libffi has nothing to fill in, and threads may prepare calls at once. */
static inline ffi_type *nexus_ffi_type_text(void) {
  struct text {
    const void *ptr;
    uint64_t len;
  };
  static ffi_type *elements[] = {&ffi_type_pointer, &ffi_type_uint64, 0};
  static ffi_type type = {sizeof(struct text), _Alignof(struct text), FFI_TYPE_STRUCT, elements};
  return &type;
}

#endif
