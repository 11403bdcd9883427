import PluginAPI

/// An HTTP request of an adapter that can be sent; what it points to is still the adapter's.
public struct CheckedHTTPRequest {
    public let method: UnsafeRawBufferPointer
    public let path: UnsafeRawBufferPointer
    public let headers: UnsafeBufferPointer<nexus_header>
    /// Nil: that of the exchange.
    public let body: UnsafeRawBufferPointer?
    /// The path of the backend's URL is left out.
    public let isFromRoot: Bool
    /// Bytes of the method, the path, and the names and values of all fields.
    public let size: Int

    /// Calls `body` with the name and value of each header field.
    @inlinable
    public func forEachField(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void) {
        for header in headers {
            // Both were looked at when the request was checked.
            guard let name = BorrowedText.bytes(header.name), let value = BorrowedText.bytes(header.value) else {
                continue
            }
            body(name, value)
        }
    }
}

/// What an HTTP request of an adapter must be.
public enum HTTPRequestRules {
    /// - Parameter hasExchange: there is a client's body that may be sent.
    public static func check(
        _ request: nexus_http_request, hasExchange: Bool
    ) throws(Refusal) -> CheckedHTTPRequest {
        guard let method = BorrowedText.bytes(request.method), FieldRules.isToken(method) else {
            throw Refusal(NEXUS_INVALID, "the method is no token")
        }
        guard let path = BorrowedText.bytes(request.path), path.first == UInt8(ascii: "/"),
            path.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { throw Refusal(NEXUS_INVALID, "the path does not start with \"/\", or holds spaces") }
        guard path.count <= ABILimits.httpHead else {
            throw Refusal(NEXUS_TOO_LARGE, "the path has more than \(ABILimits.httpHead) bytes")
        }
        guard request.header_count == 0 || request.headers != nil else {
            throw Refusal(NEXUS_INVALID, "headers is NULL, and header_count is not 0")
        }
        // The largest of C's lengths come as negative numbers.
        guard (0...ABILimits.httpHeaders).contains(request.header_count) else {
            throw Refusal(NEXUS_TOO_LARGE, "there are more than \(ABILimits.httpHeaders) headers")
        }
        let headers = UnsafeBufferPointer(start: request.headers, count: request.header_count)
        var size = path.count
        for (index, header) in headers.enumerated() { size += try self.size(of: header, index) }
        guard size <= ABILimits.httpHead else {
            throw Refusal(NEXUS_TOO_LARGE, "path and headers have more than \(ABILimits.httpHead) bytes")
        }
        return CheckedHTTPRequest(
            method: method, path: path, headers: headers, body: try body(of: request, hasExchange: hasExchange),
            isFromRoot: request.flags & NEXUS_HTTP_FROM_ROOT != 0, size: method.count + size)
    }

    private static func size(of header: nexus_header, _ index: Int) throws(Refusal) -> Int {
        guard let name = BorrowedText.bytes(header.name), FieldRules.isToken(name),
            let value = BorrowedText.bytes(header.value), FieldRules.isValue(value)
        else { throw Refusal(NEXUS_INVALID, "header \(index) is no valid field") }
        guard !FieldRules.isHosts(name) else {
            throw Refusal(
                NEXUS_INVALID, "the header \(String(decoding: name, as: UTF8.self).lowercased()) is the host's to write"
            )
        }
        return name.count + value.count
    }

    private static func body(
        of request: nexus_http_request, hasExchange: Bool
    ) throws(Refusal) -> UnsafeRawBufferPointer? {
        if request.flags & NEXUS_HTTP_EXCHANGE_BODY != 0 {
            guard hasExchange else { throw Refusal(NEXUS_INVALID, "NEXUS_HTTP_EXCHANGE_BODY without an exchange") }
            return nil
        }
        guard let bytes = BorrowedText.bytes(request.body) else {
            throw Refusal(NEXUS_INVALID, "body: a length without data")
        }
        guard bytes.count <= ABILimits.httpBody else {
            throw Refusal(NEXUS_TOO_LARGE, "the body has more than \(ABILimits.httpBody) bytes")
        }
        return bytes
    }
}
