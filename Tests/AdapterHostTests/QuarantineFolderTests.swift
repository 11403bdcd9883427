import Core
import Foundation
import Glibc
import Testing

@testable import AdapterHost

private func hash(_ text: String) -> ContentHash { ContentHash(of: Array(text.utf8)) }

private func crash(_ content: String, at: Int64 = 7) -> AdapterCrash {
    AdapterCrash(hash: hash(content), type: "t", file: "/a/\(content).so", end: "SIGBUS", isInGateway: true, at: at)
}

/// As a run leaves it that a crash has ended.
private func leave(_ crash: AdapterCrash, in folder: QuarantineFolder, as name: String) throws {
    let record = CrashNote.record(type: crash.type, file: crash.file, hash: crash.hash)
    try """
    {"end":"\(crash.end)","in_gateway":\(crash.isInGateway),"at":\(crash.at),"adapter":\(record)}

    """.write(toFile: "\(folder.path)/run-\(name)", atomically: true, encoding: .utf8)
}

private func files(_ folder: QuarantineFolder) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
}

private func mode(_ path: String) -> Int {
    ((try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions] as? NSNumber)?.intValue ?? -1
}

@Suite struct QuarantineFolderTests {
    private let folder: QuarantineFolder

    init() throws { folder = QuarantineFolder(path: try TestAdapter.directory() + "/state/adapters") }

    @Test func nothingIsKeptWhereNothingIs() throws {
        #expect(try folder.read() == CrashCounts() && files(folder).isEmpty)
        #expect(try QuarantineFolder(path: "/dev/null/adapters").read() == CrashCounts())
    }

    @Test func runsThatEndedByACrashAreCountedOnceAtTheNextStart() throws {
        _ = try folder.begin(limit: 3).run?.end()
        for number in 1...3 {
            try leave(crash("a", at: Int64(number)), in: folder, as: "x\(number)")
            let beginning = try folder.begin(limit: 3)
            #expect(
                beginning.counts.entries[hash("a")]
                    == .record(CrashRecord(crashes: number, last: crash("a", at: Int64(number)))))
            #expect(beginning.problems.isEmpty)
            beginning.run?.end()
        }
        #expect(try folder.begin(limit: 3).counts.leftOut(limit: 3).count == 1)
        #expect(try folder.read().leftOut(limit: 3).count == 1)
        #expect(files(folder).filter { $0.hasPrefix("run-x") }.isEmpty)
        #expect(mode(folder.path) == 0o700 && mode("\(folder.path)/\(CrashFile.name(hash("a")))") == 0o600)
    }

    @Test func aRunThatGoesOnIsLeftToItself() throws {
        let running = try folder.begin(limit: 3)
        let name = try #require(files(folder).first { $0.hasPrefix("run-") })
        #expect(mode("\(folder.path)/\(name)") == 0o600)
        let other = try folder.begin(limit: 3)

        #expect(files(folder).filter { $0.hasPrefix("run-") }.count == 2)
        other.run?.end()
        #expect(files(folder).contains(name))
        running.run?.end()
        #expect(!files(folder).contains { $0.hasPrefix("run-") })
    }

    @Test func aRunThatWasKilledSaysNothing() throws {
        _ = try folder.begin(limit: 3).run?.end()
        try Data().write(to: URL(fileURLWithPath: folder.path + "/run-killed"))

        let beginning = try folder.begin(limit: 3)
        #expect(beginning.counts == CrashCounts() && beginning.problems.isEmpty)
        #expect(!files(folder).contains("run-killed"))
    }

    @Test func aNoteThatCannotBeReadIsTold() throws {
        _ = try folder.begin(limit: 3).run?.end()
        try Data("{\"end\":".utf8).write(to: URL(fileURLWithPath: folder.path + "/run-cut"))

        #expect(try folder.begin(limit: 3).problems.first?.contains("run-cut holds no note of a crash") == true)
        #expect(try folder.begin(limit: 3).problems.isEmpty)
    }

    @Test(arguments: ["", "{}", "garbage", #"{"version":2}"#]) func aRecordThatCannotBeReadLeavesItsContentOut(
        _ text: String
    ) throws {
        _ = try folder.begin(limit: 3).run?.end()
        let file = "\(folder.path)/\(CrashFile.name(hash("a")))"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))

        let counts = try folder.begin(limit: 3).counts
        #expect(counts.leftOut(limit: 3) == [hash("a"): .unreadable("\(file) holds no record of crashes")])
        #expect(try folder.change([.calm([hash("a")])], limit: 3) == counts)
        #expect(try folder.change([.released([hash("a")])], limit: 3) == CrashCounts())
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test func calmAndReleaseAreKept() throws {
        _ = try folder.change([.crashed(crash("a")), .crashed(crash("b")), .crashed(crash("b"))], limit: 2)
        #expect(try folder.read().entries.count == 2)
        _ = try folder.change([.calm([hash("a"), hash("b")])], limit: 2)
        #expect(try Set(folder.read().entries.keys) == [hash("b")])
        _ = try folder.change([.released([hash("b")])], limit: 2)
        #expect(try folder.read() == CrashCounts())
        #expect(files(folder) == ["lock"])
    }

    @Test func whatCannotBeWrittenCountsAllTheSame() throws {
        _ = try folder.begin(limit: 1).run?.end()
        try leave(crash("a"), in: folder, as: "x")
        // A folder in its place cannot be replaced by a file.
        let inTheWay = "\(folder.path)/\(CrashFile.name(hash("a")))"
        try FileManager.default.createDirectory(atPath: inTheWay + "/full", withIntermediateDirectories: true)

        let beginning = try folder.begin(limit: 1)
        #expect(beginning.counts.leftOut(limit: 1)[hash("a")] != nil)
        #expect(files(folder).contains("run-x") == (beginning.problems.isEmpty == false))
    }

    @Test func aFolderThatCannotBeReadIsAnError() throws {
        // Root may read any; so one that is too large stands for it.
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
        for number in 0...QuarantineFolder.Limits.names {
            close(open("\(folder.path)/\(number)", O_WRONLY | O_CREAT, 0o600))
        }

        #expect(throws: QuarantineFolder.Failure.self) { try folder.read() }
        #expect(throws: QuarantineFolder.Failure.self) { try folder.begin(limit: 3) }
    }

    @Test func aRecordComesBackAsItWas() throws {
        let odd = AdapterCrash(
            hash: hash("a"), type: "t", file: "/a/\"\u{1}\n\\é.so", end: "exit", isInGateway: false, at: 253_402_300_799
        )
        let record = CrashRecord(crashes: CrashRecord.limit, last: odd)

        #expect(CrashFile.record(CrashFile.bytes(record), of: hash("a")) == record)
        #expect(CrashFile.record(CrashFile.bytes(record), of: hash("b")) == nil)
        #expect(CrashFile.hash(ofName: CrashFile.name(hash("a"))) == hash("a"))
        #expect(CrashFile.hash(ofName: "lock") == nil && CrashFile.hash(ofName: "run-abc") == nil)
    }
}
