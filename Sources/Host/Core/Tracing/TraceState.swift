/// What other systems have put beside `traceparent` for themselves (W3C Trace Context, section 3.3). The gateway adds nothing to
/// it, and passes it on within bounds.
public enum TraceState {
    /// Bytes that are passed on: what every system must.
    public static let limit = 512
    /// Members of a list.
    static let members = 32
    /// A member that is longer than this goes first where there is too much.
    static let longMember = 128

    /// - Parameter fields: the values of all fields, in their order.
    /// - Returns: as one list; nil: there is nothing to pass on, or it is not valid.
    public static func passed(_ fields: [String]) -> String? {
        var list: [Substring] = []
        var keys: Set<Substring> = []
        for field in fields {
            for part in field.utf8.split(separator: UInt8(ascii: ",")) {
                let member = trimmed(Substring(part))
                // An empty one is allowed, and means nothing.
                if member.isEmpty { continue }
                guard let key = key(of: member), keys.insert(key).inserted, list.count < members else { return nil }
                list.append(member)
            }
        }
        return bounded(list)
    }

    /// Long members go first, and then the oldest, which stand last.
    private static func bounded(_ members: [Substring]) -> String? {
        var list = members
        func size() -> Int { list.reduce(max(0, list.count - 1)) { $0 + $1.utf8.count } }
        while size() > limit, let long = list.lastIndex(where: { $0.utf8.count > longMember }) { list.remove(at: long) }
        while size() > limit { list.removeLast() }
        return list.isEmpty ? nil : list.joined(separator: ",")
    }

    private static func trimmed(_ part: Substring) -> Substring {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var bytes = part.utf8.drop(while: isSpace)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return Substring(bytes)
    }

    /// Nil: it is no `key=value`.
    private static func key(of member: Substring) -> Substring? {
        guard let sign = member.utf8.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let (key, value) = (member[..<sign], member[member.utf8.index(after: sign)...])
        return isKey(key.utf8) && isValue(value.utf8) ? key : nil
    }

    private static func isKey(_ key: Substring.UTF8View) -> Bool {
        guard (1...256).contains(key.count), let first = key.first, isStart(first) else { return false }
        guard let at = key.firstIndex(of: UInt8(ascii: "@")) else { return key.allSatisfy(isKeyByte) }
        let (tenant, system) = (key[..<at], key[key.index(after: at)...])
        guard (1...241).contains(tenant.count), (1...14).contains(system.count), let first = system.first else {
            return false
        }
        return isStart(first) && tenant.allSatisfy(isKeyByte) && system.allSatisfy(isKeyByte)
    }

    private static func isStart(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x30...0x39, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"): true
        default: false
        }
    }

    /// Printable, without "," and "="; it does not end with a space, which was taken off.
    private static func isValue(_ value: Substring.UTF8View) -> Bool {
        (1...256).contains(value.count)
            && value.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
    }
}
