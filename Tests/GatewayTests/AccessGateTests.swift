import Core
import HTTP1
import NIOCore
import Testing

@testable import Gateway

/// An operator who is known by the certificate of his connection.
@Suite struct CertificateAccessTests {
    private func settings(keys: Bool) -> LiveSettings {
        var configuration = Configuration()
        if keys {
            configuration.access.isRequired = true
            configuration.access.keys = [
                KeyRule(name: "boss", hash: KeyHash(of: "nx-boss"), role: .operator),
                KeyRule(name: "app", hash: KeyHash(of: "nx-app")),
            ]
        }
        return LiveSettings(configuration)
    }

    private let alice = ClientCertificate(name: "alice", expires: .max, authorities: 1)

    private func principal(_ fields: String, keys: Bool, _ certificate: ClientCertificate?) throws -> Principal {
        var check = KeyCheck()
        let head = Array("GET /v1/logs HTTP/1.1\r\nhost: h\r\n\(fields)\r\n".utf8)
        return try head.withUnsafeBytes {
            check.principal(try RequestHead.parse($0), $0, settings(keys: keys).keyring, SessionSeal(), certificate)
        }
    }

    private func refusal(_ access: Route.Access, _ principal: Principal, keys: Bool) throws -> ErrorBody? {
        let context = RequestContext(
            id: "", peer: try SocketAddress(ipAddress: "192.0.2.1", port: 1), principal: principal, method: .get,
            dialect: .openAI, path: "/", query: "", contentType: "", wantsEvents: false, arrival: .now())
        return AccessGate.refusal(access, context, settings(keys: keys))
    }

    @Test(arguments: [false, true], ["", "authorization: Bearer sk-of-some-library\r\n"])
    func itMayDoEverythingFromOtherMachines(keys: Bool, fields: String) throws {
        let principal = try principal(fields, keys: keys, alice)
        #expect(principal.certificate?.name == "alice")
        for access in [Route.Access.client, .view, .operator] {
            #expect(try refusal(access, principal, keys: keys) == nil)
            #expect(try refusal(access, .anonymous, keys: keys) != nil || access == .client && !keys)
        }
    }

    @Test func aKeyThatCountsGoesOverIt() throws {
        let principal = try principal("authorization: Bearer nx-app\r\n", keys: true, alice)
        #expect(principal.key?.name == "app" && principal.certificate == nil)
        #expect(try refusal(.operator, principal, keys: true)?.code == "not_an_operator")
    }

    @Test func withoutItNothingIsDifferent() throws {
        guard case .anonymous = try principal("", keys: true, nil) else {
            Issue.record("somebody is known")
            return
        }
    }
}
