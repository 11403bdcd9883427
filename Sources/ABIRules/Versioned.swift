import PluginAPI

/// Reads structures of the ABI, which only grow: what the other side's `struct_size` covers is taken, a field beyond it
/// counts as zero, and what this side does not know is ignored.
public enum Versioned {
    /// Sizes in the version that brought the structure (see Sources/PluginAPI/abi): whatever is smaller was never valid.
    /// They never change.
    public enum Minimum {
        @inlinable public static var adapter: Int { 144 }
        @inlinable public static var health: Int { 48 }
        @inlinable public static var model: Int { 64 }
        @inlinable public static var httpRequest: Int { 80 }
        @inlinable public static var httpHandlers: Int { 32 }
        @inlinable public static var responseHead: Int { 24 }
        @inlinable public static var outcome: Int { 32 }
        @inlinable public static var failure: Int { 48 }
        @inlinable public static var load: Int { 24 }
        @inlinable public static var action: Int { 64 }
        @inlinable public static var actions: Int { 32 }
        @inlinable public static var progress: Int { 40 }
    }

    /// No structure of this major version will ever be larger; a larger size is a mistake of whoever filled it in.
    @inlinable public static var maximum: Int { Int(NEXUS_LIMIT_STRUCT) }

    /// Where `struct_size` stands in the two tables that begin with the ABI's version.
    @inlinable public static var tableSizeAt: Int { 4 }

    /// A copy with every field this side knows; nil for NULL or an absurd size.
    /// - Parameters:
    ///   - minimum: the structure's size in the version that brought it.
    ///   - sizeAt: where `struct_size` stands.
    @inlinable
    @inline(__always)
    public static func read<Value>(_ pointer: UnsafePointer<Value>?, minimum: Int, sizeAt: Int = 0) -> Value? {
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
    @inlinable
    public static func element<Value>(
        _ first: UnsafePointer<Value>, _ index: Int, stride: Int, minimum: Int
    ) -> Value? {
        let raw = UnsafeRawPointer(first) + index * stride
        return read(raw.assumingMemoryBound(to: Value.self), minimum: minimum)
    }

    /// The stride of such an array; nil if no array can have it.
    @inlinable
    public static func stride<Value>(_ first: UnsafePointer<Value>, minimum: Int) -> Int? {
        let size = Int(UnsafeRawPointer(first).load(as: UInt32.self))
        return size >= minimum && size <= maximum && size % MemoryLayout<Value>.alignment == 0 ? size : nil
    }

    /// The three handlers of an HTTP request, all of which are required.
    @inlinable
    public static func handlers(_ pointer: UnsafePointer<nexus_http_handlers>?) -> nexus_http_handlers? {
        guard let handlers = read(pointer, minimum: Minimum.httpHandlers), handlers.on_head != nil,
            handlers.on_body != nil, handlers.on_end != nil
        else { return nil }
        return handlers
    }
}
