import PluginAPI

/// Reads structures of the ABI, which only grow: what the other side's `struct_size` covers is taken, a field beyond it
/// counts as zero, and what this side does not know is ignored.
package enum Versioned {
    /// Sizes in the version that brought the structure (see Sources/PluginAPI/abi): whatever is smaller was never valid.
    /// They never change.
    package enum Minimum {
        package static let adapter = 144
        package static let health = 48
        package static let model = 64
        package static let httpRequest = 80
        package static let httpHandlers = 32
        package static let responseHead = 24
        package static let outcome = 32
        package static let failure = 48
        package static let load = 24
        package static let action = 64
        package static let actions = 32
        package static let progress = 40
    }

    /// No structure of this major version will ever be larger; a larger size is a mistake of whoever filled it in.
    package static let maximum = 4096

    /// Where `struct_size` stands in the two tables that begin with the ABI's version.
    package static let tableSizeAt = 4

    /// A copy with every field this side knows; nil for NULL or an absurd size.
    /// - Parameters:
    ///   - minimum: the structure's size in ABI 1.0.
    ///   - sizeAt: where `struct_size` stands.
    @inline(__always)
    package static func read<Value>(_ pointer: UnsafePointer<Value>?, minimum: Int, sizeAt: Int = 0) -> Value? {
        guard let pointer else { return nil }
        let raw = UnsafeRawPointer(pointer)
        let size = Int(raw.load(fromByteOffset: sizeAt, as: UInt32.self))
        guard size >= minimum, size <= maximum else { return nil }
        if size >= MemoryLayout<Value>.size { return pointer.pointee }
        return withUnsafeTemporaryAllocation(
            byteCount: MemoryLayout<Value>.size, alignment: MemoryLayout<Value>.alignment
        ) { bytes in
            bytes.initializeMemory(as: UInt8.self, repeating: 0)
            bytes.copyMemory(from: UnsafeRawBufferPointer(start: raw, count: size))
            // All fields of these structures may be zero: integers, and pointers that C lets be NULL.
            return bytes.load(as: Value.self)
        }
    }

    /// Element `index` of an array whose stride is the `struct_size` of its first element.
    package static func element<Value>(_ first: UnsafePointer<Value>, _ index: Int, stride: Int, minimum: Int) -> Value?
    {
        let raw = UnsafeRawPointer(first) + index * stride
        return read(raw.assumingMemoryBound(to: Value.self), minimum: minimum)
    }

    /// The stride of such an array; nil if no array can have it.
    package static func stride<Value>(_ first: UnsafePointer<Value>, minimum: Int) -> Int? {
        let size = Int(UnsafeRawPointer(first).load(as: UInt32.self))
        return size >= minimum && size <= maximum && size % MemoryLayout<Value>.alignment == 0 ? size : nil
    }
}
