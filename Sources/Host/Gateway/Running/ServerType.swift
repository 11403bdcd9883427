import AdapterHost
import Core
import NIOCore

/// Which adapter a server is for: all are asked at once, and of those that find it healthy the one that is made for it is
/// taken. Most servers speak OpenAI's API besides their own, so several often do.
struct ServerType: Sendable, Equatable {
    var type: String
    /// What the server calls itself, where that is a name that the adapter knows; else empty: web servers and their libraries give
    /// names too, which say nothing of the server behind them.
    var server: String

    /// Why there is none: what each adapter says.
    struct NotFound: Error {
        var reasons: [(type: String, reason: String)]
    }

    /// Adapters that are asked.
    static let limit = 64

    /// - Parameters:
    ///   - definition: whose type is of no meaning; adapters that do not take its options are not asked.
    ///   - timeout: for the answer of the server to one adapter.
    static func find(
        _ definition: Configuration.Backend, library: AdapterLibrary, trials: Trials, timeout: TimeAmount
    ) async throws(NotFound) -> ServerType {
        let images = library.images.prefix(limit)
        let found = await withTaskGroup(of: (Int, Trials.Finding).self) { tasks in
            for (index, image) in images.enumerated() {
                var definition = definition
                definition.type = image.type
                tasks.addTask { [definition] in
                    (index, await trials.probe(definition, library: library, timeout: timeout))
                }
            }
            var found: [Int: Trials.Finding] = [:]
            for await (index, finding) in tasks { found[index] = finding }
            return found
        }
        var candidates: [Candidate] = []
        var reasons: [(type: String, reason: String)] = []
        for (index, image) in images.enumerated() {
            switch found[index] {
            case .probed(let view) where view.status.serves:
                candidates.append(Candidate(image, view, url: definition.url))
            case .probed(let view): reasons.append((image.type, view.lastError ?? "it is not healthy"))
            case .refused(let reason): reasons.append((image.type, reason))
            case nil: break
            }
        }
        guard let best = candidates.max(by: { $0.isLess(than: $1) }) else { throw NotFound(reasons: reasons) }
        return ServerType(type: best.type, server: best.isNamed ? best.server : "")
    }

    /// An adapter that finds the server healthy.
    struct Candidate: Equatable {
        var type: String
        var server: String
        /// The server's name is the adapter's, or one of its kinds.
        var isNamed: Bool
        /// The port is the one of a default address of the adapter.
        var isAtHome: Bool
        /// Addresses at which its servers listen by default: one for many kinds of servers has more.
        var homes: Int

        /// The server told its version, and did not only answer as many do.
        private var hasVersion: Bool { server.utf8.contains { (0x30...0x39).contains($0) } }

        /// It is less made for the server.
        func isLess(than other: Candidate) -> Bool {
            func rank(_ one: Candidate) -> (Int, Int, Int, Int) {
                (
                    one.isNamed && one.hasVersion ? 1 : 0, one.isNamed ? 1 : 0, one.isAtHome ? 1 : 0, -one.homes
                )
            }
            let (mine, others) = (rank(self), rank(other))
            return mine == others ? type > other.type : mine < others
        }
    }
}

extension ServerType.Candidate {
    init(_ image: AdapterImage, _ view: BackendView, url: BackendURL) {
        server = view.metadata["server"] ?? ""
        type = image.type
        isNamed = image.isMade(for: server)
        isAtHome = image.defaultURLs.contains { (try? BackendURL($0))?.port == url.port }
        homes = image.defaultURLs.count
    }
}
