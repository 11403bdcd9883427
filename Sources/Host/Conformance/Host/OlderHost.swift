import ABIRules
import PluginAPI

/// Whether structures come as a host of ABI 1.0 fills them: shorter, with memory behind them that is not theirs.
enum OlderHost {
    case no
    case yes

    /// Sizes in ABI 1.0 (Sources/PluginAPI/abi/1.0.txt).
    static let request = 64
    static let httpEnd = 24
    static let config = 72

    /// Lends a structure. Of one that is cut, what lies behind its end is not zero, so that it shows when it is read.
    /// - Parameter first: its size in ABI 1.0.
    func withSize<Value, Result>(
        _ value: inout Value, first: Int, _ body: (UnsafePointer<Value>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &value) { pointer in
            let bytes = UnsafeMutableRawPointer(pointer)
            let size = self == .yes ? first : MemoryLayout<Value>.size
            bytes.storeBytes(of: UInt32(size), as: UInt32.self)
            (bytes + size).initializeMemory(as: UInt8.self, repeating: 0x21, count: MemoryLayout<Value>.size - size)
            return body(pointer)
        }
    }
}
