import ABIRules
import Core
import Foundation
import PluginAPI
import Synchronization
import Testing

@testable import AdapterHost

/// Keeps what it receives.
private final class Recorder: ReportReceiver {
    struct Received {
        var health: [HealthReport] = []
        var models: [[Model]] = []
        var dropped: [Int] = []
        var lines: [String] = []
    }
    private let all = Mutex(Received())
    var received: Received { all.withLock { $0 } }

    func received(_ report: HealthReport) { all.withLock { $0.health.append(report) } }
    func received(_ models: [Model], dropped: Int) {
        all.withLock {
            $0.models.append(models)
            $0.dropped.append(dropped)
        }
    }
    func received(_ load: ServerLoad) {}
    func received(log text: String, level: UInt32) { all.withLock { $0.lines.append("\(level) \(text)") } }
    func received(posted function: @escaping nexus_posted, for task: nexus_task, user: UnsafeMutableRawPointer?)
        -> nexus_status
    {
        function(user, task, NEXUS_OK)
        return NEXUS_BAD_STATE
    }
}

/// Values as an adapter in C would fill them in.
enum Crossing {
    static func configuration(name: nexus_str) -> nexus_backend_config {
        var config = nexus_backend_config()
        config.struct_size = UInt32(MemoryLayout<nexus_backend_config>.size)
        config.name = name
        return config
    }

    static func health(_ status: UInt32, latency: Double = -1, message: nexus_str = nexus_str()) -> nexus_health {
        var health = nexus_health()
        health.struct_size = UInt32(MemoryLayout<nexus_health>.size)
        health.status = status
        health.latency_ms = latency
        health.message = message
        return health
    }

    static func model(_ id: nexus_str, context: UInt64 = 0) -> nexus_model {
        var model = nexus_model()
        model.struct_size = UInt32(MemoryLayout<nexus_model>.size)
        model.id = id
        model.context_length = context
        return model
    }
}

@Suite(.serialized) struct BoundCallbackTests {
    @Test func eachBackendHasFunctionsOfItsOwn() throws {
        let first = Recorder()
        let second = Recorder()
        let one = try #require(BoundCallbacks(receiver: first)).pointer.pointee
        let two = try #require(BoundCallbacks(receiver: second)).pointer.pointee

        var good = Crossing.health(NEXUS_HEALTHY, latency: 2.5)
        one.report_health(&good)
        withBorrowed("down") { text in
            var bad = Crossing.health(NEXUS_UNHEALTHY, message: text)
            two.report_health(&bad)
        }

        #expect(first.received.health == [HealthReport(outcome: .healthy, latencyMilliseconds: 2.5)])
        #expect(second.received.health == [HealthReport(outcome: .unhealthy, message: "down")])
    }

    @Test func modelsAndLogLinesArrive() throws {
        let recorder = Recorder()
        let callbacks = try #require(BoundCallbacks(receiver: recorder)).pointer.pointee

        withBorrowed("llama") { id in
            let models = [Crossing.model(id, context: 4096)]
            callbacks.report_models(models, 1)
        }
        callbacks.report_models(nil, 0)
        withBorrowed("line\nbreak") { callbacks.log(NEXUS_LOG_WARNING, $0.ptr, $0.len) }

        #expect(recorder.received.models == [[Model(id: "llama", contextLength: 4096)], []])
        #expect(recorder.received.lines == ["3 line break"])
    }

    @Test func postReachesTheReceiverAndGivesItsStatusBack() throws {
        let callbacks = try #require(BoundCallbacks(receiver: Recorder())).pointer.pointee
        var seen: nexus_task = 0

        let status = withUnsafeMutablePointer(to: &seen) { seen in
            callbacks.post(7, { user, task, _ in user?.assumingMemoryBound(to: nexus_task.self).pointee = task }, seen)
        }

        #expect(status == NEXUS_BAD_STATE && seen == 7)
        #expect(callbacks.post(7, nil, nil) == NEXUS_INVALID)
    }

    @Test func afterRevocationCallsAreCountedAndReachNobody() throws {
        let recorder = Recorder()
        let bound = try #require(BoundCallbacks(receiver: recorder))
        let callbacks = bound.pointer.pointee

        bound.revoke()
        var good = Crossing.health(NEXUS_HEALTHY)
        callbacks.report_health(&good)
        callbacks.report_models(nil, 0)
        callbacks.log(NEXUS_LOG_ERROR, "x", 1)

        #expect(bound.lateCalls == 3 && AdapterFigures.lateCalls >= 3)
        #expect(recorder.received.health.isEmpty && recorder.received.models.isEmpty && recorder.received.lines.isEmpty)
    }

    @Test func anyThreadMayCallWhileTheCallbacksAreRevoked() throws {
        let recorder = Recorder()
        let bound = try #require(BoundCallbacks(receiver: recorder))
        let calls = 2000
        let threads = 4
        let group = DispatchGroup()
        for _ in 0..<threads {
            DispatchQueue.global().async(group: group) {
                for _ in 0..<calls {
                    var good = Crossing.health(NEXUS_HEALTHY)
                    bound.pointer.pointee.report_health(&good)
                }
            }
        }
        bound.revoke()
        let taken = recorder.received.health.count
        group.wait()

        #expect(recorder.received.health.count == taken, "a report arrived after revoke had returned")
        #expect(UInt64(taken) + bound.lateCalls == UInt64(calls * threads))
    }

    @Test func aStructureOfAnOlderVersionIsIgnored() throws {
        let recorder = Recorder()
        let callbacks = try #require(BoundCallbacks(receiver: recorder)).pointer.pointee
        var small = Crossing.health(NEXUS_HEALTHY)
        small.struct_size = 8

        callbacks.report_health(&small)
        callbacks.report_health(nil)

        #expect(recorder.received.health.isEmpty)
    }
}

@Suite struct ReportCleaningTests {
    /// An adapter from before ABI 1.3 tells what its models have, and nothing of what they lack.
    @Test(arguments: [(64, []), (120, []), (128, .vision)] as [(Int, Capabilities)])
    func whatAModelLacksIsKnownOnlyWhereItIsTold(_ size: Int, _ lacks: Capabilities) {
        let id: StaticString = "m"
        let text = UnsafeRawPointer(id.utf8Start).assumingMemoryBound(to: CChar.self)
        var model = Crossing.model(nexus_str(ptr: text, len: 1))
        model.struct_size = UInt32(size)
        model.capabilities = NEXUS_MODEL_TOOLS
        model.told = NEXUS_MODEL_VISION

        let cleaned = ReportCleaning.models(&model, count: 1).models.first

        #expect(cleaned?.capabilities == .tools && cleaned?.told == lacks.union(.tools))
    }

    private func cleaned(_ ids: [String]) -> (models: [Model], dropped: Int) {
        let storage = ids.map { Array($0.utf8.map(CChar.init(bitPattern:))) }
        let models = storage.map { bytes in
            // The arrays live as long as `storage`, and their elements do not move.
            bytes.withUnsafeBufferPointer { Crossing.model(nexus_str(ptr: $0.baseAddress, len: $0.count)) }
        }
        return withExtendedLifetime(storage) { ReportCleaning.models(models, count: models.count) }
    }

    @Test func emptyRepeatedOverlongAndUnprintableIdsAreDropped() {
        let result = cleaned(["a", "", "a", "b\n", String(repeating: "x", count: 257), "c"])

        #expect(result.models.map(\.id) == ["a", "c"])
        #expect(result.dropped == 4)
    }

    @Test func anIdThatIsNotUTF8IsRepaired() {
        let bytes: [CChar] = [0x61, -1, 0x62]
        let models = bytes.withUnsafeBufferPointer {
            ReportCleaning.models([Crossing.model(nexus_str(ptr: $0.baseAddress, len: $0.count))], count: 1)
        }

        #expect(models.models.map(\.id) == ["a\u{FFFD}b"])
    }

    @Test func moreModelsThanTheLimitAreCut() {
        let result = cleaned((0..<10_010).map { "m\($0)" })

        #expect(result.models.count == ABILimits.models && result.dropped == 10)
    }

    @Test(arguments: [0, 8, 4097, 61] as [UInt32])
    func anAbsurdStrideReadsNothing(_ stride: UInt32) {
        var model = Crossing.model(nexus_str())
        model.struct_size = stride

        #expect(ReportCleaning.models(&model, count: 3) == ([], 3))
    }

    @Test(arguments: [Double.nan, .infinity, -1])
    func aLatencyThatIsNoneIsUnknown(_ latency: Double) {
        #expect(ReportCleaning.health(Crossing.health(NEXUS_HEALTHY, latency: latency)).latencyMilliseconds == nil)
    }

    @Test func anUnknownStatusCountsAsUnhealthyAndLoadingIsItsOwn() {
        #expect(ReportCleaning.health(Crossing.health(99)).outcome == .unhealthy)
        #expect(ReportCleaning.health(Crossing.health(NEXUS_LOADING)).outcome == .loading)
    }

    @Test func timesOfModelsBeyondAllCalendarsAreCut() {
        let (models, _) = withBorrowed("m") { id in
            var model = Crossing.model(id, context: .max)
            model.created = .max
            model.loaded_until = .max
            model.size = .max
            return withUnsafePointer(to: model) { ReportCleaning.models($0, count: 1) }
        }

        #expect(models[0].created == 253_402_300_799 && models[0].loadedUntil == .time(253_402_300_799))
        #expect(models[0].contextLength == (1 << 53) - 1 && models[0].size == (1 << 53) - 1)
    }

    @Test func whatIsDroppedIsCountedWhateverTheNumber() {
        for _ in 0..<4 { Misuse.dropped.record("report_models", of: "endless", count: .max) }
        #expect(Misuse.dropped.total > UInt64(Int.max))
    }

    @Test func lengthWithoutDataIsEmptyText() {
        let health = Crossing.health(NEXUS_UNHEALTHY, message: nexus_str(ptr: nil, len: 100))

        #expect(ReportCleaning.health(health).message == "")
    }
}
