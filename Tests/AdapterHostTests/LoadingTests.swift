import ABIRules
import Core
import Foundation
import Glibc
import PluginAPI
import Testing

@testable import AdapterHost

@Suite struct LoadingTests {
    @Test func anAdapterOfPlainCIsLoadedAndDescribed() throws {
        let image = try AdapterImage(path: TestAdapter.echo(in: TestAdapter.directory()))

        #expect(image.type == "echo" && image.displayName == "Echo" && image.version == "1.0")
        #expect(image.abiMajor == 1 && image.abiMinor == UInt16(NEXUS_ABI_MINOR))
        #expect(image.optionsSchema.contains("greeting"))
        #expect(image.defaultURLs.isEmpty)
    }

    @Test(arguments: [
        (TestAdapter.Fault.wrongMajor, "states ABI version 2.\(NEXUS_ABI_MINOR); this nexus speaks major version 1"),
        (.otherShape, "states ABI version 2.\(NEXUS_ABI_MINOR); this nexus speaks major version 1"),
        (.shortTable, "struct_size is 16, at least 144 and at most 4096 is expected"),
        (.hugeTable, "struct_size is 4104, at least 144 and at most 4096 is expected"),
        (.nullFunction, "probe is NULL"),
        (.badType, "type \"Not A Type\" must match"),
        (.refuses, "refused to start: no licence was found"),
        (.otherEntry, "exports nexus_adapter_v2, this nexus loads nexus_adapter_v1"),
        (.noEntry, "does not export nexus_adapter_v1"),
        (.unresolved, "function_that_nobody_defines"),
    ])
    func aFaultyAdapterIsRefusedWithItsReason(_ fault: TestAdapter.Fault, _ reason: String) throws {
        let path = try TestAdapter.faulty(fault, in: TestAdapter.directory())

        #expect(problem(of: path)?.contains(reason) == true, "\(problem(of: path) ?? "loaded")")
    }

    @Test(arguments: [-9_000_000_000, 13_569_465_600] as [Double])
    func theTimeOfAFileMayBeAny(_ seconds: Double) throws {
        let directory = try TestAdapter.directory()
        let path = directory + "/old.so"
        try Data("not an ELF file".utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: seconds)], ofItemAtPath: path)

        #expect(AdapterLibrary.load(directories: [directory]).rejected.map(\.path) == [path])
    }

    @Test func whatIsNoAdapterAtAllIsRefusedBeforeAnyOfItRuns() throws {
        let directory = try TestAdapter.directory()
        let good = try Data(contentsOf: URL(fileURLWithPath: TestAdapter.echo(in: directory)))
        let cases: [(Data, LoadProblem)] = [
            (Data("not an ELF file".utf8), .notELF), (Data(), .notELF), (good.prefix(40), .truncated),
            (good.prefix(good.count / 2), .truncated), (changed(good, at: 4, to: 1), .otherMachine),
            (changed(good, at: 18, to: 8), .otherMachine), (changed(good, at: 16, to: 1), .notSharedObject),
        ]
        for (index, (bytes, expected)) in cases.enumerated() {
            let path = directory + "/case\(index).so"
            try bytes.write(to: URL(fileURLWithPath: path))
            #expect(throws: expected) { _ = try AdapterImage(path: path) }
        }
    }

    @Test func everyCutOfAnAdapterIsRefusedWithoutACrash() throws {
        let directory = try TestAdapter.directory()
        let good = try Data(contentsOf: URL(fileURLWithPath: TestAdapter.echo(in: directory)))
        let path = directory + "/cut.so"
        for length in stride(from: 0, to: good.count - 1, by: max(1, good.count / 64)) {
            try good.prefix(length).write(to: URL(fileURLWithPath: path))
            #expect(throws: LoadProblem.self) { _ = try AdapterImage(path: path) }
        }
    }

    @Test func aFileThatOthersMayWriteIsRefused() throws {
        let path = try TestAdapter.echo(in: TestAdapter.directory())
        try FileManager.default.setAttributes([.posixPermissions: 0o757], ofItemAtPath: path)

        #expect(throws: LoadProblem.writableByOthers) { _ = try AdapterImage(path: path) }
    }

    @Test func aMissingFileAndADirectoryAreUnreadable() throws {
        let directory = try TestAdapter.directory()

        #expect(problem(of: directory + "/none.so")?.contains("cannot be read") == true)
        #expect(problem(of: directory) == "cannot be read: not a regular file")
    }

    @Test func overwritingTheFileDoesNotTouchTheLoadedImage() throws {
        let path = try TestAdapter.echo(in: TestAdapter.directory())
        let image = try AdapterImage(path: path)
        let size = try Data(contentsOf: URL(fileURLWithPath: path)).count
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.write(contentsOf: Data(repeating: 0xCC, count: size))
        try handle.close()

        var message = MessageBuffer()
        let status = message.fill { error in
            withBorrowed("refused") { name in
                var config = Crossing.configuration(name: name)
                return image.functions.create(&config, HostTable.pointer, nil, nil, error)
            }
        }
        #expect(status < 0 && message.text.contains("is refused by this adapter"))
    }

    @Test func theLibraryTellsOfEveryFileAndGoesOn() throws {
        let directory = try TestAdapter.directory()
        let echo = try TestAdapter.echo(in: directory)
        let bad = try TestAdapter.faulty(.refuses, in: directory)
        try Data("text".utf8).write(to: URL(fileURLWithPath: directory + "/readme.txt"))
        try FileManager.default.copyItem(atPath: echo, toPath: directory + "/second.so")

        let library = AdapterLibrary.load(directories: [directory + "/missing", directory])

        #expect(library.images.map(\.path) == [echo])
        #expect(library.rejected.map(\.path) == [bad, directory + "/second.so"])
        #expect(library.rejected.last?.problem == .duplicateType("echo", other: echo))
        #expect(library.image(type: "echo") != nil && library.image(type: "faulty") == nil)
    }

    private func problem(of path: String) -> String? {
        do throws(LoadProblem) {
            _ = try AdapterImage(path: path)
            return nil
        } catch {
            return error.description
        }
    }

    private func changed(_ data: Data, at index: Int, to byte: UInt8) -> Data {
        var copy = data
        copy[index] = byte
        return copy
    }

    @Test func aFileThatDoesNotReturnFromItsEntryIsGivenUpAndTheOthersAreLoaded() throws {
        let directory = try TestAdapter.directory()
        _ = try TestAdapter.faulty(.blocks, in: directory)
        _ = try TestAdapter.echo(in: directory)

        let library = AdapterLibrary().updated(directories: [directory], limit: 2)

        #expect(library.images.map(\.type) == ["echo"])
        #expect(library.rejected.map(\.problem) == [.tooSlow(seconds: 2)])
    }

    @Test(arguments: [Int.min, -1, 0, 1 << 34, Int.max]) func aFileMayClaimAnyTime(_ time: Int) {
        var status = Glibc.stat()
        status.st_mtim.tv_sec = time
        status.st_ctim.tv_sec = time
        #expect(FileStamp(status) == FileStamp(status) && FileStamp(status) != FileStamp(stat(tv: 5)))
    }

    private func stat(tv seconds: Int) -> Glibc.stat {
        var status = Glibc.stat()
        status.st_mtim.tv_sec = seconds
        return status
    }

    @Test func aFileThatIsCutWhileItIsReadIsLookedAtAgain() {
        #expect(LoadProblem.changing.isOfTheMoment && LoadProblem.failed(EMFILE).isOfTheMoment)
        #expect(LoadProblem.failed(EIO).isOfTheMoment && LoadProblem.failed(ENOMEM).isOfTheMoment)
        #expect(!LoadProblem.failed(EACCES).isOfTheMoment && !LoadProblem.failed(ENOENT).isOfTheMoment)
        #expect(LoadProblem.shortage() == nil)
    }
}

@Suite struct UnreadableDirectoryTests {
    private let directory: String
    private let library: AdapterLibrary
    private let seen: AdapterFiles.Directory

    init() throws {
        directory = try TestAdapter.directory()
        _ = try TestAdapter.echo(in: directory)
        seen = try #require(AdapterFiles.list([directory]).first)
        library = AdapterLibrary().updated([seen], now: 100)
    }

    private func look(_ content: AdapterFiles.Directory.Content, now: Int, _ before: AdapterLibrary? = nil)
        -> AdapterLibrary
    {
        (before ?? library).updated([AdapterFiles.Directory(path: directory, content: content)], now: now)
    }

    private func isSame(_ other: AdapterLibrary) -> Bool {
        !other.images.isEmpty && other.images.map(\.ordinal) == library.images.map(\.ordinal)
    }

    @Test(arguments: [EMFILE, ENFILE, EACCES, EIO, ENOMEM, ESTALE]) func whatCannotBeReadIsNotEmpty(_ code: CInt) {
        let later = look(.unreadable(code), now: 100_000)

        #expect(isSame(later) && later.rejected.isEmpty)
        #expect(later.unread.map(\.path) == [directory])
        #expect(later.unread.first?.reason.hasPrefix("it cannot be read: ") == true)
        let again = look(seen.content, now: 100_001, later)
        #expect(isSame(again) && again.unread.isEmpty)
    }

    @Test func aFileThatCannotBeLookedAtStays() throws {
        guard case .files(let files, let identity) = seen.content else { throw CancellationError() }
        let unreadable = files.map { AdapterFiles.File(path: $0.path, failure: EIO) }
        let later = look(.files(unreadable, of: identity), now: 101)

        #expect(isSame(later) && later.unread.map(\.path) == files.map(\.path))
        #expect(isSame(look(seen.content, now: 102, later)))
    }

    @Test(arguments: [
        AdapterFiles.Directory.Content.absent, .files([], of: AdapterFiles.Identity(device: 1, inode: 1)),
    ])
    func aDirectoryThatVanishesIsWaitedFor(_ content: AdapterFiles.Directory.Content) {
        let gone = look(content, now: 200)
        let stillGone = look(content, now: 209, gone)

        #expect(isSame(gone) && isSame(stillGone))
        #expect(gone.unread.first?.reason.contains("vanished") == true)
        #expect(isSame(look(seen.content, now: 209, stillGone)))
        let end = look(content, now: 210, stillGone)
        #expect(end.images.isEmpty && end.unread.isEmpty)
    }

    @Test func aDirectoryThatComesAndGoesIsWaitedForEachTime() {
        let back = look(seen.content, now: 205, look(.absent, now: 200))

        #expect(isSame(look(.absent, now: 215, back)))
    }

    @Test func theLastFileOfADirectoryThatIsThereGoesAtOnce() throws {
        guard case .files(_, let identity) = seen.content else { throw CancellationError() }
        let emptied = look(.files([], of: identity), now: 101)

        #expect(emptied.images.isEmpty && emptied.unread.isEmpty)
    }

    @Test func aDirectoryThatIsNotConfiguredAnyMoreGoesAtOnce() {
        #expect(library.updated([], now: 101).images.isEmpty)
    }

    @Test func aDirectoryThatWasNeverThereIsNoMatter() {
        let library = AdapterLibrary().updated([AdapterFiles.Directory(path: "/none", content: .absent)], now: 1)
        #expect(library.images.isEmpty && library.unread.isEmpty)
        #expect(AdapterFiles.list(["/none", "/dev/null"]).map(\.content) == [.absent, .absent])
    }
}

/// Which files may be used.
@Suite struct AdapterRuleLoadingTests {
    private let directory: String
    private let path: String
    private let hash: ContentHash

    init() throws {
        directory = try TestAdapter.directory()
        path = try TestAdapter.echo(in: directory)
        hash = try FileHash.of(path)
    }

    private func rules(_ files: [String: [ContentHash]]) -> AdapterRules {
        AdapterRules(allow: AdapterAllowList(files))
    }

    private func look(_ rules: AdapterRules?, _ before: AdapterLibrary = AdapterLibrary()) -> AdapterLibrary {
        before.updated(directories: [directory], rules: rules)
    }

    private func out(_ hash: ContentHash) -> AdapterRules {
        let crash = AdapterCrash(hash: hash, type: "echo", file: path, end: "SIGSEGV", isInGateway: false, at: 0)
        return AdapterRules(quarantine: .files([hash: .crashes(CrashRecord(crashes: 3, last: crash))]))
    }

    @Test func theHashOfAFileIsThatOfTheBytesThatAreMapped() throws {
        #expect(try PrivateCopy(path: path).hash == hash)
        #expect(try ContentHash(of: Array(Data(contentsOf: URL(fileURLWithPath: path)))) == hash)
        #expect(look(nil).images.first?.hash == hash)
        #expect(throws: LoadProblem.unreadable("not a regular file")) { try FileHash.of("/dev/zero") }
        #expect(throws: LoadProblem.self) { try FileHash.of(directory) }
    }

    @Test func aListedFileIsLoadedAndNoOther() throws {
        #expect(look(rules(["echo.so": [hash]])).images.map(\.path) == [path])
        for (rules, refusal) in [
            (rules([:]), AdapterRules.Refusal.unlisted),
            (rules(["echo.so": [ContentHash(of: [])]]), .otherBytes),
        ] {
            let loaded = AdapterImage.loaded.count { $0.path == path }
            let library = look(rules)
            #expect(library.images.isEmpty && library.rejected.first?.problem.refusal == refusal)
            #expect(AdapterImage.loaded.count { $0.path == path } == loaded, "it must not be mapped")
        }
    }

    /// Its entry would fail, so a reason of the list shows that it was not even asked.
    @Test func whatIsRefusedIsNotRun() throws {
        let faulty = try TestAdapter.faulty(.refuses, in: directory)
        let problems = look(rules(["echo.so": [hash]])).rejected
        #expect(problems.map(\.path) == [faulty] && problems.first?.problem.refusal == .unlisted)
    }

    @Test func aNewVersionMustBeListedAndTheOneBeforeGoesOn() throws {
        let before = look(rules(["echo.so": [hash]]))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes.append(0)
        try bytes.write(to: URL(fileURLWithPath: path))
        let after = look(nil, before)

        #expect(after.images.map(\.ordinal) == before.images.map(\.ordinal))
        #expect(after.rejected.first?.problem.refusal == .otherBytes && after.rejected.first?.keepsOlder == true)
        let listed = look(rules(["echo.so": [hash, ContentHash(of: Array(bytes))]]), after)
        #expect(listed.rejected.isEmpty && listed.images.map(\.ordinal) != before.images.map(\.ordinal))
    }

    @Test func whatIsTakenFromTheListIsUsedNoLonger() {
        let before = look(nil)
        let after = look(rules([:]), before)
        #expect(after.images.isEmpty && after.rejected.first?.keepsOlder == false)
        // Also while its directory cannot be read.
        let unreadable = AdapterFiles.Directory(path: directory, content: .unreadable(EIO))
        #expect(before.updated([unreadable], rules: rules([:]), now: 1).images.isEmpty)
        #expect(before.updated([unreadable], now: 1).images.count == 1)
        #expect(look(AdapterRules(), after).images.count == 1)
    }

    @Test func whatIsInQuarantineIsLeftOutUntilItIsReplacedOrTakenBack() throws {
        let left = look(out(hash))
        #expect(
            left.images.isEmpty && left.rejected.first?.problem.description.contains("nexus adapter release") == true)
        #expect(look(AdapterRules(), left).images.count == 1)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes.append(0)
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(look(nil, left).images.count == 1)
    }

    @Test func aFileThatIsReplacedBetweenTheLookAndTheLoadIsNotRun() throws {
        #expect(throws: LoadProblem.replaced) {
            _ = try AdapterImage(path: path, holding: ContentHash(of: []), host: HostTable.pointer)
        }
        #expect(try AdapterImage(path: path, holding: hash, host: HostTable.pointer).type == "echo")
    }
}
