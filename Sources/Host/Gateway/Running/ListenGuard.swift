import Core

/// Nobody is to open the gateway to a network without knowing what that means. Pure.
enum ListenGuard {
    /// Why the gateway must not listen there as it is configured; nil: it may.
    static func problem(_ configuration: Configuration) -> String? {
        let access = configuration.access
        guard !access.isRequired, !access.allowsUnauthenticated, !isLoopback(configuration.server.host) else {
            return nil
        }
        return "it would listen on \(configuration.server.host) without keys, so that everybody who reaches that "
            + "address could use all models. Make a key ('nexus keys add NAME'), or say with --allow-unauthenticated that this "
            + "is meant"
    }

    /// What whoever said that it is meant should know.
    static func warning(_ configuration: Configuration) -> String? {
        let access = configuration.access
        guard !access.isRequired, access.allowsUnauthenticated, !isLoopback(configuration.server.host) else {
            return nil
        }
        return "no keys are configured: everybody who reaches \(configuration.server.host) may use all models; "
            + "operators only from this machine"
    }

    /// Why a reload must not open the gateway; nil: it does not.
    static func refusal(_ before: Configuration, _ new: Configuration) -> String? {
        guard before.access.isRequired, !new.access.isRequired else { return nil }
        return "It has no keys any more, which would open the gateway to everybody who reaches it. If that is meant, "
            + "restart it."
    }

    static let code = "removes_all_keys"

    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.") && host.utf8.allSatisfy { $0 < 0x3A }
    }
}
