import PluginAPI

@testable import Ollama
@testable import OpenAICompat

extension FuzzTarget {
    /// What the adapters that come with the gateway read of servers.
    static let servers = FuzzTarget("servers") { bytes throws(Broken) in
        for (name, samples) in PrometheusText.samples(of: ["a", "vllm:num_requests_running"], in: bytes) {
            try require(samples.sum.isFinite, "\(name) is \(samples.sum)")
        }
        withExact(bytes) { raw in
            _ = UsageScan.last(in: raw)
            _ = PlainUsage.scan(raw)
            if case .value = StreamLine(raw) {}
        }
        guard let value = try? OpenAICompat.JSONValue.parse(bytes) else { return }
        _ = ModelList.parse(value)
        _ = ModelList.parse(tgi: value)
        for kind in [NEXUS_KIND_CHAT, NEXUS_KIND_COMPLETIONS, NEXUS_KIND_RESPONSES, NEXUS_KIND_MESSAGES] {
            guard let events = WholeStream.events(of: value, kind: kind) else { continue }
            let reading = EventReading.run([events[...]])
            for line in reading.lines where line.hasPrefix("data ") && line != "data [DONE]" {
                try require(
                    (try? OpenAICompat.JSONValue.parse(String(line.dropFirst(5)))) != nil,
                    "an event is no JSON: \(line)")
            }
        }
    }
}
