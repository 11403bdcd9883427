import PluginAPI

extension nexus_str {
    /// A copy as text; bytes that are not UTF-8 are repaired.
    var text: String { String(decoding: UnsafeRawBufferPointer(start: ptr, count: len), as: UTF8.self) }

    /// The bytes themselves; valid for the call that brought them only.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: ptr, count: len) }

    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(ptr: bytes.assumingMemoryBound(to: CChar.self).baseAddress, len: bytes.count)
    }
}

/// Lends text to the host for the duration of `body`.
func lend<Result>(_ text: String, _ body: (nexus_str) -> Result) -> Result {
    var text = text
    return text.withUTF8 { body(nexus_str(UnsafeRawBufferPointer($0))) }
}

/// Lends header fields to the host for the duration of `body`; without any the list is empty and costs nothing.
func lend<Result>(
    _ headers: [(name: String, value: String)], _ body: (UnsafeBufferPointer<nexus_header>) -> Result
) -> Result {
    guard !headers.isEmpty else { return body(UnsafeBufferPointer(start: nil, count: 0)) }
    let lent = StaticHeaders(headers)
    return withExtendedLifetime(lent) { body(UnsafeBufferPointer(start: lent.pointer, count: lent.count)) }
}

/// Text at a fixed place, lent to the host as long as this object lives.
///
/// Invariant behind the unchecked Sendable: nothing is written after `init`.
final class LentText: @unchecked Sendable {
    let borrowed: nexus_str
    private let memory: UnsafeMutableRawBufferPointer

    init(_ text: String) {
        let bytes = Array(text.utf8)
        memory = .allocate(byteCount: max(1, bytes.count), alignment: 1)
        memory.copyBytes(from: bytes)
        borrowed = nexus_str(UnsafeRawBufferPointer(rebasing: memory[..<bytes.count]))
    }

    deinit { memory.deallocate() }
}

/// Header fields that are the same in every request, as the host wants them. Made once for an instance and freed with it.
///
/// Invariant behind the unchecked Sendable: nothing is written after `init`.
final class StaticHeaders: @unchecked Sendable {
    let pointer: UnsafePointer<nexus_header>
    let count: Int
    private let storage: UnsafeMutableRawBufferPointer
    private let fields: UnsafeMutableBufferPointer<nexus_header>

    init(_ headers: [(name: String, value: String)]) {
        var size = 0
        for header in headers { size += header.name.utf8.count + header.value.utf8.count }
        storage = .allocate(byteCount: max(1, size), alignment: 1)
        fields = .allocate(capacity: max(1, headers.count))
        var rest = UnsafeMutableRawBufferPointer(storage)
        for index in headers.indices {
            let name = Self.copy(headers[index].name, into: &rest)
            let value = Self.copy(headers[index].value, into: &rest)
            fields.initializeElement(at: index, to: nexus_header(name: name, value: value))
        }
        count = headers.count
        pointer = UnsafePointer(fields.baseAddress ?? .allocate(capacity: 1))
    }

    /// Copies `text` to the start of `rest`, which has room for it, and takes that off.
    private static func copy(_ text: String, into rest: inout UnsafeMutableRawBufferPointer) -> nexus_str {
        var text = text
        let count = text.withUTF8 { bytes in
            rest.copyMemory(from: UnsafeRawBufferPointer(bytes))
            return bytes.count
        }
        let copied = UnsafeRawBufferPointer(rebasing: rest[..<count])
        rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
        return nexus_str(copied)
    }

    /// The fields with others behind them, which count instead of those of the same name; valid for the duration of `body`.
    func adding<Result>(
        _ others: [(name: String, value: String)], _ body: (UnsafeBufferPointer<nexus_header>) -> Result
    ) -> Result {
        guard !others.isEmpty else { return body(UnsafeBufferPointer(start: pointer, count: count)) }
        let own = StaticHeaders(others)
        return withExtendedLifetime(own) {
            withUnsafeTemporaryAllocation(of: nexus_header.self, capacity: count + own.count) { all in
                var length = 0
                for index in 0..<count where !own.has(pointer[index].name) {
                    all.initializeElement(at: length, to: pointer[index])
                    length += 1
                }
                for index in 0..<own.count {
                    all.initializeElement(at: length, to: own.pointer[index])
                    length += 1
                }
                return body(UnsafeBufferPointer(rebasing: all[..<length]))
            }
        }
    }

    private func has(_ name: nexus_str) -> Bool {
        (0..<count).contains { index in
            let other = pointer[index].name
            return other.len == name.len && zip(other.bytes, name.bytes).allSatisfy { Self.lower($0) == Self.lower($1) }
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    deinit {
        storage.deallocate()
        fields.deallocate()
    }
}
