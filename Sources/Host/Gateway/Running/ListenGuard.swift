import Core

/// Nobody is to open the gateway to a network without knowing what that means. Pure.
enum ListenGuard {
    /// Why the gateway must not listen there as it is configured; nil: it may.
    /// - Parameter hosts: where it would listen; nil: where the configuration says.
    static func problem(_ configuration: Configuration, hosts: [String]? = nil) -> String? {
        let access = configuration.access
        guard !access.isRequired, !access.allowsUnauthenticated, let host = open(configuration, hosts) else {
            return nil
        }
        return "it would listen on \(host) without keys, so that everybody who reaches that "
            + "address could use all models. Make a key ('\(making(access))'), or say with --allow-unauthenticated that this "
            + "is meant"
    }

    /// What whoever has named a file with keys should know if it is not there: its name may be mistyped.
    static func missingKeys(_ access: Configuration.Access) -> String? {
        access.missingKeysFile.map { path in
            "there is no file with keys \(path)\(access.isRequired ? "" : ", so that nobody needs a key"); "
                + "'\(making(access))' makes it"
        }
    }

    /// The command that makes a key where the gateway looks for it.
    private static func making(_ access: Configuration.Access) -> String {
        "nexus keys add NAME" + (access.missingKeysFile.map { " --keys-file \($0)" } ?? "")
    }

    /// What whoever said that it is meant should know.
    static func warning(_ configuration: Configuration, hosts: [String]? = nil) -> String? {
        let access = configuration.access
        guard !access.isRequired, access.allowsUnauthenticated, let host = open(configuration, hosts) else {
            return nil
        }
        return "no keys are configured: everybody who reaches \(host) may use all models; "
            + "operators only from this machine"
    }

    /// The first address that others can reach.
    private static func open(_ configuration: Configuration, _ hosts: [String]?) -> String? {
        (hosts ?? [configuration.server.host]).first { !isLoopback($0) }
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
