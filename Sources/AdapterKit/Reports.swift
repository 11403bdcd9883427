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
    func health(_ status: nexus_health_status, message: String = "", server: String = "", milliseconds: Double = -1) {
        lend(message) { message in
            lend(server) { server in
                var report = nexus_health(
                    struct_size: UInt32(MemoryLayout<nexus_health>.size), status: status, latency_ms: milliseconds,
                    message: message, server: server)
                table.pointee.report_health(&report)
            }
        }
    }

    /// The complete list, which replaces the one before.
    func models(_ models: [ReportedModel]) {
        let texts = models.map { StaticHeaders([($0.id, $0.name)]) }
        var crossing = models.indices.map { index in
            let text = texts[index].pointer.pointee
            let model = models[index]
            return nexus_model(
                struct_size: UInt32(MemoryLayout<nexus_model>.size), capabilities: model.capabilities, id: text.name,
                name: text.value, context_length: model.contextLength, max_output_tokens: model.maxOutputTokens,
                created: model.created)
        }
        withExtendedLifetime(texts) {
            table.pointee.report_models(&crossing, crossing.count)
        }
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
    var id: String
    var name = ""
    /// `NEXUS_MODEL_...` bits.
    var capabilities: UInt32 = 0
    var contextLength: UInt64 = 0
    var maxOutputTokens: UInt64 = 0
    var created: Int64 = 0
}
