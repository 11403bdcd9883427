import AdapterHost
import Core
import Logging

/// What the files hold that a reloaded configuration names: read before anything of it is in force, so that one that cannot be used
/// is refused as a whole.
struct ReloadedFiles: Sendable {
    private let listener: ListenerTLS.Change
    /// Of the files that were named before, too.
    private let event: ListenerTLS.Event?
    /// Nil: the same as before.
    private let trust: TLSContexts.Trust?
    /// What is not as the files say all the same.
    let warnings: [String]

    /// - Throws: why one cannot be used that was not named before, in words.
    static func read(
        _ new: Configuration, listener: ListenerTLS, backends: TLSContexts
    ) async throws -> ReloadedFiles {
        let result = await withCheckedContinuation { continuation in
            DetachedThread.run("nexus-tls") {
                continuation.resume(returning: Result { try ReloadedFiles(new, listener, backends) })
            }
        }
        return try result.get()
    }

    private init(_ new: Configuration, _ listener: ListenerTLS, _ backends: TLSContexts) throws {
        let change = try listener.change(to: new.server)
        self.listener = change
        trust = try backends.change(to: new.upstream)
        guard case .none = change else {
            (event, warnings) = (nil, [])
            return
        }
        // They may be half written just now: nothing else of the configuration waits for that.
        event = listener.look(isAsked: true)
        warnings = (listener.standing?.problem).map { ["\($0); the certificate before stays in use"] } ?? []
    }

    /// Puts them in force.
    func apply(listener: ListenerTLS, backends: TLSContexts, _ logger: Logger) {
        for event in [event, listener.apply(self.listener)] { event?.tell(logger) }
        guard let trust else { return }
        backends.apply(trust)
        LoopServices.renewTLS()
        logger.notice("connections to backends trust other authorities from now on (upstream.ca_file)")
    }
}
