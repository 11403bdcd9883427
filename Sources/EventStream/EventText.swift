/// Writes events.
public enum EventText {
    /// The end mark of OpenAI's streams.
    public static let doneMark = Array("data: [DONE]\n\n".utf8)

    /// One event. Line ends in the data would end the event: each line becomes a line of data.
    public static func event(_ data: [UInt8], name: String? = nil) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(data.count + 32)
        append(data, name: name, to: &out)
        return out
    }

    public static func append(_ data: [UInt8], name: String? = nil, to out: inout [UInt8]) {
        if let name {
            out.append(contentsOf: "event: ".utf8)
            out.append(contentsOf: name.utf8)
            out.append(0x0A)
        }
        out.append(contentsOf: "data: ".utf8)
        if data.contains(where: { $0 == 0x0A || $0 == 0x0D }) {
            appendLines(of: data, to: &out)
        } else {
            out.append(contentsOf: data)
        }
        out.append(0x0A)
        out.append(0x0A)
    }

    private static func appendLines(of data: [UInt8], to out: inout [UInt8]) {
        var afterReturn = false
        for byte in data {
            let isSecondHalf = afterReturn && byte == 0x0A
            afterReturn = byte == 0x0D
            if isSecondHalf { continue }
            if byte == 0x0A || byte == 0x0D {
                out.append(contentsOf: "\ndata: ".utf8)
            } else {
                out.append(byte)
            }
        }
    }
}
