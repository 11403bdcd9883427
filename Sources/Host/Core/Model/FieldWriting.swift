import NIOCore

extension ByteBuffer {
    /// Writes a line end and a header field behind it, in one go: heads are made of many.
    /// - Parameter name: valid in HTTP, as `value` is.
    public mutating func writeField(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        let length = 4 + name.count + value.count
        writeWithUnsafeMutableBytes(minimumWritableBytes: length) { space in
            space[0] = 0x0D
            space[1] = 0x0A
            UnsafeMutableRawBufferPointer(rebasing: space[2..<2 + name.count]).copyMemory(from: name)
            space[2 + name.count] = UInt8(ascii: ":")
            space[3 + name.count] = 0x20
            UnsafeMutableRawBufferPointer(rebasing: space[4 + name.count..<length]).copyMemory(from: value)
            return length
        }
    }
}
