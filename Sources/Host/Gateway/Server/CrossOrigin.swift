import ABIRules
import Core
import HTTP1
import NIOCore

/// What an answer says to a browser about which pages may read it (Fetch, "CORS protocol").
enum CrossOrigin: Sendable, Equatable {
    /// Nothing: pages of this host alone, as browsers hold it by themselves.
    case untold
    /// Pages of some other origins may, but not the one that asked, or none asked.
    case varies
    /// The page of this origin may.
    case granted(String)
}

/// What a browser asks before a page's request, by OPTIONS (Fetch, "CORS-preflight fetch").
struct Preflight {
    /// Bytes of the names of fields.
    private static let limit = 4096

    /// Names of fields that the page wants to send. `*` in the answer would leave out Authorization, so they are repeated.
    private(set) var fields = ""
    /// The page is on a public network, and this host may be on a private one.
    private(set) var isToPrivateNetwork = false
    /// It is one, and no other OPTIONS.
    private(set) var isAsked = false

    init(_ head: RequestHead, _ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { bytes in
            head.forEachField(of: bytes, startingWith: "a") { name, value in
                if FieldRules.equals(name, "access-control-request-method") {
                    isAsked = true
                } else if FieldRules.equals(name, "access-control-request-headers") {
                    if Self.isList(value) { fields = String(decoding: value, as: UTF8.self) }
                } else if FieldRules.equals(name, "access-control-request-private-network") {
                    isToPrivateNetwork = FieldRules.equals(value, "true")
                }
            }
        }
    }

    /// Tokens with commas between them.
    private static func isList(_ value: UnsafeRawBufferPointer) -> Bool {
        value.count <= limit
            && value.allSatisfy { $0 == UInt8(ascii: ",") || $0 == 0x20 || $0 == 0x09 || FieldRules.isTokenByte($0) }
    }
}

extension ClientConnection {
    /// Answers OPTIONS, a browser's question before a page's request among them.
    /// - Parameter allow: the methods that the path takes.
    func writeOptions(allow: String, _ preflight: Preflight) {
        var writer = AnswerWriter(status: 204, common: common, bodyCapacity: 0)
        writer.field("allow", allow)
        if preflight.isAsked, case .granted = common.crossOrigin {
            writer.field("access-control-allow-methods", allow)
            if !preflight.fields.isEmpty { writer.field("access-control-allow-headers", preflight.fields) }
            if preflight.isToPrivateNetwork { writer.field("access-control-allow-private-network", "true") }
            // Seconds: a reload may take the grant away.
            writer.field("access-control-max-age", 600)
        }
        writer.endHeadWithoutBody()
        writeHead(writer.bytes, flush: true)
    }
}
