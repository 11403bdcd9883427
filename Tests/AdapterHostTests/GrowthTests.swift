import Core
import Glibc
import PluginAPI
import Testing

@testable import AdapterHost

/// Adapters built against a later minor version of the ABI work with this host.
@Suite struct FutureAdapterTests {
    private func bench() async throws -> Bench {
        try await Bench.make(adapter: TestAdapter.echoOfTheFuture(in: TestAdapter.directory()))
    }

    @Test func itIsLoadedAndItsVersionIsShown() throws {
        let image = try AdapterImage(path: TestAdapter.echoOfTheFuture(in: TestAdapter.directory()))

        #expect(image.abiMajor == 1 && image.abiMinor == UInt16(NEXUS_ABI_MINOR) + 1 && image.type == "echo")
    }

    @Test func itAnswersAnExchange() async throws {
        let result = try await bench().submit("echo")

        #expect(result.status == 200 && result.written.contains(#""request":{"model":"echo"}"#))
        #expect(result.outcome?.promptTokens == 3 && result.outcome?.completionTokens == 5)
        #expect(result.left == 0)
    }

    @Test func itsFailureArrivesWhole() async throws {
        let result = try await bench().submit("fail-busy")

        #expect(result.failure?.kind == .busy && result.failure?.status == 429)
        #expect(result.failure?.message == "the echo adapter fails as it was asked to")
    }

    @Test func itsFailureTellsTheWorkThatWasDone() async throws {
        let outcome = try await bench().submit("fail-late").failure?.outcome

        #expect(outcome == ExchangeOutcome(completionTokens: 1, isEstimated: true))
    }

    @Test func itReportsAllItsModelsAndItsHealth() async throws {
        let bench = try await bench()
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            bench.loop.execute {
                bench.backend.probe(on: bench.services.eventLoop, timeout: .seconds(60)) { done.resume() }
            }
        }

        let view = try #require(bench.registry.views.first)
        #expect(view.status == .healthy && view.metadata["server"] == "echo 1.0")
        #expect(view.models.map(\.id).sorted() == ["echo", "fail-busy", "fail-late", "misuse", "refuse", "silent"])
        #expect(view.models.allSatisfy { $0.contextLength == 4096 })
    }
}

/// What a failure tells of the work until then.
@Suite struct FailureFigureTests {
    private func outcome(_ prompt: UInt64, _ completion: UInt64, flags: UInt32 = 0) -> ExchangeOutcome {
        var failure = nexus_failure()
        failure.struct_size = UInt32(MemoryLayout<nexus_failure>.size)
        failure.kind = NEXUS_FAIL_UPSTREAM
        failure.prompt_tokens = prompt
        failure.completion_tokens = completion
        failure.flags = flags
        return HostTable.failure(failure).outcome
    }

    @Test func whatIsZeroOrUnknownOrAbsurdIsUnknown() {
        #expect(outcome(0, 0) == ExchangeOutcome() && outcome(.max, .max) == ExchangeOutcome())
        #expect(outcome((1 << 53) + 1, .max - 1) == ExchangeOutcome())
    }

    @Test func countsAndEstimatesAreTaken() {
        #expect(outcome(7, 3) == ExchangeOutcome(promptTokens: 7, completionTokens: 3))
        #expect(
            outcome(0, 3, flags: NEXUS_OUTCOME_ESTIMATED) == ExchangeOutcome(completionTokens: 3, isEstimated: true))
    }
}

/// Adapters built against ABI 1.0 and 1.1 work with this host.
@Suite struct PastAdapterTests {
    private func bench(minor: Int = 0) async throws -> Bench {
        try await Bench.make(adapter: TestAdapter.echoOfThePast(minor: minor, in: TestAdapter.directory()))
    }

    @Test(arguments: [0, 1])
    func itIsLoadedAndItsVersionIsShown(_ minor: Int) throws {
        let image = try AdapterImage(path: TestAdapter.echoOfThePast(minor: minor, in: TestAdapter.directory()))

        #expect(image.abiMajor == 1 && Int(image.abiMinor) == minor && image.type == "echo")
    }

    @Test(arguments: [0, 1])
    func itAnswersAnExchangeAndTellsNothingOfWhatCameLater(_ minor: Int) async throws {
        let result = try await bench(minor: minor).submit("echo")

        #expect(result.status == 200 && result.written.contains(#""request":{"model":"echo"}"#))
        #expect(result.outcome == ExchangeOutcome(promptTokens: 3, completionTokens: 5))
    }

    @Test(arguments: [0, 1])
    func itsFailureTellsNothingOfTheWorkThatWasDone(_ minor: Int) async throws {
        let failure = try #require(try await bench(minor: minor).submit("fail-late").failure)

        #expect(failure.kind == .upstream && failure.status == 500)
        #expect(failure.message == "the echo adapter fails as it was asked to")
        #expect(failure.outcome == ExchangeOutcome())
    }

    @Test func itsModelsHaveNoStateAndItsServerAnswersAllKinds() async throws {
        let bench = try await bench()
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            bench.loop.execute {
                bench.backend.probe(on: bench.services.eventLoop, timeout: .seconds(60)) { done.resume() }
            }
        }

        let view = try #require(bench.registry.views.first)
        #expect(view.status == .healthy && bench.registry.snapshot.backends.first?.kinds == 0)
        #expect(view.models.count == 6)
        #expect(view.models.allSatisfy { $0.isLoaded == nil && $0.size == nil && $0.details.isEmpty })
    }
}

/// This host with a field more than the adapter knows: how a later host reads the adapters of today.
@Suite struct FutureHostTests {
    /// A structure that begins as the one of today.
    private struct Grown<Base> {
        var base: Base
        var added: UInt
    }

    private static let mark: UInt = 0x5EED

    private func table(size: Int) -> Grown<nexus_adapter> {
        var base = nexus_adapter()
        base.abi_major = 1
        base.struct_size = UInt32(size)
        base.kinds = NEXUS_KIND_EMBEDDINGS
        base.cancel = { _, _ in }
        base.extension = { _ in nil }
        return Grown(base: base, added: Self.mark)
    }

    private func read(_ pointer: UnsafePointer<Grown<nexus_adapter>>) -> Grown<nexus_adapter>? {
        Versioned.read(pointer, minimum: Versioned.Minimum.adapter, sizeAt: Versioned.tableSizeAt)
    }

    /// What the recorded layout of the version that brought a structure says of its size.
    @Test(arguments: [
        ("1.0", "nexus_adapter", Versioned.Minimum.adapter), ("1.0", "nexus_health", Versioned.Minimum.health),
        ("1.0", "nexus_model", Versioned.Minimum.model), ("1.0", "nexus_http_request", Versioned.Minimum.httpRequest),
        ("1.0", "nexus_http_handlers", Versioned.Minimum.httpHandlers),
        ("1.0", "nexus_response_head", Versioned.Minimum.responseHead),
        ("1.0", "nexus_outcome", Versioned.Minimum.outcome), ("1.0", "nexus_failure", Versioned.Minimum.failure),
        ("1.0", "nexus_action", Versioned.Minimum.action), ("1.0", "nexus_actions", Versioned.Minimum.actions),
        ("1.0", "nexus_progress", Versioned.Minimum.progress), ("1.1", "nexus_load", Versioned.Minimum.load),
    ])
    func theFirstSizeIsTheMinimumForEver(_ version: String, _ name: String, _ minimum: Int) throws {
        #expect(try TestAdapter.recordedSize(of: name, in: version) == minimum)
    }

    @Test func aFieldThatTheAdapterDoesNotKnowCountsAsZeroAndTheRestIsIntact() {
        var old = table(size: Versioned.Minimum.adapter)

        let seen = read(&old)

        #expect(seen != nil && seen?.added == 0)
        #expect(seen?.base.kinds == NEXUS_KIND_EMBEDDINGS && seen?.base.cancel != nil && seen?.base.extension != nil)
    }

    @Test func aFieldThatTheAdapterKnowsIsRead() {
        var new = table(size: Versioned.Minimum.adapter + MemoryLayout<UInt>.size)

        #expect(read(&new)?.added == Self.mark)
    }

    @Test func aFieldThatIsCoveredByHalfIsReadNoFurther() {
        var half = table(size: Versioned.Minimum.adapter + 1)

        #expect(read(&half)?.added == 0xED)
    }

    @Test(arguments: [0, 8, Versioned.Minimum.adapter - 1, Versioned.maximum + 1, Int(Int32.max)])
    func anAbsurdSizeIsRefused(_ size: Int) {
        var wrong = table(size: size)

        #expect(read(&wrong) == nil)
    }

    @Test func theLargestSizeIsTaken() {
        var large = table(size: Versioned.maximum)

        #expect(read(&large)?.added == Self.mark)
    }

    /// The table ends where memory ends: one byte further and the process is gone.
    @Test func nothingBehindTheAdaptersTableIsTouched() throws {
        let page = sysconf(Int32(_SC_PAGESIZE))
        let memory = try #require(
            mmap(nil, page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
        try #require(memory != MAP_FAILED)
        defer { munmap(memory, page * 2) }
        try #require(mprotect(memory + page, page, PROT_NONE) == 0)
        let start = memory + page - Versioned.Minimum.adapter
        withUnsafeBytes(of: table(size: Versioned.Minimum.adapter).base) {
            start.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: $0.count)
        }

        let seen = read(UnsafePointer(start.assumingMemoryBound(to: Grown<nexus_adapter>.self)))

        #expect(seen != nil && seen?.added == 0 && seen?.base.kinds == NEXUS_KIND_EMBEDDINGS)
    }

    // MARK: Arrays

    /// `count` models with the contexts 1, 2, 3, ... at the given distance, in bytes that are not zero.
    private func withModels(_ count: Int, stride: Int, _ body: (UnsafeRawPointer) throws -> Void) rethrows {
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: count * stride, alignment: 8)
        defer { bytes.deallocate() }
        bytes.initializeMemory(as: UInt8.self, repeating: 0xAA, count: count * stride)
        let ids = Array("abcdefghij".utf8.map(CChar.init(bitPattern:)))
        try ids.withUnsafeBufferPointer { ids in
            for index in 0..<count {
                let id = nexus_str(ptr: ids.baseAddress.map { $0 + index }, len: 1)
                var model = Crossing.model(id, context: UInt64(index + 1))
                model.struct_size = UInt32(stride)
                withUnsafeBytes(of: model) { known in
                    (bytes + index * stride).copyMemory(
                        from: known.baseAddress ?? UnsafeRawPointer(bytes), byteCount: min(stride, known.count))
                }
            }
            try body(UnsafeRawPointer(bytes))
        }
    }

    @Test(arguments: [64, 72, 80, 128, 4096])
    func anArrayOfLargerElementsIsReadByTheirOwnSize(_ stride: Int) {
        withModels(3, stride: stride) { bytes in
            let result = ReportCleaning.models(bytes.assumingMemoryBound(to: nexus_model.self), count: 3)

            #expect(result.models.map(\.id) == ["a", "b", "c"] && result.dropped == 0)
            #expect(result.models.map(\.contextLength) == [1, 2, 3])
        }
    }

    @Test func anArrayOfSmallerElementsGivesZeroForWhatTheyLack() throws {
        try withModels(3, stride: 64) { bytes in
            let first = bytes.assumingMemoryBound(to: Grown<nexus_model>.self)
            let stride = try #require(Versioned.stride(first, minimum: Versioned.Minimum.model))
            let seen = (0..<3).compactMap {
                Versioned.element(first, $0, stride: stride, minimum: Versioned.Minimum.model)
            }

            #expect(stride == 64 && seen.map(\.base.context_length) == [1, 2, 3])
            #expect(seen.allSatisfy { $0.added == 0 })
        }
    }
}
