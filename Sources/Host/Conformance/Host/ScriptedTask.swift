import ABIRules
import PluginAPI

/// One exchange or one probe of a scripted loop, and what the adapter made of it.
final class ScriptedTask {
    enum Purpose { case exchange, probe }
    enum Ender { case adapter, cancelled, deadline, refused }

    struct Failure: Equatable {
        var kind: UInt32
        var status: UInt32
        var retryAfter: UInt32
        var message: [UInt8]
        var body: [UInt8]
        /// Those that would reach the client.
        var headers: [PassedField] = []
        var text: String { String(decoding: message, as: UTF8.self) }
    }

    struct Usage: Equatable {
        /// Nil: unknown.
        var prompt: UInt64?
        var completion: UInt64?
        var cached: UInt64?
    }

    let handle: nexus_task
    let purpose: Purpose
    let backend: ScriptedBackend
    /// Milliseconds of the loop's own clock.
    let deadline: UInt64
    let requestBody: [UInt8]
    /// How it ended; nil: it lives.
    var ender: Ender?
    var isExpired = false
    var requests: [ScriptedRequest] = []
    var timers: Set<nexus_timer> = []

    // What the adapter did.
    var submitStatus: nexus_status = NEXUS_OK
    var status: UInt32?
    var contentType = ""
    /// Those header fields of the answer that would reach the client.
    var headers: [PassedField] = []
    var written: [UInt8] = []
    /// Bytes beyond what is kept.
    var writtenCount = 0
    var usage: Usage?
    var failure: Failure?
    /// HTTP requests that were started.
    var sent: [UpstreamRequest] = []

    init(
        _ handle: nexus_task, _ purpose: Purpose, backend: ScriptedBackend, deadline: UInt64, requestBody: [UInt8] = []
    ) {
        self.handle = handle
        self.purpose = purpose
        self.backend = backend
        self.deadline = deadline
        self.requestBody = requestBody
    }

    var isLive: Bool { ender == nil }

    /// How far it is, as the header's table of states has it.
    var state: TaskState {
        if !isLive { return .over }
        if purpose == .probe { return .probe }
        return status == nil ? .new : writtenCount == 0 ? .begun : .written
    }

    var isFinished: Bool { usage != nil }
    var text: String { String(decoding: written, as: UTF8.self) }

    /// In words, for a report.
    var outcome: String {
        if let failure { return "failed as \(FailureKind.name(failure.kind)): \"\(failure.text)\"" }
        if isFinished { return "finished" }
        switch ender {
        case .refused: return "refused by submit with status \(submitStatus)"
        case .cancelled: return "cancelled"
        case .deadline: return "never ended"
        default: return "not ended"
        }
    }
}

extension ScriptedTask.Failure {
    /// Nil for a `struct_size` or a text that cannot be.
    init?(_ pointer: UnsafePointer<nexus_failure>?) {
        guard let failure = Versioned.read(pointer, minimum: Versioned.Minimum.failure),
            let message = Text.copy(failure.message), let body = Text.copy(failure.body)
        else { return nil }
        self.init(
            kind: failure.kind, status: failure.status, retryAfter: failure.retry_after_ms, message: message,
            body: body, headers: PassedHeaders.ofServers.taken(failure.headers, count: failure.header_count))
    }
}

enum FailureKind {
    static func name(_ kind: UInt32) -> String {
        let names = [
            "", "CONNECT", "TIMEOUT", "UPSTREAM", "BUSY", "REJECTED", "AUTH", "UNSUPPORTED", "INTERNAL",
        ]
        return (1..<UInt32(names.count)).contains(kind) ? names[Int(kind)] : "kind \(kind)"
    }
}
