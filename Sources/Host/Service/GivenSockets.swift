/// A socket that the service manager opened before this process began.
public struct GivenSocket: Sendable, Equatable {
    public var descriptor: CInt
    /// What its unit calls it, or the name under which the process before had it kept.
    public var name: String

    public init(descriptor: CInt, name: String) {
        self.descriptor = descriptor
        self.name = name
    }
}

/// Reads which sockets were given (sd_listen_fds(3)). Pure.
public enum GivenSockets {
    public enum Limits {
        /// More sockets than that are a mistake.
        public static let count = 64
    }

    /// The first descriptor behind the standard ones.
    static let first: CInt = 3

    /// - Parameters:
    ///   - variables: of the environment.
    ///   - process: the id of this process; what is for another one is left alone.
    /// - Throws: what is wrong, in words.
    public static func read(
        _ variables: [String: String], process: Int32
    ) throws(ServiceProblem) -> [GivenSocket] {
        guard let count = variables["LISTEN_FDS"], !count.isEmpty else { return [] }
        guard let owner = variables["LISTEN_PID"], !owner.isEmpty else {
            throw ServiceProblem("LISTEN_FDS is set without LISTEN_PID, which names the process that it is for")
        }
        guard let owner = Int32(owner) else { throw ServiceProblem("LISTEN_PID is no number of a process") }
        guard owner == process else { return [] }
        guard let count = Int(count), (0...Limits.count).contains(count) else {
            throw ServiceProblem("LISTEN_FDS must be a number from 0 to \(Limits.count)")
        }
        let names = variables["LISTEN_FDNAMES"].map {
            $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        }
        return (0..<count).map { index in
            let name = names.flatMap { $0.count == count ? $0[index] : nil } ?? ""
            return GivenSocket(descriptor: first + CInt(index), name: name.isEmpty ? "unknown" : name)
        }
    }
}

/// What a service manager has given cannot be used.
public struct ServiceProblem: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
