import Glibc

/// Where the gateway keeps what is to survive it, if nothing else is said.
public enum StateFolder {
    /// The name of the history's file.
    static let historyName = "history.db"

    /// The path of the history's file; nil: there is no place for it.
    public static func history(_ environment: [String: String]) -> String? {
        path(environment).map { "\($0)/\(historyName)" }
    }

    /// The path of the file of captures; nil: there is no place for it.
    public static func captures(_ environment: [String: String]) -> String? {
        path(environment).map { "\($0)/captures.db" }
    }

    /// The folder in which crashes of adapters are kept; nil: there is no place for it.
    public static func adapters(_ environment: [String: String]) -> String? {
        path(environment).map { "\($0)/adapters" }
    }

    /// systemd's `StateDirectory=`, else the user's folder for such things (XDG Base Directory), else one under the home folder.
    static func path(_ environment: [String: String]) -> String? {
        func absolute(_ name: String) -> String? {
            guard let value = environment[name], value.hasPrefix("/") else { return nil }
            return value
        }
        // Several are separated by colons.
        if let folder = absolute("STATE_DIRECTORY") { return folder.split(separator: ":").first.map(String.init) }
        if let state = absolute("XDG_STATE_HOME") { return "\(state)/nexus" }
        return absolute("HOME").map { "\($0)/.local/state/nexus" }
    }
}
