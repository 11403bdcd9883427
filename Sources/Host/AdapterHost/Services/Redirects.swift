import HTTP1
import NIOCore
import Upstream

/// Follows the redirects of one GET or HEAD within the server that was asked: same scheme, host and port, so that keys and
/// connections stay where they belong. Whatever leads elsewhere is the adapter's to see, as are the answers to other methods:
/// what they ask for must not happen twice, or not at all. Pure.
struct Redirects {
    /// As browsers and libraries have it, a chain that is longer is a circle.
    static let limit = 5
    private static let statuses: Set = [301, 302, 303, 307, 308]

    private let target: UpstreamTarget
    /// What stands before and behind the path in the request's head.
    private let method: ByteBuffer
    private let rest: ByteBuffer
    private var path: String
    private var left = Self.limit

    /// - Parameter head: of the request, whole, its body included.
    /// - Returns: nil: it is no request whose redirects are followed.
    init?(_ head: ByteBuffer, target: UpstreamTarget) {
        let bytes = head.readableBytesView
        guard bytes.starts(with: "GET ".utf8) || bytes.starts(with: "HEAD ".utf8),
            let start = bytes.firstIndex(of: 0x20).map({ bytes.index(after: $0) }),
            let end = bytes[start...].firstIndex(of: 0x20)
        else { return nil }
        self.target = target
        method = ByteBuffer(bytes[..<start])
        rest = ByteBuffer(bytes[end...])
        path = String(decoding: bytes[start..<end], as: UTF8.self)
    }

    /// The head of the request that an answer sends us to; nil: the answer stands.
    /// - Parameter bytes: what the ranges of `answer` refer to.
    mutating func next(_ answer: ResponseHead, _ bytes: ByteBuffer) -> ByteBuffer? {
        guard left > 0, Self.statuses.contains(answer.status),
            let location = Self.location(answer, bytes).flatMap(place)
        else { return nil }
        left -= 1
        path = location
        var head = method
        head.writeString(path)
        head.writeImmutableBuffer(rest)
        return head
    }

    private static func location(_ answer: ResponseHead, _ bytes: ByteBuffer) -> String? {
        bytes.withUnsafeReadableBytes { bytes in
            let field = answer.fields.first { field in
                field.name.count == 8 && bytes[field.name].elementsEqual("location".utf8) { $0 | 0x20 == $1 }
            }
            return field.map { String(decoding: bytes[$0.value], as: UTF8.self) }
        }
    }

    /// A reference (RFC 3986, section 5.2) as a path at the same server; nil: it leads elsewhere, or is none.
    private func place(_ location: String) -> String? {
        var text = location.prefix { $0 != "#" }[...]
        guard !text.isEmpty, text.utf8.count <= 8192, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return nil
        }
        let scheme = target.isTLS ? "https:" : "http:"
        if text.prefix(scheme.count).lowercased() == scheme { text = text.dropFirst(scheme.count) }
        if text.hasPrefix("//") {
            let authority = text.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
            guard isSame(authority.lowercased()) else { return nil }
            text = text.dropFirst(2 + authority.count)
            return Self.withoutDots(text.hasPrefix("/") ? String(text) : "/" + text)
        }
        // Another scheme.
        if let colon = text.firstIndex(of: ":"), !text[..<colon].contains(where: { "/?".contains($0) }) { return nil }
        if text.hasPrefix("/") { return Self.withoutDots(String(text)) }
        let own = path.prefix { $0 != "?" }
        if text.hasPrefix("?") { return String(own) + text }
        let folder = own[...(own.lastIndex(of: "/") ?? own.startIndex)]
        return Self.withoutDots(String(folder) + text)
    }

    private func isSame(_ authority: String) -> Bool {
        [target.authority, target.endpoint].contains { $0.lowercased() == authority }
    }

    /// Takes "." and ".." out (RFC 3986, section 5.2.4).
    private static func withoutDots(_ path: String) -> String {
        let query = path.firstIndex(of: "?") ?? path.endIndex
        var parts: [Substring] = []
        let all = path[..<query].split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        for (index, part) in all.enumerated() {
            switch part {
            case "..": if !parts.isEmpty { parts.removeLast() }
            case ".": break
            default: parts.append(part)
            }
            if index == all.count - 1, part == ".." || part == "." { parts.append("") }
        }
        return "/" + parts.joined(separator: "/") + path[query...]
    }
}
