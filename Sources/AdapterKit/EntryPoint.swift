import PluginAPI

/// What the exported entry does; the entry itself is a file of its own, in the target that becomes the shared object.
/// The module names its adapter with `typealias ThisAdapter`.
public func adapterEntry(
    _ host: UnsafePointer<nexus_host>?, _ error: UnsafeMutablePointer<nexus_message>?
) -> UnsafePointer<nexus_adapter>? {
    guard let host, host.pointee.struct_size >= UInt32(MemoryLayout<nexus_host>.size) else {
        fill(error, "this adapter needs a host of ABI \(NEXUS_ABI_MAJOR).\(NEXUS_ABI_MINOR)")
        return nil
    }
    return AdapterTable.shared.pointer
}

/// A copy with every field this adapter knows: what an older host does not know counts as zero, and is not read.
func grown<Value>(_ pointer: UnsafePointer<Value>, size: UInt32) -> Value {
    if Int(size) >= MemoryLayout<Value>.size { return pointer.pointee }
    return withUnsafeTemporaryAllocation(
        byteCount: MemoryLayout<Value>.size, alignment: MemoryLayout<Value>.alignment
    ) { bytes in
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        bytes.copyMemory(from: UnsafeRawBufferPointer(start: UnsafeRawPointer(pointer), count: Int(size)))
        // All fields of the header's structures may be zero: integers, and pointers that C lets be NULL.
        return bytes.load(as: Value.self)
    }
}

/// Puts a message into the room the host gave, cut between characters.
func fill(_ message: UnsafeMutablePointer<nexus_message>?, _ text: String) {
    guard let message, let room = message.pointee.ptr else { return }
    var end = min(text.utf8.count, message.pointee.capacity)
    let bytes = Array(text.utf8)
    while end > 0, end < bytes.count, bytes[end] & 0xC0 == 0x80 { end -= 1 }
    UnsafeMutableRawPointer(room).copyMemory(from: bytes, byteCount: end)
    message.pointee.length = end
}

/// The adapter's table and what it points to: made at the first use, never freed.
///
/// Invariant behind the unchecked Sendable: nothing is written after `init`.
private struct AdapterTable: @unchecked Sendable {
    static let shared = AdapterTable()
    let pointer: UnsafePointer<nexus_adapter>
    private let texts: [LentText]

    private init() {
        let about = ThisAdapter.about
        var texts: [LentText] = []
        func lent(_ text: String) -> nexus_str {
            let text = LentText(text)
            texts.append(text)
            return text.borrowed
        }
        let urls = UnsafeMutablePointer<nexus_str>.allocate(capacity: max(1, about.defaultURLs.count))
        for (index, url) in about.defaultURLs.enumerated() {
            (urls + index).initialize(to: lent(url))
        }
        let table = UnsafeMutablePointer<nexus_adapter>.allocate(capacity: 1)
        table.initialize(
            to: nexus_adapter(
                abi_major: UInt16(NEXUS_ABI_MAJOR), abi_minor: UInt16(NEXUS_ABI_MINOR),
                struct_size: UInt32(MemoryLayout<nexus_adapter>.size), type: lent(about.type),
                display_name: lent(about.displayName), version: lent(about.version),
                options_schema: lent(about.optionsSchema), default_urls: urls,
                default_url_count: about.defaultURLs.count, kinds: about.kinds, reserved: 0,
                create: { Instance.create($0, $1, $2, $3, $4) },
                destroy: { instance in
                    guard let instance else { return }
                    Unmanaged<Instance>.fromOpaque(instance).release()
                },
                probe: { instance, task in
                    guard let instance = Instance.from(instance) else { return }
                    instance.adapter.probe(ProbeTask(handle: task, host: instance.host))
                },
                submit: { instance, task, request in
                    guard let instance = Instance.from(instance), let request else { return NEXUS_INVALID }
                    return instance.adapter.submit(
                        ExchangeTask(handle: task, host: instance.host),
                        grown(request, size: request.pointee.struct_size))
                },
                cancel: { instance, task in Instance.from(instance)?.adapter.cancelled(task) },
                extension: { ActionTable.find($0) }))
        pointer = UnsafePointer(table)
        self.texts = texts
    }
}

/// What the host's instance pointer refers to: retained by `create`, released by `destroy`.
final class Instance: Sendable {
    let adapter: ThisAdapter
    let host: Host

    init(adapter: ThisAdapter, host: Host) {
        self.adapter = adapter
        self.host = host
    }

    static func from(_ pointer: UnsafeMutableRawPointer?) -> Instance? {
        pointer.map { Unmanaged<Instance>.fromOpaque($0).takeUnretainedValue() }
    }

    static func create(
        _ configuration: UnsafePointer<nexus_backend_config>?, _ host: UnsafePointer<nexus_host>?,
        _ callbacks: UnsafePointer<nexus_callbacks>?, _ out: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
        _ error: UnsafeMutablePointer<nexus_message>?
    ) -> nexus_status {
        guard let configuration, let host, let callbacks, let out else { return NEXUS_INVALID }
        let given = grown(configuration, size: configuration.pointee.struct_size)
        do throws(ConfigurationProblem) {
            let host = Host(host)
            let adapter = try ThisAdapter(
                BackendConfiguration(
                    name: given.name.text, url: given.url.text, apiKeys: keys(given),
                    options: try options(given.options)),
                host: host, reports: Reports(callbacks))
            out.pointee = Unmanaged.passRetained(Instance(adapter: adapter, host: host)).toOpaque()
            return NEXUS_OK
        } catch let problem {
            fill(error, problem.message)
            return NEXUS_INVALID
        }
    }

    /// An older host gives one key.
    private static func keys(_ given: nexus_backend_config) -> [String] {
        let keys = UnsafeBufferPointer(start: given.api_keys, count: given.api_keys == nil ? 0 : given.api_key_count)
        let texts = keys.isEmpty ? [given.api_key.text] : keys.map(\.text)
        return texts.filter { !$0.isEmpty }
    }

    private static func options(_ text: nexus_str) throws(ConfigurationProblem) -> JSONObject {
        guard text.len > 0 else { return JSONObject() }
        guard let object = (try? JSONValue.parse(text.bytes))?.object else {
            throw ConfigurationProblem("options must be a JSON object")
        }
        return object
    }
}
