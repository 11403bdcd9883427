import AdapterHost
import Core
import NIOCore

/// Looks at one backend: its adapter, its variables, its options, and its server.
struct BackendCheck: Sendable {
    struct Result: Sendable {
        var findings: [Finding]
        /// What its server has; nil: it did not tell, or takes any name.
        var models: [String]?
    }

    /// How long a server may take.
    private static let timeout = TimeAmount.seconds(5)

    let library: AdapterLibrary
    let trials: Trials
    let asksServers: Bool

    func result(of given: Configuration.Backend) async -> Result {
        let subject = "backend \(given.name)"
        let backend = (try? library.resolved(given)) ?? given
        var findings: [Finding] = []
        for variable in backend.apiKeyEnv {
            guard let problem = BackendFactory.keyProblem(variable) else { continue }
            findings.append(
                .wrong(
                    subject, problem,
                    "set it where the gateway is started, or take api_key_env out if the server needs no key"))
        }
        if let problem = BackendFactory.problem(with: backend, library: library) {
            findings.append(.wrong(subject, problem, Self.advice(backend, library)))
        }
        // An adapter that gets another key, or none, says something else.
        guard findings.isEmpty else { return Result(findings: findings) }
        guard asksServers else {
            guard let refusal = await trials.refusal(backend, library: library) else {
                return Result(findings: [
                    .well(subject, "\(backend.url): its adapter takes it; its server was not asked")
                ])
            }
            return Result(findings: [
                .wrong(subject, refusal, "change it in [[backends]]; docs of the adapter say what it takes")
            ])
        }
        switch await trials.probe(backend, library: library, timeout: Self.timeout) {
        case .refused(let reason):
            return Result(findings: [
                .wrong(subject, reason, "change it in [[backends]]; docs of the adapter say what it takes")
            ])
        case .probed(let view) where view.status.serves: return Self.well(subject, backend, view)
        case .probed(let view):
            return Result(findings: [await unwell(subject, backend, view.lastError ?? "it does not answer")])
        }
    }

    private static func advice(_ backend: Configuration.Backend, _ library: AdapterLibrary) -> String {
        library.image(type: backend.type) == nil
            ? library.rejected.isEmpty
                ? "write a type that is there ('nexus adapters list'), or install its adapter"
                : "it may be that of a file that is not loaded (see adapters); else write a type that is there"
            : "correct its options in [[backends]]"
    }

    private static func well(_ subject: String, _ backend: Configuration.Backend, _ view: BackendView) -> Result {
        let names = view.models.map(\.id)
        let takesAny = names.contains(Model.any)
        let words = takesAny ? "takes any model" : names.count == 1 ? "1 model" : "\(names.count) models"
        let server = view.metadata["server"].map { " (\($0))" } ?? ""
        guard takesAny || !names.isEmpty else {
            let finding = Finding.note(
                subject, "\(backend.url) answers\(server) and has no model", "load or pull one there")
            return Result(findings: [finding], models: [])
        }
        return Result(
            findings: [.well(subject, "\(backend.url) answers\(server): \(words)")], models: takesAny ? nil : names)
    }

    // MARK: A server that is not well

    private func unwell(_ subject: String, _ backend: Configuration.Backend, _ reason: String) async -> Finding {
        if reason.contains("404") {
            if let other = await answering(backend) {
                return .wrong(subject, "\(backend.url): \(reason)", "it answers at \(other): write url = \"\(other)\"")
            }
            if let type = await speaking(backend) {
                return .wrong(
                    subject, "\(backend.url): \(reason)",
                    "it is a server of another type: write type = \"\(type)\", and no options of type \"\(backend.type)\""
                )
            }
        }
        let advice = UnwellAdvice.words(for: reason, at: backend.url, type: backend.type)
        return .wrong(subject, "\(backend.url): \(reason)", advice)
    }

    /// A loaded type of which the server is, where it is not of the one that is configured.
    private func speaking(_ backend: Configuration.Backend) async -> String? {
        for type in library.images.map(\.type).sorted() where type != backend.type {
            var other = backend
            other.type = type
            other.options = "{}"
            if case .probed(let view) = await trials.probe(other, library: library, timeout: Self.timeout),
                view.status.serves
            {
                return type
            }
        }
        return nil
    }

    /// The same server under a path at which it answers: base addresses are written with "/v1" and without.
    private func answering(_ backend: Configuration.Backend) async -> BackendURL? {
        for text in UnwellAdvice.otherPaths(of: backend.url) {
            guard let url = try? BackendURL(text) else { continue }
            var other = backend
            other.url = url
            if case .probed(let view) = await trials.probe(other, library: library, timeout: Self.timeout),
                view.status.serves
            {
                return url
            }
        }
        return nil
    }
}

/// What to do about a server that is not well. Pure.
enum UnwellAdvice {
    static func words(for reason: String, at url: BackendURL, type: String) -> String {
        let reason = reason.lowercased()
        if reason.contains("refused: nothing listens") {
            return "start the server, or correct its url: nothing listens there"
        }
        if reason.contains("resolved") {
            return "correct the name \(url.host) in its url, or make it known (DNS, /etc/hosts)"
        }
        if reason.contains("certificate") {
            return "name a file with its authority in [upstream] ca_file, or have its certificate renewed"
        }
        if reason.contains("does not speak tls") { return "write http:// instead of https://" }
        if reason.contains("api key") || reason.contains("401") || reason.contains("403") {
            return "set the variable of api_key_env to a key that the server takes"
        }
        if reason.contains("404") {
            // Ollama's own API has no such path.
            return type == "ollama"
                ? "is it an Ollama server, and its url without a path? Others are of type \"openai\""
                : "is the path right? Many servers want a url that ends in /v1"
        }
        if reason.contains("loading") { return "wait until it has loaded its model" }
        return "see whether the server runs and its url is right: curl \(url)"
    }

    /// With "/v1" behind the path, in the place of its last part, or without the path; nearest first.
    static func otherPaths(of url: BackendURL) -> [String] {
        let path = url.path
        let whole = "\(url)"
        let root = String(whole.dropLast(path.utf8.count))
        var parent = path.split(separator: "/").map { "/" + $0 }
        if !parent.isEmpty { parent.removeLast() }
        var others: [String] = []
        for other in [path + "/v1", parent.joined() + "/v1", parent.joined(), "/v1", ""] where other != path {
            let text = root + other
            if !others.contains(text) { others.append(text) }
        }
        return others
    }
}
