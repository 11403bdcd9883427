import ABIRules
import Core
import NIOCore
import PluginAPI

extension SubmittedRequest {
    /// Lends the request as it crosses to the adapter, for the duration of the call.
    /// - Parameters:
    ///   - body: as it is for this backend.
    ///   - deadlineMilliseconds: what is left of the time; 0: there is no end.
    func lend<Result>(
        body: ByteBuffer, deadlineMilliseconds: UInt64, to take: (UnsafePointer<nexus_request>) -> Result
    ) -> Result {
        let passed = headers.isEmpty ? [] : Self.passed(headers)
        return body.withUnsafeReadableBytes { body in
            withBorrowed(model) { model in
                withBorrowed(requestID, path, contentType) { id, path, contentType in
                    withBorrowed(passed) { headers in
                        var crossing = nexus_request(
                            struct_size: UInt32(MemoryLayout<nexus_request>.size), kind: kind.bit, flags: flags,
                            reserved: 0, model: model,
                            body: nexus_str(
                                ptr: body.assumingMemoryBound(to: CChar.self).baseAddress, len: body.count),
                            request_id: id, path: path, content_type: contentType,
                            deadline_ms: deadlineMilliseconds, headers: headers.baseAddress,
                            header_count: headers.count)
                        return take(&crossing)
                    }
                }
            }
        }
    }

    private static func passed(_ headers: [HeaderField]) -> [PassedField] {
        PassedHeaders.ofClients.taken(headers.map { PassedField(name: $0.name, value: $0.value) })
    }
}
