import CLibFFI
import PluginAPI

/// A C function of an action, with the call prepared for libffi ("ffi_call"): instance, task, and what its signature says.
///
/// Invariant behind the unchecked Sendable: the adapter's image, which holds the function, is never unloaded, and nothing
/// is written after `init`.
package struct ActionCall: @unchecked Sendable {
    private let function: @convention(c) () -> Void
    private let interface: Signature

    /// Bytes of one argument's place: enough for the largest, a nexus_str.
    private static let place = 16

    /// Nil if libffi refuses the types. It takes all that a signature can have.
    package init?(_ signature: ActionSignature, function: @escaping @convention(c) () -> Void) {
        let types = signature.parameters.map { parameter in
            switch parameter.kind {
            case .string, .json: nexus_ffi_type_text()
            case .int: nexus_ffi_type_sint64()
            case .double: nexus_ffi_type_double()
            case .bool: nexus_ffi_type_sint32()
            }
        }
        guard
            let interface = Signature(
                [nexus_ffi_type_pointer(), nexus_ffi_type_uint64()] + types, result: nexus_ffi_type_sint32())
        else { return nil }
        self.function = function
        self.interface = interface
    }

    /// Makes the call on this thread, for as long as it takes.
    /// - Parameter arguments: made for the same signature.
    package func run(
        _ instance: UnsafeMutableRawPointer?, _ task: nexus_task, _ arguments: ActionArguments
    ) -> nexus_status {
        let count = 2 + arguments.values.count
        let places = UnsafeMutableRawPointer.allocate(byteCount: count * Self.place, alignment: Self.place)
        let pointers = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: count)
        var texts: [UnsafeMutableRawBufferPointer] = []
        defer {
            for text in texts { text.deallocate() }
            pointers.deallocate()
            places.deallocate()
        }
        for index in 0..<count { (pointers + index).initialize(to: places + index * Self.place) }
        places.storeBytes(of: instance, as: UnsafeMutableRawPointer?.self)
        (places + Self.place).storeBytes(of: task, as: nexus_task.self)
        for (index, value) in arguments.values.enumerated() {
            let place = places + (2 + index) * Self.place
            switch value {
            case .text(let bytes):
                var borrowed = nexus_str(ptr: nil, len: 0)
                if let bytes {
                    // At least one byte: an empty text has an address, a missing one has none.
                    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
                    memory.copyBytes(from: bytes)
                    texts.append(memory)
                    borrowed = nexus_str(
                        ptr: memory.assumingMemoryBound(to: CChar.self).baseAddress, len: bytes.count)
                }
                place.storeBytes(of: borrowed, as: nexus_str.self)
            case .int(let value): place.storeBytes(of: value, as: Int64.self)
            case .double(let value): place.storeBytes(of: value, as: Double.self)
            case .flag(let value): place.storeBytes(of: value ? 1 : 0, as: Int32.self)
            }
        }
        // libffi widens a result of 32 bits to a register.
        var result: ffi_arg = 0
        ffi_call(interface.interface, function, &result, pointers)
        return nexus_status(truncatingIfNeeded: result)
    }
}
