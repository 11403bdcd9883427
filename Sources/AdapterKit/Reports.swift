import PluginAPI

/// What an adapter reports of its backend. Callable from any thread.
struct Reports: @unchecked Sendable {
    private let table: UnsafePointer<nexus_callbacks>

    init(_ table: UnsafePointer<nexus_callbacks>) { self.table = table }

    /// How the backend is. During a probe the first report ends the probe; models are reported before it.
    /// - Parameters:
    ///   - status: NEXUS_HEALTHY, NEXUS_UNHEALTHY or NEXUS_LOADING.
    ///   - message: for the operator: what is wrong and where; no secrets.
    ///   - server: name and version of the server software, if it told.
    ///   - milliseconds: of the probe; negative: the host uses its own clock.
    ///   - kinds: `NEXUS_KIND_...` bits that this server answers; 0: all that the adapter does.
    func health(
        _ status: nexus_health_status, message: String = "", server: String = "", milliseconds: Double = -1,
        kinds: UInt32 = 0
    ) {
        lend(message) { message in
            lend(server) { server in
                var report = nexus_health(
                    struct_size: UInt32(MemoryLayout<nexus_health>.size), status: status, latency_ms: milliseconds,
                    message: message, server: server, kinds: kinds, reserved: 0)
                table.pointee.report_health(&report)
            }
        }
    }

    /// The complete list, which replaces the one before.
    func models(_ models: [ReportedModel]) {
        let texts = models.map { StaticHeaders([($0.id, $0.name), (Self.text(of: $0.details), "")]) }
        var crossing = models.indices.map { index in
            let text = texts[index].pointer[0]
            let model = models[index]
            return nexus_model(
                struct_size: UInt32(MemoryLayout<nexus_model>.size), capabilities: model.capabilities, id: text.name,
                name: text.value, context_length: model.contextLength, max_output_tokens: model.maxOutputTokens,
                created: model.created, state: model.state, reserved: 0, loaded_until: model.loadedUntil,
                size: model.size, memory: model.memory, device_memory: model.deviceMemory ?? UInt64.max,
                details: texts[index].pointer[1].name, told: model.told | model.capabilities, reserved_told: 0)
        }
        withExtendedLifetime(texts) {
            table.pointee.report_models(&crossing, crossing.count)
        }
    }

    private static func text(of details: [(name: String, value: String)]) -> String {
        guard !details.isEmpty else { return "" }
        let members = details.map { (name: $0.name, value: JSONValue.string($0.value)) }
        return String(decoding: JSONValue.object(JSONObject(members)).bytes, as: UTF8.self)
    }

    /// How busy the server is. A host from before ABI 1.1 is not interested.
    func load(_ load: ReportedLoad) {
        guard table.pointee.struct_size >= UInt32(MemoryLayout<nexus_callbacks>.size) else { return }
        var report = nexus_load(
            struct_size: UInt32(MemoryLayout<nexus_load>.size), slots: load.slots,
            running: load.running ?? ReportedLoad.unknown, waiting: load.waiting ?? ReportedLoad.unknown,
            cache_use: load.cacheUse ?? -1)
        table.pointee.report_load(&report)
    }

    /// A line of the host's log under the backend's name. Never a secret.
    func log(_ level: nexus_log_level, _ text: String) {
        lend(text) { table.pointee.log(level, $0.ptr, $0.len) }
    }

    /// See `post(to:_:)`, which takes a closure.
    func post(_ task: nexus_task, _ function: nexus_posted, _ user: UnsafeMutableRawPointer) -> nexus_status {
        table.pointee.post(task, function, user)
    }
}

/// One model as it is reported.
struct ReportedModel: Equatable {
    /// The id that stands for every name which no other backend has.
    static let any = "*"

    var id: String
    var name = ""
    /// `NEXUS_MODEL_...` bits.
    var capabilities: UInt32 = 0
    /// Those of which the server tells whether the model has them: what is missing in `capabilities` it certainly lacks. What is
    /// in `capabilities` need not be here.
    var told: UInt32 = 0
    var contextLength: UInt64 = 0
    var maxOutputTokens: UInt64 = 0
    var created: Int64 = 0
    /// `NEXUS_MODEL_LOADED`, `NEXUS_MODEL_UNLOADED`, or 0 when unknown.
    var state: nexus_model_state = NEXUS_MODEL_STATE_UNKNOWN
    /// Unix seconds at which a loaded model is unloaded if it is not used; 0: unknown; -1: never.
    var loadedUntil: Int64 = 0
    /// Bytes of its file; 0: unknown.
    var size: UInt64 = 0
    /// Bytes it takes while loaded; 0: unknown.
    var memory: UInt64 = 0
    /// Of these, bytes on a GPU or another accelerator.
    var deviceMemory: UInt64?
    /// More for people and clients, such as family, format, parameter_size, quantization_level, digest.
    var details: [(name: String, value: String)] = []

    /// The server tells whether the model has these; nil: it does not tell.
    mutating func tell(_ bits: UInt32, _ has: Bool?) {
        guard let has else { return }
        told |= bits
        if has { capabilities |= bits } else { capabilities &= ~bits }
    }

    static func == (left: ReportedModel, right: ReportedModel) -> Bool {
        left.id == right.id && left.name == right.name && left.capabilities == right.capabilities
            && left.contextLength == right.contextLength && left.maxOutputTokens == right.maxOutputTokens
            && left.told | left.capabilities == right.told | right.capabilities
            && left.created == right.created && left.state == right.state && left.loadedUntil == right.loadedUntil
            && left.size == right.size && left.memory == right.memory && left.deviceMemory == right.deviceMemory
            && left.details.elementsEqual(right.details, by: ==)
    }
}

/// How busy a server is, other clients' requests included. Nil where it does not tell.
struct ReportedLoad: Equatable {
    /// The header's NEXUS_LOAD_UNKNOWN, which is a macro the importer does not show.
    static let unknown = UInt32.max

    /// Requests it works on at once at most; 0: unknown.
    var slots: UInt32 = 0
    var running: UInt32?
    var waiting: UInt32?
    /// Share of its memory for contexts that is in use, 0...1.
    var cacheUse: Double?
}
