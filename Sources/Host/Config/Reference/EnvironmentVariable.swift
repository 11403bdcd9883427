/// A variable of the environment that the program reads. `Tests/Scripts/test_docs.py` holds the list to the sources.
public struct EnvironmentVariable: Sendable {
    public let name: String
    public let words: String

    private init(_ name: String, _ words: String) {
        self.name = name
        self.words = words
    }

    public static let all: [EnvironmentVariable] = [
        EnvironmentVariable("NEXUS_CONFIG", "The configuration's file, as `--config`."),
        EnvironmentVariable("NEXUS_HOST", "`server.host`, as `--host`."),
        EnvironmentVariable("NEXUS_PORT", "`server.port`, as `--port`."),
        EnvironmentVariable(
            "NEXUS_ADAPTERS_DIR", "`adapters.directories`, with colons between them, as `--adapters-dir`."),
        EnvironmentVariable(
            "NEXUS_STATE_FILE", "File that keeps changes of backends made at runtime, as `--state-file`."),
        EnvironmentVariable("NEXUS_KEYS_FILE", "File of the keys that `nexus keys` makes, as `--keys-file`."),
        EnvironmentVariable(
            "NEXUS_ALLOW_UNAUTHENTICATED", "`1` or `0`: `server.allow_unauthenticated`, as `--allow-unauthenticated`."),
        EnvironmentVariable("NEXUS_LOG_LEVEL", "`logging.level`, as `--log-level`."),
        EnvironmentVariable("NEXUS_LOG_FORMAT", "`logging.format`, as `--log-format`."),
        EnvironmentVariable("NEXUS_KEY", "An operator's key, for commands that talk to a running gateway, as `--key`."),
        EnvironmentVariable(
            "NEXUS_CA_FILE", "Certificate that such commands trust over https, besides the system's, as `--ca-file`."),
        EnvironmentVariable(
            "XDG_CONFIG_HOME", "Folder in which `nexus/nexus.toml` is looked for; without it `~/.config`."),
        EnvironmentVariable(
            "XDG_STATE_HOME", "Folder for `nexus/history.db` and the like; without it `~/.local/state`."),
        EnvironmentVariable("STATE_DIRECTORY", "The same as systemd sets it; it goes first."),
        EnvironmentVariable("NO_COLOR", "Without colours, where it is set."),
        EnvironmentVariable("COLUMNS", "How wide `nexus top --once` may be."),
    ]
}
