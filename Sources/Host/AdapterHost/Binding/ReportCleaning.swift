import ABIRules
import Core
import JSON
import PluginAPI

/// Makes values of what an adapter reports: bounded, repaired, without duplicates. Says what it dropped.
enum ReportCleaning {
    static func health(_ report: nexus_health) -> HealthReport {
        let outcome: HealthReport.Outcome =
            switch report.status {
            case NEXUS_HEALTHY: .healthy
            case NEXUS_LOADING: .loading
            default: .unhealthy
            }
        return HealthReport(
            outcome: outcome, latencyMilliseconds: ReportRules.latency(report.latency_ms),
            message: BorrowedText.line(report.message, limit: ABILimits.message),
            server: BorrowedText.line(report.server, limit: ABILimits.server), kinds: report.kinds)
    }

    static func load(_ report: nexus_load) -> ServerLoad {
        ServerLoad(
            slots: report.slots == 0 ? nil : Int(report.slots), running: ReportRules.load(report.running),
            waiting: ReportRules.load(report.waiting), cacheUse: ReportRules.share(report.cache_use))
    }

    static func models(
        _ first: UnsafePointer<nexus_model>?, count: Int
    ) -> (models: [Model], dropped: Int) {
        guard let first, count > 0 else { return ([], 0) }
        guard let stride = Versioned.stride(first, minimum: Versioned.Minimum.model) else { return ([], count) }
        var models: [Model] = []
        var seen: Set<String> = []
        let taken = min(count, ABILimits.models)
        for index in 0..<taken {
            guard
                let reported: nexus_model = Versioned.element(
                    first, index, stride: stride, minimum: Versioned.Minimum.model),
                let id = ReportRules.modelID(reported.id), seen.insert(id).inserted
            else { continue }
            let name = BorrowedText.line(reported.name, limit: ABILimits.name)
            var model = Model(
                id: id, name: name.isEmpty ? id : name, contextLength: bounded(reported.context_length),
                maxOutputTokens: reported.max_output_tokens == 0 ? nil : bounded(reported.max_output_tokens),
                capabilities: Capabilities(rawValue: reported.capabilities),
                created: ReportRules.time(reported.created))
            model.told = Capabilities(rawValue: reported.told).union(model.capabilities)
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
        case 1...: model.loadedUntil = .time(ReportRules.time(reported.loaded_until))
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
        guard text.len > 0, text.len <= ABILimits.details, let bytes = BorrowedText.bytes(text),
            let object = (try? JSONValue.parse(Array(bytes)))?.object
        else { return [:] }
        var details: [String: String] = [:]
        for (name, value) in object.members { details[name] = value.string }
        return details
    }

    /// Numbers beyond this are no token counts, and not exact in every reader of JSON.
    private static func bounded(_ tokens: UInt64) -> UInt64 { Tally(tokens).value }
}
