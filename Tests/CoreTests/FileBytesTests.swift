import Foundation
import Glibc
import Testing

@testable import Core

@Suite struct FileBytesTests {
    private static func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("nexus-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.path)
    }

    private static func failure(_ path: String, limit: Int = 10, patience: Int = 0) -> FileBytes.Failure? {
        do throws(FileBytes.Failure) {
            _ = try FileBytes.read(path, limit: limit, patience: patience)
            return nil
        } catch {
            return error
        }
    }

    @Test func aFileIsReadUpToItsLimit() throws {
        try Self.withFolder { folder in
            #expect(FileBytes.write(Array("0123456789".utf8), to: folder + "/a", exclusive: true))
            let bytes = try FileBytes.read(folder + "/a", limit: 10)
            #expect(bytes == Array("0123456789".utf8))
            #expect(Self.failure(folder + "/a", limit: 9) == .system(EFBIG))
            #expect(Self.failure(folder + "/b")?.isAbsence == true)
            #expect(Self.failure(folder + "/a\0b") == .system(EINVAL))
        }
    }

    @Test func theFolderOfAFileIsBroughtToTheDisk() throws {
        try Self.withFolder { folder in
            #expect(FileBytes.syncFolder(of: folder + "/any") && FileBytes.syncFolder(of: "in-this-one"))
            #expect(FileBytes.syncFolder(of: "/at-the-root") && !FileBytes.syncFolder(of: folder + "/none/any"))
        }
    }

    @Test func whatIsNoFileIsRefusedAtOnce() throws {
        try Self.withFolder { folder in
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            #expect(symlink(folder + "/pipe", folder + "/link") == 0)
            #expect(Self.failure(folder + "/pipe") == .notAFile && Self.failure(folder + "/link") == .notAFile)
            #expect(Self.failure(folder + "/pipe")?.description == "it is no regular file")
            #expect(Self.failure(folder) == .system(EISDIR))
            let nothing = try FileBytes.read("/dev/null", limit: 1)
            #expect(nothing.isEmpty)
            #expect(Self.failure("/dev/zero", limit: 100_000) == .system(EFBIG))
        }
    }

    @Test func thePatienceForAPipeHasAnEnd() throws {
        try Self.withFolder { folder in
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            #expect(Self.failure(folder + "/pipe", patience: 1) == .silent(seconds: 1))
            // Neither does one help that stays open.
            let pipe = open(folder + "/pipe", O_RDWR | O_CLOEXEC)
            defer { close(pipe) }
            #expect(Glibc.write(pipe, "abc", 3) == 3)
            #expect(Self.failure(folder + "/pipe", patience: 1) == .silent(seconds: 1))
        }
    }

    @Test func aPipeIsReadToItsEndIfThatIsWanted() throws {
        var ends: [CInt] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { close(ends[0]) }
        #expect(Glibc.write(ends[1], "a = 1", 5) == 5)
        close(ends[1])
        #expect(try FileBytes.read("/proc/self/fd/\(ends[0])", limit: 10, patience: 60) == Array("a = 1".utf8))
    }
}
