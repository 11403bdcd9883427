import Conformance
import Foundation
import Testing

/// One defect of Tests/Adapters/broken.h and the checks that must see it.
struct Defect: CustomTestStringConvertible, Sendable {
    let name: String
    let failing: [String]

    init(_ name: String, _ failing: String...) {
        self.name = name
        self.failing = failing
    }

    var testDescription: String { name }
}

@Suite struct BrokenAdapterTests {
    static let defects = [
        Defect("NOTHING"),
        Defect("EXPORTS_MORE", "load.only-entry-exported"),
        Defect("PRINTS_IN_ENTRY", "load.no-output"),
        Defect("THREAD_IN_ENTRY", "load.no-threads"),
        Defect("SIGNAL_IN_ENTRY", "load.process-untouched"),
        Defect("SLOW_ENTRY", "load.entry-returns-soon"),
        Defect("TEXT_NOT_UTF8", "load.texts"),
        Defect("UNKNOWN_KIND", "load.kinds"),
        Defect("BAD_DEFAULT", "load.schema"),
        Defect("SCHEMA_NOT_JSON", "load.schema"),
        Defect("NEEDS_EXACT_HOST", "load.newer-host"),
        Defect("BAD_DEFAULT_URL", "load.default-urls"),
        Defect("NULL_SUBMIT", "load.table"),
        Defect("REFUSING_ENTRY", "load.entry"),
        Defect("CRASH_IN_ENTRY", "load.entry"),
        Defect("HANG_IN_ENTRY", "load.entry"),
        Defect("NO_MESSAGE", "create.bad-url", "create.refusal-is-clean"),
        Defect("INSTANCE_ON_REFUSAL", "create.bad-url", "create.refusal-is-clean"),
        Defect("SUCCESS_WITHOUT_INSTANCE", "create.refusal-is-clean"),
        Defect("MESSAGE_OVERRUN", "create.message-room"),
        Defect("TAKES_UNKNOWN_OPTIONS", "create.unknown-option"),
        Defect("LEAKS_MEMORY", "create.no-memory-leak"),
        Defect("LEAKS_FILE", "create.no-descriptor-leak"),
        // A thread keeps some memory.
        Defect("LEAKS_THREAD", "create.no-memory-leak", "create.no-thread-leak"),
        Defect("GLOBAL_CALLBACKS", "create.two-instances", "probe.two-at-once"),
        Defect("REPORTS_IN_DESTROY", "create.destroy-is-quiet", "exchange.destroy-after-end"),
        Defect("HEALTH_TWICE", "probe.reports-once"),
        Defect("HEALTH_BEFORE_MODELS", "probe.models-first"),
        Defect("SILENT_ON_500", "probe.reports-once", "probe.error-server"),
        Defect("HEALTHY_WHEN_REFUSED", "probe.refused-server"),
        Defect("EMPTY_MESSAGE", "probe.garbage-server"),
        Defect("DUPLICATE_MODEL", "probe.models"),
        Defect("EMPTY_MODEL", "probe.models"),
        Defect("HUNDRED_MODELS", "probe.many-models"),
        Defect("SLOW_PROBE", "probe.returns-at-once"),
        Defect("GENERATES_IN_PROBE", "probe.no-generation"),
        Defect("FIRST_PIECE_ONLY", "probe.every-split"),
        Defect("UMASK_IN_PROBE", "probe.process-untouched"),
        Defect("FORK_IN_PROBE", "probe.process-untouched"),
        Defect("PRINTS_IN_PROBE", "probe.no-output"),
        Defect("HANG_ON_401", "probe.unauthorized", "exchange.key-stays-secret"),
        Defect("FLOOD_ON_401", "probe.unauthorized", "exchange.key-stays-secret"),
        Defect("SILENT_WHEN_REFUSED", "probe.refused-services"),
        Defect("EXIT_ON_GARBAGE", "probe.report-texts", "probe.garbage-server"),
        Defect("LONG_MESSAGE", "probe.report-texts"),
        Defect("FINISH_TWICE", "exchange.ends-once"),
        Defect("WRITE_AFTER_END", "exchange.nothing-after-end"),
        Defect("WRITE_BEFORE_BEGIN", "exchange.begins-first"),
        Defect("TAKES_ANY_KIND", "exchange.unsupported-kind"),
        Defect("USAGE_ZERO", "exchange.usage-unknown"),
        Defect("USAGE_LOST", "exchange.usage"),
        Defect("BUSY_AS_REJECTED", "exchange.status-429"),
        Defect("NO_RETRY_AFTER", "exchange.retry-after"),
        Defect("CLOSED_AS_END", "exchange.closed-early"),
        Defect("ERROR_INSIDE_PASSED", "exchange.error-inside"),
        Defect("LOSES_SPLIT_CHARACTER", "exchange.every-split", "exchange.borrowed-memory"),
        Defect("KEEPS_POINTER", "exchange.borrowed-memory"),
        Defect("UNBOUNDED_LINE", "exchange.long-line"),
        Defect("KEY_IN_LOG", "exchange.key-stays-secret"),
        Defect("KEY_IN_FAILURE", "exchange.key-stays-secret"),
        Defect("FORBIDDEN_HEADER", "exchange.http-requests"),
        Defect("CALLS_FROM_THREAD", "exchange.valid-calls"),
        Defect("FORGED_HANDLE", "exchange.valid-calls"),
        Defect("SHORT_STRUCT", "exchange.valid-calls"),
        Defect("ABORT_IN_CANCEL", "probe.cancelled", "exchange.cancelled", "exchange.no-memory-leak"),
        Defect("LEAKS_EXCHANGE", "exchange.no-memory-leak"),
        Defect("LOCALE_IN_SUBMIT", "exchange.process-untouched"),
        Defect("PRINTS_IN_SUBMIT", "exchange.no-output"),
        Defect("BAD_CONTENT_TYPE", "exchange.content-type"),
        Defect("WRITES_TWICE", "exchange.unary", "exchange.awkward-requests"),
        Defect("NO_END_MARK", "exchange.stream"),
        Defect("TIMEOUT_AS_UPSTREAM", "exchange.silent-server", "exchange.deadline"),
        Defect("BODY_NOT_JSON", "exchange.failure-texts"),
        Defect("NEVER_ENDS_NONSENSE", "exchange.ends-once", "exchange.nonsense-server"),
        Defect("HANGS_WHEN_REFUSED", "exchange.refused-services"),
        Defect("REFUSES_UNKNOWN_FLAGS", "exchange.unknown-flags"),
        Defect("ENDED_AS_FINISH", "exchange.ended-early"),
        Defect("CLIENT_HEADER_TWICE", "exchange.client-headers"),
        Defect("INVENTS_HEADER", "exchange.server-headers"),
        Defect("REFUSES_LONG_DEADLINE", "exchange.told-times"),
        Defect("READS_BEYOND", "exchange.older-host"),
        Defect("BAD_SIGNATURE", "actions.signatures-parse"),
        Defect("SAME_ACTION_TWICE", "actions.names"),
        Defect("NO_HELP", "actions.help"),
        Defect("NULL_ACTION", "actions.functions"),
        Defect("ANY_EXTENSION", "actions.unknown-extension"),
        Defect("FAILS_SILENTLY", "actions.run"),
        Defect("STATUS_ABOVE_ZERO", "actions.run"),
        Defect("NO_RESULT", "actions.result"),
        Defect("RESULT_NOT_JSON", "actions.result"),
        Defect("PROGRESS_FALLS", "actions.progress"),
        Defect("PROGRESS_BEYOND_TOTAL", "actions.progress"),
        Defect("PROGRESS_NOT_UTF8", "actions.progress"),
        Defect("FORBIDDEN_HEADER_IN_ACTION", "actions.valid-calls"),
        Defect("HTTP_FROM_THREAD", "actions.valid-calls"),
        Defect("IGNORES_CANCEL", "actions.cancel"),
        Defect("CANCELLED_AS_SUCCESS", "actions.cancel"),
        Defect("EMPTY_ERROR", "actions.server-fails"),
        // The words of a 401 become the result.
        Defect("STATUS_NOT_LOOKED_AT", "actions.server-fails", "actions.key-is-secret"),
        Defect("KEY_IN_ERROR", "actions.key-is-secret"),
        Defect("KEY_IN_PROGRESS", "actions.key-is-secret"),
    ]

    /// Those of which a check must not return: the time limit is the length of the test.
    private static let hanging: Set = ["HANG_IN_ENTRY", "HANG_ON_401", "FLOOD_ON_401", "IGNORES_CANCEL"]

    @Test(arguments: defects)
    func aDefectFailsTheChecksMadeForItAndNoOther(_ defect: Defect) throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let hidden = defect.name == "EXPORTS_MORE" ? [] : ["-fvisibility=hidden"]
        let path = try Products.compile(
            Products.broken, hidden + ["-DBREAKS=\(defect.name)"], in: directory)
        var request = CheckRunner.Request(adapterPath: path)
        request.timeLimit = Self.hanging.contains(defect.name) ? 4 : 60

        let report = try CheckRunner(executable: Products.nexus).run(request)

        let failed = report.results.filter { $0.verdict == .fail }
        #expect(failed.map(\.id) == defect.failing, "\(failed.map(\.line).joined(separator: "\n"))")
        #expect(report.results.map(\.id) == CheckRunner.checks.map(\.id))
        #expect(try Products.left(naming: directory.path) == [])
    }

    @Test func everyDefectOfTheSourceIsTried() throws {
        let source = try String(
            contentsOf: Products.root.appendingPathComponent("Tests/Adapters/broken.h"), encoding: .utf8)
        let list = source.components(separatedBy: "enum {")[1].components(separatedBy: "};")[0]
        let names = list.replacing(#/\/\*.*?\*\//#, with: "").components(separatedBy: ",").map {
            $0.trimmingCharacters(in: .whitespacesAndNewlines)
        }

        #expect(Set(names) == Set(Self.defects.map(\.name)))
    }

    /// The shipped adapters, one that makes no HTTP request, and one with a thread of its own.
    @Test(arguments: ["Ollama", "OpenAICompat", "echo.c", "threaded.c"])
    func aGoodAdapterFailsNothing(_ name: String) throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = name.hasSuffix(".c") ? try Products.compile([name], in: directory) : Products.shipped(name)
        var request = CheckRunner.Request(adapterPath: path)
        request.timeLimit = 60

        let report = try CheckRunner(executable: Products.nexus).run(request)

        let failed = report.results.filter { $0.verdict == .fail }
        #expect(failed.isEmpty, "\(failed.map(\.line).joined(separator: "\n"))")
        #expect(report.count(.pass) >= 50)
        #expect(report.adapter.abi == "1.3" && !report.adapter.type.isEmpty)
    }

    /// As they were, built with the headers of their time.
    @Test(arguments: [0, 1, 2], [["echo.c"], ["threaded.c"], Products.broken])
    func aGoodAdapterOfAnOlderVersionFailsNothing(_ minor: Int, _ sources: [String]) throws {
        let directory = try Products.temporaryDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        var request = CheckRunner.Request(
            adapterPath: try Products.compile(sources, ["-fvisibility=hidden"], old: minor, in: directory))
        request.timeLimit = 60

        let report = try CheckRunner(executable: Products.nexus).run(request)

        let failed = report.results.filter { $0.verdict == .fail }
        #expect(failed.isEmpty, "\(failed.map(\.line).joined(separator: "\n"))")
        #expect(report.count(.pass) >= 50 && report.adapter.abi == "1.\(minor)")
    }
}
