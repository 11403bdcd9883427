import ABIRules
import PluginAPI

/// Room for an error message that an adapter may fill.
struct MessageBuffer {
    static let capacity = ABILimits.message
    private(set) var text = ""

    mutating func fill<Result>(_ body: (UnsafeMutablePointer<nexus_message>) -> Result) -> Result {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Self.capacity) { buffer in
            var message = nexus_message(ptr: buffer.baseAddress, capacity: Self.capacity, length: 0)
            let result = body(&message)
            text = BorrowedText.line(
                nexus_str(
                    ptr: UnsafePointer(buffer.baseAddress),
                    len: (0...Self.capacity).contains(message.length) ? message.length : Self.capacity),
                limit: Self.capacity)
            return result
        }
    }
}
