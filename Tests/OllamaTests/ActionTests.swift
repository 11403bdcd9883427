import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

/// A backend made through the adapter's table, and calls of its actions as the host makes them.
private struct Bench {
    let host: FakeHost
    let instance: UnsafeMutableRawPointer
    let table: nexus_adapter

    struct NotMade: Error {}

    init(_ host: FakeHost, options: String = "{}") throws {
        guard let table = adapterEntry(FakeHost.table, nil)?.pointee else { throw NotMade() }
        var instance: UnsafeMutableRawPointer?
        let status = lend(options) { options in
            lend("http://server:11434") { url in
                var config = nexus_backend_config()
                config.struct_size = UInt32(MemoryLayout<nexus_backend_config>.size)
                config.url = url
                config.options = options
                return table.create(&config, FakeHost.table, FakeHost.callbacks, &instance, nil)
            }
        }
        guard status == NEXUS_OK, let instance else { throw NotMade() }
        self.host = host
        self.table = table
        self.instance = instance
    }

    private func function<Function>(_ name: String, as type: Function.Type) -> Function? {
        OllamaBackend.actions.first { $0.name == name }.map { unsafeBitCast($0.function, to: type) }
    }

    /// No status that the header knows.
    static let noSuchAction: nexus_status = 1

    func call(_ name: String, _ model: String) -> nexus_status {
        guard let function = function(name, as: AdapterAction.WithText.self) else { return Self.noSuchAction }
        return lend(model) { function(instance, 7, $0) }
    }

    func call(_ name: String, _ model: String, flag: Bool) -> nexus_status {
        guard let function = function(name, as: AdapterAction.WithTextAndFlag.self) else { return Self.noSuchAction }
        return lend(model) { function(instance, 7, $0, flag ? 1 : 0) }
    }

    func call(_ name: String, _ model: String, _ other: String?) -> nexus_status {
        guard let function = function(name, as: AdapterAction.WithTexts.self) else { return Self.noSuchAction }
        return lend(model) { model in
            guard let other else { return function(instance, 7, model, nexus_str(ptr: nil, len: 0)) }
            return lend(other) { function(instance, 7, model, $0) }
        }
    }

    func call(_ name: String) -> nexus_status {
        function(name, as: AdapterAction.Plain.self)?(instance, 7) ?? Self.noSuchAction
    }

    func end() { table.destroy(instance) }
}

private func run(options: String = "{}", _ body: (FakeHost, Bench) throws -> Void) throws {
    try FakeHost.run { host in
        let bench = try Bench(host, options: options)
        try body(host, bench)
        bench.end()
    }
}

@Suite struct ActionTests {
    @Test func theTableTellsAllActions() throws {
        try run { _, bench in
            let found = bench.table.extension(NEXUS_ACTIONS)?.assumingMemoryBound(to: nexus_actions.self).pointee
            let names = (0..<(found?.count ?? 0)).compactMap { found?.actions?[$0].name.text }

            #expect(
                names == ["pull_model", "delete_model", "load_model", "unload_model", "show_model", "running_models"])
            #expect(found?.actions?[1].flags == NEXUS_ACTION_DESTRUCTIVE)
            #expect(bench.table.extension("nexus.other/1") == nil)
        }
    }

    @Test func aPullTellsTheBytesOfAllLayers() throws {
        try run { host, bench in
            host.serveAction = { request in
                request.head(200)
                let lines =
                    #"{"status":"pulling manifest"}"# + "\n"
                    + #"{"status":"pulling a","digest":"a","total":100}"# + "\n"
                    + #"{"status":"pulling b","digest":"b","total":50,"completed":20}"# + "\n"
                    + #"{"status":"pulling a","digest":"a","total":100,"completed":100}"# + "\n"
                    + #"{"status":"success"}"# + "\n"
                // Cut within lines.
                request.body(lines.utf8.prefix(70))
                request.body(lines.utf8.dropFirst(70))
                request.end()
            }

            #expect(bench.call("pull_model", "m:1b", flag: true) == NEXUS_OK)

            #expect(host.requests.last?.body == #"{"model":"m:1b","insecure":true,"stream":true}"#)
            #expect(host.requests.last?.path == "/api/pull" && host.errors.isEmpty && host.results.isEmpty)
            #expect(
                host.progress == [
                    FakeHost.Progress("pulling manifest", 0, 0), FakeHost.Progress("pulling a", 0, 100),
                    FakeHost.Progress("pulling b", 20, 150), FakeHost.Progress("pulling a", 120, 150),
                    FakeHost.Progress("success", 120, 150),
                ])
        }
    }

    @Test func anErrorInThePullIsTheReason() throws {
        try run { host, bench in
            host.serveAction = { request in
                request.answer(200, [], #"{"status":"pulling manifest"}"# + "\n" + #"{"error":"no space left"}"#)
            }

            #expect(bench.call("pull_model", "m", flag: false) == NEXUS_FAILED)
            #expect(host.errors.map(\.message) == ["no space left"])
        }
    }

    @Test func aPullThatEndsWithoutSuccessHasFailed() throws {
        try run { host, bench in
            host.serveAction = { $0.answer(200, [], #"{"status":"pulling manifest"}"# + "\n") }

            #expect(bench.call("pull_model", "m", flag: false) == NEXUS_FAILED)
            #expect(host.errors.map(\.kind) == [NEXUS_FAIL_UPSTREAM])
        }
    }

    @Test func aServerThatIsNotThereIsTheReason() throws {
        try run { host, bench in
            #expect(bench.call("delete_model", "m") == NEXUS_FAILED)
            #expect(host.requests.last?.method == "DELETE" && host.requests.last?.path == "/api/delete")
            #expect(host.errors.map(\.kind) == [NEXUS_FAIL_CONNECT])
        }
    }

    @Test(arguments: [
        ("5m", #""5m""#), ("-1", "-1"), ("0", "0"), ("300", "300"),
    ])
    func loadingKeepsTheModelAsLongAsAsked(_ asked: String, _ sent: String) throws {
        try run { host, bench in
            host.serveAction = { $0.answer(200, [], #"{"done":true,"done_reason":"load"}"#) }

            #expect(bench.call("load_model", "m", asked) == NEXUS_OK)
            #expect(host.requests.last?.body == #"{"model":"m","stream":false,"keep_alive":\#(sent)}"#)
        }
    }

    @Test func loadingUsesTheContextLengthThatRequestsUse() throws {
        try run(options: #"{"num_ctx":4096,"keep_alive":"1h"}"#) { host, bench in
            host.serveAction = { $0.answer(200, [], #"{"done":true}"#) }

            #expect(bench.call("load_model", "m", nil) == NEXUS_OK)
            #expect(
                host.requests.last?.body
                    == #"{"model":"m","stream":false,"keep_alive":"1h","options":{"num_ctx":4096}}"#)
            #expect(bench.call("unload_model", "m") == NEXUS_OK)
            #expect(host.requests.last?.body == #"{"model":"m","stream":false,"keep_alive":0}"#)
        }
    }

    @Test func whatTheServerTellsIsTheResult() throws {
        try run { host, bench in
            host.serveAction = { $0.answer(200, [], #"{"models":[{"name":"m"}]}"#) }

            #expect(bench.call("running_models") == NEXUS_OK)
            #expect(bench.call("show_model", "m", flag: true) == NEXUS_OK)
            #expect(host.results == [#"[{"name":"m"}]"#, #"{"models":[{"name":"m"}]}"#])
            #expect(host.requests.last?.body == #"{"model":"m","verbose":true}"#)
        }
    }

    @Test func aModelThatIsNotThereIsNamed() throws {
        try run { host, bench in
            host.serveAction = { $0.answer(404, [], #"{"error":"model 'm' not found"}"#) }

            #expect(bench.call("show_model", "m", flag: false) == NEXUS_FAILED)
            #expect(host.errors.map(\.message) == ["model 'm' not found"])
        }
    }

    @Test func aCancelledActionSendsNothing() throws {
        try run { host, bench in
            host.isCancelled = true

            #expect(bench.call("delete_model", "m") == NEXUS_FAILED)
            #expect(host.requests.isEmpty)
        }
    }
}
