import Foundation

/// What the build has made, and adapters made from C for a test.
enum Products {
    struct BuildFailure: Error { let sources: [String] }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Where the program and the shipped adapters lie: where `NEXUS_BUILD` says, else beside the bundle of the tests.
    static let directory: URL = {
        if let named = ProcessInfo.processInfo.environment["NEXUS_BUILD"] { return URL(fileURLWithPath: named) }
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        var place = bundle.deletingLastPathComponent()
        for _ in 0..<3 where !FileManager.default.fileExists(atPath: place.appendingPathComponent("nexus").path) {
            place = place.deletingLastPathComponent()
        }
        let found = FileManager.default.fileExists(atPath: place.appendingPathComponent("nexus").path)
        return found ? place : root.appendingPathComponent(".build/debug")
    }()

    static var nexus: String { directory.appendingPathComponent("nexus").path }

    static func shipped(_ name: String) -> String { directory.appendingPathComponent("lib\(name).so").path }

    /// A new directory, for the caller to fill and remove.
    static func temporaryDirectory() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("nexus-check-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    /// The sources of the adapter with one defect.
    static let broken = ["broken.c", "broken_exchange.c", "broken_actions.c"]

    /// Compiles sources of `Tests/Adapters` as an author would.
    /// - Parameter old: the minor version whose header and sources of that time are taken (Tests/Adapters/old).
    static func compile(
        _ sources: [String], _ flags: [String] = [], old minor: Int? = nil, in directory: URL
    ) throws -> String {
        let old = minor.map { "Tests/Adapters/old/1.\($0)" }
        let output = directory.appendingPathComponent("adapter.so").path
        let arguments =
            ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"] + flags
            + ["-I", root.appendingPathComponent(old ?? "Sources/PluginAPI/include").path]
            + sources.map { root.appendingPathComponent("\(old ?? "Tests/Adapters")/\($0)").path } + ["-o", output]
        guard try run("/usr/bin/env", arguments).status == 0 else { throw BuildFailure(sources: sources) }
        return output
    }

    /// Runs a program to its end.
    static func run(_ path: String, _ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let problems = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: text, as: UTF8.self), String(decoding: problems, as: UTF8.self)
        )
    }

    /// What is left of the processes whose command lines hold `text`. They have been killed; the system takes a moment for it,
    /// and more than a minute only if they were not.
    static func left(naming text: String) throws -> [String] {
        let patience = Date(timeIntervalSinceNow: 60)
        while try !processes(naming: text).isEmpty, Date() < patience { sched_yield() }
        return try processes(naming: text)
    }

    /// Command lines of running processes that hold `text`.
    static func processes(naming text: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap { number in
            let line = FileManager.default.contents(atPath: "/proc/\(number)/cmdline").map {
                String(decoding: $0, as: UTF8.self)
            }
            return line.flatMap { $0.contains(text) ? $0 : nil }
        }
    }
}
