import Core
import SQLite

/// Captures of the file, the newest first.
public struct CapturePage: Sendable {
    /// Without their bodies.
    public var captures: [StoredCapture] = []
    /// Where the next page begins; nil: there is none.
    public var next: Int64?

    public init() {}
}

/// Reads the file of captures, beside whoever writes it; for one thread.
public final class CaptureReader {
    private let connection: SQLiteConnection

    public init(path: String) throws(StoreProblem) {
        do {
            guard FileIdentity(path) != nil else { throw StoreProblem.missing }
            connection = try SQLiteConnection(path: path, mode: .reading, patience: StoreLimits.lockPatience)
            guard try CaptureFile.check(connection) > 0 else { throw StoreProblem.missing }
        } catch {
            throw StoreProblem(error)
        }
    }

    /// - Parameter place: those before it; nil: all.
    public func page(_ filter: CaptureFilter, before place: Int64?, limit: Int) throws(StoreProblem) -> CapturePage {
        connection.deadline = Clock.monotonicNanoseconds() + UInt64(StoreLimits.seriesMilliseconds) * 1_000_000
        defer { connection.deadline = nil }
        do throws(SQLiteError) {
            var conditions = ["place < ?"]
            if filter.id != nil { conditions.append("id = ?") }
            if filter.key != nil { conditions.append("key = ?") }
            if filter.model != nil { conditions.append("model = ?") }
            if let failed = filter.failed { conditions.append("failed = \(failed ? 1 : 0)") }
            let rows = try connection.prepare(
                "SELECT \(CaptureRow.selection(bodies: false)) FROM captures "
                    + "WHERE \(conditions.joined(separator: " AND ")) ORDER BY place DESC LIMIT ?")
            rows.bind(place ?? Int64.max)
            for text in [filter.id, filter.key, filter.model].compactMap({ $0 }) { rows.bind(text) }
            let limit = min(max(1, limit), StoreLimits.longestPage)
            rows.bind(limit + 1)
            var page = CapturePage()
            while try rows.step() { page.captures.append(CaptureRow.read(rows)) }
            if page.captures.count > limit {
                page.captures.removeLast()
                page.next = page.captures.last?.place
            }
            return page
        } catch {
            throw error.isInterrupted ? .tooSlow : .sqlite(error)
        }
    }

    /// One with its bodies; nil: there is none of that id.
    /// - Parameter key: opens them. Where it does not, they are left out, and say so.
    public func capture(id: String, key: CaptureKey?) throws(StoreProblem) -> StoredCapture? {
        do throws(SQLiteError) {
            let rows = try connection.prepare(
                "SELECT \(CaptureRow.selection(bodies: true)) FROM captures WHERE id = ?")
            rows.bind(id)
            guard try rows.step() else { return nil }
            var stored = CaptureRow.read(rows)
            guard let sealedBy = stored.sealedBy else { return stored }
            open(&stored.capture.request, CaptureFile.purpose(id, "request"), sealedBy, key)
            open(&stored.capture.answer, CaptureFile.purpose(id, "answer"), sealedBy, key)
            return stored
        } catch {
            throw .sqlite(error)
        }
    }

    private func open(_ body: inout Capture.Body, _ purpose: String, _ sealedBy: String, _ key: CaptureKey?) {
        let sealed = body.bytes
        body.bytes = []
        if body.problem != nil { return }
        guard let key else {
            body.problem = "It is encrypted, and there is no key ([captures] key_env)."
            return
        }
        guard key.fingerprint == sealedBy else {
            body.problem = "It is encrypted with another key than that of [captures] key_env."
            return
        }
        guard CaptureKey.isPossible else {
            body.problem = "It is encrypted, and libcrypto.so.3 is not on this machine."
            return
        }
        guard let plain = key.open(sealed, purpose: purpose) else {
            body.problem = "It is damaged, and cannot be decrypted."
            return
        }
        body.bytes = plain
    }
}
