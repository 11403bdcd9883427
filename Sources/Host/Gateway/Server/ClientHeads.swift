import ABIRules
import AdapterHost
import Core
import Dialects
import HTTP1
import NIOCore

/// What the head of a request says, as values that nothing of the connection is needed for any more.
extension ClientConnection {
    /// What is known of a request by its head.
    func context(of headBytes: ByteBuffer) throws -> RequestContext {
        try headBytes.withUnsafeReadableBytes { bytes in
            head = try RequestHead.parse(bytes)
            let target = UnsafeRawBufferPointer(rebasing: bytes[head.target])
            let mark = target.firstIndex(of: UInt8(ascii: "?")) ?? target.count
            // A target in absolute form may have no path.
            let path = mark == 0 ? "/" : RouteTable.meant(target[..<mark])
            let listsModels = head.method != .post && path.hasPrefix("/v1/models")
            let fields = head.method == .post || listsModels ? Self.passedFields(head, bytes) : []
            dialect = Dialect(path: path)
            // The one path that two of the APIs have.
            if listsModels, fields.contains(where: { $0.name == "anthropic-version" }) { dialect = .anthropic }
            requestID = Self.requestID(head.requestID.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) })
            if requestID.isEmpty { requestID = loop.nextRequestID() }
            // Of interest where a form may come; a text for each request costs too much.
            let mayBeForm = path.hasPrefix("/v1/audio/") || path.hasPrefix("/v1/images/") || path == "/v1/session"
            let principal = keyCheck.principal(
                head, bytes, loop.settings.keyring, loop.shared.seal, countingCertificate)
            let highest = principal.key?.rule.maxPriority ?? .high
            return RequestContext(
                id: requestID, peer: self.context?.channel.remoteAddress, principal: principal, method: head.method,
                dialect: dialect,
                path: path,
                query: mark < target.count ? String(decoding: target[(mark + 1)...], as: UTF8.self) : "",
                contentType: mayBeForm ? head.contentType.map { String(decoding: bytes[$0], as: UTF8.self) } ?? "" : "",
                contentEncoding: head.hasContentEncoding && head.framing != .none
                    ? Self.contentEncoding(head, bytes) : "",
                wantsEvents: head.acceptsEventStream,
                fields: fields, arrival: now, credential: head.credential.map { Self.hash(bytes[$0]) },
                wishes: FetchWishes(head, bytes),
                priority: head.priority.map { Self.priority(bytes[$0])?.capped(to: highest) }
                    ?? AdmissionQueue.Priority.normal.capped(to: highest),
                onlyBackend: head.backend.map { String(decoding: bytes[$0], as: UTF8.self) },
                isForwarded: head.isForwarded, isTLS: tls != nil)
        }
    }

    /// The values of all its fields, as one list (RFC 9110, section 5.3).
    private static func contentEncoding(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> String {
        var list = ""
        head.forEachField(of: bytes, startingWith: "c") { name, value in
            guard FieldRules.equals(name, "content-encoding") else { return }
            if !list.isEmpty { list += "," }
            list += String(decoding: value, as: UTF8.self)
        }
        return list
    }

    /// Different in each process, and nothing from which a key could be found.
    private static func hash(_ credential: Slice<UnsafeRawBufferPointer>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: credential))
        return hasher.finalize()
    }

    /// Nil: there is no such priority.
    private static func priority(_ value: Slice<UnsafeRawBufferPointer>) -> AdmissionQueue.Priority? {
        AdmissionQueue.Priority(rawValue: String(decoding: value.prefix(16), as: UTF8.self).lowercased())
    }

    /// Those that a backend may pass on.
    private static func passedFields(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> [HeaderField] {
        var fields: [HeaderField] = []
        let passed = PassedHeaders.ofClients
        head.forEachField(of: bytes, where: passed.mayStart) { name, value in
            guard passed.takes(name) else { return }
            // What is no UTF-8 would pass as something else.
            guard let value = String(validating: value, as: UTF8.self) else { return }
            fields.append(HeaderField(name: String(decoding: name, as: UTF8.self).lowercased(), value: value))
        }
        return fields
    }

    /// A client's own id is taken over if it is short and printable.
    static func requestID(_ given: UnsafeRawBufferPointer?) -> String {
        guard let given, (1...Limits.requestID).contains(given.count),
            given.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return "" }
        return String(decoding: given, as: UTF8.self)
    }
}
