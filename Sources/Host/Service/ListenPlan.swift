/// On what the gateway serves: sockets that were given, or one that it opens. Pure.
///
/// A socket unit's count before all. Without one the gateway has its own listener kept by the service manager, and takes that again when
/// it is started anew, if it is still the one that is configured.
public enum ListenPlan: Sendable, Equatable {
    /// Under this name the service manager keeps the gateway's own listener.
    public static let keptName = "nexus-listener"

    /// A given socket and what it is.
    public struct Given: Sendable, Equatable {
        public var socket: GivenSocket
        public var facts: SocketFacts

        public init(_ socket: GivenSocket, _ facts: SocketFacts) {
            self.socket = socket
            self.facts = facts
        }

        var isKept: Bool { socket.name == ListenPlan.keptName }
    }

    /// Serve on these; the others are closed and no longer kept.
    case given([Given], leaving: [Given])
    /// Serve on the one that the gateway opened in an earlier run.
    case kept(Given, leaving: [Given])
    /// Open one.
    case open(leaving: [Given])

    /// - Parameters:
    ///   - given: all that was given.
    ///   - addresses: those that the configured host stands for.
    ///   - port: as configured; 0: any.
    public static func made(
        of given: [Given], addresses: [String], port: Int
    ) throws(ServiceProblem) -> ListenPlan {
        let units = given.filter { !$0.isKept }
        let kept = given.filter(\.isKept)
        guard units.isEmpty else {
            for unit in units {
                guard let problem = unit.facts.problem else { continue }
                throw ServiceProblem(
                    "descriptor \(unit.socket.descriptor) (\(unit.socket.name)) of the service manager cannot be served: "
                        + problem)
            }
            return .given(units, leaving: kept)
        }
        // One that does not fit any more is none that an operator has asked for.
        guard
            let own = kept.firstIndex(where: { one in
                one.facts.problem == nil && addresses.contains(one.facts.host) && (port == 0 || port == one.facts.port)
            })
        else { return .open(leaving: kept) }
        var rest = kept
        return .kept(rest.remove(at: own), leaving: rest)
    }
}
