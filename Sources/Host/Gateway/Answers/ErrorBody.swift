import Core
import JSON

/// An error in OpenAI's shape: `{"error":{"message","type","param","code"}}`.
struct ErrorBody: Error {
    var status: Int
    var message: String
    var type: String
    var param: String?
    var code: String?
    /// Seconds for Retry-After.
    var retryAfter: Int?
    /// Value of Allow, with status 405.
    var allow: String?
    /// Value of Accept-Encoding, with status 415 (RFC 9110, section 15.5.16).
    var acceptEncoding: String?
    /// A key is asked for (RFC 9110, section 11.6.1).
    var isChallenge = false
    /// The model that nobody has, if that is the error.
    var model: String?
    /// The models there are, in words; nil if there are none.
    var available: String?
    /// The backends that cannot serve the request, each with the reason: of OpenAI's shape, the others say it in words.
    var context: [(backend: String, reason: String)] = []

    /// Backends that are told.
    static let contextLimit = 64

    init(
        status: Int, message: String, type: String = "invalid_request_error", param: String? = nil,
        code: String? = nil, retryAfter: Int? = nil, allow: String? = nil
    ) {
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code
        self.retryAfter = retryAfter
        self.allow = allow
    }

    var json: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("error")
        writer.beginObject()
        writer.key("message")
        writer.string(message)
        writer.key("type")
        writer.string(type)
        writer.key("param")
        if let param { writer.string(param) } else { writer.null() }
        writer.key("code")
        if let code { writer.string(code) } else { writer.null() }
        if !context.isEmpty {
            writer.key("context")
            writer.beginArray()
            for (backend, reason) in context {
                writer.beginObject()
                writer.key("backend")
                writer.string(backend)
                writer.key("reason")
                writer.string(reason)
                writer.endObject()
            }
            writer.endArray()
        }
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }
}

extension ErrorBody {
    init(_ error: RequestPeekError) {
        self.init(status: 400, message: error.message, param: error.param)
    }

    /// More is asked of the gateway at once than it takes.
    static var overloaded: ErrorBody {
        ErrorBody(
            status: 503, message: "The gateway has too much to do with large requests; try again.",
            type: "service_unavailable_error", code: "overloaded", retryAfter: 1)
    }

    /// - Parameter names: the models that healthy backends have; the nearest are told.
    /// - Parameters:
    ///   - targets: what the name stands for, where it is the operator's; empty: it is a model's own.
    ///   - silent: backends of which it is not known what they have; they may have it.
    static func unknownModel(
        _ model: String, standingFor targets: [String] = [], among names: some Collection<String>,
        silent: SilentBackends = .none
    ) -> ErrorBody {
        let model = EntryLimits.cut(model, to: EntryLimits.model)
        let available = NearestNames.list(of: targets.first ?? model, in: names)
        let missing = targets.prefix(3).map { "'\(EntryLimits.cut($0, to: EntryLimits.model))'" }
        var error = ErrorBody(
            status: 404,
            message: (missing.isEmpty
                ? "The model '\(model)' does not exist at any backend. "
                : "'\(model)' stands for \(missing.joined(separator: ", "))\(targets.count > 3 ? " and others" : ""), and "
                    + "\(targets.count == 1 ? "that model does not exist" : "none of these models exists") at any backend; "
                    + "the operator's routing.aliases names it. ")
                + (available.map { "Available: \($0)." } ?? "No backend has any model now.") + silent.words,
            param: "model", code: "model_not_found")
        error.model = model
        error.available = available
        return error
    }

    /// Backends that have not answered since they are known.
    enum SilentBackends {
        case none
        case named([String])
        /// For who is not told of backends.
        case some

        /// Names that are told.
        private static let most = 5

        fileprivate var words: String {
            switch self {
            case .none: return ""
            case .some: return " Not all backends answer now, and what those have is not known."
            case .named(let names):
                let told = names.prefix(Self.most).map { "'\(EntryLimits.cut($0, to: EntryLimits.model))'" }
                let more = names.count > told.count ? " and \(names.count - told.count) more" : ""
                return " What \(told.joined(separator: ", "))\(more) has is not known: no answer from there yet."
            }
        }
    }

    /// - Parameters:
    ///   - backend: the only one that may be asked.
    ///   - holders: who has the model.
    static func notAt(_ backend: String, _ model: String, holders: [String]) -> ErrorBody {
        let model = EntryLimits.cut(model, to: EntryLimits.model)
        let others = NearestNames.list(of: backend, in: holders)
        return ErrorBody(
            status: 404,
            message: "The backend '\(EntryLimits.cut(backend, to: 200))', which alone may be asked, does not have the "
                + "model '\(model)'. " + (others.map { "It is at: \($0)." } ?? "No backend has it now."),
            param: "model", code: "model_not_found")
    }

    static func ollamaManagement(_ path: String) -> ErrorBody {
        ErrorBody(
            status: 501,
            message: "\(path) would change a server, and it is not known which one is meant. Use "
                + "POST /v1/backends/{id}/actions/... instead; GET /v1/backends/{id}/actions lists what there is.",
            type: "not_supported_error", code: "not_supported")
    }

    static var storedResponse: ErrorBody {
        ErrorBody(
            status: 501,
            message: "Stored responses are not kept here, and it is not known which backend has this one. Send the "
                + "whole conversation with POST /v1/responses.",
            type: "not_supported_error", code: "not_supported")
    }

    /// No backend that has the model can be asked; says which and why.
    /// - Parameter isBrief: without the words of servers and connections, which tell addresses.
    static func unavailable(
        _ model: String, _ leftOut: [LeftOut], kind: String, isBrief: Bool = false
    ) -> ErrorBody {
        // A key that may not use a backend is not told that there is one.
        let mayBeTold = leftOut.filter { $0.why != .notAllowed }
        if mayBeTold.isEmpty, !leftOut.isEmpty { return backendNotAllowed }
        let leftOut = mayBeTold
        let context = leftOut.prefix(contextLimit).map { one in
            (backend: one.backend.identity.name, reason: one.why.words(kind: kind, isBrief: isBrief))
        }
        let unsupported = leftOut.allSatisfy { $0.why == .wrongKind }
        let words = context.prefix(8).map { "\($0.backend) \($0.reason)" }.joined(separator: "; ")
        var error = ErrorBody(
            status: unsupported ? 501 : 503,
            message: "No backend can serve '\(model)' now. " + words,
            type: unsupported ? "not_supported_error" : "service_unavailable_error",
            code: unsupported ? "not_supported" : "no_healthy_backend", retryAfter: unsupported ? nil : 5)
        error.context = context
        return error
    }

    /// The same, but where the models certainly lack what is needed it is the client's mistake, and it is told who can.
    /// - Parameter needs: of the request.
    static func nobody(
        _ model: String, _ leftOut: [LeftOut], kind: String, needs: Needs, in snapshot: RegistrySnapshot,
        isBrief: Bool = false
    ) -> ErrorBody {
        let error = ErrorBody.unavailable(model, leftOut, kind: kind, isBrief: isBrief)
        guard let missing = missing(leftOut) else { return error }
        var needs = needs
        if needs.required.isEmpty { needs.required = needs.kind }
        return .unable(model, missing, able: snapshot.modelsAble(needs, limit: ableLimit), like: error)
    }

    /// What the models of all that could be asked certainly lack, where waiting would change nothing; nil: something else is in
    /// the way, at one of them at least.
    static func missing(_ leftOut: [LeftOut]) -> Capabilities? {
        var missing: Capabilities = []
        for one in leftOut {
            guard one.why.isOfTheRequest else { return nil }
            if case .lacks(let lacks) = one.why { missing.formUnion(lacks) }
        }
        return missing.isEmpty ? nil : missing
    }

    /// Models that are told to a client whose own cannot do what it asks.
    static let ableLimit = 8

    /// No model that the client's name stands for can do what is asked: its mistake.
    /// - Parameters:
    ///   - able: the models that can.
    ///   - other: has the reason for each backend.
    static func unable(
        _ model: String, _ missing: Capabilities, able: [String], like other: ErrorBody
    ) -> ErrorBody {
        let backends = other.context.prefix(8).map(\.backend).joined(separator: ", ")
        let advice =
            able.isEmpty
            ? "No model here is known to support this."
            : "Models here that do: \(able.joined(separator: ", "))."
        var error = ErrorBody(
            status: 400,
            message: "The model '\(EntryLimits.cut(model, to: EntryLimits.model))' does not support \(missing.words) "
                + "at any backend that has it (\(backends)). \(advice)",
            param: "model", code: "model_lacks_ability")
        error.context = other.context
        return error
    }

    static func busy(_ model: String) -> ErrorBody {
        ErrorBody(
            status: 503, message: "All backends that have '\(model)' run as many requests as they may; try again.",
            type: "service_unavailable_error", code: "all_backends_busy", retryAfter: 1)
    }

    /// What a client is told of the failure of the last attempt, where the server's own words do not reach it.
    init(_ failure: ExchangeFailure) {
        let status = failure.clientStatus
        let milliseconds = failure.retryAfterMilliseconds
        self.init(
            status: status, message: failure.message, type: Self.type(status),
            code: failure.deadline?.code ?? (failure.isUnpaid ? Self.unpaid : Self.code(failure.kind)),
            retryAfter: milliseconds > 0
                ? Int(milliseconds / 1000 + (milliseconds % 1000 > 0 ? 1 : 0)) : status == 503 ? 1 : nil)
    }

    /// Both type and code of what an account cannot pay for, in OpenAI's API.
    static let unpaid = "insufficient_quota"

    /// OpenAI's types of errors, by status.
    private static func type(_ status: Int) -> String {
        switch status {
        case 401: "authentication_error"
        case 402: unpaid
        case 403: "permission_error"
        case 429: "rate_limit_error"
        case ..<500: "invalid_request_error"
        case 503, 529: "service_unavailable_error"
        default: "upstream_error"
        }
    }

    private static func code(_ kind: ExchangeFailure.Kind) -> String {
        switch kind {
        case .connect: "backend_unreachable"
        case .timeout: "backend_timeout"
        case .upstream: "backend_error"
        case .busy: "backend_busy"
        case .rejected: "request_rejected"
        case .auth: "backend_refuses_key"
        case .unsupported: "not_supported"
        case .adapter: "adapter_error"
        }
    }
}
