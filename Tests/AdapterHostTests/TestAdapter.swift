import Foundation
import PluginAPI

/// Builds the adapters of `Tests/Adapters` as their authors would: with a C compiler and the ABI's header alone.
enum TestAdapter {
    /// Values of FAULT in faulty.c.
    enum Fault: Int {
        case wrongMajor = 1
        case shortTable, nullFunction, badType, refuses, otherEntry, noEntry, unresolved, hugeTable, otherShape, blocks
    }

    struct BuildFailure: Error { let status: Int32 }

    /// A new directory, for the caller to fill.
    static func directory() throws -> String {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("nexus-adapters-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url.path
    }

    static func echo(in directory: String) throws -> String { try build("echo.c", in: directory) }

    static func build(_ source: String, in directory: String) throws -> String {
        try build(source, [], directory + "/" + source.replacingOccurrences(of: ".c", with: ".so"))
    }

    static func faulty(_ fault: Fault, in directory: String) throws -> String {
        try build("faulty.c", ["-DFAULT=\(fault.rawValue)"], directory + "/faulty-\(fault).so")
    }

    /// The echo adapter as it will be built one day: with a header of the next minor version, in which every structure that
    /// can grow has grown by one pointer.
    static func echoOfTheFuture(in directory: String) throws -> String {
        let include = directory + "/future"
        try FileManager.default.createDirectory(atPath: include, withIntermediateDirectories: true)
        try FutureHeader.text(of: try String(contentsOfFile: headers + "/nexus_plugin.h", encoding: .utf8))
            .write(toFile: include + "/nexus_plugin.h", atomically: true, encoding: .utf8)
        return try build("echo.c", [], directory + "/future.so", include: include)
    }

    /// An adapter of an older minor version: its source, and the header it was built with, as they were
    /// (Tests/Adapters/old).
    static func old(_ minor: Int, _ source: String, in directory: String) throws -> String {
        try build(
            "old/1.\(minor)/\(source)", [], directory + "/old.so",
            include: tests.appendingPathComponent("Adapters/old/1.\(minor)").path)
    }

    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    /// Bytes of a structure in the recorded layout of a version; nil if it is not there.
    static func recordedSize(of name: String, in version: String) throws -> Int? {
        let file = tests.deletingLastPathComponent().appendingPathComponent("Sources/PluginAPI/abi/\(version).txt")
        let words = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            $0.split(separator: " ")
        }
        return words.first { $0.count > 2 && $0[0] == "struct" && $0[1] == name }.flatMap { Int($0[2]) }
    }

    private static let headers = tests.deletingLastPathComponent().appendingPathComponent("Sources/PluginAPI/include")
        .path

    private static func build(
        _ source: String, _ flags: [String], _ output: String, include: String = headers
    ) throws -> String {
        let compiler = Process()
        compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // The sanitizers' runs have the adapters instrumented as well (scripts/sanitize.sh).
        let environment = ProcessInfo.processInfo.environment
        let instrumentation = environment["NEXUS_TEST_CFLAGS"]?.split(separator: " ").map(String.init) ?? []
        compiler.arguments =
            [environment["NEXUS_TEST_CC"] ?? "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
            + ["-pthread"] + instrumentation + flags
            + ["-I", include, tests.appendingPathComponent("Adapters/\(source)").path, "-o", output]
        try compiler.run()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else { throw BuildFailure(status: compiler.terminationStatus) }
        return output
    }
}

/// The header of a later minor version.
enum FutureHeader {
    struct NotUnderstood: Error { let what: String }

    /// The header with NEXUS_ABI_MINOR raised and one more field at the end of every struct that has a `struct_size`.
    static func text(of header: String) throws -> String {
        let minor = "#define NEXUS_ABI_MINOR \(NEXUS_ABI_MINOR)u"
        guard header.contains(minor) else { throw NotUnderstood(what: minor) }
        var result: [String] = []
        var canGrow = false
        var grown = 0
        for line in header.replacingOccurrences(of: minor, with: "#define NEXUS_ABI_MINOR \(NEXUS_ABI_MINOR + 1)u")
            .split(
                separator: "\n", omittingEmptySubsequences: false)
        {
            if line.hasPrefix("typedef struct") { canGrow = false }
            if line.hasPrefix("  uint32_t struct_size;") { canGrow = true }
            if line.hasPrefix("} nexus_"), canGrow {
                result.append("  void *future_field_\(grown);")
                grown += 1
            }
            result.append(String(line))
        }
        guard grown > 10 else { throw NotUnderstood(what: "only \(grown) structures have a struct_size") }
        return result.joined(separator: "\n")
    }
}
