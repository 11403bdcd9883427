extension Configuration {
    /// Bodies of requests and answers that are kept, for who looks for a fault. Off unless the operator turns it on.
    public struct Captures: Sendable, Equatable {
        public var enabled = false
        /// Names of clients' keys, or patterns with `*`; empty: of all clients.
        public var keys: [String] = []
        /// The same of models, by the client's name or by that at the backends.
        public var models: [String] = []
        /// Only of requests that fail.
        public var errorsOnly = false
        /// Bytes of a body that are kept; 1 KiB to 16 MiB.
        public var maxBodyBytes = 65_536
        /// Requests that are kept, the newest; 1...100,000.
        public var maxCount = 1000
        /// Days for which they are; 0...36,500, 0: as long as there is room.
        public var keepDays = 7
        /// Bytes that the file may have; 1 MiB to 1 TiB.
        public var keepBytes = 256 * 1024 * 1024
        /// What of a body is not kept.
        public var redact: [RedactionRule] = []
        /// Path of the file; nil: the usual place, which the environment says.
        public var database: String?
        /// Name of the environment variable with the key that the file is encrypted with; nil: it is not.
        public var keyEnv: String?

        public init() {}

        /// Whether requests of such a client for such a model are captured, as far as can be told when they come.
        /// - Parameters:
        ///   - key: the name of the client's; nil: it has none.
        ///   - models: the names that the model has.
        public func fits(key: String?, models names: [String]) -> Bool {
            guard keys.isEmpty || key.map({ Self.fits($0, keys) }) ?? false else { return false }
            return models.isEmpty || names.contains { Self.fits($0, models) }
        }

        private static func fits(_ name: String, _ patterns: [String]) -> Bool {
            patterns.contains { $0 == name || NamePattern.matches($0, name) }
        }
    }
}
