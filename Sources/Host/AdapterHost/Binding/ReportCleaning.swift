import Core
import JSON
import PluginAPI

/// Makes values of what an adapter reports: bounded, repaired, without duplicates. What was dropped is told.
enum ReportCleaning {
    static let modelLimit = Int(NEXUS_LIMIT_MODELS)
    static let idLimit = Int(NEXUS_LIMIT_ID)
    static let messageLimit = Int(NEXUS_LIMIT_MESSAGE)
    static let serverLimit = 128
    /// The end of the year 9999, in Unix seconds: later times have no form that people or programs read.
    static let lastSecond: Int64 = 253_402_300_799

    static func health(_ report: nexus_health) -> HealthReport {
        let outcome: HealthReport.Outcome =
            switch report.status {
            case NEXUS_HEALTHY: .healthy
            case NEXUS_LOADING: .loading
            default: .unhealthy
            }
        let latency = report.latency_ms
        return HealthReport(
            outcome: outcome, latencyMilliseconds: latency.isFinite && latency >= 0 ? min(latency, 1e9) : nil,
            message: BorrowedText.line(report.message, limit: messageLimit),
            server: BorrowedText.line(report.server, limit: serverLimit), kinds: report.kinds)
    }

    static func load(_ report: nexus_load) -> ServerLoad {
        /// The header's NEXUS_LOAD_UNKNOWN, a macro the importer does not show.
        func known(_ count: UInt32) -> Int? { count == UInt32.max ? nil : Int(count) }
        let use = report.cache_use
        return ServerLoad(
            slots: report.slots == 0 ? nil : Int(report.slots), running: known(report.running),
            waiting: known(report.waiting), cacheUse: use.isFinite && use >= 0 ? min(use, 1) : nil)
    }

    static func models(
        _ first: UnsafePointer<nexus_model>?, count: Int
    ) -> (models: [Model], dropped: Int) {
        guard let first, count > 0 else { return ([], 0) }
        guard let stride = Versioned.stride(first, minimum: Versioned.Minimum.model) else { return ([], count) }
        var models: [Model] = []
        var seen: Set<String> = []
        let taken = min(count, modelLimit)
        for index in 0..<taken {
            guard
                let reported: nexus_model = Versioned.element(
                    first, index, stride: stride, minimum: Versioned.Minimum.model),
                reported.id.len <= idLimit
            else { continue }
            let id = BorrowedText.string(reported.id, limit: idLimit)
            guard !id.isEmpty, !id.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }), seen.insert(id).inserted else {
                continue
            }
            let name = BorrowedText.line(reported.name, limit: idLimit)
            var model = Model(
                id: id, name: name.isEmpty ? id : name, contextLength: bounded(reported.context_length),
                maxOutputTokens: reported.max_output_tokens == 0 ? nil : bounded(reported.max_output_tokens),
                capabilities: Capabilities(rawValue: reported.capabilities),
                created: min(max(0, reported.created), lastSecond))
            addState(of: reported, to: &model)
            models.append(model)
        }
        return (models, count - models.count)
    }

    private static func addState(of reported: nexus_model, to model: inout Model) {
        switch reported.state {
        case NEXUS_MODEL_LOADED: model.isLoaded = true
        case NEXUS_MODEL_UNLOADED: model.isLoaded = false
        default: break
        }
        switch reported.loaded_until {
        case -1: model.loadedUntil = .forever
        case 1...: model.loadedUntil = .time(min(reported.loaded_until, lastSecond))
        default: break
        }
        if reported.size > 0 { model.size = bounded(reported.size) }
        if reported.memory > 0 {
            model.memory = bounded(reported.memory)
            if reported.device_memory != UInt64.max { model.deviceMemory = bounded(reported.device_memory) }
        }
        model.details = details(reported.details)
    }

    /// Members that are strings; nothing of what is too long or no object.
    private static func details(_ text: nexus_str) -> [String: String] {
        guard text.len > 0, text.len <= Int(NEXUS_LIMIT_DETAILS), let bytes = BorrowedText.bytes(text),
            let object = (try? JSONValue.parse(Array(bytes)))?.object
        else { return [:] }
        var details: [String: String] = [:]
        for (name, value) in object.members { details[name] = value.string }
        return details
    }

    /// Numbers beyond this are no token counts, and not exact in every reader of JSON.
    private static func bounded(_ tokens: UInt64) -> UInt64 { Tally(tokens).value }
}
