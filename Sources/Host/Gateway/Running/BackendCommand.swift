import Core
import JSON

/// What an operator has done with the backends of the running gateway.
enum BackendCommand: Sendable {
    /// - Parameters:
    ///   - specification: with the keys of `[[backends]]`; `name` and `type` may be missing.
    ///   - persists: what is in force for this backend then is kept across restarts.
    case add(specification: JSONObject, persists: Bool)
    case change(name: String, BackendOverlay.Change, persists: Bool)
    /// - Parameter atOnce: what it has under way is not waited for.
    case remove(name: String, atOnce: Bool, persists: Bool)
}

typealias CommandResult = Result<CommandOutcome, ErrorBody>

/// What a command has done.
struct CommandOutcome: Sendable {
    enum Status: String, Sendable {
        case added, changed, removed
        /// All was so before.
        case unchanged
    }

    var status: Status
    /// Of the backend.
    var name: String
    /// How it is now; nil: it is gone.
    var view: BackendView?
    /// What is in force for the backend is kept across restarts.
    var isKept: Bool
    /// What the server was found to be, where that was asked.
    var recognised: ServerType?
    /// What the operator should know.
    var warnings: [String] = []

    var json: [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.beginObject()
        writer.key("status")
        writer.string(status.rawValue)
        writer.key("id")
        writer.string(name)
        writer.key("backend")
        if let view { writer.raw(ContractEncoder.backend(view)) } else { writer.null() }
        writer.key("persisted")
        writer.bool(isKept)
        if let recognised {
            writer.key("recognised")
            writer.beginObject()
            writer.key("type")
            writer.string(recognised.type)
            writer.key("server")
            writer.string(recognised.server)
            writer.endObject()
        }
        writer.key("warnings")
        writer.beginArray()
        for warning in warnings { writer.string(warning) }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }
}

extension RegistrySnapshot {
    /// The name of the backend that a request alone may go to.
    /// - Parameter value: of `x-nexus-backend`: an id or a name, percent-encoded where a header cannot hold it.
    func onlyBackend(_ value: String) -> String? {
        backendName(value) ?? PercentCoding.decoded(value[...]).flatMap(backendName)
    }
}

extension ErrorBody {
    /// - Parameter names: the backends there are.
    static func unknownBackend(_ name: String, among names: some Collection<String>) -> ErrorBody {
        let near = NearestNames.list(of: EntryLimits.cut(name, to: 200), in: names)
        return ErrorBody(
            status: 404,
            message: "There is no backend '\(EntryLimits.cut(name, to: 200))'. "
                + (near.map { "There are: \($0)." } ?? "There is none at all; POST /v1/backends adds one."),
            param: "name", code: "backend_not_found")
    }

    /// - Parameter name: of the header `x-nexus-backend`.
    static func unknownOnlyBackend(_ name: String, among names: some Collection<String>) -> ErrorBody {
        var error = unknownBackend(name, among: names)
        (error.status, error.param) = (400, "x-nexus-backend")
        return error
    }

    /// - Parameter names: the backends there are.
    init(_ refusal: BackendOverlay.Refusal, _ name: String, among names: some Collection<String>) {
        let shown = "'\(EntryLimits.cut(name, to: 200))'"
        switch refusal {
        case .unknown: self = .unknownBackend(name, among: names)
        case .nameTaken(isConfigured: true):
            self.init(
                status: 409,
                message: "The configuration names a backend \(shown) already; choose another name, or change that one "
                    + "(nexus backends set).", param: "name", code: "backend_exists")
        case .nameTaken:
            self.init(
                status: 409,
                message:
                    "There is a backend \(shown) already, and it is another one; choose another name, or remove that "
                    + "one first (nexus backends remove).", param: "name", code: "backend_exists")
        case .addressTaken(let other):
            self.init(
                status: 409,
                message:
                    "The backend '\(EntryLimits.cut(other, to: 200))' has this address already. Give the new one a name if it "
                    + "shall be there twice, or change that one (nexus backends set).", param: "url",
                code: "backend_exists")
        case .tooMuchKept:
            self.init(
                status: 409,
                message:
                    "The state file holds as much as a start takes (\(BackendOverlay.Limits.backends) added backends, "
                    + "\(BackendOverlay.Limits.changes) changed ones, \(BackendOverlay.Limits.bytes) bytes of descriptions); "
                    + "nothing was changed. Remove what is not needed any more (nexus backends remove ID --persist), write it "
                    + "into the configuration, or do this without --persist.", code: "state_full")
        case .nameRemoved:
            self.init(
                status: 409,
                message:
                    "The backend \(shown) stands in the configuration and was removed at runtime; take it back with "
                    + "nexus backends enable (POST /v1/backends/{name}/enable).", param: "name",
                code: "backend_removed")
        case .tooManyBackends:
            self.init(
                status: 409,
                message:
                    "There are \(BackendOverlay.Limits.backends) backends, more are not possible; remove one first.",
                code: "too_many_backends")
        case .tooManyChanges:
            self.init(
                status: 409,
                message:
                    "So many backends were changed at runtime that no more can be (\(BackendOverlay.Limits.changes)); "
                    + "write the changes into the configuration and start anew.", code: "too_many_changes")
        case .tooLarge:
            self.init(
                status: 409,
                message:
                    "The descriptions of all added backends would have more than \(BackendOverlay.Limits.bytes) bytes; "
                    + "write some into the configuration.", code: "too_many_backends")
        }
    }
}
