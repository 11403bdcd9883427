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
        let all = headers.flatMap { Array($0.name.utf8) + Array($0.value.utf8) }
        storage = .allocate(byteCount: max(1, all.count), alignment: 1)
        storage.copyBytes(from: all)
        fields = .allocate(capacity: max(1, headers.count))
        var offset = 0
        for (index, header) in headers.enumerated() {
            let name = UnsafeRawBufferPointer(rebasing: storage[offset..<offset + header.name.utf8.count])
            offset += name.count
            let value = UnsafeRawBufferPointer(rebasing: storage[offset..<offset + header.value.utf8.count])
            offset += value.count
            fields.initializeElement(at: index, to: nexus_header(name: nexus_str(name), value: nexus_str(value)))
        }
        count = headers.count
        pointer = UnsafePointer(fields.baseAddress ?? .allocate(capacity: 1))
    }

    /// Copies.
    var all: [(name: String, value: String)] { (0..<count).map { (pointer[$0].name.text, pointer[$0].value.text) } }

    deinit {
        storage.deallocate()
        fields.deallocate()
    }
}
