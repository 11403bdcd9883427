import PluginAPI

/// Reads how busy a server is.
enum LoadSignals {
    /// The names that servers use for it; no two servers use one name for different things.
    private static let running: Set = [
        "llamacpp:requests_processing", "vllm:num_requests_running", "sglang:num_running_reqs",
        "tgi_batch_current_size",
    ]
    private static let waiting: Set = [
        "llamacpp:requests_deferred", "vllm:num_requests_waiting", "sglang:num_queue_reqs", "tgi_queue_size",
    ]
    /// The newest name first.
    private static let cacheUse = [
        "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage", "llamacpp:kv_cache_usage_ratio",
    ]

    /// Takes the values of metrics.
    static func apply(metrics: [UInt8], to load: inout ReportedLoad) {
        let found = PrometheusText.samples(of: running.union(waiting).union(cacheUse), in: metrics)
        func count(_ names: Set<String>) -> UInt32? {
            let present = names.compactMap { found[$0] }
            guard !present.isEmpty else { return nil }
            return UInt32(min(max(0, present.reduce(0) { $0 + $1.sum }.rounded()), PrometheusText.Samples.largest))
        }
        load.running = count(running) ?? load.running
        load.waiting = count(waiting) ?? load.waiting
        if let use = cacheUse.lazy.compactMap({ found[$0]?.mean }).first, (0...1).contains(use) { load.cacheUse = use }
    }

    /// llama.cpp's `GET /slots`: a list of what each of its slots does.
    static func apply(slots: JSONValue, to load: inout ReportedLoad) {
        guard let slots = slots.array, !slots.isEmpty else { return }
        load.slots = UInt32(clamping: slots.count)
        load.running = UInt32(
            clamping: slots.count { $0["is_processing"]?.bool == true || ($0["state"]?.int ?? 0) != 0 })
    }
}
