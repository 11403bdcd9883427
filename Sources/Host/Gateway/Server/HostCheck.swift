import HTTP1
import NIOCore

/// Keeps pages of other sites out, whatever they ask for: `BrowserBorder` for the requests of one connection.
struct HostCheck {
    /// The host that was admitted last, and by which border: clients say the same with each request.
    private var admitted: (host: [UInt8], border: BrowserBorder)?

    mutating func check(_ head: RequestHead, _ bytes: ByteBuffer, border: BrowserBorder) throws(ErrorBody) {
        func text(_ span: Range<Int>?) -> String? {
            span.flatMap { bytes.getString(at: bytes.readerIndex + $0.lowerBound, length: $0.count) }
        }
        let span = head.authority ?? head.host
        if head.origin == nil {
            guard let span else { return }
            if let admitted, bytes.withUnsafeReadableBytes({ $0[span].elementsEqual(admitted.host) }),
                admitted.border == border
            {
                return
            }
        }
        let host = text(span)
        if let host {
            guard border.admits(host: host) else {
                throw BrowserBorder.isHost(host) ? ErrorBody.unknownHost(host) : .malformedHost
            }
            admitted = (Array(host.utf8), border)
        }
        let origin = text(head.origin)
        guard border.admits(origin: origin, host: host) else { throw ErrorBody.foreignOrigin(origin ?? "") }
    }
}
