import HTTP1
import NIOCore
import Testing
import Upstream

@testable import AdapterHost

/// Which redirects of a server are followed, and where to.
@Suite struct RedirectsTests {
    private let target = UpstreamTarget(host: "server", port: 8080, isTLS: false, basePath: "/base")

    private func head(_ method: String = "GET", _ path: String = "/base/v1/models?x=1") -> ByteBuffer {
        ByteBuffer(string: "\(method) \(path) HTTP/1.1\r\nhost: server:8080\r\nauthorization: Bearer k\r\n\r\n")
    }

    private func answer(_ status: Int, _ location: String?) throws -> (ResponseHead, ByteBuffer) {
        let field = location.map { "Location: \($0)\r\n" } ?? ""
        let bytes = ByteBuffer(string: "HTTP/1.1 \(status) X\r\n\(field)content-length: 0\r\n\r\n")
        var head = ResponseHead()
        try bytes.withUnsafeReadableBytes { try head.parse($0) }
        return (head, bytes)
    }

    /// The path that is asked next.
    private func next(_ location: String?, _ status: Int = 301, of request: ByteBuffer? = nil) throws -> String? {
        var redirects = Redirects(request ?? head(), target: target)
        let (answer, bytes) = try answer(status, location)
        return redirects?.next(answer, bytes).map { String(String(buffer: $0).split(separator: " ")[1]) }
    }

    @Test(
        arguments: [
            ("/v2/models", "/v2/models"), ("http://server:8080/v2", "/v2"), ("HTTP://Server:8080", "/"),
            ("//server:8080/v2?y=2#z", "/v2?y=2"), ("models/", "/base/v1/models/"),
            ("../v2/./models", "/base/v2/models"),
            ("../../../..", "/"), ("?y=2", "/base/v1/models?y=2"), ("http://server:8080?y", "/?y"),
            ("https://server:8080/v2", nil), ("http://server/v2", nil), ("http://server:8081/v2", nil),
            ("http://other:8080/v2", nil), ("//other/v2", nil), ("http://server:8080@other/v2", nil), ("", nil),
            ("file:/etc", nil), ("mailto:a", nil), (nil, nil),
        ] as [(String?, String?)])
    func itIsFollowedWithinTheSameSchemeHostAndPort(_ location: String?, _ path: String?) throws {
        #expect(try next(location) == path)
    }

    @Test(arguments: [
        (301, true), (302, true), (303, true), (307, true), (308, true), (300, false), (304, false), (200, false),
    ])
    func theStatusesAreThoseThatSendElsewhere(_ status: Int, _ isFollowed: Bool) throws {
        #expect(try (next("/x", status) != nil) == isFollowed)
    }

    @Test func onlyGETAndHEADAreFollowedAndKeepTheirFields() throws {
        #expect(Redirects(head("POST"), target: target) == nil && Redirects(head("DELETE"), target: target) == nil)
        #expect(try next("/x", of: head("HEAD")) == "/x")
        var redirects = Redirects(head(), target: target)
        let (answer, bytes) = try answer(308, "/x")
        let sent = redirects?.next(answer, bytes).map { String(buffer: $0) }
        #expect(sent == "GET /x HTTP/1.1\r\nhost: server:8080\r\nauthorization: Bearer k\r\n\r\n")
    }

    @Test func aCircleEnds() throws {
        var redirects = Redirects(head(), target: target)
        let (answer, bytes) = try answer(302, "again")
        let followed = (0..<10).filter { _ in redirects?.next(answer, bytes) != nil }

        #expect(followed.count == Redirects.limit)
    }
}
