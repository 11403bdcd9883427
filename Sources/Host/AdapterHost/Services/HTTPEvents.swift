import HTTP1
import NIOCore
import PluginAPI
import Upstream

/// The events of an HTTP request as they cross to an adapter: lent for the duration of `body`.
enum HTTPEvents {
    /// - Parameter bytes: what the ranges of `head` refer to.
    static func withHead(_ head: ResponseHead, _ bytes: ByteBuffer, _ body: (UnsafePointer<nexus_http_head>) -> Void) {
        bytes.withUnsafeReadableBytes { bytes in
            guard let base = bytes.assumingMemoryBound(to: CChar.self).baseAddress else { return }
            withUnsafeTemporaryAllocation(of: nexus_header.self, capacity: max(1, head.fields.count)) { fields in
                for (index, field) in head.fields.enumerated() {
                    fields.initializeElement(
                        at: index,
                        to: nexus_header(
                            name: nexus_str(ptr: base + field.name.lowerBound, len: field.name.count),
                            value: nexus_str(ptr: base + field.value.lowerBound, len: field.value.count)))
                }
                var crossing = nexus_http_head(
                    struct_size: UInt32(MemoryLayout<nexus_http_head>.size), status: UInt32(head.status),
                    headers: UnsafePointer(fields.baseAddress), header_count: head.fields.count)
                body(&crossing)
            }
        }
    }

    static func withEnd(_ end: UpstreamEnd, _ body: (UnsafePointer<nexus_http_end>) -> Void) {
        let (result, message): (nexus_http_result, String) =
            switch end {
            case .complete: (NEXUS_HTTP_COMPLETE, "")
            case .refused(let message), .connectTimedOut(let message): (NEXUS_HTTP_REFUSED, message)
            case .timedOut(let message): (NEXUS_HTTP_TIMED_OUT, message)
            case .closed(let message): (NEXUS_HTTP_CLOSED, message)
            case .garbage(let message): (NEXUS_HTTP_GARBAGE, message)
            case .cancelled: (NEXUS_HTTP_CANCELLED, "")
            }
        withBorrowed(message) { message in
            var crossing = nexus_http_end(
                struct_size: UInt32(MemoryLayout<nexus_http_end>.size), result: result, message: message)
            body(&crossing)
        }
    }
}
