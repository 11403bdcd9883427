import JSON

/// Makes values small enough for one message of the broadcast.
extension UpdateEncoder {
    /// Room for the `truncated` member when it is written after the rest was measured.
    private static let omissionReserve = 160
    private static let modelNoteReserve = 48
    /// No model is written in fewer bytes; below that the search for one that fits ends.
    private static let smallestModel = 180

    /// The view within `limit` bytes of JSON (at least 10,000). First models go, those at the end first; then metadata
    /// as a whole; then the ends of texts.
    static func fit(_ view: BackendView, limit: Int, removed: Bool = false) -> (view: BackendView, omitted: Omissions) {
        var short = view
        var omitted = Omissions()
        short.models = []
        func size(_ omitted: Omissions) -> Int {
            var json = JSONWriter(capacity: 1024)
            ContractEncoder.write(short, omitted: omitted, removed: removed, to: &json)
            return json.bytes.count
        }
        var used = size(omitted)
        if used + omissionReserve > limit {
            omitted.note("metadata", count: short.metadata.count)
            short.metadata = [:]
            used = size(omitted)
        }
        if used + omissionReserve > limit {
            for textLimit in TextCutter.limits {
                var cutter = TextCutter(limit: textLimit, omitted: omitted)
                short.url = cutter.cut(view.url, member: "url")
                short.lastError = view.lastError.map { cutter.cut($0, member: "last_error") }
                short.name = cutter.cut(view.name, member: "name")
                short.backendType = cutter.cut(view.backendType, member: "backend_type")
                short.discoverySource = cutter.cut(view.discoverySource, member: "discovery_source")
                short.id = cutter.cut(view.id, member: "id")
                used = size(cutter.omitted)
                if used + modelNoteReserve <= limit || textLimit == TextCutter.limits.last {
                    omitted = cutter.omitted
                    break
                }
            }
        }
        short.models = fit(view.models, into: limit - used - omissionReserve)
        omitted.note("models", count: view.models.count - short.models.count)
        return (short, omitted)
    }

    /// The models, in order, that fit into `room` bytes of JSON. One that is too large alone is passed over.
    static func fit(_ models: [Model], into room: Int) -> [Model] {
        var kept: [Model] = []
        var room = room
        var json = JSONWriter(capacity: 512)
        for model in models {
            if room < smallestModel { break }
            json = JSONWriter(capacity: 512)
            ContractEncoder.write(model, to: &json)
            let size = json.bytes.count + 1
            if size > room { continue }
            room -= size
            kept.append(model)
        }
        return kept
    }

    /// The entry with its texts cut so that it needs at most `limit` bytes of JSON (at least 8,000).
    static func fit(_ entry: HistoryEntry, limit: Int) -> (entry: HistoryEntry, omitted: Omissions) {
        var short = entry
        var omitted = Omissions()
        for textLimit in TextCutter.limits {
            var cutter = TextCutter(limit: textLimit, omitted: Omissions())
            short.model = cutter.cut(entry.model, member: "model")
            short.errorMessage = entry.errorMessage.map { cutter.cut($0, member: "error_message") }
            short.backendID = cutter.cut(entry.backendID, member: "backend_id")
            short.requestID = cutter.cut(entry.requestID, member: "request_id")
            omitted = cutter.omitted
            var json = JSONWriter(capacity: limit)
            ContractEncoder.write(short, omitted: omitted, to: &json)
            if json.bytes.count <= limit { break }
        }
        return (short, omitted)
    }
}
