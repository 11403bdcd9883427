import Foundation

/// Builds the adapters of `Tests/Adapters` as their authors would: with a C compiler and the ABI's header alone.
enum TestAdapter {
    /// Values of FAULT in faulty.c.
    enum Fault: Int {
        case wrongMajor = 1
        case shortTable, nullFunction, badType, refuses, otherEntry, noEntry, unresolved
    }

    struct BuildFailure: Error { let status: Int32 }

    /// A new directory, for the caller to fill.
    static func directory() throws -> String {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("nexus-adapters-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url.path
    }

    static func echo(in directory: String) throws -> String { try build("echo.c", [], directory + "/echo.so") }

    static func actions(in directory: String) throws -> String {
        try build("actions.c", [], directory + "/actions.so")
    }

    static func faulty(_ fault: Fault, in directory: String) throws -> String {
        try build("faulty.c", ["-DFAULT=\(fault.rawValue)"], directory + "/faulty-\(fault).so")
    }

    private static func build(_ source: String, _ flags: [String], _ output: String) throws -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let header = tests.deletingLastPathComponent().appendingPathComponent("Sources/PluginAPI/include").path
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        compiler.arguments =
            ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"] + flags
            + ["-I", header, tests.appendingPathComponent("Adapters/\(source)").path, "-o", output]
        try compiler.run()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else { throw BuildFailure(status: compiler.terminationStatus) }
        return output
    }
}
