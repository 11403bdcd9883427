import Foundation
import JSON
import Testing

@testable import Conformance

/// The command as its user runs it.
@Suite struct CommandTests {
    private func check(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        try Products.run(Products.nexus, ["adapter", "check"] + arguments)
    }

    @Test func itPrintsOneLineForEachCheckAndASummary() throws {
        let run = try check([Products.shipped("Ollama"), "--only", "load.kinds", "--only", "create.missing-option"])

        let lines = run.output.split(separator: "\n")
        #expect(run.status == 0 && lines.count == 3)
        #expect(lines[0].hasPrefix("pass  load.kinds") && lines[0].contains(" / chat, completions, embeddings"))
        #expect(lines[1].hasPrefix("skip  create.missing-option") && lines[1].hasSuffix("no option is required"))
        #expect(lines[2] == "1 passed, 0 failed, 1 skipped")
    }

    @Test func aFailedCheckGivesStatusOne() throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = try Products.compile(
            Products.broken, ["-DBREAKS=NO_HELP", "-fvisibility=hidden"], in: directory)

        let run = try check([path, "--only", "actions.help", "--json"])

        let document = try JSONValue.parse(run.output)
        #expect(run.status == 1)
        #expect(document["adapter"] == ["type": "broken", "version": "1.0", "abi": "1.3"])
        #expect(document["checks"]?[0]?["result"] == "fail" && document["checks"]?[0]?["id"] == "actions.help")
        #expect(document["checks"]?[0]?["milliseconds"]?.int != nil)
        #expect(document["summary"] == ["passed": 0, "failed": 1, "skipped": 0])
    }

    @Test func theListNamesEveryCheckWithoutAFile() throws {
        let run = try check(["--list"])

        #expect(run.status == 0)
        #expect(run.output.split(separator: "\n").count == CheckRunner.checks.count)
        #expect(run.output.hasPrefix("load.elf  "))
    }

    @Test(
        arguments: [
            ([], "which file?"), (["/none/such.so"], "/none/such.so cannot be read"),
            (["{file}", "--only", "load.nothing"], "there is no check \"load.nothing\""),
            (["{file}", "--options", "[]"], "the options must be a JSON object"),
            (["{file}", "--script", "/none/script.json"], "/none/script.json: "),
            (["{file}", "--time-limit", "0"], "--time-limit must be"),
        ] as [([String], String)])
    func whatCannotBeCheckedGivesStatusTwoAndAReason(_ arguments: [String], _ words: String) throws {
        let run = try check(arguments.map { $0 == "{file}" ? Products.shipped("Ollama") : $0 })

        #expect(run.status == 2 && run.output.isEmpty)
        #expect(run.errors.contains(words), "\(run.errors)")
    }

    @Test func aFileThatIsNoAdapterFailsTheFirstCheckAndSkipsTheRest() throws {
        let report = try CheckRunner(executable: Products.nexus).run(.init(adapterPath: #filePath))

        #expect(report.results.first?.id == "load.elf" && report.results.first?.verdict == .fail)
        #expect(report.count(.fail) == 1 && report.count(.skip) == report.results.count - 1)
        #expect(report.results.last?.detail == "not run: load.elf failed")
    }

    @Test func theCauseStandsBeforeWhatFollowsFromIt() throws {
        let run = try check([#filePath])

        let lines = run.output.split(separator: "\n")
        #expect(run.status == 1 && lines.count == 5, "\(run.output)")
        #expect(lines[0].hasPrefix("FAIL  load.elf") && lines[1] == "What is wrong, causes first:")
        #expect(lines[2].hasSuffix(" (load.elf)"))
        #expect(lines[3] == "  \(CheckRunner.checks.count - 1) checks rest on that, and were not run")
        #expect(lines[4] == "0 passed, 1 failed, \(CheckRunner.checks.count - 1) skipped")
    }

    @Test func checksThatSawTheSameStandTogetherAndCrashesFirst() {
        func result(_ id: String, _ detail: String, _ verdict: CheckResult.Verdict = .fail) -> CheckResult {
            CheckResult(id: id, requirement: "r", verdict: verdict, detail: detail, milliseconds: 0)
        }
        var report = CheckReport()
        report.results = [
            result("a", "no\nid"), result("b", "crashed with SIGSEGV"), result("c", "well", .pass),
            result("d", "crashed with SIGSEGV"), result("e", "crashed with SIGSEGV"),
            result("f", "crashed with SIGSEGV"),
        ]

        #expect(report.causes == ["crashed with SIGSEGV (b, d, e and 1 more)", "no id (a)"])
        #expect(CheckReport().causes.isEmpty)
    }

    /// An adapter that crashes in the middle of an answer, three calls deep.
    private func crashing(in directory: URL, _ flags: [String]) throws -> String {
        try Products.compile(Products.broken, ["-DCRASHES_IN_STREAM", "-fvisibility=hidden"] + flags, in: directory)
    }

    @Test func aCrashIsShownWithWhatWasDoneAndWhere() throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = try crashing(in: directory, ["-g", "-O0"])

        let run = try check([path, "--only", "exchange.stream", "--only", "exchange.usage"])

        let lines = run.output.split(separator: "\n").map(String.init)
        #expect(run.status == 1, "\(run.output)")
        #expect(lines[0].contains("crashed with SIGSEGV in crash_deep"), "\(run.output)")
        #expect(lines[0].hasSuffix("during: a chat as a stream, from a server that is well"), "\(run.output)")
        #expect(lines[1].hasPrefix("          in crash_deep") && lines[2].hasPrefix("          in crash_here"))
        #expect(lines.contains("          called by nexus"))
        // Shown once, where several checks crash at one place.
        #expect(lines.count { $0.hasPrefix("          in crash_deep") } == 1)
        #expect(lines.contains { $0.hasPrefix("  crashed with SIGSEGV in crash_deep") && $0.hasSuffix("usage)") })
    }

    @Test func aCrashIsToldInTheDocument() throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }

        let run = try check([try crashing(in: directory, ["-O0"]), "--only", "exchange.stream", "--json"])

        let told = try JSONValue.parse(run.output)["checks"]?[0]
        #expect(told?["scenario"] == "a chat as a stream, from a server that is well")
        #expect(told?["backtrace"]?[0]?.string?.hasPrefix("in crash_deep") == true, "\(run.output)")
    }

    @Test func functionsAreNamedWithoutToolsOfTheCompiler() throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = try crashing(in: directory, ["-O0"])

        let run = try Products.run(
            "/usr/bin/env", ["PATH=/none", Products.nexus, "adapter", "check", path, "--only", "exchange.stream"])

        #expect(run.output.contains("crashed with SIGSEGV in crash_deep + "), "\(run.output)")
    }

    @Test func whatDoesNotReturnIsShownWithWhatWasDoneAndWhereItIs() throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = try Products.compile(
            Products.broken, ["-DBREAKS=HANG_IN_ENTRY", "-fvisibility=hidden"], in: directory)

        let run = try check([path, "--only", "load.entry", "--time-limit", "1"])

        #expect(run.output.contains("did not return within 1 s in sleeping"), "\(run.output)")
        #expect(run.output.contains(", during: loading the file"), "\(run.output)")
        #expect(run.output.contains("called by nexus"), "\(run.output)")
    }

    @Test func nothingIsLeftWhenTheCommandIsKilled() throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = try Products.compile(
            Products.broken, ["-DBREAKS=HANG_IN_ENTRY", "-fvisibility=hidden"], in: directory)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Products.nexus)
        process.arguments = ["adapter", "check", path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        // The first line comes from a child, which then goes on to what hangs.
        _ = output.fileHandleForReading.availableData
        #expect(try Products.processes(naming: directory.path).count == 2)

        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()

        #expect(try Products.left(naming: directory.path) == [])
    }

    @Test func aScriptDescribesAServerOfAnotherProtocol() throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = try Products.compile(Products.broken, ["-fvisibility=hidden"], in: directory)
        let script = directory.appendingPathComponent("script.json").path
        let text = #"""
            {"models": ["one"], "text": "hi", "usage": {"prompt": 2, "completion": 3},
             "probe": [{"path": "/v1/models", "body": {"data": [{"id": "one"}]}}],
             "answers": [
               {"path": "/v1/chat/completions", "stream": false,
                "body": {"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 2, "completion_tokens": 3}}},
               {"path": "/v1/chat/completions", "stream": true, "content_type": "text/event-stream",
                "body": "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n"}
             ]}
            """#
        // One line for the C adapter, which looks for "{\"id\":\"" without spaces.
        try Data(text.utf8).write(to: URL(fileURLWithPath: script))

        let run = try check(
            [path, "--script", script]
                + ["probe.models", "probe.healthy", "exchange.usage", "probe.many-models"].flatMap { ["--only", $0] })

        #expect(run.status == 0, "\(run.output)")
        #expect(run.output.contains("/ one\n") && run.output.contains("/ 2 and 3\n"))
        #expect(run.output.contains("the script lists its own models"))
    }

    @Test func thePageListsExactlyTheChecks() throws {
        let page = try String(
            contentsOf: Products.root.appendingPathComponent("docs/adapter-check.md"), encoding: .utf8)
        // The page is wrapped: a line that is indented goes on with the item above it.
        let unwrapped = page.replacing("\n  ", with: " ")
        let listed = unwrapped.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("- `"), let end = line.dropFirst(3).firstIndex(of: "`") else { return nil }
            let rest = line[line.index(after: end)...]
            return String(line.dropFirst(3)[..<end]) + rest
        }

        #expect(listed == CheckRunner.checks.map { "\($0.id): \($0.requirement)" })
    }
}
