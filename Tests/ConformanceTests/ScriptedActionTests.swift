import ABIRules
import Glibc
import PluginAPI
import Synchronization
import Testing

@testable import AdapterHost
@testable import Conformance

/// What an action's function saw, in order. It is the instance that the function is given.
private final class Witness: Sendable {
    private let seen = Mutex<(events: [String], task: nexus_task)>(([], 0))
    var events: [String] { seen.withLock { $0.events } }
    var task: nexus_task { seen.withLock { $0.task } }
    func note(_ text: String) { seen.withLock { $0.events.append(text) } }
    func keep(_ task: nexus_task) { seen.withLock { $0.task = task } }
    var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    static func of(_ user: UnsafeMutableRawPointer?) -> Witness? {
        user.map { Unmanaged<Witness>.fromOpaque($0).takeUnretainedValue() }
    }

    static let handlers = nexus_http_handlers(
        struct_size: UInt32(MemoryLayout<nexus_http_handlers>.size), reserved: 0,
        on_head: { user, _, head in Witness.of(user)?.note("head \(head?.pointee.status ?? 0)") },
        on_body: { user, _, bytes, length in
            let text = String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
            Witness.of(user)?.note("body \(text)")
        },
        on_end: { user, _, end in Witness.of(user)?.note("end \(end?.pointee.result ?? 99)") })
}

private typealias Function = @convention(c) (UnsafeMutableRawPointer?, nexus_task) -> nexus_status

private var services: nexus_action_host { ScriptedActionHost.table.pointee }

private func fetch(_ instance: UnsafeMutableRawPointer?, _ task: nexus_task) -> nexus_status {
    withBorrowed("GET") { method in
        withBorrowed("/x") { path in
            var request = nexus_http_request()
            request.struct_size = UInt32(MemoryLayout<nexus_http_request>.size)
            request.method = method
            request.path = path
            var handlers = Witness.handlers
            return services.http(task, &request, &handlers, instance)
        }
    }
}

@Suite struct ScriptedActionTests {
    nonisolated(unsafe) private static let table = UnsafeMutablePointer<nexus_adapter>.allocate(capacity: 1)
    private let breaches = Breaches()
    private let witness = Witness()

    private func run(
        _ function: Function, _ cancellation: ScriptedAction.Cancellation = .never, patience: Int = 600_000,
        arrival: Arrival = Arrival(
            answer: UpstreamAnswer(), pieces: [Array("ab".utf8)[...], Array("cd".utf8)[...]])
    ) throws -> ScriptedAction.Content {
        let functions = AdapterFunctions(
            table: UnsafePointer(Self.table), create: { _, _, _, _, _ in NEXUS_FAILED }, destroy: { _ in },
            probe: { _, _ in }, submit: { _, _, _ in NEXUS_OK }, cancel: nil, extension: nil)
        let backend = ScriptedBackend(functions, log: ReportLog(breaches: breaches), instance: witness.pointer)
        let signature = try ActionSignature("() -> none")
        let call = try #require(
            ActionCall(signature, function: unsafeBitCast(function, to: (@convention(c) () -> Void).self)))
        return ScriptedAction.run(
            call, try ActionArguments([:], for: signature), backend, cancellation, breaches: breaches,
            patience: patience
        ) { _ in arrival }
    }

    @Test func theServerAnswersBeforeHTTPReturns() throws {
        let content = try run { instance, task in
            let status = fetch(instance, task)
            Witness.of(instance)?.note("returned")
            return status
        }

        #expect(witness.events == ["head 200", "body ab", "body cd", "end 0", "returned"])
        #expect(content.status == NEXUS_OK && content.sent.map(\.path) == ["/x"] && !content.lostRequest)
    }

    @Test(arguments: 0...3)
    func aRequestOfACancelledActionEndsAsCancelled(_ events: Int) throws {
        let content = try run({ fetch($0, $1) }, .inRequest(events: events))

        #expect(witness.events == ["head 200", "body ab", "body cd"].prefix(events) + ["end 5"])
        #expect(content.isCancelled && content.lostRequest)
    }

    @Test func anActionThatIsCancelledBeforeSendsNothing() throws {
        let content = try run({ services.check($1) == NEXUS_STALE ? fetch($0, $1) : NEXUS_OK }, .beforeStart)

        #expect(content.status == NEXUS_STALE && content.lostRequest && witness.events.isEmpty)
    }

    @Test func aServerThatNeverAnswersIsATimeOutAtOnce() throws {
        _ = try run({ fetch($0, $1) }, arrival: Arrival(end: nil))

        #expect(witness.events == ["end 2"])
    }

    @Test func anActionThatLastsIsCancelled() throws {
        let content = try run(
            { _, task in
                while services.check(task) == NEXUS_OK { sched_yield() }
                return NEXUS_FAILED
            }, patience: 1)

        #expect(content.isCancelled && content.status == NEXUS_FAILED)
    }

    @Test func theHandleIsStaleOnceTheFunctionHasReturned() throws {
        _ = try run { instance, task in
            Witness.of(instance)?.keep(task)
            return services.check(task)
        }

        #expect(witness.task != 0 && services.check(witness.task) == NEXUS_STALE)
        #expect(services.result(witness.task, "1", 1) == NEXUS_STALE)
    }

    @Test func aResultThatIsNotJSONIsRefused() throws {
        let content = try run { _, task in
            _ = services.result(task, "[1]", 3)
            return services.result(task, "[1", 2)
        }

        #expect(content.status == NEXUS_INVALID && content.result == Array("[1]".utf8))
    }

    @Test func httpFromAnotherThreadIsRefusedAndNoted() throws {
        let content = try run { instance, task in
            guard let witness = Witness.of(instance) else { return NEXUS_INVALID }
            let done = Semaphore()
            DetachedThread.run("other") {
                witness.note("status \(fetch(witness.pointer, task))")
                done.signal()
            }
            done.wait()
            return NEXUS_OK
        }

        #expect(content.status == NEXUS_OK && witness.events == ["status \(NEXUS_WRONG_THREAD)"])
        #expect(breaches.words(.wrongThread) != nil)
    }
}
