import JSON

/// All backends in one message of `/ws`, if there is a way.
extension UpdateEncoder {
    /// What is left out of every view, one step after another, so that the fleet fits into one message. The models come
    /// first and do so in each step; these are for what does not fit without any.
    private enum Slimming: CaseIterable {
        case none, errors, metadata, words

        func base(of view: BackendView) -> (view: BackendView, omitted: Omissions) {
            var cutter = TextCutter(limit: self == .words ? 40 : 200, omitted: Omissions())
            var slim = view
            slim.models = []
            if self == .none { return (slim, cutter.omitted) }
            slim.lastError = view.lastError.map { cutter.cut($0, member: "last_error") }
            if self == .errors { return (slim, cutter.omitted) }
            cutter.omitted.note("metadata", count: view.metadata.count)
            slim.metadata = [:]
            return (slim, cutter.omitted)
        }
    }

    /// A view without models, and the bytes that it takes.
    private struct Base {
        var view: BackendView
        var omitted: Omissions
        var size: Int

        init(_ base: (view: BackendView, omitted: Omissions)) {
            view = base.view
            omitted = base.omitted
            size = UpdateEncoder.json(view, omitted).count
        }
    }

    private static let viewRoom = messageLimit - statusOpening.count - statusClosing.count
    /// No view is written in fewer bytes.
    private static let smallestView = 240
    /// `,"truncated":{"models":10000}`, with some to spare.
    private static let noteReserve = 34
    /// `,"models":10000`, where something else is left out already.
    private static let addedNoteReserve = 18

    /// `BackendStatus` with all views, in order. A fleet that is too large loses models, those at the end of the longest
    /// lists first; if it does not fit without any, the ends of errors and then the metadata, which `truncated` tells. Only
    /// what does not fit even then is split: into as few messages as there can be, each a valid array of whole views.
    static func fleetMessages(_ views: [BackendView]) -> [[UInt8]] {
        if views.count * smallestView <= viewRoom {
            for slimming in Slimming.allCases {
                let bases = views.map { Base(slimming.base(of: $0)) }
                if let message = message(bases[...], models: views[...].map(\.models)) { return [message] }
            }
        }
        return split(views)
    }

    /// Nil if the views do not fit even without models.
    private static func message(_ bases: ArraySlice<Base>, models: [[Model]]) -> [UInt8]? {
        let room = viewRoom - bases.reduce(0) { $0 + $1.size + 1 }
        guard room >= 0 else { return nil }
        var kept = share(models, room: room)
        if zip(kept, models).contains(where: { $0.count < $1.count }) {
            let reserve = zip(bases, models).reduce(0) { sum, next in
                sum + (next.1.isEmpty ? 0 : next.0.omitted.isEmpty ? noteReserve : addedNoteReserve)
            }
            guard room >= reserve else { return nil }
            kept = share(models, room: room - reserve)
        }
        var message = statusOpening
        for (index, base) in bases.enumerated() {
            if index > 0 { message.append(UInt8(ascii: ",")) }
            var view = base.view
            view.models = kept[index]
            var omitted = base.omitted
            omitted.note("models", count: models[index].count - kept[index].count)
            message += json(view, omitted)
        }
        return message + statusClosing
    }

    private static func split(_ views: [BackendView]) -> [[UInt8]] {
        let bases = views.map { view in
            var base = view
            base.models = []
            // Even a view that is too large alone, and the note about its models.
            return Base(fit(base, limit: viewRoom - 2 * noteReserve))
        }
        var messages: [[UInt8]] = []
        var start = 0
        while start < bases.count {
            var end = start
            var used = 0
            while end < bases.count, end == start || used + bases[end].size + noteReserve + 1 <= viewRoom {
                used += bases[end].size + noteReserve + 1
                end += 1
            }
            if let message = message(bases[start..<end], models: views[start..<end].map(\.models)) {
                messages.append(message)
            }
            start = end
        }
        return messages
    }

    private static func json(_ view: BackendView, _ omitted: Omissions) -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        ContractEncoder.write(view, omitted: omitted, to: &json)
        return json.bytes
    }
}
