import JSON

/// Makes values small enough for one message of the broadcast.
extension UpdateEncoder {
    /// Room for the `truncated` member when it is written after the rest was measured.
    private static let omissionReserve = 160
    private static let modelNoteReserve = 48
    /// No model is written in fewer bytes; below that the search for one that fits ends.
    private static let smallestModel = 180
    /// Models that are passed over before the search ends as well.
    private static let missLimit = 64

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
                short.adapter = view.adapter.map { cutter.cut($0, member: "adapter") }
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
    static func fit(_ models: [Model], into room: Int) -> [Model] { share([models], room: room)[0] }

    /// The models of each list, in order, that fit into `room` bytes of JSON together: one of every list after another, so
    /// that the longest lists lose first. One that is too large for what is left is passed over. Costs no more than the
    /// room is worth, however long the lists are.
    static func share(_ lists: [[Model]], room: Int) -> [[Model]] {
        var kept = lists.map { _ in [Model]() }
        var room = room
        var misses = 0
        var place = 0
        var open = lists.indices.filter { !lists[$0].isEmpty }
        while !open.isEmpty {
            for list in open {
                guard room >= smallestModel, misses < missLimit else { return kept }
                var json = JSONWriter(capacity: 512)
                ContractEncoder.write(lists[list][place], to: &json)
                let size = json.bytes.count + 1
                if size > room {
                    misses += 1
                } else {
                    room -= size
                    kept[list].append(lists[list][place])
                }
            }
            place += 1
            open = open.filter { place < lists[$0].count }
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
