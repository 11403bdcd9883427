import Core
import Glibc
import Synchronization

@testable import Store

/// A folder of its own for the files of a test.
final class Folder {
    let path: String

    init() {
        var template = Array("/tmp/nexus-store-XXXXXX\0".utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = mkdtemp(start) else { return "" }
            return String(cString: made)
        }
    }

    deinit {
        for name in ["history.db", "history.db-wal", "history.db-shm", "history.db.lock"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    var file: String { "\(path)/history.db" }
}

extension HistoryEntry {
    /// One that went well, the `number`th.
    static func test(
        _ number: Int, model: String = "m", backend: String = "one", status: Status = .success, code: Int = 200
    ) -> HistoryEntry {
        var entry = HistoryEntry(
            timestamp: 1_800_000_000 + Int64(number), model: model, backendID: backend, durationMilliseconds: 40,
            status: status, errorMessage: status == .error ? "it failed: 100% of \"it\"" : nil)
        entry.instance = GatewayInstance(id: "00000000000000aa", startedAt: 1_800_000_000)
        entry.sequence = UInt64(number)
        entry.requestID = "req-\(number)"
        entry.knownModel = model
        entry.statusCode = code
        entry.attempts = 1
        entry.endpoint = "/v1/chat/completions"
        entry.client = "127.0.0.1"
        entry.timeToFirstByteMilliseconds = 12
        entry.promptTokens = 7
        entry.completionTokens = 3
        entry.tokensPerSecond = 31.5
        return entry
    }
}

/// An owner that remembers what it was told.
final class RecordingOwner: Sendable {
    let figures = ExchangeFigures()
    let words = Mutex<[String]>([])

    var owner: HistoryStore.Owner {
        let (figures, record) = (figures, self)
        return HistoryStore.Owner(
            restore: { figures.restore($0) }, figures: { _ in figures.kept },
            tell: { _, words in record.words.withLock { $0.append(words) } })
    }

    /// A writer of the file, for this thread.
    func writer(_ folder: Folder) -> StoreWriter { StoreWriter(HistoryStore.Settings(path: folder.file), owner) }
}
