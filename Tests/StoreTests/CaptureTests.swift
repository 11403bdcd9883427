import Core
import Glibc
import SQLite
import Synchronization
import Testing

@testable import Store

extension Capture {
    static func test(_ number: Int, key: String? = nil, request: String = "{\"model\":\"m\"}", answer: String = "{}")
        -> Capture
    {
        Capture(
            endedAt: 1_800_000_000 + Int64(number), requestID: "req-\(number)", key: key, client: "127.0.0.1",
            endpoint: "/v1/chat/completions", model: "m", backend: "one", status: 200, failed: false, stream: false,
            milliseconds: 12,
            request: Body(type: "application/json", bytes: Array(request.utf8), total: UInt64(request.utf8.count)),
            answer: Body(type: "application/json", bytes: Array(answer.utf8), total: UInt64(answer.utf8.count)))
    }
}

@Suite("Captures on disk") struct CaptureTests {
    private let folder = Folder()
    private let key = CaptureKey(String(repeating: "5a", count: 32))

    private var file: String { folder.file }

    private func settings(_ change: (inout Configuration.Captures) -> Void = { _ in }, key: CaptureKey? = nil)
        -> CaptureStore.Settings
    {
        var captures = Configuration.Captures()
        captures.keepDays = 0
        change(&captures)
        return CaptureStore.Settings(captures, path: file, key: key)
    }

    private func bytes() -> [UInt8] {
        ["", "-wal"].flatMap { ending -> [UInt8] in
            let opened = open(file + ending, O_RDONLY)
            guard opened >= 0 else { return [] }
            defer { close(opened) }
            var all: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 65_536)
            while case let count = read(opened, &piece, piece.count), count > 0 { all += piece.prefix(count) }
            return all
        }
    }

    private func holds(_ text: String) -> Bool { bytes().firstRange(of: Array(text.utf8)) != nil }

    @Test func whatIsKeptIsReadAsItWas() throws {
        let captures = [Capture.test(1), .test(2, key: "app"), .test(3)]
        try CaptureFile(file, key: nil).write(captures)
        let reader = try CaptureReader(path: file)
        #expect(try reader.capture(id: captures[1].id, key: nil)?.capture == captures[1])
        let page = try reader.page(CaptureFilter(), before: nil, limit: 2)
        #expect(page.captures.map(\.capture.id) == [captures[2].id, captures[1].id])
        #expect(page.captures.allSatisfy { $0.capture.request.bytes.isEmpty && $0.capture.request.total == 13 })
        #expect(
            try reader.page(CaptureFilter(), before: page.next, limit: 2).captures.map(\.capture.id) == [captures[0].id]
        )
        var filter = CaptureFilter()
        filter.key = "app"
        #expect(try reader.page(filter, before: nil, limit: 9).captures.count == 1)
        #expect(try reader.capture(id: "0000", key: nil) == nil)
    }

    @Test func withAKeyNothingOfABodyStandsInTheFile() throws {
        let key = try #require(key)
        let capture = Capture.test(1, request: "a plain canary", answer: "another canary")
        try CaptureFile(file, key: key).write([capture])
        #expect(!holds("canary") && holds("req-1"))
        let reader = try CaptureReader(path: file)
        #expect(try reader.capture(id: capture.id, key: key)?.capture == capture)
        let without = try #require(try reader.capture(id: capture.id, key: nil))
        #expect(without.capture.request.bytes.isEmpty && without.capture.request.problem?.contains("no key") == true)
        let other = try reader.capture(id: capture.id, key: CaptureKey(String(repeating: "11", count: 32)))
        #expect(other?.capture.answer.problem?.contains("another key") == true)
    }

    @Test func aBodyThatWasChangedOrPutElsewhereIsNotShown() throws {
        let key = try #require(key)
        let captures = [Capture.test(1, request: "one"), .test(2, request: "two")]
        try CaptureFile(file, key: key).write(captures)
        let connection = try SQLiteConnection(path: file, mode: .writing, patience: 1000)
        try connection.run(
            "UPDATE captures SET request = (SELECT request FROM captures ORDER BY place DESC LIMIT 1) WHERE place = 1")
        let moved = try CaptureReader(path: file).capture(id: captures[0].id, key: key)
        #expect(moved?.capture.request.problem?.contains("damaged") == true && moved?.capture.answer.problem == nil)
        try connection.run("UPDATE captures SET answer = x'00' WHERE place = 1")
        #expect(try CaptureReader(path: file).capture(id: captures[0].id, key: key)?.capture.answer.problem != nil)
    }

    @Test(arguments: ["", "5a", String(repeating: "zz", count: 32), String(repeating: "5a", count: 33)])
    func whatIsNoKeyIsNotTaken(_ text: String) { #expect(CaptureKey(text) == nil) }

    @Test("AES-256-GCM") func aSealOpensForItsPurposeAlone() throws {
        let key = try #require(CaptureKey("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"))
        let sealed = try #require(key.seal(Array("plain".utf8), purpose: "p"))
        #expect(sealed.count == 12 + 5 + 16 && key.open(sealed, purpose: "p") == Array("plain".utf8))
        #expect(key.open(sealed, purpose: "q") == nil)
        #expect(key.seal(Array("plain".utf8), purpose: "p") != sealed, "each has a nonce of its own")
        let empty = try #require(key.seal([], purpose: "p"))
        #expect(key.open(empty, purpose: "p") == [])
    }

    @Test func theNewestAreKeptAndTheRestGoes() throws {
        let file = try CaptureFile(file, key: nil)
        try file.write((1...20).map { .test($0) })
        try file.retain(settings { $0.maxCount = 5 }, now: 1_800_000_000)
        let reader = try CaptureReader(path: self.file)
        #expect(
            try reader.page(CaptureFilter(), before: nil, limit: 99).captures.map(\.capture.requestID)
                == (16...20).reversed().map { "req-\($0)" })
        try file.retain(settings { $0.keepDays = 1 }, now: 1_800_000_018 + 86_400)
        #expect(try reader.page(CaptureFilter(), before: nil, limit: 99).captures.count == 3)
    }

    @Test func theFileStaysBelowItsSize() throws {
        let file = try CaptureFile(file, key: nil)
        let body = String(repeating: "x", count: 10_000)
        try file.write((1...200).map { .test($0, request: body) })
        try file.retain(settings { $0.keepBytes = 1_048_576 }, now: 0)
        let count = try CaptureReader(path: self.file).page(CaptureFilter(), before: nil, limit: 999).captures.count
        #expect(count > 20 && count < 105)
    }

    @Test func whatIsDeletedIsGoneFromTheFile() throws {
        let file = try CaptureFile(file, key: nil)
        try file.write([.test(1, key: "app", request: "canary-one"), .test(2, key: "other", request: "canary-two")])
        var filter = CaptureFilter()
        filter.key = "app"
        #expect(try file.delete(filter) == 1)
        #expect(!holds("canary-one") && holds("canary-two"))
        filter = CaptureFilter()
        filter.before = 1_800_000_002
        #expect(try file.delete(filter) == 0)
        filter.before = 1_800_000_003
        #expect(try file.delete(filter) == 1 && !holds("canary-two"))
    }

    @Test func oneIsDeletedByItsIdAlone() throws {
        let file = try CaptureFile(file, key: nil)
        let captures = [Capture.test(1, request: "canary-one"), .test(2, request: "canary-two")]
        try file.write(captures)
        var filter = CaptureFilter()
        filter.id = "none"
        #expect(try file.delete(filter) == 0)
        filter.id = captures[0].id
        #expect(try file.delete(filter) == 1 && !holds("canary-one") && holds("canary-two"))
    }

    /// Another program that reads the file, as it was when that began.
    private func reader() throws -> SQLiteConnection {
        let connection = try SQLiteConnection(path: file, mode: .reading, patience: 0)
        try connection.run("BEGIN")
        _ = try connection.integer("SELECT count(*) FROM captures")
        return connection
    }

    private func writer(_ words: Words) -> CaptureWriter {
        CaptureWriter(path: file, tell: { _, said in words.add(said) })
    }

    @Test func whatLimitsDeleteIsGoneFromTheFileToo() throws {
        var writer = writer(Words())
        let one = settings { $0.maxCount = 1 }
        #expect(writer.write([.test(1, request: "canary-one")], one) == nil && holds("canary-one"))
        #expect(writer.write([.test(2, request: "canary-two")], one) == nil)
        #expect(!holds("canary-one") && holds("canary-two"))
    }

    @Test func whileAnotherProgramReadsThatIsToldAndTriedAgain() throws {
        let words = Words()
        var writer = writer(words)
        #expect(writer.write([.test(1, request: "canary-one"), .test(2, request: "canary-two")], settings()) == nil)
        let reader = try reader()
        #expect(try writer.delete(CaptureFilter(), settings()).get() == CaptureDeletion(count: 2, isErased: false))
        #expect(holds("canary-one") && words.all.count == 1 && words.all[0].contains("can still be read"))
        try reader.run("COMMIT")
        #expect(writer.write([.test(3)], settings()) == nil)
        #expect(!holds("canary-one") && !holds("canary-two") && words.all.last?.contains("nothing is left") == true)
    }

    @Test func aClockThatJumpsAheadDeletesNothingAtOnce() throws {
        var old = Capture.test(1)
        old.endedAt = Clock.wallSeconds() - 40 * 86_400
        try CaptureFile(file, key: nil).write([old])
        let words = Words()
        var writer = writer(words)
        #expect(writer.look(settings { $0.keepDays = 7 }) == nil)
        #expect(try CaptureReader(path: file).page(CaptureFilter(), before: nil, limit: 9).captures.count == 1)
        #expect(words.all.count == 1 && words.all[0].contains("40 days ahead"))
    }

    @Test func aFileOfAnotherProgramIsLeftAlone() throws {
        _ = try StoreFile(file)
        #expect(throws: StoreProblem.foreign) { try CaptureFile(file, key: nil) }
        #expect(throws: StoreProblem.foreign) { try CaptureReader(path: file) }
    }

    @Test func theStoreRedactsBeforeItWrites() throws {
        let store = CaptureStore(settings { $0.redact = [RedactionRule("model")].compactMap { $0 } })
        let room = CaptureRoom()
        let capture = Capture.test(1)
        store.take(capture, CaptureShare(of: room))
        let deleted = Mutex<Int?>(nil)
        var filter = CaptureFilter()
        filter.key = "nobody"
        store.delete(filter) { result in deleted.withLock { $0 = try? result.get().count } }
        Thread.run { store.run { _, _ in } }
        store.finish(milliseconds: 60_000)
        #expect(deleted.withLock { $0 } == 0 && store.figures == CaptureStore.Figures(kept: 1, lost: 0))
        let kept = try #require(try CaptureReader(path: file).capture(id: capture.id, key: nil)).capture.request
        #expect(kept.isRedacted && String(decoding: kept.bytes, as: UTF8.self) == "{\"model\":\"[redacted]\"}")
    }

    @Test func thereIsRoomForSoMuchAndNoMore() {
        let room = CaptureRoom()
        let first = CaptureShare(of: room)
        #expect(first.grow(by: StoreLimits.captureBytes))
        do {
            let second = CaptureShare(of: room)
            #expect(!second.grow(by: 1))
        }
        withExtendedLifetime(first) {}
        let third = CaptureShare(of: CaptureRoom())
        #expect(third.grow(by: 1))
    }
}

/// What a store has said for the log.
final class Words: Sendable {
    private let said = Mutex<[String]>([])

    func add(_ words: String) { said.withLock { $0.append(words) } }

    var all: [String] { said.withLock { $0 } }
}

enum Thread {
    /// Runs it beside this one.
    static func run(_ body: @escaping @Sendable () -> Void) {
        final class Box: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body))
        let status = pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
                return nil
            }, box.toOpaque())
        if status == 0 { pthread_detach(thread) }
    }
}
