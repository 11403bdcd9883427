import ABIRules
import Compression
import HTTP1

/// How a client that fetches something of the gateway's own wants it. Of GET and HEAD alone, so that no request for a model
/// costs more.
struct FetchWishes: Sendable, Equatable {
    /// It takes the gzip coding.
    var takesGzip = false
    /// The value of If-None-Match: what it has already; empty: nothing.
    var known = ""

    /// Bytes of If-None-Match that are looked at.
    private static let limit = 1024

    init() {}

    init(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) {
        guard head.method == .get || head.method == .head else { return }
        var codings = ""
        let mayBeOne: (UInt8) -> Bool = { $0 | 0x20 == UInt8(ascii: "a") || $0 | 0x20 == UInt8(ascii: "i") }
        head.forEachField(of: bytes, where: mayBeOne) { name, value in
            if FieldRules.equals(name, "accept-encoding") {
                if !codings.isEmpty { codings += "," }
                codings += String(decoding: value, as: UTF8.self)
            } else if FieldRules.equals(name, "if-none-match"), value.count <= Self.limit {
                known = String(decoding: value, as: UTF8.self)
            }
        }
        takesGzip = Gzip.isAccepted(codings)
    }

    /// It has what this tag stands for (RFC 9110, section 13.1.2).
    /// - Parameter etag: with its quotes.
    func has(_ etag: String) -> Bool { !known.isEmpty && known.contains(etag) }
}

extension LocalAnswer {
    /// Bytes below which a body is sent as it is: it fits into one packet.
    private static let smallBody = 1400
    /// Of zlib: three quarters of what can be saved, in a fifth of the time.
    private static let level: Int32 = 4

    /// The same with its body in the gzip coding, if the client takes that and it is worth the while. Some 10 ms for 1 MB: to be
    /// called where the answer is made.
    func packed(for context: RequestContext) -> LocalAnswer {
        guard context.wishes.takesGzip, body.count > Self.smallBody, isText,
            !fields.contains(where: { String(describing: $0.0) == "content-encoding" }),
            let gzip = Gzip.encoded(body, level: Self.level), gzip.count < body.count
        else { return self }
        var packed = self
        packed.body = gzip
        packed.fields += [("content-encoding", "gzip"), ("vary", "Accept-Encoding")]
        return packed
    }

    private var isText: Bool { contentType.hasPrefix("text/") || contentType.hasPrefix("application/json") }
}
