import PluginAPI

/// What an adapter reports of its backend. Callable from any thread.
struct Reports: @unchecked Sendable {
    private let table: UnsafePointer<nexus_callbacks>

    init(_ table: UnsafePointer<nexus_callbacks>) { self.table = table }

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

    /// The complete list.
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

    func log(_ level: nexus_log_level, _ text: String) {
        lend(text) { table.pointee.log(level, $0.ptr, $0.len) }
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
