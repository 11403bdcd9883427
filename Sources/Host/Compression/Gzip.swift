import Shims

/// The gzip coding (RFC 1952), put around whole bodies.
public enum Gzip {
    /// This machine has the library for it. The first use loads it.
    public static let isKnown = nexus_gzip_is_there() != 0

    /// - Parameter level: 1 is fast, 9 is small.
    /// - Returns: nil: there is no library for it, no memory, or the body is larger than 2 GiB.
    public static func encoded(_ bytes: [UInt8], level: Int32) -> [UInt8]? {
        let room = nexus_gzip_bound(bytes.count)
        guard room > 0 else { return nil }
        let encoded = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            count = nexus_gzip(bytes, bytes.count, level, buffer.baseAddress, room)
        }
        return encoded.isEmpty ? nil : encoded
    }

    /// Whether a client that sends this Accept-Encoding takes gzip (RFC 9110, section 12.5.3): it is named, or everything is,
    /// and not with the weight zero.
    public static func isAccepted(_ acceptEncoding: String) -> Bool {
        var others = false
        for part in acceptEncoding.lowercased().split(separator: ",") {
            let words = part.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            guard let name = words.first else { continue }
            let isWanted = !words.dropFirst().contains { weight in
                weight.hasPrefix("q=") && Double(weight.dropFirst(2)) == 0
            }
            if name == "gzip" || name == "x-gzip" { return isWanted }
            if name == "*" { others = isWanted }
        }
        return others
    }
}
