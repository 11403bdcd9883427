import Glibc
import Shims

/// The one who started this process and wants to know how it is: systemd, or whoever speaks sd_notify(3). May block for a second; not to be
/// called on event loops.
public struct ServiceManager: Sendable {
    private let address: NotifyAddress?

    /// - Parameter address: nil: there is none, and nothing is sent.
    public init(_ address: NotifyAddress?) { self.address = address }

    /// Somebody listens.
    public var isThere: Bool { address != nil }

    /// Tells it.
    /// - Parameter descriptor: goes with it.
    /// - Returns: why it was not told; nil: it was, or there is nobody to tell.
    @discardableResult
    public func tell(_ notice: ServiceNotice, descriptor: CInt = -1) -> String? {
        guard let address else { return nil }
        var text = notice.text
        let problem = text.withUTF8 { text in
            address.bytes.withUnsafeBufferPointer { path in
                text.withMemoryRebound(to: CChar.self) { text in
                    nexus_notify(path.baseAddress, path.count, text.baseAddress, text.count, descriptor)
                }
            }
        }
        return problem == 0 ? nil : String(cString: strerror(problem))
    }
}
