import ABIRules
import Core
import Logging
import PluginAPI
import Synchronization
import Upstream

/// How an instance is made: on a thread of its own, and not for longer than the adapter may take.
extension AdapterBackend {
    /// How long an adapter may take to create an instance.
    public static let createLimit = Duration.milliseconds(ABILimits.createMilliseconds)

    /// Creates the adapter's instance on a thread of its own. If that takes longer than `createLimit` it has failed, and
    /// an instance that comes later is destroyed.
    /// - Parameters:
    ///   - options: a JSON object, checked against the adapter's schema.
    ///   - secretOptions: places of options that are secret besides those that the schema marks.
    ///   - limit: how long `create` may take.
    public static func make(
        identity: BackendIdentity, image: AdapterImage, target: UpstreamTarget, apiKeys: [String], options: String,
        secretOptions: [String] = [], registry: Registry, logger: Logger, limit: Duration = createLimit
    ) async throws(CreateFailure) -> AdapterBackend {
        let result = await withCheckedContinuation { continuation in
            let first = FirstResult(continuation)
            DetachedThread.run("create") {
                let result = Result { () throws(CreateFailure) in
                    try AdapterBackend(
                        identity: identity, image: image, target: target, apiKeys: apiKeys, options: options,
                        secretOptions: secretOptions, registry: registry, logger: logger)
                }
                if !first.give(result), case .success(let late) = result { Task { await late.end() } }
            }
            Task {
                try? await Task.sleep(for: limit)
                let message = "the adapter's create did not return within \(limit.components.seconds) s"
                _ = first.give(.failure(CreateFailure(message: message)))
            }
        }
        return try result.get()
    }

    /// Takes an instance or a time-out, whichever comes first.
    private final class FirstResult: Sendable {
        typealias Continuation = CheckedContinuation<Result<AdapterBackend, CreateFailure>, Never>
        private let continuation: Mutex<Continuation?>
        init(_ continuation: Continuation) { self.continuation = Mutex(continuation) }

        /// False if there was a result already.
        func give(_ result: Result<AdapterBackend, CreateFailure>) -> Bool {
            let continuation = continuation.withLock { continuation in
                defer { continuation = nil }
                return continuation
            }
            continuation?.resume(returning: result)
            return continuation != nil
        }
    }

    /// The adapter did not make an instance. The message is the adapter's.
    public struct CreateFailure: Error, Sendable {
        public let message: String
        public init(message: String) { self.message = message }
    }

    /// Calls the adapter's `create`.
    static func create(
        _ image: AdapterImage, _ callbacks: BoundCallbacks, name: String, url: String, apiKeys: [String],
        options: String
    ) throws(CreateFailure) -> UnsafeMutableRawPointer {
        var message = MessageBuffer()
        var instance: UnsafeMutableRawPointer?
        let status = withBorrowed(name) { name in
            withBorrowed(url) { url in
                withBorrowed(apiKeys) { keys in
                    withBorrowed(options) { options in
                        var config = nexus_backend_config(
                            struct_size: UInt32(MemoryLayout<nexus_backend_config>.size), reserved: 0, name: name,
                            url: url, api_key: keys.first ?? nexus_str(ptr: nil, len: 0), options: options,
                            api_keys: keys.baseAddress, api_key_count: keys.count)
                        return message.fill {
                            image.functions.create(&config, HostTable.pointer, callbacks.pointer, &instance, $0)
                        }
                    }
                }
            }
        }
        guard status == NEXUS_OK, let instance else {
            callbacks.revoke()
            if status == NEXUS_OK { throw CreateFailure(message: "the adapter reported success without an instance") }
            throw CreateFailure(message: message.text.isEmpty ? "the adapter gave no reason (\(status))" : message.text)
        }
        return instance
    }
}
