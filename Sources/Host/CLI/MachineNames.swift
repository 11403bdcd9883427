import Glibc

/// What this machine is called by others, and by itself.
enum MachineNames {
    static var all: [String] { hostNames + ["localhost", "127.0.0.1", "::1"] + addresses }

    /// Its name, and the one by which others in a home network find it (multicast DNS, RFC 6762).
    private static var hostNames: [String] {
        var bytes = [CChar](repeating: 0, count: 256)
        guard gethostname(&bytes, bytes.count - 1) == 0 else { return [] }
        let name = String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard !name.isEmpty, name != "localhost" else { return [] }
        return name.contains(".") ? [name] : [name, name + ".local"]
    }

    /// Of its network cards; those that are good on one cable alone are left out.
    private static var addresses: [String] {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: [String] = []
        var entry = list
        while let card = entry {
            entry = card.pointee.ifa_next
            guard let address = card.pointee.ifa_addr, card.pointee.ifa_flags & UInt32(IFF_LOOPBACK) == 0,
                let text = text(address), !text.hasPrefix("fe80:"), !text.hasPrefix("169.254.")
            else { continue }
            found.append(text)
        }
        return found
    }

    private static func text(_ address: UnsafeMutablePointer<sockaddr>) -> String? {
        let length: Int
        switch CInt(address.pointee.sa_family) {
        case AF_INET: length = MemoryLayout<sockaddr_in>.size
        case AF_INET6: length = MemoryLayout<sockaddr_in6>.size
        default: return nil
        }
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        guard getnameinfo(address, socklen_t(length), &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0 else {
            return nil
        }
        return String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
