import CLibFFI

/// A call signature prepared for libffi.
///
/// Invariant behind the unchecked Sendable: libffi does not write to a `ffi_cif` after `ffi_prep_cif`, and neither it nor
/// the argument types are ever freed.
package struct Signature: @unchecked Sendable {
    let interface: UnsafeMutablePointer<ffi_cif>

    /// Nil if libffi refuses the types, which it does not for the ones this program has.
    init?(
        _ arguments: [UnsafeMutablePointer<ffi_type>?], result: UnsafeMutablePointer<ffi_type>? = nexus_ffi_type_void()
    ) {
        let types = UnsafeMutablePointer<UnsafeMutablePointer<ffi_type>?>.allocate(capacity: arguments.count)
        types.initialize(from: arguments, count: arguments.count)
        interface = .allocate(capacity: 1)
        interface.initialize(to: ffi_cif())
        let status = ffi_prep_cif(
            interface, FFI_DEFAULT_ABI, UInt32(arguments.count), result, types)
        guard status == FFI_OK else { return nil }
    }

    package static let health = Signature([nexus_ffi_type_pointer()])
    package static let models = Signature([nexus_ffi_type_pointer(), nexus_ffi_type_uint64()])
    package static let log = Signature([nexus_ffi_type_uint32(), nexus_ffi_type_pointer(), nexus_ffi_type_uint64()])
    package static let load = Signature([nexus_ffi_type_pointer()])
    package static let post = Signature(
        [nexus_ffi_type_uint64(), nexus_ffi_type_pointer(), nexus_ffi_type_pointer()], result: nexus_ffi_type_sint32())
}

/// Makes C functions at run time that carry a context (libffi, "The Closure API").
package enum Closure {
    package typealias Target =
        @convention(c) (
            UnsafeMutablePointer<ffi_cif>?, UnsafeMutableRawPointer?,
            UnsafeMutablePointer<UnsafeMutableRawPointer?>?, UnsafeMutableRawPointer?
        ) -> Void

    /// The code pointer of a new function that calls `target` with `context`. Lives as long as the process.
    package static func make(
        _ signature: Signature?, _ context: UnsafeMutableRawPointer, _ target: Target
    ) -> UnsafeMutableRawPointer? {
        var code: UnsafeMutableRawPointer?
        guard let signature, let memory = ffi_closure_alloc(MemoryLayout<ffi_closure>.size, &code), let code else {
            return nil
        }
        let closure = memory.assumingMemoryBound(to: ffi_closure.self)
        guard ffi_prep_closure_loc(closure, signature.interface, target, context, code) == FFI_OK else {
            ffi_closure_free(memory)
            return nil
        }
        return code
    }

    /// Gives a result of 32 bits: libffi wants it widened to a register ("The Closure API").
    package static func give(_ status: Int32, _ result: UnsafeMutableRawPointer?) {
        result?.storeBytes(of: ffi_sarg(status), as: ffi_sarg.self)
    }

    /// The value of an argument. `index` and type follow the signature the closure was made with.
    @inline(__always)
    package static func argument<Value>(
        _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ index: Int, as type: Value.Type
    ) -> Value {
        // libffi gives a pointer for every argument of the signature.
        arguments[index].unsafelyUnwrapped.load(as: type)
    }
}
