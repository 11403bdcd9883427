import Config
import Core
import JSON

/// What commands make of the overlay: the pure part of what operators change while the gateway runs. One at a time; what is
/// refused has changed nothing.
extension Reconfigurer.State {
    /// The names of what is described without what operators have changed.
    private var names: Set<String> { Set(base.map(\.name)) }

    /// Adds a backend, under a name of its own if it has none.
    /// - Parameter specification: with the keys of `[[backends]]`, in one order (`JSONObject.sorted`).
    /// - Returns: its name, and whether it was not there before.
    mutating func add(
        _ specification: JSONObject, at url: BackendURL
    ) throws(BackendOverlay.Refusal) -> (name: String, isChanged: Bool) {
        if let name = specification["name"]?.string {
            let added = BackendOverlay.Added(name: name, specification: specification)
            return (name, try overlay.add(added, over: names))
        }
        // Somebody who repeats himself does not mean a second one.
        if let other = holder(of: url) { throw .addressTaken(by: other) }
        let name = freeName(type: specification["type"]?.string, url)
        let whole = specification.with("name", .string(name)).sorted
        return (name, try overlay.add(BackendOverlay.Added(name: name, specification: whole), over: names))
    }

    /// The name of a backend that is wanted and has this address; nil: none has.
    func holder(of url: BackendURL) -> String? { applied.backends.first { $0.url == url }?.name }

    /// - Returns: false: all was so before.
    mutating func change(_ name: String, _ change: BackendOverlay.Change) throws(BackendOverlay.Refusal) -> Bool {
        let described =
            base.first { $0.name == name }
            ?? overlay.entry(name).added.flatMap {
                try? ConfigurationReader.backend($0.specification, under: configuration, source: "")
            }
        return try overlay.change(name, change, over: names, isEnabled: described?.isEnabled ?? true)
    }

    /// - Returns: false: it was removed before.
    mutating func remove(_ name: String) throws(BackendOverlay.Refusal) -> Bool {
        try overlay.remove(name, over: names)
    }

    /// For one that was given none.
    private func freeName(type: String?, _ url: BackendURL) -> String {
        let type = EntryLimits.cut(type ?? "backend", to: 64)
        let taken = Set(base.map(\.name) + overlay.added.map(\.name))
        let short = "\(type)-\(url.port)"
        let long = "\(type)-\(url.host)-\(url.port)"
        if !taken.contains(short) { return short }
        // Of one more than there are, one is free.
        let numbered = (2...taken.count + 2).lazy.map { "\(long)-\($0)" }
        return taken.contains(long) ? numbered.first { !taken.contains($0) } ?? long : long
    }
}

extension JSONObject {
    /// In one order at all levels, so that what says the same is the same.
    var sorted: JSONObject {
        JSONObject(
            members.map { (name: $0.name, value: $0.value.sorted) }.sorted { $0.name < $1.name })
    }

    /// With a member if there is none of the name.
    func with(_ name: String, _ value: JSONValue) -> JSONObject {
        self[name] == nil ? JSONObject(members + [(name: name, value: value)]) : self
    }
}

extension JSONValue {
    fileprivate var sorted: JSONValue {
        switch self {
        case .object(let object): .object(object.sorted)
        case .array(let items): .array(items.map(\.sorted))
        default: self
        }
    }
}
